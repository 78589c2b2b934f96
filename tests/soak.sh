#!/usr/bin/env bash
# Everything at once against a real PostgreSQL for MINUTES: pgbench, drivers that come and go,
# clients killed, servers terminated, PostgreSQL restarted, reloads. Then: no leak, nobody stuck,
# counters that add up, no error that the events do not explain.
#
#   tests/soak.sh MINUTES [--seed N] [--without PART,...] [--keep]      --help says more
#
# Needs python3-psycopg2; clients with python3-psycopg and python3-asyncpg take part where these
# are installed. PGLYNX_BINARY names another pglynx than the release build, which is built if it
# is missing. Exit status: 0 good, 1 not, 77 something is missing, with the reason.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/lib/common.sh
source "$root/packaging/lib/common.sh"

readonly skipped=77

# Debian's own Python: another one in PATH does not see Debian's modules.
python=/usr/bin/python3
if [[ ! -x $python ]] || ! "$python" -c 'import psycopg2' 2>/dev/null; then
  say "skipped: psycopg2 is missing: apt-get install python3-psycopg2 (packaging/install-deps.sh" \
    "--test does)"
  exit "$skipped"
fi

asks_only=no
for argument in "$@"; do
  if [[ $argument == -h || $argument == --help ]]; then asks_only=yes; fi
done
if [[ $asks_only == no && -z ${PGLYNX_BINARY:-} && ! -x $root/build/release/bin/pglynx ]]; then
  say "build/release/bin/pglynx is missing: building it"
  "$root/packaging/install-deps.sh" --build --postgres
  build_preset "$root" release
fi
exec "$python" -B "$root/tests/soak/soak.py" "$@"
