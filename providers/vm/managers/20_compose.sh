# Projects of docker compose. The project's directory is the release's own, not the link: so the labels of a container tell
# which release it was made for.

readProject() {
  setting; project=$F${slot:+"-$slot"}
  setting; build=$F
  setting; files=$F
  setting; profiles=$F
  setting; count=$F
  while [ "$count" -gt 0 ]; do
    setting
    export "${F?}"
    count=$((count - 1))
  done
  if command -v docker >/dev/null 2>&1 && limited 20 docker compose version >/dev/null 2>&1; then
    composer='docker compose'
  elif command -v docker-compose >/dev/null 2>&1; then
    composer=docker-compose
  else
    refuse Invalid "docker compose is not there: neither the plug-in of docker nor docker-compose"
  fi
}

# What compose reads from its environment, for the release.
enterProject() {
  COMPOSE_PROJECT_NAME=$project
  COMPOSE_PROFILES=$profiles
  COMPOSE_PATH_SEPARATOR=$newline
  COMPOSE_FILE=
  RELEASE_ID=$release
  RELEASE_PATH=$releaseDir
  ENVIRONMENT=$environment
  export COMPOSE_PROJECT_NAME COMPOSE_PROFILES COMPOSE_PATH_SEPARATOR COMPOSE_FILE RELEASE_ID RELEASE_PATH ENVIRONMENT
  if [ -n "$slot" ]; then
    SLOT=$slot
    PORT=$port
    export SLOT PORT
  fi
  if [ -z "$files" ]; then
    for file in docker-compose.yml docker-compose.yaml compose.yml compose.yaml; do
      if [ -e "$releaseDir/$file" ]; then files=$file; fi
    done
    [ -n "$files" ] || refuse NotFound "$releaseDir has no compose.yaml: set spec.process.compose.files"
  fi
  while IFS= read -r file; do
    [ -e "$releaseDir/$file" ] || refuse NotFound "$releaseDir/$file does not exist: see spec.process.compose.files"
    COMPOSE_FILE=${COMPOSE_FILE:+$COMPOSE_FILE$newline}$releaseDir/$file
  done <<FILES
$files
FILES
}

managerDo() {
  enterManager
  readProject
  if [ "$action" = stop ]; then
    stopProject
    return
  fi
  refuseOtherLink
  enterProject
  set -- up -d --remove-orphans
  [ "$build" = 0 ] || set -- "$@" --build
  [ "$action" != restart ] || set -- "$@" --force-recreate
  [ "$composer" = docker-compose ] || set -- "$@" --wait
  manage $composer --project-directory "$wantedTree" "$@" || failManaged Unavailable "$project: $composer up failed"
  awaitProject && return
  # Compose leaves alone what it takes for the same.
  [ -n "$strangers" ] || failManaged Unavailable "$project: $trouble"
  say "slipway: $project: $trouble: its containers are made anew" >>"$opDir/out"
  manage $composer --project-directory "$wantedTree" "$@" --force-recreate ||
    failManaged Unavailable "$project: $composer up failed"
  awaitProject || failManaged Unavailable "$project: $trouble"
}

# By its labels alone: the files it was made of may be gone.
stopProject() {
  containers=$(limited 30 docker ps -aq --filter "label=com.docker.compose.project=$project") ||
    refuse Unavailable "cannot ask docker about the project $project"
  [ -n "$containers" ] || { already=1; return; }
  manage docker stop $containers && manage docker rm -f $containers || failManaged Unavailable "$project: it was not stopped"
  networks=$(limited 30 docker network ls -q --filter "label=com.docker.compose.project=$project")
  [ -z "$networks" ] || limited 60 docker network rm $networks >/dev/null 2>&1
}

# Its containers run, and each was made for the release or is what the release's files say. Says why not in `trouble`.
projectIsOurs() {
  strangers=
  trouble="it has no containers"
  shown=$(limited 30 docker ps -a --no-trunc --filter "label=com.docker.compose.project=$project" --format \
    '{{.Label "com.docker.compose.service"}}|{{.Label "com.docker.compose.config-hash"}}|{{.State}}|{{.Status}}|{{.Label "com.docker.compose.project.working_dir"}}' \
    2>&1) || { trouble="cannot ask docker: $shown" && return 1; }
  [ -n "$shown" ] || return 1
  hashes=$newline$(limited 30 $composer --project-directory "$wantedTree" config --hash '*' 2>/dev/null)$newline
  running=0
  while IFS='|' read -r service hash status told place; do
    case $status in
      running) running=$((running + 1)) ;;
      exited) case $told in 'Exited (0)'*) continue ;; esac ;;
    esac
    [ "$status" = running ] || { trouble="$service is $status ($told)" && return 1; }
    case $told in *'(unhealthy)'*) trouble="$service is unhealthy" && return 1 ;; esac
    [ "$place" != "$wantedTree" ] || continue
    case $hashes in *"$newline$service $hash$newline"*) continue ;; esac
    strangers="$service runs ${place##*/}"
    trouble="it does not run $release: $strangers"
    return 1
  done <<SHOWN
$shown
SHOWN
  trouble="no container of it runs"
  [ "$running" -gt 0 ]
}

awaitProject() {
  steady=0
  while inTime; do
    if projectIsOurs; then steady=$((steady + 1)); else steady=0; fi
    [ "$steady" -lt 2 ] || return 0
    [ -z "$strangers" ] || return 1
    case $trouble in *' is exited '* | *' is dead '*) return 1 ;; esac
    nap
    nap
  done
  return 1
}

managerLook() {
  timeout=30
  enterManager
  readProject
  enterProject
  projectIsOurs || failManaged Unavailable "$project: $trouble"
  [ -n "$minUptime" ] || return 0
  livePids=$(limited 30 docker inspect --format '{{.State.Pid}}' \
    $(limited 30 docker ps -q --filter "label=com.docker.compose.project=$project")) ||
    failManaged Unavailable "$project: cannot ask docker which processes it has"
}

evidence() {
  for container in $(limited 30 docker ps -aq --filter "label=com.docker.compose.project=$project"); do
    limited 10 docker logs --tail 50 "$container" 2>&1 | tail -n 50
  done | tail -n 50
}

sayRuntime() {
  oneLine "$(limited 10 $composer version 2>&1 | head -n 1)"
  say "slipway: runtime: $flat"
}
