#!/usr/bin/env bash
# Installs what is missing, or names it where this user may not install.
# Usage: scripts/setup.sh build|demo|test   (demo: the real filters are welcome; test: they are needed)
set -euo pipefail
purpose=${1:?usage: scripts/setup.sh build|demo|test}

missing=() welcome=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need cc build-essential
need make build-essential
compgen -G '/usr/lib/postgresql/1[5-9]/bin/initdb' >/dev/null || compgen -G '/usr/lib/postgresql/[2-9][0-9]/bin/initdb' >/dev/null ||
    { [ -n "${WARDLOG_POSTGRES_BIN:-}" ] && [ -x "$WARDLOG_POSTGRES_BIN/initdb" ]; } || command -v initdb >/dev/null 2>&1 ||
    missing+=(postgresql)
[ -x /usr/sbin/squid ] || welcome+=(squid)
[ -x /usr/sbin/e2guardian ] || welcome+=(e2guardian)
if [ "$purpose" = test ]; then
    missing+=("${welcome[@]}") && welcome=()
    command -v go >/dev/null 2>&1 || [ -x /usr/local/go/bin/go ] || missing+=(golang-go)
fi

if ! command -v cargo >/dev/null 2>&1; then
    echo "cargo is not installed: install Rust with rustup, then run this again (rust-toolchain.toml names the version)" >&2
    exit 1
fi
# Services of packages installed here are not started: Wardlog starts its own, privately.
install() {
    local policy=/usr/sbin/policy-rc.d made=
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1; }
    DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
    local status=$?
    [ -z "$made" ] || rm -f $policy
    return $status
}
wanted=("${missing[@]}")
[ "$purpose" = demo ] && wanted+=("${welcome[@]}")
if [ ${#wanted[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing: ${wanted[*]}"
        if ! install "${wanted[@]}"; then
            [ ${#missing[@]} -eq 0 ] || { echo "cannot install ${missing[*]}: install them by hand, then run this again" >&2; exit 1; }
        fi
    elif [ ${#missing[@]} -gt 0 ]; then
        echo "these packages are needed and may not be installed by $(id -un): run 'sudo apt-get install ${missing[*]}', then run this again" >&2
        exit 1
    else
        echo "for real filters in the demo: sudo apt-get install ${welcome[*]}"
    fi
fi
