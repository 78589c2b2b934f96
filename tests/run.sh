#!/usr/bin/env bash
# Installs what is missing, builds, runs every test; ends with ctest's own summary.
#
#   tests/run.sh [ctest options]      for example: tests/run.sh -R wire, tests/run.sh -L e2e
#
# The tests are built with the sanitizers (preset asan); the end-to-end tests among them drive
# the release build, the one that users run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/lib/common.sh
source "$root/packaging/lib/common.sh"

# Lets ccache keep objects that use a precompiled header, as the test programs do.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}

preset=asan
# A chroot may lack /proc. Without it the sanitizers cannot find the stack's bounds and report
# errors that are none.
if [[ ! -r /proc/self/maps ]]; then
  preset=dev
  say "/proc is not mounted: testing the preset dev, without sanitizers"
fi

"$root/packaging/install-deps.sh" --build --test
build_preset "$root" release
build_preset "$root" "$preset"
cd "$root"
exec ctest --preset "$preset" --parallel "$(nproc)" --no-tests=error "$@"
