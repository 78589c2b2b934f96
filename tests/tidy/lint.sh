#!/usr/bin/env bash
# lint.sh format|shell: is the C++ formatted as .clang-format says; does shellcheck
# find nothing in the scripts. Exits with 77, which ctest shows as skipped, where the tool is not installed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

need() {
  if ! command -v "$1" >/dev/null 2>&1; then
    echo "skipped: $1 is not installed"
    exit 77
  fi
}

case ${1:-} in
  format)
    # The version is pinned: others print the same code differently.
    need clang-format-19
    find include src tests bench \( -name '*.h' -o -name '*.cc' \) -print0 |
      xargs -0 clang-format-19 --dry-run -Werror
    ;;
  shell)
    need shellcheck
    {
      printf '.ci/run\0'
      find packaging tests bench -name '*.sh' -print0
    } | xargs -0 shellcheck -x
    ;;
  *)
    echo "usage: lint.sh format|shell" >&2
    exit 2
    ;;
esac
