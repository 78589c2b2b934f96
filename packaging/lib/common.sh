# shellcheck shell=bash
# Shared by the scripts: messages and root rights. Sourced, never run.
#
# No script here uses process substitution: it needs /proc, which a bare chroot may lack.

# Prefixed with the script's name, so that its lines stand out between a build's.
say() {
  printf '%s: %s\n' "${0##*/}" "$*"
}

# One line on stderr, then out. Everything that can go wrong for a user ends here.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

have() {
  command -v "$1" >/dev/null 2>&1
}

is_root() {
  [[ $(id -u) -eq 0 ]]
}

# Runs a command as root: directly, or through sudo. Callers ask can_be_root first.
as_root() {
  if is_root; then
    "$@"
  else
    sudo "$@"
  fi
}

can_be_root() {
  is_root || have sudo
}

# Configures and builds one preset with every core.
build_preset() {
  local root=$1 preset=$2
  (
    cd "$root" || exit
    cmake --preset "$preset" >/dev/null || die "cmake --preset $preset failed; its errors are above"
    cmake --build --preset "$preset" --parallel "$(nproc)" ||
      die "the build of preset $preset failed; the compiler's errors are above"
  )
}
