# QuickJS-ng: include/quickjs*.h, lib/libquickjs.a for wasm.

bx_unit_key() { :; }

bx_make_unit() {
    local source=$src/rquickjs-sys/quickjs
    # Its check of the stack is off on WASI, and deep recursion would be a trap. The check works there: the stack is in linear
    # memory, and a frame's address tells how much of it is used.
    sed -i '/^static void update_stack_limit/,/^}/s/defined(__wasi__)/0/' "$source/quickjs.c"
    sed -n '/^static void update_stack_limit/,/^}/p' "$source/quickjs.c" | grep -q '^#if 0$' ||
        die "quickjs: the place of the stack check was not found; third_party/guests/quickjs.sh must follow its sources"
    # That stack and the engine's, which nobody can measure from inside, must end together. These recursions use much of the engine's
    # and little of the other: each level sets some aside.
    python3 - "$source/quickjs.c" <<'PY' || die "quickjs: a recursion was not found; third_party/guests/quickjs.sh must follow its sources"
import re, sys
text = open(sys.argv[1]).read()
for name, size in (("js_parse_unary", 1600), ("js_parse_assign_expr2", 1600), ("js_parse_statement_or_decl", 2400), ("json_parse_value", 1200),
                   ("js_json_to_str", 1200), ("internalize_json_property", 1200), ("JS_FlattenIntoArray", 1200),
                   ("js_inner_module_linking", 1200), ("js_inner_module_evaluation", 1200)):
    text, count = re.subn(r"(?m)^(static [^;{}()]*\b%s\([^;{}]*\)\n\{\n)" % name,
                          r'\g<1>    char reserve[%d]; __asm__ volatile("" : : "r"(reserve) : "memory");' % size + "\\n", text)
    if count != 1:
        sys.exit("%s: %d places" % (name, count))
open(sys.argv[1], "w").write(text)
PY
    mkdir -p "$out/include"
    cp "$source"/quickjs.h "$source"/quickjs-libc.h "$out/include/"
    compile_all "$out/lib/libquickjs.a" "${wasm_flags[@]}" -D_GNU_SOURCE -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -w -- \
        "$source"/{quickjs,quickjs-libc,libregexp,libunicode,dtoa}.c
}
