#!/bin/sh
# go_program.sh NAME: builds a program that Debian does not have (or has too old) from its Go module, once, and prints where it is:
# in a cache folder outside the tree. Nothing is kept of an attempt that failed. Needs go and, the first time, its module proxy.
set -eu
case ${1-} in
  traefik) module=github.com/traefik/traefik/v3 version=v3.5.3 package=cmd/traefik ;;
  caddy) module=github.com/caddyserver/caddy/v2 version=v2.10.2 package=cmd/caddy ;;
  docker-compose) module=github.com/docker/compose/v2 version=v2.40.2 package=cmd ;;
  *) echo "usage: $0 traefik|caddy|docker-compose" >&2; exit 2 ;;
esac
flags=
[ "$1" != docker-compose ] || flags="-X $module/internal.Version=$version"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/slipway/programs
program=$cache/$1-$version
if [ -x "$program" ]; then
  echo "$program"
  exit 0
fi
command -v go >/dev/null || { echo "go is not installed: it takes go to build $1" >&2; exit 1; }
mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cd "$work"
# A module of our own that imports the program: `go install` refuses modules with `replace` in them.
printf 'package tools\n' >doc.go
printf '//go:build tools\n\npackage tools\n\nimport _ "%s/%s"\n' "$module" "$package" >tools.go
manifest=$(go mod download -json "$module@$version" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
{
  echo 'module slipway.dev/tools'
  echo
  sed -n '/^go /p' "$manifest"
  echo "require $module $version"
  awk '/^(replace|exclude)( |$)/ { inside = /\($/; print; next } inside { print } /^\)/ { inside = 0 }' "$manifest"
} >go.mod
go mod tidy >&2
CGO_ENABLED=0 go build -p "${SLIPWAY_JOBS:-2}" -ldflags "-s -w${flags:+ $flags}" -o "$program.new" "$module/$package" >&2
mv "$program.new" "$program"
echo "$program"
