#!/usr/bin/env bash
# failures.sh [CASE…] [--table]: dead and dying servers, measured on a real PostgreSQL; what it
# prints is explained in docs/failures.md. Needs a release build; some cases need root. Exits
# with 77, which ctest shows as skipped, where something that it needs is not installed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/lib/common.sh
source "$root/packaging/lib/common.sh"
# shellcheck source=packaging/lib/postgres.sh
source "$root/packaging/lib/postgres.sh"

skip() {
  say "skipped: $*"
  exit 77
}

# Debian's own: another Python would not have its psycopg2.
python=/usr/bin/python3
have "$python" || skip "$python is not installed"
"$python" -c 'import psycopg2' 2>/dev/null || skip "python3-psycopg2 is not installed"
find_postgres >/dev/null || skip "no PostgreSQL server of version $postgres_major_min or later"
binary=${PGLYNX_BINARY:-$root/build/release/bin/pglynx}
[[ -x $binary ]] || skip "$binary is not there: build the release preset, or set PGLYNX_BINARY"
PGLYNX_BINARY=$(readlink -f "$binary")
export PGLYNX_BINARY
exec "$python" -B "$root/tests/failures/failures.py" "$@"
