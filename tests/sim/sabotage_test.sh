#!/usr/bin/env bash
# Proof that the swarm can fail: every fault that can be planted in the product is found by at
# least one of the seeds 1 to 20, and without one those seeds find nothing.
#
#   sabotage_test.sh PGLYNX_SWARM
set -euo pipefail

swarm=$1
events=20000
failed=0

for name in $("$swarm" --list-sabotage); do
  found=""
  for seed in $(seq 1 20); do
    if ! output=$("$swarm" --seed "$seed" --events "$events" --sabotage "$name" 2>&1); then
      found=$seed
      break
    fi
  done
  if [[ -z "$found" ]]; then
    echo "$name: NOT found by the seeds 1 to 20"
    failed=1
    continue
  fi
  last=$(tail -n 1 <<<"$output")
  if [[ ! "$last" =~ ^seed=$found\ events=$events\ violations=[1-9][0-9]*\ trace=[0-9a-f]{16}$ ]]; then
    echo "$name: the last line is not the summary: $last"
    failed=1
    continue
  fi
  what=$(grep -m 1 -E '^  I[0-9]: |CHECK failed' <<<"$output" || true)
  echo "$name: found by seed $found:${what:- a signal}"
done
exit "$failed"
