# Modes: directories of a release 755, its delivered files 644 or, where they are programs, 755; nothing that others may
# write to. What build steps have made keeps the rest of its mode.

permissions() {
  fix=${word_1-}
  if [ "$fix" = fix ]; then enter; fi
  deviations=0
  for directory in "$root/releases" "$root/releases/$environment" "$root/shared"; do
    [ ! -d "$directory" ] || judgeMode "$directory" 755
  done
  for directory in "$root/releases/$environment"/*; do
    [ ! -d "$directory" ] || judgeRelease "$directory"
  done
  if [ "$fix" != fix ]; then
    done_ "$deviations deviations"
  fi
  done_ "$deviations deviations were put right"
}

modeOf() { stat -c %a "$1" 2>/dev/null; }

# PATH MODE
judgeMode() {
  mode=$(modeOf "$1")
  case $mode in "$2" | '' | [1-7]"$2") return 0 ;; esac
  deviates "$1" "$mode" "$2"
}

# PATH MODE EXPECTED
deviates() {
  deviations=$((deviations + 1))
  if [ "$fix" = fix ]; then
    trouble=$($elevate chmod "$3" "$1" 2>&1) || refuseBecause "cannot change the mode of $1" "$trouble"
  fi
  fact Deviation "path=${1#"$root"/}" "mode=$2" "expected=$3"
}

# DIRECTORY. Read into a variable first: what is put right must not change what is still to be read.
judgeRelease() {
  names=$1/.slipway-release/names
  [ -r "$names" ] || names=/dev/null
  wrong=$(cd "$1" && find . -path ./.slipway-release -prune -o \( -type d -o -type f \) -exec stat -c '%a %F %n' {} + 2>/dev/null |
    awk '
      FILENAME == ARGV[1] { kind = $1; if (sub(/^[fx] [0-9a-f]* [0-9]* /, "")) delivered["./" $0] = kind; next }
      {
        mode = $1; directory = $2 == "directory"; path = $0
        if (directory) sub(/^[0-7]+ directory /, "", path)
        else sub(/^[0-7]+ regular (empty )?file /, "", path)
        expected = ""
        if (directory) expected = "755"
        else if (path in delivered) expected = delivered[path] == "x" ? "755" : "644"
        else if (mode ~ /[2367]$/) { expected = mode; sub(/2$/, "0", expected); sub(/3$/, "1", expected); sub(/6$/, "4", expected); sub(/7$/, "5", expected) }
        if (expected != "" && mode != expected && !(directory && mode ~ /^[1-7]755$/)) print mode, expected, path
      }' "$names" -)
  while IFS=' ' read -r mode expected path; do
    [ -n "$path" ] || continue
    path=$1/${path#./}
    deviates "${path%/.}" "$mode" "$expected"
  done <<WRONG
$wrong
WRONG
}
