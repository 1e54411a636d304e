#!/usr/bin/env bash
# Bans, licences and sources of every dependency against deny.toml, and advisories where their database can be had.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo deny --version >/dev/null 2>&1; then
    echo "installing cargo-deny: some minutes, once"
    cargo install --locked cargo-deny@0.20.2
fi
cargo deny --locked check --hide-inclusion-graph bans licenses sources
if fetched=$(cargo deny --locked fetch db 2>&1); then
    cargo deny --locked --offline check --hide-inclusion-graph advisories
else
    printf 'advisories NOT checked, for their database cannot be fetched:\n%s\n' "$(tail -n 3 <<<"$fetched")"
fi
