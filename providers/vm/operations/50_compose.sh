# Views of projects of docker compose.

listManaged() {
  readProject
  shown=$(limited 30 docker ps -a --filter "label=com.docker.compose.project=$project" --format \
    '{{.ID}}|{{.Label "com.docker.compose.service"}}|{{.State}}|{{.Status}}|{{.Label "com.docker.compose.project.working_dir"}}') ||
    refuse Unavailable "cannot ask docker about the project $project"
  fact Manager name=compose "unit=$project"
  while IFS='|' read -r container service status told place; do
    [ -n "$container" ] || continue
    again=$(limited 10 docker inspect -f '{{.RestartCount}} {{.State.Pid}}' "$container" 2>/dev/null)
    pid=${again#* }
    born=
    memory=
    if [ -n "$pid" ] && [ "$pid" != 0 ] && [ -r "/proc/$pid/stat" ]; then
      bornAt "$pid" || born=
      memory=$(awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$pid/status" 2>/dev/null)
    fi
    fact Process "pid=$pid" "release=${place##*/}" "since=$born" "memory=$memory" "restarts=${again%% *}" "state=$status" \
      "command=$service ($told)"
  done <<SHOWN
$shown
SHOWN
}

logOfManager() {
  readProject
  containers=$(limited 30 docker ps -aq --filter "label=com.docker.compose.project=$project")
  [ -n "$containers" ] || refuse NotFound "the project $project has no containers"
  if [ "$stream" = Combined ]; then
    set -- -p "$project" logs --no-color --tail "$lines"
    [ "$following" = 0 ] || set -- "$@" -f
    showLog $composer "$@"
    return
  fi
  [ "$following" = 0 ] || refuse Invalid "what several containers print is followed together only: leave --out and --error out"
  for container in $containers; do
    if [ "$stream" = Out ]; then
      limited 30 docker logs --tail "$lines" "$container" 2>/dev/null
    else
      limited 30 docker logs --tail "$lines" "$container" 2>&1 >/dev/null
    fi
  done | tail -c 786432 >&2
}

startLegacy() {
  releaseDir=$legacy
  enterManager
  readProject
  enterProject
  set -- up -d --remove-orphans
  [ "$composer" = docker-compose ] || set -- "$@" --wait
  manage $composer --project-directory "$legacy" "$@" || failManaged Unavailable "$project: $composer up failed"
}
