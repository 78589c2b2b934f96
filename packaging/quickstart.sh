#!/usr/bin/env bash
# Builds pglynx and runs it in front of a throwaway PostgreSQL.
#
#   packaging/quickstart.sh            until Ctrl-C: clients on 6432, the console on 6433
#   packaging/quickstart.sh --check    runs pgbench through it, and ends
#
# Installs what is missing from Debian's packages. What it makes is below build/quickstart/;
# what it started is stopped at its end, and nothing else is.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=packaging/lib/common.sh
source "$root/packaging/lib/common.sh"
# shellcheck source=packaging/lib/postgres.sh
source "$root/packaging/lib/postgres.sh"

readonly client_port=6432 console_port=6433
readonly work=$root/build/quickstart
readonly config=$work/pglynx.toml
readonly pglynx=$root/build/release/bin/pglynx

# What is there to be stopped or removed at the end.
bindir='' cluster='' temporary='' pooler=''

# The demo's servers are named in full below: a variable of the user's must not redirect them.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS \
  PGSSLMODE PGREQUIREAUTH PGCHANNELBINDING PGTARGETSESSIONATTRS PGDATA

# Runs at every end, whatever the cause.
clean_up() {
  trap '' INT TERM HUP # a second Ctrl-C must not leave half of it behind
  if [[ -n $pooler ]] && kill -0 "$pooler" 2>/dev/null; then
    kill -TERM "$pooler" 2>/dev/null || true
    wait "$pooler" 2>/dev/null || true
  fi
  if [[ -n $cluster ]]; then stop_cluster "$bindir" "$cluster"; fi
  if [[ -n $temporary ]]; then rm -rf "$temporary" "$work/cluster"; fi
}

check_port() {
  if port_in_use "$1"; then
    die "port $1 is in use on 127.0.0.1; stop what listens there and try again"
  fi
}

# Sets `cluster`: build/quickstart/cluster, or a temporary directory linked from there where
# the clone is out of reach for PostgreSQL's user, as one of root's own is.
make_cluster_directory() {
  local directory=$work/cluster
  if [[ -f $directory/data/postmaster.pid ]]; then
    stop_cluster "$bindir" "$directory" # left by a run that was killed
  fi
  if [[ -L $directory ]]; then rm -rf "$(readlink "$directory")"; fi
  rm -rf "$directory"
  mkdir "$directory"
  if is_root; then chown "$(postgres_user)" "$directory"; fi
  if ! run_as_postgres test -w "$directory"; then
    temporary=$(mktemp -d "${TMPDIR:-/tmp}/pglynx-quickstart.XXXXXX")
    chown "$(postgres_user)" "$temporary"
    rmdir "$directory"
    ln -s "$temporary" "$directory"
    directory=$temporary
  fi
  cluster=$directory
}

# start_postgres PORT: a cluster with the database, the user and pgbench's tables.
start_postgres() {
  local server_port=$1 password
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  make_cluster_directory
  make_cluster "$bindir" "$cluster" "$password" ||
    die "initdb failed: $(tail -n 1 "$cluster/initdb.log")"
  start_cluster "$bindir" "$cluster" "$server_port" ||
    die "PostgreSQL did not start: $(tail -n 1 "$cluster/postgres.log" 2>/dev/null)"
  PGPASSWORD=$password "$bindir/psql" -X -q -v ON_ERROR_STOP=1 \
    -d "host=127.0.0.1 port=$server_port user=postgres dbname=postgres" \
    -c "create role app login password 'app'" -c "create database app owner app" ||
    die "the demo's user and database could not be made"
  PGPASSWORD=app "$bindir/pgbench" -h 127.0.0.1 -p "$server_port" -U app -i -q app \
    >/dev/null 2>&1 || die "pgbench -i failed on PostgreSQL itself"
}

# Passwords this simple are for loopback alone, and the cluster holds nothing of worth.
write_config() {
  local server_port=$1
  (
    umask 077
    cat >"$config" <<TOML
[general]
host = "127.0.0.1"
port = $client_port
shutdown_timeout = "2s"

[admin]
port = $console_port
username = "admin"
password = "admin"

[pools.app]
pool_mode = "transaction"
database = "app"
servers = [{ host = "127.0.0.1", port = $server_port }]

[[pools.app.users]]
username = "app"
password = "app"
pool_size = 10
TOML
  )
  "$pglynx" --check "$config" >/dev/null || die "pglynx refuses $config; see above"
}

# Starts pglynx and returns when both its ports answer.
start_pglynx() {
  local tries
  "$pglynx" --config "$config" </dev/null &
  pooler=$!
  for ((tries = 0; tries < 100; tries++)); do
    if ! kill -0 "$pooler" 2>/dev/null; then
      die "pglynx ended while it started; its errors are above"
    fi
    if port_in_use "$client_port" && port_in_use "$console_port"; then return; fi
    sleep 0.1
  done
  die "pglynx did not listen on $client_port and $console_port within 10 seconds"
}

# Names a client program as the user can type it: Debian keeps some out of PATH.
typed() {
  if have "$1"; then echo "$1"; else echo "$bindir/$1"; fi
}

print_what_to_try() {
  cat <<TEXT

pglynx is in front of PostgreSQL now. Try, in another terminal:

  PGPASSWORD=app $(typed psql) -h 127.0.0.1 -p $client_port -U app app
  PGPASSWORD=app $(typed pgbench) -h 127.0.0.1 -p $client_port -U app -n -c 50 -T 10 app
  PGPASSWORD=admin $(typed psql) -h 127.0.0.1 -p $console_port -U admin pglynx -c 'SHOW POOLS'

Its configuration is $config. Ctrl-C stops both.

TEXT
}

pgbench() {
  PGPASSWORD=app "$bindir/pgbench" -h 127.0.0.1 -p "$client_port" -U app "$@" app
}

# One line on success, the whole output on failure.
check_step() {
  local name=$1 output
  shift
  if ! output=$("$@" 2>&1); then
    printf '%s\n' "$output" >&2
    die "--check failed: $name"
  fi
  say "$name: ok $(grep -E '^(tps|number of transactions actually)' <<<"$output" | xargs -d '\n')"
}

check() {
  local protocol
  check_step "pgbench -i" pgbench -i -q
  for protocol in simple extended prepared; do
    # More clients than the pool has servers: they have to share.
    check_step "pgbench -M $protocol" pgbench -n -M "$protocol" -c 20 -j 2 -t 100
  done
  check_step "console" env PGPASSWORD=admin "$bindir/psql" -X -h 127.0.0.1 -p "$console_port" \
    -U admin -d pglynx -c 'SHOW POOLS'
  say "every check succeeded"
}

parse_options() {
  case "$#:${1:-}" in
    0:) mode=run ;;
    1:--check) mode=check ;;
    1:-h | 1:--help) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" && exit 0 ;;
    *) die "unknown options $*; allowed is --check" ;;
  esac
}

main() {
  local mode server_port status=0
  parse_options "$@"
  check_port "$client_port"
  check_port "$console_port"
  "$root/packaging/install-deps.sh" --build --postgres
  bindir=$(find_postgres) || die "no PostgreSQL server of version $postgres_major_min or later"
  [[ -x $bindir/psql && -x $bindir/pgbench ]] || die "psql or pgbench is missing in $bindir"
  build_preset "$root" release
  mkdir -p "$work"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  server_port=$(free_port) || die "no free port for PostgreSQL"
  start_postgres "$server_port"
  write_config "$server_port"
  check_port "$client_port" # the build may have taken minutes
  check_port "$console_port"
  start_pglynx
  if [[ $mode == check ]]; then
    check
    return
  fi
  print_what_to_try
  wait "$pooler" || status=$?
  pooler=''
  die "pglynx ended with status $status"
}

main "$@"
