#!/usr/bin/env bash
# Can the fuzz replay fail? Its hidden target breaks at the byte '!': the program must exit
# with 1, name the target and the file or the mutation, and fail again as it says itself.
#
#   harness_test.sh PATH-OF-pglynx_fuzz_replay
set -euo pipefail

replay=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $1; the output was:"
  cat "$work/output"
  exit 1
}

# run STATUS ARGUMENTS: the program must end with that status.
run() {
  local wanted=$1 status=0
  shift
  "$replay" "$@" >"$work/output" 2>&1 || status=$?
  [[ $status -eq $wanted ]] || fail "exit status $status instead of $wanted of: $*"
}

says() {
  grep -qF -- "$1" "$work/output" || fail "it does not say: $1"
}

corpus=$work/corpus
mkdir -p "$corpus/self_test"
printf 'nothing wrong' >"$corpus/self_test/good"
run 0 --corpus "$corpus" --target self_test --mutations 0
says "self_test: 1 files, 1 runs"

# A file that breaks it.
printf 'wrong!' >"$corpus/self_test/late"
run 1 --corpus "$corpus" --target self_test --mutations 0
says "self_test: BROKEN at $corpus/self_test/late ("
says "CHECK failed"
says "--target self_test --file $corpus/self_test/late"
rm "$corpus/self_test/late"

# A mutation that breaks it: ' ' and '!' differ in one bit.
run 1 --corpus "$corpus" --target self_test --mutations 20000
says "self_test: BROKEN at $corpus/self_test/good --mutation "
mutation=$(grep -o -m 1 -- '--mutation [0-9]*' "$work/output")
# shellcheck disable=SC2086 # an option and its value
run 0 --target self_test --file "$corpus/self_test/good" $mutation --keep "$work/kept"
grep -qF '!' "$work/kept" || fail "the kept input does not hold the byte"
status=0
"$replay" --target self_test --file "$work/kept" >"$work/output" 2>&1 || status=$?
[[ $status -ne 0 ]] || fail "the kept input does not break the target"

# What cannot be run is no success.
run 1 --corpus "$corpus" --target md5
says "no files in"
run 2 --corpus "$corpus" --target unknown
run 2 --target self_test --file "$work/missing"
echo "the fuzz replay can fail"
