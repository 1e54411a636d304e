#!/usr/bin/env bash
# Everything that must hold: format, lints, the SQL against its cache, the tests, the dependencies' arrows.
set -euo pipefail
cd "$(dirname "$0")/.."
export SQLX_OFFLINE=true CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"
step() { printf '\n== %s (%ss)\n' "$1" "$SECONDS"; }

step "format"
cargo fmt --all --check
step "build what starts the test server"
cargo build --locked --package database --bins
step "HashiCorp Vault, for the tests of its transit engine"
scripts/vault-server/build.sh
step "tests"
target/debug/with-postgres cargo test --locked --workspace
step "the stories again, each role in a process of its own"
WARDLOG_STORIES=apart target/debug/with-postgres cargo test --locked --package wardlog --test stories -- commands comparison disclosure flagged forgetting matrix operator parked people recusal scim tenancy
step "lints, and SQL against the migrations"
target/debug/with-postgres scripts/sqlx.sh check
printf '\nall passed in %ss\n' "$SECONDS"
