#!/usr/bin/env bash
# Bans, licences and sources of every dependency against deny.toml, and advisories where their database can be had.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cargo deny --version >/dev/null 2>&1; then
    echo "installing cargo-deny: some minutes, once"
    cargo install --locked cargo-deny
fi
cargo deny --locked check bans licenses sources
if fetched=$(cargo deny --locked fetch db 2>&1); then
    cargo deny --locked check --disable-fetch advisories
else
    printf 'advisories NOT checked, for their database cannot be fetched:\n%s\n' "$(tail -n 3 <<<"$fetched")"
fi
