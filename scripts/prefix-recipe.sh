# Sourced by prefix.sh: what the third-party prefix is made of. A change here, however small, is a new prefix.
#
#   include/engine-nocompile lib/libwasmtime_nocompile.a          the engine for the worker: no code generator inside
#   include/engine-compile   lib/libwasmtime_compile.a            the engine for boxagnts-compile
#   include/sqlite           lib/libsqlite3.a
#   wasm/include             wasm/lib/libpcre2-8.a, libyyjson.a   for guests
#   native/include           native/lib/...                       the same two, for tests of the guests' code
#
# Uses of its caller: $pins, $cache, $out (the folder to fill), say, die, and the toolchain of tools.sh.

sqlite_flags=(
    -O2 -g0 -fPIE -fvisibility=default -ffunction-sections -fdata-sections -fstack-protector-strong -D_FORTIFY_SOURCE=2
    -DSQLITE_THREADSAFE=0 -DSQLITE_DQS=0 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DEFAULT_FOREIGN_KEYS=1
    -DSQLITE_TRUSTED_SCHEMA=0 -DSQLITE_TEMP_STORE=3 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_OMIT_LOAD_EXTENSION
    -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_DEFAULT_MMAP_SIZE=0 -DHAVE_FDATASYNC=1 -DHAVE_USLEEP=1)
wasm_flags=(--target=wasm32-wasi -O2 -g0 -DNDEBUG -ffunction-sections -fdata-sections)
wasm_compiler=(clang-19 llvm-ar-19)
native_flags=(-O2 -g0 -fPIE -ffunction-sections -fdata-sections)
native_compiler=(gcc ar)
pcre2_flags=(-DPCRE2_CODE_UNIT_WIDTH=8 -DHAVE_CONFIG_H=1 -DPCRE2_STATIC=1 -DHAVE_STDLIB_H=1 -DHAVE_MEMMOVE=1
             -DSTDC_HEADERS=1 -DSUPPORT_PCRE2_8=1 -DSUPPORT_UNICODE=1)

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
    local archive=$1 compile=("$2") archiver=$3 objects
    shift 3
    while [[ $1 != -- ]]; do compile+=("$1"); shift; done
    shift
    objects=$(mktemp -d "$out/objects.XXXXXX")
    printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I{} sh -c \
        'src=$1; obj=$2/$(basename "$src" .c).o; shift 2; exec "$@" -c "$src" -o "$obj"' \
        sh {} "$objects" "${compile[@]}" || die "$(basename "$archive") did not compile; the reason is above"
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

# The same sources twice: as wasm for the guests, and native for the unit tests of the guests' own code.
build_guest_libraries() {
    local source files yyjson side
    source=$(crate_dir pcre2-sys)/upstream
    yyjson=$(crate_dir yyjson-sys)/yyjson/src
    # These are included by others and do not compile by themselves.
    mapfile -t files < <(ls "$source"/src/*.c | grep -vE '/pcre2_(jit_match|jit_misc|ucptables)\.c$')
    for side in wasm native; do
        say "PCRE2 and yyjson, $side"
        local -n flags=${side}_flags compiler=${side}_compiler
        mkdir -p "$out/$side/include" "$out/$side/lib"
        cp "$source/include/pcre2.h" "$yyjson/yyjson.h" "$out/$side/include/"
        compile_all "$out/$side/lib/libpcre2-8.a" "${compiler[@]}" "${flags[@]}" "${pcre2_flags[@]}" \
            -I"$source/src" -I"$source/include" -- "${files[@]}"
        compile_all "$out/$side/lib/libyyjson.a" "${compiler[@]}" "${flags[@]}" -- "$yyjson/yyjson.c"
    done
}

bx_make_prefix() {
    build_sqlite
    build_guest_libraries
    build_engine nocompile
    build_engine compile --features compile
}
