#!/usr/bin/env bash
# Writes .sqlx from the database in WARDLOG_TEST_DATABASE_URL, which has every migration; with `check`, compares.
# Either way it lints, because the lints and the SQL are checked by the same compilation.
set -euo pipefail
cd "$(dirname "$0")/.."
fresh="${CARGO_TARGET_DIR:-target}/sqlx"
rm -rf "$fresh" && mkdir -p "$fresh"
# What was compiled against the cache must be compiled against the database.
find schema services -name '*.rs' -newermt @0 -exec grep -l 'query' {} + | xargs touch --no-create
SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$PWD/$fresh" DATABASE_URL="${WARDLOG_TEST_DATABASE_URL:?run: make sqlx}&options=-csearch_path%3Ddirectory,filtering" \
    cargo clippy --locked --workspace --all-targets -- --deny warnings
if [ "${1:-}" = check ]; then
    diff --recursive --brief .sqlx "$fresh" || { echo "the SQL has changed: run 'make sqlx' and commit .sqlx" >&2; exit 1; }
else
    rm -rf .sqlx && cp -r "$fresh" .sqlx
fi
