#!/usr/bin/env bash
# Installs what is missing from Debian's packages (Debian 12 and 13), as root or through sudo.
#
#   packaging/install-deps.sh [--build] [--test] [--postgres] [--fuzz]
#
#   --build      what the program is built with
#   --test       what its tests need, PostgreSQL included
#   --postgres   a PostgreSQL server, unless one that is new enough is there
#   --fuzz       clang with libFuzzer, for the preset fuzz
#
# No option means --build --test. Nothing is asked of the network when nothing is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=packaging/lib/common.sh
source "$here/lib/common.sh"
# shellcheck source=packaging/lib/postgres.sh
source "$here/lib/postgres.sh"

readonly build_packages=(
  g++ cmake ninja-build pkgconf ccache
  libuv1-dev libtomlplusplus-dev libfmt-dev libspdlog-dev libssl-dev libcli11-dev libsystemd-dev
  libre2-dev
)
readonly test_packages=(catch2 libpq-dev python3)
readonly fuzz_packages=(clang-19 libclang-rt-19-dev)
# Checks that need these skip themselves with a reason where a release lacks the package.
# systemd is there for systemd-analyze; it does not become the init system. The python3-* are
# the drivers whose clients take part in tests/soak.sh, which needs psycopg2 at least. iproute2 and
# nftables cut the network for tests/failures.sh, in a namespace of its own; strace is for
# tests/budgets. bench/micro is built with libbenchmark-dev, and counted with valgrind. The last line
# is for tests/drivers, which fetches the drivers themselves.
readonly optional_packages=(
  clang-format-19 shellcheck systemd python3-psycopg2 python3-psycopg python3-asyncpg
  iproute2 nftables strace
  libbenchmark-dev valgrind
  python3-venv nodejs curl ca-certificates
)

usage() {
  sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Prints those of its arguments that are not installed.
missing_of() {
  local package
  for package in "$@"; do
    is_installed "$package" || printf '%s\n' "$package"
  done
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
}

# Prints those of its arguments that this Debian has.
available_of() {
  local package
  for package in "$@"; do
    if apt-cache show "$package" >/dev/null 2>&1; then printf '%s\n' "$package"; fi
  done
}

# Debian's server package creates and starts a cluster on 5432, which nobody asked for here.
# This switches that off for the time of our installation alone.
readonly no_cluster=/etc/postgresql-common/createcluster.d/pglynx-install-deps.conf
forbid_default_cluster() {
  as_root mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
  trap allow_default_cluster EXIT
}
allow_default_cluster() {
  as_root rm -f "$no_cluster"
  as_root rmdir "${no_cluster%/*}" 2>/dev/null || true # somebody else's files may be there
}

# install_missing REQUIRED OPTIONAL: both are lists of packages that are not installed.
install_missing() {
  local required=$1 optional=$2 packages
  if ! can_be_root; then
    [[ -z $required ]] || die "neither root nor sudo here; to be installed: $required"
    return 0
  fi
  if [[ -n $required ]]; then
    say "apt-get update"
    apt update -qq || die "apt-get update failed: is a Debian mirror within reach?"
  fi
  # shellcheck disable=SC2086 # package names hold no blanks: the list is split on purpose
  packages=$(xargs <<<"$required $(available_of $optional)")
  [[ -n $packages ]] || return 0
  if [[ " $packages " == *" postgresql "* ]]; then forbid_default_cluster; fi
  say "apt-get install $packages"
  # shellcheck disable=SC2086
  apt install -y -qq --no-install-recommends $packages >/dev/null ||
    die "apt-get install failed; its errors are above"
}

missing_required() {
  local packages=()
  if [[ $build == yes ]]; then packages+=("${build_packages[@]}"); fi
  if [[ $test == yes ]]; then packages+=("${test_packages[@]}"); fi
  if [[ $fuzz == yes ]]; then packages+=("${fuzz_packages[@]}"); fi
  missing_of "${packages[@]}"
  if [[ $postgres == yes ]] && ! find_postgres >/dev/null; then echo postgresql; fi
}

main() {
  local build=no test=no postgres=no fuzz=no option required optional=''
  [[ $# -gt 0 ]] || set -- --build --test
  for option in "$@"; do
    case $option in
      --build) build=yes ;;
      --test) test=yes postgres=yes ;;
      --postgres) postgres=yes ;;
      --fuzz) fuzz=yes ;;
      -h | --help) usage && exit 0 ;;
      *) die "unknown option $option; allowed are --build, --test, --postgres and --fuzz" ;;
    esac
  done
  if ! have dpkg-query || ! have apt-get; then
    die "not a Debian; needed here: ${build_packages[*]} ${test_packages[*]} postgresql"
  fi
  required=$(missing_required | xargs)
  if [[ $test == yes ]]; then optional=$(missing_of "${optional_packages[@]}" | xargs); fi
  if [[ -n $required$optional ]]; then install_missing "$required" "$optional"; fi
}

main "$@"
