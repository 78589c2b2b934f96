# shellcheck shell=bash
# Throwaway PostgreSQL clusters. Sourced after common.sh, never run.
#
# PostgreSQL refuses to run as root, so root's clusters belong to another user; everybody
# else's are their own. Servers listen on loopback TCP only: a socket directory in a deep
# clone could exceed the 107 bytes that a socket path may have.

# The oldest major version that pglynx is tested against.
readonly postgres_major_min=13

# Prints the major version of the server in a bin directory, or nothing.
postgres_major() {
  local version
  [[ -x $1/postgres && -x $1/initdb && -x $1/pg_ctl ]] || return 0
  version=$("$1/postgres" --version 2>/dev/null) || return 0
  [[ $version =~ ([0-9]+) ]] && printf '%s\n' "${BASH_REMATCH[1]}"
  return 0
}

# Every place a server's programs may be, one a line. Debian keeps them out of PATH.
postgres_places() {
  local program place
  if [[ -n ${PGLYNX_POSTGRES_BINDIR:-} ]]; then
    printf '%s\n' "$PGLYNX_POSTGRES_BINDIR"
    return
  fi
  for place in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin; do
    printf '%s\n' "$place"
  done
  if have pg_config; then pg_config --bindir 2>/dev/null || true; fi
  program=$(command -v postgres || true)
  if [[ -n $program ]]; then dirname "$(readlink -f "$program")"; fi
}

# Prints the bin directory of the newest server that is new enough; fails if there is none.
find_postgres() {
  local place major best='' best_major=$((postgres_major_min - 1))
  while IFS= read -r place; do
    major=$(postgres_major "$place")
    if [[ -n $major && $major -gt $best_major ]]; then
      best=$place
      best_major=$major
    fi
  done <<<"$(postgres_places)"
  [[ -n $best ]] && printf '%s\n' "$best"
}

# The user that owns the clusters.
postgres_user() {
  if ! is_root; then
    id -un
  elif id postgres >/dev/null 2>&1; then
    echo postgres
  else
    echo nobody
  fi
}

# Runs a command as the clusters' user, in a directory that user can be in.
run_as_postgres() {
  local user
  if ! is_root; then
    (cd / && "$@")
    return
  fi
  user=$(postgres_user)
  (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@")
}

port_in_use() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Prints a port nobody listens on, below the range that the kernel hands to clients.
free_port() {
  local port tries
  for ((tries = 0; tries < 100; tries++)); do
    port=$((20000 + RANDOM % 12000))
    if ! port_in_use "$port"; then
      printf '%s\n' "$port"
      return
    fi
  done
  return 1
}

# make_cluster BINDIR DIRECTORY PASSWORD: a cluster in DIRECTORY/data, which must be
# writable for the clusters' user. The superuser is `postgres`.
make_cluster() {
  local bindir=$1 directory=$2 password=$3
  (umask 077 && printf '%s\n' "$password" >"$directory/superuser.password")
  if is_root; then chown "$(postgres_user)" "$directory/superuser.password"; fi
  run_as_postgres "$bindir/initdb" --no-sync --username=postgres --auth=scram-sha-256 \
    --pwfile="$directory/superuser.password" --encoding=UTF8 --locale=C \
    --pgdata="$directory/data" >"$directory/initdb.log" 2>&1
}

# start_cluster BINDIR DIRECTORY PORT: returns when the server answers. Its durability is
# off: the data is thrown away.
start_cluster() {
  local bindir=$1 directory=$2 port=$3
  run_as_postgres "$bindir/pg_ctl" start --wait --timeout=60 --silent \
    --pgdata="$directory/data" --log="$directory/postgres.log" \
    --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories='' \
-c fsync=off -c max_connections=100" </dev/null >/dev/null 2>&1
}

# Stops the cluster in DIRECTORY if it runs; harmless otherwise.
stop_cluster() {
  local bindir=$1 directory=$2
  [[ -f $directory/data/postmaster.pid ]] || return 0
  run_as_postgres "$bindir/pg_ctl" stop --mode=immediate --wait --timeout=30 --silent \
    --pgdata="$directory/data" >/dev/null 2>&1 || true
}
