# What runs: each process with the release that it is of, since when, and how much memory it has.

viewProcesses() {
  [ -r /proc/self/stat ] || refuse Invalid "this server has no /proc: its processes cannot be seen"
  if [ -n "$manager" ]; then
    listManaged
  else
    fact Manager name=command
    findOwn
  fi
  done_
}

restarts=
status=

# PID...: a fact for each, with `restarts` and `status`.
sayProcesses() {
  found=0
  for pid in "$@"; do
    [ -r "/proc/$pid/stat" ] || continue
    found=$((found + 1))
    sayProcess "$pid"
  done
}

sayProcess() {
  born=
  bornAt "$1" || born=
  place=
  ofRelease "$1"
  memory=$(awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$1/status" 2>/dev/null)
  words=$(tr '\0\t\n' '   ' <"/proc/$1/cmdline" 2>/dev/null | cut -c 1-300)
  fact Process "pid=$1" "release=$ofRelease" "since=$born" "memory=$memory" "restarts=$restarts" "state=$status" \
    "command=${words% }"
}

# PID: the release in `ofRelease`, by its directory and its program; where these are elsewhere and it began after the link
# was replaced, what the link names; else unknown.
ofRelease() {
  ofRelease=unknown
  for what in cwd exe; do
    place=$($elevate readlink "/proc/$1/$what" 2>/dev/null)
    case $place/ in
      "$releasesTree"/*)
        ofRelease=${place#"$releasesTree"/}
        ofRelease=${ofRelease%%/*}
        ofRelease=${ofRelease%' (deleted)'}
        return
        ;;
    esac
  done
  [ -z "$release" ] || [ -z "$manager" ] || ! beganAfterLink "$1" || ofRelease=$release
}

# Processes whose directory or program is in a release of the environment, without ours.
findOwn() {
  own=$($elevate ls -l /proc/[0-9]*/cwd /proc/[0-9]*/exe 2>/dev/null |
    sed -n "s|.* /proc/\\([0-9]*\\)/[a-z]* -> \\(/.*\\)|\\1 \\2|p" |
    W=$releasesTree/ awk '{ pid = $1; sub(/^[0-9]* /, ""); if (index($0 "/", ENVIRON["W"]) == 1) print pid }' | sort -un)
  sayProcesses $own
}
