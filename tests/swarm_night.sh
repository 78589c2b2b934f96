#!/usr/bin/env bash
# The swarm for HOURS, with seeds that nobody has tried: each run goes on where the last one
# stopped. Failing seeds are kept with what they printed in build/swarm/, one file each.
#
#   tests/swarm_night.sh HOURS [EVENTS]      for example: tests/swarm_night.sh 8
#
# Ends with 1 if a seed failed. PGLYNX_SWARM names another binary than build/dev/bin/pglynx_swarm.
set -euo pipefail

if [[ ! "${1:-}" =~ ^[0-9]+([.][0-9]+)?$ || ! "${2:-100000}" =~ ^[0-9]+$ ]]; then
  echo "usage: $0 HOURS [EVENTS]" >&2
  exit 64
fi
hours=$1
events=${2:-100000}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
swarm=${PGLYNX_SWARM:-$root/build/dev/bin/pglynx_swarm}
kept=$root/build/swarm
batch=100

if [[ ! -x "$swarm" ]]; then
  (cd "$root" && cmake --preset dev && cmake --build --preset dev --target pglynx_swarm)
fi
mkdir -p "$kept"
next=$(cat "$kept/next_seed" 2>/dev/null || echo 1000000)
end=$(awk -v now="$(date +%s)" -v hours="$hours" 'BEGIN { printf "%d", now + hours * 3600 }')

one_seed() {
  "$swarm" --seed "$1" --events "$events" >"$kept/$1.running" 2>&1 || cp "$kept/$1.running" "$kept/$1.failed"
  rm -f "$kept/$1.running"
}
export -f one_seed
export swarm events kept

first=$next
while (($(date +%s) < end)); do
  seq "$next" $((next + batch - 1)) | xargs -P "$(nproc)" -I '{}' bash -c 'one_seed {}'
  next=$((next + batch))
  echo "$next" >"$kept/next_seed"
done

shopt -s nullglob
failed=("$kept"/*.failed)
echo "seeds $first to $((next - 1)), $events events each; failing seeds kept in build/swarm: ${#failed[@]}"
for file in "${failed[@]}"; do
  echo "  $(tail -n 1 "$file")"
done
((${#failed[@]} == 0))
