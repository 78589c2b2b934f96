#!/usr/bin/env bash
# pglynx, HAProxy, PgBouncer and a bare forwarder through the same workloads, in turn, judged by the
# budgets; prints one table and writes JSON. --help says more, bench/README.md all of it.
#
#   bench/run.sh --quick                 all of it in under five minutes
#   bench/run.sh                         nine rounds, for a quiet machine
#
# Gets what is missing of the rivals, as root or through sudo. PGLYNX_BINARY names another pglynx
# than the release build, which is built if it is missing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/lib/common.sh
source "$root/packaging/lib/common.sh"

asks_only=no
for argument in "$@"; do
  if [[ $argument == -h || $argument == --help ]]; then asks_only=yes; fi
done
if [[ $asks_only == no ]]; then
  "$root/packaging/install-deps.sh" --test
  if [[ -z ${PGLYNX_BINARY:-} && ! -x $root/build/release/bin/pglynx ]]; then
    say "build/release/bin/pglynx is missing: building it"
    "$root/packaging/install-deps.sh" --build
    build_preset "$root" release
  fi
fi
# Debian's own Python: another one in PATH does not see Debian's modules.
exec /usr/bin/python3 -B "$root/bench/run.py" "$@"
