# Whether a container runs, asked of docker or podman on this server. Its name is one argument of theirs.

# SECONDS COMMAND...: for so long where there is timeout(1).
limited() {
  if command -v timeout >/dev/null 2>&1; then timeout "$@"; else shift; "$@"; fi </dev/null 7>&- 8>&- 9>&-
}

# NAME SECONDS OWN: with OWN the container's own health check counts too, where it has one.
containerRuns() {
  engine=
  for program in docker podman; do
    if command -v "$program" >/dev/null 2>&1; then engine=$program && break; fi
  done
  [ -n "$engine" ] || refuse Invalid "docker is not installed, nor podman: container $1 cannot be looked at"
  askContainer '{{.State.Status}}|{{.State.ExitCode}}|{{if .State.Health}}{{.State.Health.Status}}{{end}}' "$1" "$2"
  case $trouble in
    # Older podman has no field of that name.
    *emplate* | *"can't evaluate"*) askContainer '{{.State.Status}}|{{.State.ExitCode}}|' "$1" "$2" ;;
  esac
  case $trouble in
    '') ;;
    *'o such container'* | *'o such object'*) refuse NotFound "no container $1" ;;
    *) refuseBecause "cannot ask $engine about container $1" "$trouble" ;;
  esac
  judgeContainer "$1" "$3"
}

# FORMAT NAME SECONDS: the answer in `told`, what went wrong in `trouble`.
askContainer() {
  told=$(limited "$3" "$engine" container inspect --format "$1" "$2" 2>"$state/container.$$")
  asked=$?
  trouble=$(cat "$state/container.$$")
  rm -f "$state/container.$$"
  case $asked in
    0) trouble= ;;
    124 | 143) trouble="no answer within $3 s" ;;
    *) trouble=${trouble:-"exit code $asked"} ;;
  esac
}

judgeContainer() {
  status=${told%%'|'*}
  rest=${told#*'|'}
  code=${rest%%'|'*}
  health=${rest#*'|'}
  case $status in
    running) ;;
    exited | dead | restarting) refuse Unavailable "container $1 is not running ($status, code $code)" ;;
    *) refuse Unavailable "container $1 is not running ($status)" ;;
  esac
  [ "$2" = 1 ] || return 0
  case $health in
    '' | none | healthy) ;;
    *) refuse Unavailable "container $1 is running, but its own health check says $health" ;;
  esac
}
