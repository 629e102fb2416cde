# What a person asks for outside of runs. Views take no lock and make nothing: what they see is answered in lines
# "fact TYPE<tab>NAME=VALUE<tab>...". Changes are made under the lock of the environment, like steps.

operate() {
  field; verb=$F
  fields word
  field; release=$F
  field; following=$F
  field; slot=$F
  field; port=$F
  field; manager=$F
  fields m
  releaseDir=$root/releases/$environment/${release:-none}
  phase=$verb
  action=$verb
  timeout=60
  facts=0
  enterTrees
  case $verb in
    processes) viewProcesses ;;
    system) viewSystem ;;
    logs) viewLogs ;;
    permissions) permissions ;;
    cleanup) cleanup ;;
    fallback) fallback ;;
  esac
  refuse Invalid "this server's script knows no operation $verb"
}

# Where the releases of the environment really are, for comparing with what processes have open.
enterTrees() {
  linkPath=$root/current-$environment${slot:+"-$slot"}
  releasesTree=$root/releases/$environment
  [ ! -d "$releasesTree" ] || releasesTree=$(cd -P "$releasesTree" && pwd)
  wantedTree=$releasesTree/${release:-none}
  [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null 2>&1 && limited 5 sudo -n true 2>/dev/null && elevate='sudo -n'; }
}

# TYPE NAME=VALUE...
fact() {
  facts=$((facts + 1))
  [ "$facts" -le 500 ] || return 0
  told=$1
  shift
  for pair in "$@"; do
    case $pair in
      *=) continue ;;
      *"$tab"* | *"$newline"*) pair=$(printf '%s' "$pair" | tr '\t\n' '  ') ;;
    esac
    told=$told$tab$pair
  done
  say "fact $told"
}
