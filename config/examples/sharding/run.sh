#!/usr/bin/env bash
# Tries the example: config/examples/sharding/run.sh
#
# Starts a throwaway PostgreSQL and pglynx with the configuration beside it, inserts the same rows
# into a plain partitioned table and through pglynx into three shards, and compares. Before, pglynx
# --check --connect has to find that the shards fit the configuration. Exit status 0: each shard
# holds exactly the rows of its partition. pglynx is $PGLYNX_BINARY, else that of the
# release build, which is made if there is none. What it started is stopped at its end.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
# shellcheck source=packaging/lib/common.sh
source "$root/packaging/lib/common.sh"
# shellcheck source=packaging/lib/postgres.sh
source "$root/packaging/lib/postgres.sh"

readonly shards=3 last_key=150
readonly pglynx=${PGLYNX_BINARY:-$root/build/release/bin/pglynx}
# Its configuration takes it from the environment.
export SHOP_PASSWORD=shop

# A variable of the user's must not lead psql elsewhere.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS \
  PGSSLMODE PGREQUIREAUTH PGCHANNELBINDING PGTARGETSESSIONATTRS PGDATA

work='' bindir='' pooler='' server_port='' client_port=''

clean_up() {
  trap '' INT TERM HUP
  if [[ -n $pooler ]]; then
    kill -TERM "$pooler" 2>/dev/null || true
    wait "$pooler" 2>/dev/null || true
  fi
  if [[ -n $bindir ]]; then stop_cluster "$bindir" "$work/cluster"; fi
  rm -rf "$work"
}

# run_psql PORT USER DATABASE [argument…]
run_psql() {
  local port=$1 user=$2 database=$3
  shift 3
  PGPASSWORD=$user "$bindir/psql" -X -q -v ON_ERROR_STOP=1 \
    -d "host=127.0.0.1 port=$port user=$user dbname=$database" "$@"
}

# The server, the plain database, and the three shards with one partition each.
start_postgres() {
  local shard
  mkdir "$work/cluster"
  if is_root; then chown "$(postgres_user)" "$work" "$work/cluster"; fi
  make_cluster "$bindir" "$work/cluster" postgres || die "initdb failed"
  start_cluster "$bindir" "$work/cluster" "$server_port" || die "PostgreSQL did not start"
  run_psql "$server_port" postgres postgres -c "create role shop login password 'shop'"
  run_psql "$server_port" postgres postgres -c "create database plain owner shop"
  run_psql "$server_port" shop plain -f "$here/plain.sql"
  for ((shard = 0; shard < shards; shard++)); do
    run_psql "$server_port" postgres postgres -c "create database shard$shard owner shop"
    run_psql "$server_port" shop "shard$shard" -v shard="$shard" -f "$here/schema.sql"
  done
}

# The example's configuration, on ports that are free.
start_pglynx() {
  local admin_port tries
  client_port=$(free_port) || die "no free port for pglynx"
  admin_port=$(free_port) || die "no free port for pglynx"
  sed -e "s/5432/$server_port/; s/6432/$client_port/; s/6433/$admin_port/" \
    "$here/pglynx.toml" >"$work/pglynx.toml"
  chmod 600 "$work/pglynx.toml"
  "$pglynx" --check --connect "$work/pglynx.toml" || die "the servers do not fit pglynx.toml"
  "$pglynx" --config "$work/pglynx.toml" </dev/null 2>"$work/pglynx.log" &
  pooler=$!
  for ((tries = 0; tries < 100; tries++)); do
    if port_in_use "$client_port"; then return; fi
    kill -0 "$pooler" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/pglynx.log" >&2
  die "pglynx did not start"
}

# Half of the rows by the command, the other half by a comment.
print_inserts() {
  local key
  for ((key = -last_key; key <= last_key; key++)); do
    if ((key % 2 == 0)); then
      printf "SET SHARDING KEY TO '%d';\nINSERT INTO orders VALUES (%d, 'by command');\n" \
        "$key" "$key"
    else
      printf "/* sharding_key: %d */ INSERT INTO orders VALUES (%d, 'by comment');\n" \
        "$key" "$key"
    fi
  done
}

# compare SHARD: its table with the partition of the plain one.
compare() {
  local shard=$1 count
  run_psql "$server_port" shop plain -At -o "$work/wanted" \
    -c "SELECT * FROM orders_$shard ORDER BY customer_id"
  run_psql "$client_port" shop shop -At -o "$work/found" \
    -c "SET SHARD TO '$shard'" -c "SELECT * FROM orders ORDER BY customer_id"
  count=$(wc -l <"$work/found")
  if [[ $count -eq 0 ]] || ! diff "$work/wanted" "$work/found" >&2; then
    die "shard $shard does not hold the rows of partition orders_$shard"
  fi
  say "shard $shard: $count rows, those of partition orders_$shard"
}

main() {
  local shard
  if [[ -z ${PGLYNX_BINARY:-} && ! -x $pglynx ]]; then
    "$root/packaging/install-deps.sh" --build --postgres
    build_preset "$root" release
  fi
  [[ -x $pglynx ]] || die "$pglynx is not there"
  work=$(mktemp -d "${TMPDIR:-/tmp}/pglynx-sharding.XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  bindir=$(find_postgres) || die "no PostgreSQL server; packaging/install-deps.sh --postgres"
  server_port=$(free_port) || die "no free port for PostgreSQL"
  start_postgres
  start_pglynx

  # The plain table gets the same statements, less the command that only pglynx knows.
  print_inserts >"$work/inserts.sql"
  grep -v '^SET SHARDING KEY' "$work/inserts.sql" >"$work/plain_inserts.sql"
  run_psql "$server_port" shop plain -1 -f "$work/plain_inserts.sql"
  run_psql "$client_port" shop shop -f "$work/inserts.sql"

  for ((shard = 0; shard < shards; shard++)); do compare "$shard"; done
  run_psql "$client_port" shop shop -c "/* shard_id: 0 */ SELECT * FROM orders LIMIT 3"
  say "every row is where PostgreSQL would have put it"
}

main "$@"
