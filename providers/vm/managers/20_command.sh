# Processes that the user's commands started. They are told by their pid file, or by what they run.

managerLook() {
  setting; pidFile=$F
  timeout=20
  enterManager
  if [ -n "$pidFile" ]; then lookAtNamed; else lookAtAll; fi
}

lookAtNamed() {
  case $pidFile in
    /*) ;;
    '~/'*) pidFile=$HOME/${pidFile#'~/'} ;;
    *) pidFile=$wantedTree/$pidFile ;;
  esac
  pid=
  { IFS=' ' read -r pid ignored <"$pidFile"; } 2>/dev/null
  case $pid in '' | *[!0-9]*) failManaged Unavailable "there is no process id in $pidFile" ;; esac
  bornAt "$pid" || failManaged Unavailable "process $pid of $pidFile has ended"
  case ${line##*') '} in Z*) failManaged Unavailable "process $pid of $pidFile has ended" ;; esac
  judgeLive "$pid"
  case $runs in
    "$release") livePids=$pid ;;
    unknown) failManaged Unavailable "process $pid of $pidFile began before the release was put in place" ;;
    *) failManaged Unavailable "process $pid of $pidFile runs $runs, expected $release" ;;
  esac
}

lookAtAll() {
  livePids=
  others=
  while IFS= read -r line; do
    pid=${line#*/proc/}
    pid=${pid%%/*}
    case "$livePids " in *" $pid "*) continue ;; esac
    case $line/ in
      *" -> $wantedTree/"*) livePids="$livePids $pid" ;;
      *" -> $releasesTree/"*)
        place=${line#*" -> $releasesTree/"}
        others="${others:+$others, }process $pid runs ${place%%/*}"
        ;;
    esac
  done <<PROCESSES
$($elevate ls -l /proc/[0-9]*/cwd /proc/[0-9]*/exe 2>/dev/null)
PROCESSES
  [ -n "$livePids" ] || failManaged Unavailable "no process runs in $wantedTree${others:+: $others}"
}

evidence() { :; }

sayRuntime() { :; }
