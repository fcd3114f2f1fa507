#!/usr/bin/env bash
# Builds the third-party prefix: everything that is pinned by third_party/Cargo.lock, once, outside the tree.
#
#   prefix.sh           build it if it is not there and whole; prints nothing but progress
#   prefix.sh --path    print where it belongs
#   prefix.sh --check   exit 0 if it is there and whole (some milliseconds; reads contents only when a stamp differs)
#   prefix.sh --verify  the same, reading every byte
#
# The folder's name holds the pins, the tools and this script, so a prefix is never updated: it is right or it is another
# one. It is made under a temporary name and renamed when whole; `manifest` has the hash of every file, `stamp` their
# sizes and times. One builder at a time, by flock.
#
#   include/engine-nocompile lib/libwasmtime_nocompile.a     the engine for the worker: no code generator inside
#   include/engine-compile   lib/libwasmtime_compile.a       the engine for boxagnts-compile
#   include/sqlite           lib/libsqlite3.a
#   wasm/include             wasm/lib/libpcre2-8.a, libyyjson.a      for guests
set -euo pipefail
export LC_ALL=C
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

pins=$bx_root/third_party
cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/boxagnts

sqlite_flags=(
    -O2 -g0 -fPIE -fvisibility=default -ffunction-sections -fdata-sections -fstack-protector-strong -D_FORTIFY_SOURCE=2
    -DSQLITE_THREADSAFE=0 -DSQLITE_DQS=0 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DEFAULT_FOREIGN_KEYS=1
    -DSQLITE_TRUSTED_SCHEMA=0 -DSQLITE_TEMP_STORE=3 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_OMIT_LOAD_EXTENSION
    -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_DEFAULT_MMAP_SIZE=0 -DHAVE_FDATASYNC=1 -DHAVE_USLEEP=1)
wasm_flags=(--target=wasm32-wasi -O2 -g0 -DNDEBUG -ffunction-sections -fdata-sections)
pcre2_flags=(-DPCRE2_CODE_UNIT_WIDTH=8 -DHAVE_CONFIG_H=1 -DPCRE2_STATIC=1 -DHAVE_STDLIB_H=1 -DHAVE_MEMMOVE=1
             -DSTDC_HEADERS=1 -DSUPPORT_PCRE2_8=1 -DSUPPORT_UNICODE=1 -Wno-macro-redefined)

bx_choose_rust || true

prefix_key() {
    { cat "$pins/Cargo.toml" "$pins/Cargo.lock" "$pins/engine.rs" "$bx_root/scripts/prefix.sh"
      uname -m
      "${bx_rustc:-false}" -V || true
      clang-19 --version 2>/dev/null | sed -n 1p || true
      gcc --version | sed -n 1p || true
    } | sha256sum | cut -c1-16
}
prefix=$cache/prefix-$(prefix_key)

# Every file with its size and time; a changed, missing or added file shows.
stamp_of() { (cd "$1" && find . -type f ! -name stamp -printf '%P %s %T@\n' | sort); }
hashes_of() { (cd "$1" && find . -type f ! -name stamp ! -name manifest -print0 | sort -z | xargs -0 sha256sum); }

is_whole() {
    [[ -f $prefix/manifest && -f $prefix/stamp ]] || return 1
    if [[ ${1:-} != every-byte ]] && stamp_of "$prefix" | cmp -s - "$prefix/stamp"; then
        return 0
    fi
    hashes_of "$prefix" | cmp -s - "$prefix/manifest" || return 1
    stamp_of "$prefix" >"$prefix/stamp.new" && mv "$prefix/stamp.new" "$prefix/stamp"
}

say() { printf '%s\n' "prefix: $*" >&2; }
die() { say "$*"; exit 1; }

# crate_dir NAME: where cargo keeps the sources of a pinned crate.
crate_dir() {
    (cd "$pins" && "$bx_cargo" metadata --locked --offline --format-version 1 --features sources) | python3 -c '
import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == sys.argv[1]:
        print(os.path.dirname(package["manifest_path"]))' "$1"
}

# build_engine NAME FEATURES...
build_engine() {
    local name=$1 target=$cache/cargo-target headers
    shift
    say "engine, $name (some minutes)"
    # The place of the sources on this machine is nobody's business, and would make two builds differ.
    export RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo --remap-path-prefix=$bx_root=boxagnts"
    (cd "$pins" && "$bx_cargo" build --locked --offline --release --target-dir "$target/$name" "$@") ||
        die "the engine did not build; the reason is above"
    cp "$target/$name/release/libwasmtime.a" "$out/lib/libwasmtime_$name.a"
    strip --strip-debug "$out/lib/libwasmtime_$name.a"
    headers=$(ls -td "$target/$name"/release/build/wasmtime-c-api-impl-*/out/include | head -n 1)
    mkdir -p "$out/include"
    cp -r "$headers" "$out/include/engine-$name"
}

# compile_all OUTPUT COMPILER AR FLAG... -- SOURCE...: one archive from C sources.
compile_all() {
    local archive=$1 compiler=$2 archiver=$3 objects flags=()
    shift 3
    while [[ $1 != -- ]]; do flags+=("$1"); shift; done
    shift
    objects=$(mktemp -d "$out/objects.XXXXXX")
    printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I{} sh -c \
        'src=$1; obj=$2/$(basename "$src" .c).o; shift 2; exec "$@" -c "$src" -o "$obj"' \
        sh {} "$objects" "$compiler" "${flags[@]}" || die "$(basename "$archive") did not compile; the reason is above"
    rm -f "$archive"
    "$archiver" rcsD "$archive" "$objects"/*.o
    rm -rf "$objects"
}

build_sqlite() {
    local source
    say "SQLite"
    source=$(crate_dir libsqlite3-sys)/sqlite3
    mkdir -p "$out/include/sqlite"
    cp "$source/sqlite3.h" "$out/include/sqlite/"
    compile_all "$out/lib/libsqlite3.a" gcc ar "${sqlite_flags[@]}" -- "$source/sqlite3.c"
}

build_guest_libraries() {
    local source files
    say "PCRE2 and yyjson for guests"
    mkdir -p "$out/wasm/include" "$out/wasm/lib"
    source=$(crate_dir pcre2-sys)/upstream
    cp "$source/include/pcre2.h" "$out/wasm/include/"
    # These are included by others and do not compile by themselves.
    mapfile -t files < <(ls "$source"/src/*.c | grep -vE '/pcre2_(jit_match|jit_misc|ucptables)\.c$')
    compile_all "$out/wasm/lib/libpcre2-8.a" clang-19 llvm-ar-19 "${wasm_flags[@]}" "${pcre2_flags[@]}" \
        -I"$source/src" -I"$source/include" -- "${files[@]}"
    source=$(crate_dir yyjson-sys)/yyjson/src
    cp "$source/yyjson.h" "$out/wasm/include/"
    compile_all "$out/wasm/lib/libyyjson.a" clang-19 llvm-ar-19 "${wasm_flags[@]}" -- "$source/yyjson.c"
}

build() {
    [[ -n ${bx_cargo:-} ]] || die "no Rust toolchain of $bx_rust_least or newer: run \`make deps\`"
    mkdir -p "$cache"
    exec 9>"$cache/prefix.lock"
    flock -n 9 || { say "another build of the prefix is under way, waiting for it"; flock 9; }
    if is_whole; then
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
    build_sqlite
    build_guest_libraries
    build_engine nocompile
    build_engine compile --features compile
    hashes_of "$out" >"$out/manifest"
    stamp_of "$out" >"$out/stamp"
    sync -f "$out"
    mv "$out" "$prefix"
    rm -rf "$cache/cargo-target"
    say "done: $prefix"
}

case ${1:-} in
    --path) printf '%s\n' "$prefix" ;;
    --check) is_whole ;;
    --verify) is_whole every-byte ;;
    "") build ;;
    *) die "unknown option $1; the head of this script says what there is" ;;
esac
