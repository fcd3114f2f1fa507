#!/usr/bin/env bash
# Installs what is missing to build and test: Debian packages, a Rust toolchain, then the third-party prefix and the guests' units.
#
#   deps.sh           install; says first what it will install; does nothing, quickly, when nothing is missing
#   deps.sh --check   install nothing; exit 1 with a sentence when something is missing
set -euo pipefail
export LC_ALL=C
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

packages=(
    # the programs
    gcc libc6-dev binutils make cmake ninja-build pkg-config python3 git ca-certificates util-linux iproute2
    libjansson-dev libseccomp-dev libcurl4-openssl-dev libssl-dev libedit-dev libpcre2-dev
    # the guests
    clang-19 lld-19 llvm-19 wasi-libc libclang-rt-19-dev-wasm32
    # tests, sanitizers, fuzzing, lint
    libcmocka-dev libclang-rt-19-dev wabt clang-format-19 clang-tidy-19)

say() { printf '%s\n' "deps: $*" >&2; }
die() { say "$*"; exit 1; }

missing_packages() {
    local present
    present=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^installed //p' || true)
    printf '%s\n' "${packages[@]}" | grep -vxF -f <(printf '%s\n' "$present") || true
}

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root, and there is no sudo. As root, run: $*"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
}

list_missing() {
    missing=()
    if command -v dpkg-query >/dev/null; then
        mapfile -t missing < <(missing_packages)
    fi
    if ! bx_choose_rust; then
        missing+=(rustc-web cargo-web)
    fi
    # A guest's build uses a package of it; whoever has an npm of another origin keeps that.
    command -v npm >/dev/null || missing+=(npm)
    # Whatever go there is fetches the one that is needed (scripts/go.sh).
    command -v go >/dev/null || [[ -x /usr/local/go/bin/go ]] || missing+=(golang-go)
}

install_missing() {
    command -v apt-get >/dev/null ||
        die "no apt-get here; install by your own means what corresponds to: ${missing[*]}"
    say "will install ${#missing[@]} Debian packages and what they need:"
    printf '%s\n' "${missing[@]}" | fmt -w 96 | sed 's/^/    /' >&2
    apt update || say "the package lists could not be refreshed; trying with those at hand"
    apt install -y --no-install-recommends "${missing[@]}" ||
        die "apt-get could not install them; the reason is above"
    hash -r
    list_missing
    if [[ ${#missing[@]} != 0 ]]; then
        die "still missing after the install: ${missing[*]} (Rust must be $bx_rust_least or newer)"
    fi
}

list_missing
if [[ ${1:-} == --check ]]; then
    [[ ${#missing[@]} == 0 ]] || die "not installed: ${missing[*]}. Run \`make deps\`."
    "$bx_root/scripts/prefix.sh" --check || die "the third-party prefix is missing or damaged. Run \`make deps\`."
    exit 0
fi
if [[ ${#missing[@]} != 0 ]]; then
    install_missing
fi
"$bx_root/scripts/prefix.sh"
exec "$bx_root/scripts/guests.sh"
