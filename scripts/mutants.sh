#!/usr/bin/env bash
# Changes what decides who may do what, a little and in every place, and expects a test of services/access to fail each time: a
# mutant that survives is a decision that nothing asks for. Works on a copy of what is committed, beside that of sabotage.sh and built into
# the same directory.
# Usage: scripts/mutants.sh [OPTION …]   (options of cargo mutants, such as --file services/access/src/policy.rs)
set -euo pipefail
cd "$(dirname "$0")/.."
: "${WARDLOG_TEST_DATABASE_URL:?run: make prove, or target/debug/with-postgres scripts/mutants.sh}"
main="${CARGO_TARGET_DIR:-$PWD/target}"
export SQLX_OFFLINE=true RUST_BACKTRACE=0 CARGO_TARGET_DIR="$main/sabotage/target" PATH="$main/mutants/bin:$PATH"
[ -x "$main/mutants/bin/cargo-mutants" ] || cargo install --quiet --locked --root "$main/mutants" cargo-mutants@27.1.0
copy="$main/sabotage/tree"
rm -rf "$copy" && mkdir -p "$copy"
git archive HEAD | tar --extract --touch --directory="$copy"
cd "$copy"
# What Debug writes decides nothing, and the development issuer nothing in earnest.
cargo mutants --in-place --package access --test-package access --timeout 120 --colors never --no-times --exclude-re 'impl fmt::Debug' --exclude services/access/src/dev_issuer.rs "$@"
