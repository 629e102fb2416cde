# The conversation: a greeting, so that what a login script printed is not taken for an answer; then one request.

say "slipway-traffic 1"
field; kind=$F
field; file=$F
field; record=$F
field; admin=$F
field; pidFile=$F
field; fence=$F
field; patience=$F
case $record in "~/"*) record=${HOME:-/tmp}/${record#??} ;; esac
folder=${record%/*}
base=${file##*/}
old=$folder/.$base.slipway-old
new=$folder/.$base.slipway-new
scratch=
trap 'case $scratch in "" | /dev/null) ;; *) rm -f "$scratch" ;; esac' EXIT

case $kind in
  look) look ;;
  change) change ;;
  repair) repair ;;
  *) exit 97 ;;
esac
leave
