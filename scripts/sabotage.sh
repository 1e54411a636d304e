#!/usr/bin/env bash
# Takes every guard out, one at a time, and expects the test that its patch names to fail. A test that stays green
# guards nothing: exit 1. Works on a copy of what is committed, so the working tree is never touched.
# Usage: scripts/sabotage.sh [NAME …]   (names of patches in sabotage/, without .patch; default: all)
set -euo pipefail
cd "$(dirname "$0")/.."
# A patch may change SQL that the compiler checks, so it is checked against the server and not against .sqlx.
export DATABASE_URL="${WARDLOG_TEST_DATABASE_URL:?run: make sabotage}&options=-csearch_path%3Ddirectory,filtering" SQLX_OFFLINE=false
# The copy has a target directory of its own: cargo takes two checkouts in one directory for the same packages, and
# would leave sabotaged ones behind for the next ordinary build.
main="${CARGO_TARGET_DIR:-$PWD/target}"
export CARGO_TARGET_DIR="$main/sabotage/target" RUST_BACKTRACE=0
scripts/vault-server/build.sh
export WARDLOG_VAULT_SERVER="$PWD/target/vault-server/vault-server"
copy="$main/sabotage/tree"
rm -rf "$copy" && mkdir -p "$copy"
# Every file gets the time of its copying, and each patch its own: cargo rebuilds by times.
git archive HEAD | tar --extract --touch --directory="$copy"
[ $# -gt 0 ] || set -- $(cd sabotage && ls -- *.patch | sed 's/\.patch$//')
total=$# done=0 survived=()
for name in "$@"; do
    done=$((done + 1))
    patch="$PWD/sabotage/$name.patch"
    guard=$(sed -n 's/^Guard: //p' "$patch") target=$(sed -n 's/^Target: //p' "$patch") test=$(sed -n 's/^Test: //p' "$patch")
    patch --directory="$copy" --strip=1 --quiet --forward <"$patch"
    # shellcheck disable=SC2086 # the target is several words
    output=$(cd "$copy" && cargo test --quiet $target -- --exact "$test" 2>&1) && status=0 || status=$?
    patch --directory="$copy" --strip=1 --quiet --reverse <"$patch"
    if [ $status -ne 0 ] && grep -q "^test result: FAILED. 0 passed; 1 failed" <<<"$output"; then
        printf '[%2d/%d] %-45s breaks %s\n' "$done" "$total" "$name" "$test"
    else
        survived+=("$name")
        printf '[%2d/%d] %-45s NOT NOTICED by %s (guard: %s)\n%s\n' "$done" "$total" "$name" "$test" "$guard" "$(tail -n 20 <<<"$output")"
    fi
done
if [ ${#survived[@]} -gt 0 ]; then
    echo "${#survived[@]} of $total guards can be taken out without a test failing: ${survived[*]}" >&2
    exit 1
fi
echo "all $total guards are guarded"
