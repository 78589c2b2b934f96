#!/usr/bin/env bash
# Which lines of the modules that carry the traffic the unit tests and the simulation run:
# session, pool, backend and wire, each of which must be above 90 %. Needs gcovr.
#
#   tests/coverage.sh
#
# The report by line is build/coverage/report/index.html.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/lib/common.sh
source "$root/packaging/lib/common.sh"
cd "$root"

lines_min=90
have gcovr || die "gcovr is missing: apt-get install gcovr"

cmake --preset coverage >/dev/null
targets=(pglynx_sim_test pglynx_swarm)
for module in wire auth sql handshake pool net backend session server; do
  targets+=("pglynx_${module}_test")
done
cmake --build --preset coverage --parallel "$(nproc)" --target "${targets[@]}"
find build/coverage -name '*.gcda' -delete
for target in "${targets[@]}"; do
  [[ $target == pglynx_swarm ]] || "build/coverage/bin/$target" >/dev/null
done
tests/sim/swarm_test.sh build/coverage/bin/pglynx_swarm 1 50 20000

failed=0
for module in session pool backend wire; do
  gcovr --root . --object-directory build/coverage --exclude-throw-branches \
    --filter "src/$module/" --filter "include/pglynx/$module/" \
    --fail-under-line "$lines_min" --json-summary "build/coverage/$module.json" \
    --print-summary >"build/coverage/$module.txt" 2>&1 || failed=1
  say "$module: $(grep '^lines:' "build/coverage/$module.txt")"
done
mkdir -p build/coverage/report
gcovr --root . --object-directory build/coverage --filter 'src/(session|pool|backend|wire)/' \
  --filter 'include/pglynx/(session|pool|backend|wire)/' \
  --html-details build/coverage/report/index.html >/dev/null 2>&1
exit "$failed"
