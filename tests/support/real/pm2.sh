#!/bin/sh
# pm2.sh: installs PM2 from its npm package, once, and prints where its program is: in a cache folder outside the tree. Nothing
# is kept of an attempt that failed. Needs node, npm and, the first time, npm's registry.
set -eu
version=7.0.4
cache=${XDG_CACHE_HOME:-$HOME/.cache}/slipway/programs
folder=$cache/pm2-$version
if [ ! -x "$folder/node_modules/.bin/pm2" ]; then
  for program in node npm; do
    command -v $program >/dev/null || { echo "$program is not installed: it takes node and npm to run PM2" >&2; exit 1; }
  done
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/pm2.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' INT TERM HUP
  (cd "$work" && npm install --silent --no-audit --no-fund --ignore-scripts "pm2@$version") >&2
  mv "$work" "$folder" 2>/dev/null || [ -x "$folder/node_modules/.bin/pm2" ]
fi
echo "$folder/node_modules/.bin/pm2"
