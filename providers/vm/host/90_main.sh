# The conversation: a greeting, so that what a login script printed is not taken for an answer; then one step.

say "slipway 1"
field; kind=$F
field; operation=$F
field; root=$F
# Below the login user's home directory, for users who may write nowhere else.
case $root in "~/"*) root=${HOME:?}/${root#??} ;; esac
field; environment=$F
field; application=$F
field; fence=$F
field; tellNow; deadline=$((now + F))
field; lockWait=$F
state=$root/.state/$environment
release=
releaseDir=
step=0
opDir=$state/ops/$operation
slot=
port=
manager=
minUptime=

case $kind in
  observe) observe ;;
  prepare) prepare ;;
  check) check ;;
  switch) switch ;;
  process) process ;;
  verify) verify ;;
  undo) undo ;;
  retire) retire ;;
  abort) abort ;;
  place) place ;;
  hook) hook ;;
  operate) operate ;;
esac
exit 97
