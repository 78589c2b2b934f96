#!/usr/bin/env bash
# Many seeds of the swarm, side by side. Ends with 1 and prints what each failing seed printed
# if there is one.
#
#   swarm_test.sh PGLYNX_SWARM FIRST LAST EVENTS
set -euo pipefail

swarm=$1
first=$2
last=$3
events=$4
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

one_seed() {
  "$swarm" --seed "$1" --events "$events" >"$results/$1" 2>&1 || mv "$results/$1" "$results/$1.failed"
}
export -f one_seed
export swarm events results

seq "$first" "$last" | xargs -P "$(nproc)" -I '{}' bash -c 'one_seed {}'

shopt -s nullglob
failed=("$results"/*.failed)
done=("$results"/*)
echo "seeds $first to $last: ${#done[@]} runs of $events events, ${#failed[@]} with a violation"
((${#done[@]} == last - first + 1)) || exit 1
((${#failed[@]} == 0)) || {
  cat "${failed[@]}"
  exit 1
}
