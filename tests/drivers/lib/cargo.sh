#!/usr/bin/env bash
# What the Rust drivers' `run` programs share: cargo.sh DIRECTORY "CRATE…" prepare|script|version.
# The crates are those whose versions are printed.
set -euo pipefail

directory=$1
name=$(basename "$directory")
target=${PGLYNX_DRIVERS_BUILD:?set it to a directory for builds}/$name/target

skip() {
  echo "$1"
  exit 77
}

prepare() {
  command -v cargo >/dev/null || skip "no cargo"
  local needed version
  needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$directory/Cargo.toml")
  version=$(rustc --version | cut -d' ' -f2)
  printf '%s\n%s\n' "$needed" "$version" | sort -CV || skip "Rust $version, $needed is needed"
  cargo fetch --quiet --locked --manifest-path "$directory/Cargo.toml" >&2 ||
    skip "cargo cannot fetch what Cargo.lock names"
  nice -n 10 cargo build --quiet -j1 --locked --offline --target-dir "$target" \
    --manifest-path "$directory/Cargo.toml" >&2
}

# "tokio-postgres 0.7.18, tokio 1.48.0" of Cargo.lock.
versions() {
  local crate
  for crate in $1; do
    grep -A1 "^name = \"$crate\"$" "$directory/Cargo.lock" |
      sed -n "s/^version = \"\(.*\)\"/$crate \1/p"
  done | paste -sd, | sed 's/,/, /g'
}

case ${3:-} in
  prepare) prepare ;;
  script) exec "$target/debug/driver" ;;
  version) versions "$2" ;;
  *)
    echo "usage: run prepare|script|version" >&2
    exit 2
    ;;
esac
