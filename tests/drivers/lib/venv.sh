# shellcheck shell=bash
# What the `run` of every Python driver does. Sourced, never run:
#
#   venv_driver NAME VERB      in NAME: requirements.txt, script.py (--version prints one line)

# Debian's own Python, as the rest of the tests; PGLYNX_DRIVERS_PYTHON names another.
python=${PGLYNX_DRIVERS_PYTHON:-/usr/bin/python3}

# The last line of what a driver prints before it gives up is the reason.
skip() {
  printf '%s\n' "$*" >&2
  exit 77
}

# A venv that has pip, for all the others: to unpack pip takes longer than all else in them.
make_pip() {
  local home=$1 log=$1.log
  if [[ -e $home/complete ]]; then return; fi
  mkdir -p "${home%/*}"
  # One at a time: two drivers may be prepared at once.
  (
    flock 9
    if [[ -e $home/complete ]]; then exit; fi
    rm -rf "$home"
    "$python" -m venv "$home" >"$log" 2>&1 ||
      skip "$python cannot make a venv: apt-get install python3-venv"
    touch "$home/complete"
  ) 9>"$home.lock"
}

# A venv in $1 with the packages of $2; at once when it has them already.
make_venv() {
  local venv=$1 requirements=$2 log=$1.log pip=${1%/*}/pip
  if cmp -s "$requirements" "$venv/requirements.txt"; then return; fi
  make_pip "$pip"
  rm -rf "$venv"
  "$python" -m venv --without-pip "$venv" >"$log" 2>&1 || skip "$python cannot make a venv"
  if ! "$pip/bin/pip" --python "$venv" install --quiet --disable-pip-version-check \
    --only-binary :all: --requirement "$requirements" >"$log" 2>&1; then
    cat "$log" >&2
    skip "pip cannot install $(xargs <"$requirements"): $(grep '^ERROR' "$log" | tail -n 1)"
  fi
  cp "$requirements" "$venv/requirements.txt"
}

venv_driver() {
  local name=$1 verb=${2:-} here venv
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../$name" && pwd)
  venv=${PGLYNX_DRIVERS_BUILD:?}/$name
  [[ -x $python ]] || skip "$python is not installed"
  export PYTHONPATH=$here/../lib PYTHONDONTWRITEBYTECODE=1
  case $verb in
    prepare) make_venv "$venv" "$here/requirements.txt" ;;
    version) exec "$venv/bin/python" "$here/script.py" --version ;;
    script) exec "$venv/bin/python" "$here/script.py" ;;
    *)
      printf 'usage: run prepare|version|script\n' >&2
      exit 2
      ;;
  esac
}
