#!/usr/bin/env bash
# Builds the third-party prefix: everything that is pinned by third_party/Cargo.lock, once, outside the tree.
#
#   prefix.sh           build it if it is not there and whole; prints nothing but progress
#   prefix.sh --path    print where it belongs
#   prefix.sh --check   exit 0 if it is there and whole (some milliseconds; reads contents only when a stamp differs)
#   prefix.sh --verify  the same, reading every byte
#
# What goes into it is prefix-recipe.sh. The folder's name is a hash of the pins, the tools and the recipe, so a prefix is
# never updated: it is right or it is another one. It is made under a temporary name and renamed when whole; `manifest`
# has the hash of every file, `stamp` their sizes and times. One builder at a time, by flock.
set -euo pipefail
export LC_ALL=C
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
source "$bx_root/scripts/kept.sh"
source "$bx_root/scripts/prefix-recipe.sh"

pins=$bx_root/third_party
cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/boxagnts

bx_choose_rust || true

prefix_key() {
    { cat "$pins/Cargo.toml" "$pins/Cargo.lock" "$pins/engine.rs" "$bx_root/scripts/prefix-recipe.sh"
      uname -m
      "${bx_rustc:-false}" -V || true
      clang-19 --version 2>/dev/null | sed -n 1p || true
      gcc --version | sed -n 1p || true
    } | sha256sum | cut -c1-16
}
prefix=$cache/prefix-$(prefix_key)

say() { printf '%s\n' "prefix: $*" >&2; }
die() { say "$*"; exit 1; }

build() {
    [[ -n ${bx_cargo:-} ]] || die "no Rust toolchain of $bx_rust_least or newer: run \`make deps\`"
    mkdir -p "$cache"
    exec 9>"$cache/prefix.lock"
    flock -n 9 || { say "another build of the prefix is under way, waiting for it"; flock 9; }
    if kept_is_whole "$prefix"; then
        return
    fi
    if [[ -e $prefix ]]; then
        say "$prefix is damaged; building it again"
    fi
    # We hold the lock, so whatever is left under a temporary name belongs to a build that died.
    rm -rf "$prefix" "$cache"/prefix-*.tmp
    out=$prefix.tmp
    mkdir -p "$out/lib"
    say "building $prefix"
    say "fetching the pinned sources"
    (cd "$pins" && "$bx_cargo" fetch --locked) || die "cannot fetch what third_party/Cargo.lock names: is the network up?"
    bx_make_prefix
    kept_finish "$out" "$prefix"
    rm -rf "$cache/cargo-target"
    say "done: $prefix"
}

case ${1:-} in
    --path) printf '%s\n' "$prefix" ;;
    --check) kept_is_whole "$prefix" ;;
    --verify) kept_is_whole "$prefix" every-byte ;;
    "") build ;;
    *) die "unknown option $1; the head of this script says what there is" ;;
esac
