# Process managers: what they share. Each of the other files here is one manager and has
#   managerDo    does $action (start, reload, restart or stop) for $release
#   managerLook  refuses unless the manager's processes run and are of $release; those that matter are in livePids then
# Only the file of the manager that a step is about is sent, between the steps and the main part.

elevate=
at_m=0

# The next of the manager's settings, in F.
setting() {
  at_m=$((at_m + 1))
  eval "F=\$m_$at_m"
}

# The link through which the processes see their release.
enterManager() {
  linkPath=$root/current-$environment${slot:+"-$slot"}
  [ -r /proc/self/stat ] || refuse Invalid "this server has no /proc: what its processes run cannot be seen"
  evidenceFrom=1
  [ ! -s "$opDir/out" ] || evidenceFrom=$(($(wc -c <"$opDir/out") + 1))
  tellNow
  until=$((now + timeout))
  [ "$until" -le "$deadline" ] || until=$deadline
  wantedTree=$releaseDir
  [ ! -d "$releaseDir" ] || wantedTree=$(cd -P "$releaseDir" && pwd)
  releasesTree=${wantedTree%/*}
}

refuseOtherLink() {
  rawLink "${linkPath##*/}"
  [ "$raw" = "releases/$environment/$release" ] ||
    refuse Conflict "$linkPath names $raw, expected releases/$environment/$release"
}

# PROGRAM...: its output is shown as that of the user's commands. Its code in exitCode.
manage() {
  tellNow
  runLimited "$((until - now))" managed "$@"
  tailFile=
  managedCode=$exitCode
  exitCode=-1
  [ ! -e "$opDir/aborted" ] || refuse Cancelled "the $action was aborted"
  [ "$managedCode" -eq 0 ]
}

managed() {
  cd "$root" || exit 126
  restoreLocale
  isolated "$@"
}

inTime() {
  tellNow
  [ "$now" -lt "$until" ] && [ ! -e "$opDir/aborted" ]
}

# CODE MESSAGE: with what the manager's evidence() prints, the runtime and the dependencies as the last lines.
failManaged() {
  {
    evidence
    sayRuntime
    sayDependencies
  } >>"$opDir/out" 2>&1 </dev/null
  tailFile=$opDir/out
  tailFrom=$evidenceFrom
  tailLines=60
  [ ! -e "$opDir/aborted" ] || refuse Cancelled "the $action was aborted"
  refuse "$@"
}

runtimeOf() {
  case ${1##*/} in
    node | python | python3 | php | ruby | perl) told=$(limited 5 "$1" --version 2>&1) ;;
    java) told=$(limited 5 "$1" -version 2>&1) ;;
    *) return 1 ;;
  esac
  oneLine "$told"
  say "slipway: runtime: $1: ${flat:-not found}"
}

# What an application of this kind cannot start without.
sayDependencies() {
  [ -d "$releaseDir" ] || return 0
  dependency package.json node_modules
  dependency composer.json vendor/autoload.php
  dependency Gemfile.lock vendor/bundle
  dependency requirements.txt .venv venv
}

# LIST PLACE...
dependency() {
  [ -e "$releaseDir/$1" ] || return 0
  listed=$1
  shift
  for where in "$@"; do
    if [ -e "$releaseDir/$where" ]; then say "slipway: dependencies: $where is there ($listed)" && return; fi
  done
  say "slipway: dependencies: $listed is there, $1 is not"
}

# PID: the release that it runs, in `runs`, by its working directory and its program; "unknown" where these are elsewhere
# and it began before the link was replaced.
judgeLive() {
  runs=unknown
  for what in cwd exe; do
    place=$($elevate readlink "/proc/$1/$what" 2>/dev/null)
    case $place/ in
      "$wantedTree"/*) runs=$release ;;
      "$releasesTree"/*)
        runs=${place#"$releasesTree"/}
        runs=${runs%%/*}
        runs=${runs%' (deleted)'}
        return
        ;;
    esac
  done
  [ "$runs" != unknown ] || ! beganAfterLink "$1" || runs=$release
}

# In whole seconds: one of the same second counts as after it.
beganAfterLink() {
  replaced=$(stat -c %Z "$linkPath" 2>/dev/null) || return 1
  bornAt "$1" && [ $((born + 1)) -ge "$replaced" ]
}

bornAt() {
  line=
  { IFS= read -r line <"/proc/$1/stat"; } 2>/dev/null
  [ -n "$line" ] || return 1
  set -- ${line##*') '}
  shift 19
  : "${hertz:=$(getconf CLK_TCK 2>/dev/null || echo 100)}" "${booted:=$(awk '/^btime/ { print $2 }' /proc/stat)}"
  bornAfterBoot=$(($1 / hertz))
  born=$((booted + bornAfterBoot))
}

# Unless each of livePids has run for minUptime. In whole seconds: one that is not over does not count.
refuseYoung() {
  for pid in $livePids; do
    bornAt "$pid" || failManaged Unavailable "process $pid has ended"
    tellNow
    age=$((now - bornAfterBoot - 1))
    [ "$age" -ge "$minUptime" ] || failManaged Unavailable \
      "process $pid has run for $((age < 0 ? 0 : age)) s, expected $minUptime s: it has just been started, or is again and again"
  done
}

# PID...: in `strangers` those that run another release, as "PID runs ID", in `ours` how many run this one.
judgeAll() {
  strangers=
  ours=0
  for pid in "$@"; do
    judgeLive "$pid"
    case $runs in
      "$release") ours=$((ours + 1)) ;;
      unknown) ;;
      *) strangers="${strangers:+$strangers, }process $pid runs $runs" ;;
    esac
  done
}
