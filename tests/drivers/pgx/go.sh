# shellcheck shell=bash
# What the `run` of every driver for Go does. Sourced, never run:
#
#   go_driver DIRECTORY VERB      in it: go.mod, go.sum, a program
#
# Debian's Go is too old for the drivers, so the toolchain comes from the Go module proxy where the
# one of this machine will not do. Everything that Go keeps is below the build directory.

go_oldest=1.25
go_fetched=1.26.8

# The last line of what a driver prints before it gives up is the reason.
skip() {
  printf '%s\n' "$*" >&2
  exit 77
}

# Whether the program $1 is a Go that is new enough.
new_enough() {
  local version
  version=$("$1" env GOVERSION 2>/dev/null) || return 1
  [[ $(printf '%s\n' "$go_oldest" "${version#go}" | sort -V | head -n 1) == "$go_oldest" ]]
}

# Sets `go`: the program; fetches it where it has to.
find_go() {
  local home=$PGLYNX_DRIVERS_BUILD/go-$go_fetched
  go=go
  if new_enough "$go"; then return; fi
  go=$home/bin/go
  if [[ -x $go ]]; then return; fi
  # One at a time: two drivers may be prepared at once.
  mkdir -p "$PGLYNX_DRIVERS_BUILD"
  (
    flock 9
    [[ -x $go ]] || "${BASH_SOURCE[0]%/*}/fetch_go.py" "$go_fetched" "$home"
  ) 9>"$home.lock"
}

# The program $2/script; Go itself knows what has to be done anew.
build_program() {
  local here=$1 build=$2 log=$2/build.log go
  find_go
  mkdir -p "$build"
  export GOTOOLCHAIN=local GOFLAGS='-buildvcs=false -modcacherw -mod=readonly' CGO_ENABLED=0 \
    GOMODCACHE=$PGLYNX_DRIVERS_BUILD/go-modules GOCACHE=$PGLYNX_DRIVERS_BUILD/go-cache GOROOT=''
  if ! (cd "$here" && "$go" mod download) >"$log" 2>&1; then
    cat "$log" >&2
    skip "the Go module proxy does not give the modules: $(tail -n 1 "$log")"
  fi
  if ! (cd "$here" && "$go" build -trimpath -o "$build/script" .) >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
  fi
}

go_driver() {
  local here=$1 verb=${2:-} build
  build=${PGLYNX_DRIVERS_BUILD:?}/${here##*/}
  case $verb in
    prepare) build_program "$here" "$build" ;;
    version) exec "$build/script" --version ;;
    script) exec "$build/script" ;;
    *)
      printf 'usage: run prepare|version|script\n' >&2
      exit 2
      ;;
  esac
}
