#!/usr/bin/env bash
# The long forms of the tests that look for rare events. Keeps what ran, how long and how it ended in proofs/, by date.
# Usage: scripts/prove.sh [STEP …]   (default: all of model commit-order counts rebuild kills take-overs cut-short timing worlds walls sabotage grants mutants)
set -euo pipefail
cd "$(dirname "$0")/.."
export SQLX_OFFLINE=true RUST_BACKTRACE=0
[ $# -gt 0 ] || set -- model commit-order counts rebuild kills take-overs cut-short timing worlds walls sabotage grants mutants
record="proofs/$(date -u +%F).md"
mkdir -p proofs
[ -e "$record" ] || printf '# Proofs of %s\n\n' "$(date -u +%F)" >"$record"
printf '## %s UTC, commit %s, %s cores\n\n' "$(date -u +%T)" "$(git rev-parse --short HEAD)" "$(nproc)" >>"$record"
[ -z "$(git status --porcelain -- . ':!proofs')" ] || printf 'With uncommitted changes.\n\n' >>"$record"
printf '| what | command | seconds | outcome |\n|---|---|---|---|\n' >>"$record"

cargo build --locked --package database --bins
scripts/vault-server/build.sh
failed=0
prove() { # name, command…
    local name=$1 command=("${@:2}") began=$SECONDS output outcome
    printf '\n== %s\n' "$name"
    if output=$(target/debug/with-postgres env "${command[@]}" 2>&1 | tee -a /dev/stderr); then
        outcome=$(grep -E '^(test result: ok|all [0-9]+ (guards|grants)|[0-9]+ steps|[0-9]+ events|[0-9]+ kills|[0-9]+ take-overs|[0-9]+ answers.*|[0-9]+ mutants tested.*)' <<<"$output" | tail -n 2 | paste -sd ';')
    else
        outcome="FAILED"
        failed=1
    fi
    printf '| %s | `%s` | %s | %s |\n' "$name" "${command[*]}" $((SECONDS - began)) "$outcome" >>"$record"
}
for step in "$@"; do
    case $step in
    model) prove "no schedule of the model breaks a promise" WARDLOG_MODEL_STEPS=100000000 cargo test --locked --package eventlog --lib -- model::no_schedule --nocapture ;;
    commit-order) prove "8 writers, slow commits, aborts" WARDLOG_APPENDS=3000 cargo test --locked --package eventlog --test log -- commit_order ;;
    counts) prove "counts are those of the distinct events" PROPTEST_CASES=3000 cargo test --locked --package filtering --test door -- counts ;;
    rebuild) prove "a view rebuilt under load" WARDLOG_REBUILD_EVENTS=5000000 cargo test --locked --package directory --test stories -- rebuild::under_load --nocapture ;;
    kills) prove "kill -9 under load" WARDLOG_KILLS=300 cargo test --locked --package wardlog --test stories -- kill::every --nocapture ;;
    take-overs) prove "processes killed and put to sleep" WARDLOG_TAKE_OVERS=60 cargo test --locked --package wardlog --test stories -- kill::take_over --nocapture ;;
    cut-short) prove "requests cut short" WARDLOG_CUTS=20000 cargo test --locked --package wardlog --test stories -- cancel ;;
    timing) prove "another's and an absent one are not told apart" WARDLOG_PAIRS=2000 cargo test --locked --package wardlog --test stories -- timing::another --nocapture ;;
    worlds) prove "what is secret cannot be concluded" WARDLOG_WORLDS=2000 cargo test --locked --package wardlog --test stories -- worlds --nocapture ;;
    walls) prove "row-level security alone" scripts/walls.sh ;;
    sabotage) prove "every guard is guarded" scripts/sabotage.sh ;;
    grants) prove "every grant is missed" scripts/grants.sh ;;
    mutants) prove "no mutant of what decides survives" scripts/mutants.sh ;;
    *) echo "unknown step $step" >&2 && exit 2 ;;
    esac
done
printf '\n' >>"$record"
echo "kept in $record"
exit $failed
