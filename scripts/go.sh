#!/usr/bin/env bash
# Prints which go builds our guests in Go: the one at hand when it is new enough, else the pinned toolchain, fetched as a Go
# module by whatever go there is (Debian's will do). Nothing of the system is changed: a module lies in Go's module cache.
set -euo pipefail
export LC_ALL=C
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

least=1.26.0
pinned=1.26.8
declare -A sums=([amd64]='h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=' [arm64]='h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=')

cd /          # outside of any module: an old go does not read the go.mod of a new one
unset GOROOT # the caller's is not that of another toolchain
die() { printf 'go: %s\n' "$*" >&2; exit 1; }

for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/bin/go; do
    [[ -x $go ]] || continue
    at_hand=$go
    version=$(GOTOOLCHAIN=local "$go" version 2>/dev/null | sed -n 's/^go version go\([0-9.]*\).*/\1/p')
    if [[ -n $version ]] && bx_at_least "$version" "$least"; then
        printf '%s\n' "$go"
        exit 0
    fi
done
[[ -n ${at_hand:-} ]] || die "there is no go here: run \`make deps\`"

arch=$(GOTOOLCHAIN=local "$at_hand" env GOARCH)
sum=${sums[$arch]:-}
[[ -n $sum ]] || die "no Go toolchain is pinned for $arch: install go $least or newer"
module=golang.org/toolchain@v0.0.1-go$pinned.linux-$arch
said=$(GOTOOLCHAIN=local GOFLAGS=-mod=mod GONOSUMDB=golang.org/toolchain "$at_hand" mod download -json "$module" 2>&1) ||
    die "cannot fetch Go $pinned, which is needed because $at_hand is older than $least: is the network up? $said"
grep -qF "\"Sum\": \"$sum\"" <<<"$said" || die "$module is not the one that scripts/go.sh names (its hash differs); not used"
folder=$(sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p' <<<"$said")
# A module has no permissions of its own.
if [[ ! -x $folder/bin/go || ! -x $folder/pkg/tool/linux_$arch/link ]]; then
    chmod -R u+x "$folder/bin" "$folder/pkg/tool" || die "$folder cannot be made runnable"
fi
printf '%s\n' "$folder/bin/go"
