# SQLite: include/sqlite3.h, lib/libsqlite3.a for wasm. Its unix VFS without locks: the host lets one call at a time at a file.

bx_unit_key() { :; }

bx_make_unit() {
    local source=$src/libsqlite3-sys/sqlite3
    mkdir -p "$out/include"
    cp "$source/sqlite3.h" "$out/include/"
    compile_all "$out/lib/libsqlite3.a" "${wasm_flags[@]}" -w -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL \
        -DSQLITE_DEFAULT_MMAP_SIZE=0 -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_DEPRECATED -DSQLITE_TEMP_STORE=3 \
        -DSQLITE_DQS=0 -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_DBSTAT_VTAB \
        -DSQLITE_ENABLE_STAT4 -DSQLITE_DEFAULT_FOREIGN_KEYS=1 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DHAVE_FDATASYNC=1 \
        -DSQLITE_LOCKING_STYLE=0 -DSQLITE_ENABLE_LOCKING_STYLE=0 -D_WASI_EMULATED_GETPID -D_WASI_EMULATED_MMAN -- "$source/sqlite3.c"
}
