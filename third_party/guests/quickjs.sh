# QuickJS-ng: include/quickjs*.h, lib/libquickjs.a for wasm.

bx_unit_key() { :; }

bx_make_unit() {
    local source=$src/rquickjs-sys/quickjs
    # Its check of the stack is off on WASI, and deep recursion would be a trap. The check works there: the stack is in linear
    # memory, and a frame's address tells how much of it is used.
    sed -i '/^static void update_stack_limit/,/^}/s/defined(__wasi__)/0/' "$source/quickjs.c"
    sed -n '/^static void update_stack_limit/,/^}/p' "$source/quickjs.c" | grep -q '^#if 0$' ||
        die "quickjs: the place of the stack check was not found; third_party/guests/quickjs.sh must follow its sources"
    mkdir -p "$out/include"
    cp "$source"/quickjs.h "$source"/quickjs-libc.h "$out/include/"
    compile_all "$out/lib/libquickjs.a" "${wasm_flags[@]}" -D_GNU_SOURCE -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -w -- \
        "$source"/{quickjs,quickjs-libc,libregexp,libunicode,dtoa}.c
}
