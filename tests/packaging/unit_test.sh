#!/usr/bin/env bash
# unit_test.sh BUILD: installs BUILD as a package would, into an empty root, and asks systemd
# whether the unit in there is right. Exits with 77, which ctest shows as skipped, where
# systemd-analyze is not installed.
set -euo pipefail

build=$1
root=$(mktemp -d "${TMPDIR:-/tmp}/pglynx-unit.XXXXXX")
trap 'rm -rf "$root"' EXIT

# systemd resolves the unit's own dependencies in the root, which has no units but ours.
add_units_it_names() {
  local unit
  for unit in network-online nss-lookup multi-user sysinit basic shutdown; do
    printf '[Unit]\nDescription=stand-in\n' >"$root/usr/lib/systemd/system/$unit.target"
  done
  # ExecReload's program is the system's, where a bare one may lack it.
  mkdir -p "$root/bin"
  printf '#!/bin/sh\n' >"$root/bin/kill"
  chmod +x "$root/bin/kill"
}

expect_file() {
  if [[ ! -f $root$1 ]]; then
    echo "not installed: $1"
    exit 1
  fi
}

DESTDIR=$root cmake --install "$build" --prefix /usr >/dev/null
expect_file /usr/bin/pglynx
expect_file /usr/lib/systemd/system/pglynx.service
expect_file /usr/lib/sysusers.d/pglynx.conf
expect_file /usr/share/doc/pglynx/README.md
expect_file /etc/pglynx/pglynx.toml
if [[ $(stat -c %a "$root/etc/pglynx/pglynx.toml") != 640 ]]; then
  echo "/etc/pglynx/pglynx.toml will hold secrets and must have mode 640"
  exit 1
fi

if ! command -v systemd-analyze >/dev/null 2>&1; then
  echo "skipped: systemd-analyze is not installed"
  exit 77
fi
add_units_it_names
output=$(systemd-analyze verify --man=no --root="$root" \
  "$root/usr/lib/systemd/system/pglynx.service" 2>&1) || status=$?
# It exits with 0 for keys it does not know: any line about our unit is a fault.
if [[ ${status:-0} -ne 0 ]] || grep -q 'pglynx' <<<"$output"; then
  printf '%s\n' "$output"
  exit 1
fi
echo "the unit is right"
