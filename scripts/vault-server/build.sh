#!/usr/bin/env bash
# Builds HashiCorp Vault 1.13.1 (MPL-2.0) for the tests, into target/vault-server, unless it stands there.
# From source, by the Go module proxy: there is no package of it, and tests are to need no other download.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
built=$here/../../target/vault-server/vault-server
[ -x "$built" ] && [ -z "$(find "$here" -newer "$built" -type f)" ] && exit

go=
for candidate in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
    [ -x "$candidate" ] && "$candidate" version | grep -Eq 'go1\.(19|[2-9][0-9])' && go=$candidate && break
done
[ -n "$go" ] || { echo "Go 1.19 or later is needed to build HashiCorp Vault for the tests: run 'sudo apt-get install golang-go'" >&2; exit 1; }

echo "building HashiCorp Vault for the tests: some minutes, once"
mkdir -p "$(dirname "$built")"
draft=$(mktemp "$built.XXXXXX")
trap 'rm -f "$draft"' EXIT
cd "$here"
# Nothing is asked of git, which refuses where the repository is somebody else's.
CGO_ENABLED=0 GOTOOLCHAIN=local GOWORK=off "$go" build -buildvcs=false -mod=readonly -trimpath -ldflags '-s -w' -o "$draft" .
chmod 755 "$draft"
mv "$draft" "$built"
echo "built in ${SECONDS} s"
