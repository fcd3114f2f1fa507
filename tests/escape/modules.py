"""Hostile modules, made by hand: {name: (bytes, how it must end, part of the sentence, why the attack is real)}."""
from wasm import *

REAL_NODE = "node compiles it"
VOID = None


def body(code, **kw):
    return Module(code, **kw).bytes()


def imports(*rows, other=0):
    m = Module()
    m.imports = [row for row in rows]
    m.other_imports = other
    return m.bytes()


def func_import(module, function, params="", results=""):
    m = Module()
    m.need(function, params, results, module)
    return m.bytes()


def with_start(code, locals_=()):
    m = Module()
    m.function(code, locals_)
    m.start = 0
    return m.bytes()


def exporting(kind, index, params=False):
    m = Module()
    text = m.bytes()
    if params: # _start(i32)
        m = Module()
        m.types = [functype(kinds("i"))]
        return m.bytes()
    return text.replace(name("_start") + b"\x00", name("_start") + bytes([kind]))


def replaced(old, new, **kw):
    text = Module(**kw).bytes()
    assert old in text
    return text.replace(old, new)


def recursion(locals_count):
    m = Module()
    uses = b"".join(b"\x20" + leb(i) + i64(1) + b"\x7c\x21" + leb(i) for i in range(locals_count))
    m.function(call(0) + uses, [(locals_count, I64)] if locals_count else [])
    m.main = call(0)
    return m.bytes()


def with_table(code, minimum=1, maximum=None):
    m = Module(code)
    m.tables = [bytes([FUNCREF, 0 if maximum is None else 1]) + leb(minimum) + (b"" if maximum is None else leb(maximum))]
    return m


def table_module(code, minimum=1, maximum=None, elements=()):
    m = with_table(code, minimum, maximum)
    m.elements = list(elements)
    m.types.append(functype(kinds("i"), kinds("i")))
    return m.bytes()


def data_at(offset, content=b"x" * 16, more=b""):
    m = Module()
    m.data = [b"\x00" + i32(offset) + b"\x0b" + name(content)] + ([more] if more else [])
    return m.bytes()


def raw(*sections):
    return HEAD + b"".join(sections)


def tag_module():
    m = Module().bytes()
    at = m.index(section(5, vec([b"\x00\x01"]))) + len(section(5, vec([b"\x00\x01"])))
    return m[:at] + section(13, vec([b"\x00\x00"])) + m[at:]


GOOD = body(b"")
V = b"\xfd\x0c" + bytes(16) # v128.const 0
RELAXED = V + V + b"\xfd" + leb(0x100) + DROP
TABLE_GROW = b"\xd0\x70" + i32(1000) + b"\xfc\x0f\x00"
MEMORY_GROW = i32(1) + b"\x40\x00"

REFUSED = {
    "import_unknown_module": (func_import("env", "system", "i", "i"), "not offered", REAL_NODE),
    "import_unknown_name": (func_import(PREVIEW1, "path_exec", "iii", "i"), "not offered", REAL_NODE),
    "import_old_preview": (func_import("wasi_unstable", "fd_write", "iiii", "i"), "not offered", REAL_NODE),
    "import_ill_typed": (func_import(PREVIEW1, "fd_write", "iiiI", "i"), "another type", REAL_NODE),
    "import_no_result": (func_import(PREVIEW1, "fd_write", "iiii", ""), "another type", REAL_NODE),
    "import_exit_with_result": (func_import(PREVIEW1, "proc_exit", "i", "i"), "another type", REAL_NODE),
    "import_http_unknown": (func_import(HTTP, "connect", "iii", "i"), "not offered", REAL_NODE),
    "import_http_ill_typed": (func_import(HTTP, "request", "iiiiiiiii", "i"), "another type", REAL_NODE),
    "import_http_of_wasi": (func_import(PREVIEW1, "request", "iiiiiiIii", "i"), "not offered", REAL_NODE),
    "import_memory": (imports(name("env") + name("memory") + b"\x02\x00\x01", other=1).replace(section(5, vec([b"\x00\x01"])), b""), "not offered", REAL_NODE),
    "import_memory_as_call": (imports(name(PREVIEW1) + name("fd_read") + b"\x02\x00\x01", other=1).replace(section(5, vec([b"\x00\x01"])), b""), "another type", REAL_NODE),
    "import_table": (imports(name("env") + name("table") + b"\x01\x70\x00\x01", other=1), "not offered", REAL_NODE),
    "import_global": (imports(name("env") + name("global") + b"\x03\x7f\x01", other=1), "not offered", REAL_NODE),
    "import_name_with_escapes": (func_import("\x1b]0;owned\x07", "\x1b[2J\n\n", "i", "i"), "not offered", REAL_NODE),
    "import_name_1MiB": (func_import("env", "a" * (90 << 10), "i", "i"), "", REAL_NODE),
    "export_no_start": (Module().bytes().replace(name("_start"), name("_begin")), "_start", REAL_NODE),
    "export_start_takes": (exporting(0, 0, params=True), "_start", REAL_NODE),
    "export_start_is_memory": (exporting(2, 0), "_start", REAL_NODE),
    "memory64": (body(b"", memory=b"\x04\x01"), "memory64", "the proposal's own engines run it"),
    "memory_shared": (body(b"", memory=b"\x03\x01\x01"), "", REAL_NODE),
    "memory_two": (replaced(section(5, vec([b"\x00\x01"])), section(5, vec([b"\x00\x01", b"\x00\x01"]))), "memories", "the proposal's own engines run it"),
    "memory_page_size": (body(b"", memory=b"\x08\x01\x00"), "", "the proposal's own engines run it"),
    "atomics": (body(i32(0) + b"\xfe\x10\x02\x00" + DROP), "thread", REAL_NODE),
    "simd_relaxed": (body(RELAXED), "relaxed", "the proposal's own engines run it"),
    "exceptions_tag": (tag_module(), "exceptions", REAL_NODE),
    "exceptions_try": (body(b"\x06\x40\x19\x0b"), "", REAL_NODE),
    "gc_struct": (raw(section(1, vec([functype(), b"\x5f\x00"]))), "", "the proposal's own engines run it"),
    "gc_externref": (body(b"\xd0\x6f" + DROP), "", REAL_NODE),
    "stack_switching": (raw(section(1, vec([functype(), b"\x5d\x00"]))), "", "the proposal's own engines run it"),
    "component": (b"\0asm\x0d\0\1\0", "component", "a component engine runs it"),
    "not_wasm_elf": (b"\x7fELF" + bytes(200), "magic", VOID),
    "not_wasm_text": (b"(module (func (export \"_start\")))", "magic", VOID),
    "no_bytes": (b"", "empty", VOID),
    "version_2": (b"\0asm\2\0\0\0", "version", VOID),
    "section_longer_than_file": (HEAD + b"\x01\xff\xff\xff\xff\x0f", "", VOID),
    "section_order": (raw(section(3, vec([b"\x00"])), section(1, vec([functype()]))), "", VOID),
    "section_twice": (raw(section(1, vec([functype()])), section(1, vec([functype()]))), "", VOID),
    "section_unknown": (GOOD + b"\x7f\x00", "", VOID),
    "count_4_billion": (raw(section(1, b"\xff\xff\xff\xff\x0f")), "", VOID),
    "leb_too_long": (HEAD + b"\x01\x80\x80\x80\x80\x80\x80\x80\x80\x01", "", VOID),
    "name_not_utf8": (func_import(b"\xff\xfe", "x"), "", VOID),
    "export_twice": (replaced(name("memory"), name("_start")), "", VOID),
    "type_out_of_range": (replaced(section(3, vec([b"\x00"])), section(3, vec([b"\x7f"]))), "", VOID),
    "start_out_of_range": (replaced(section(10, vec([b"\x02\x00\x0b"])), section(8, leb(99)) + section(10, vec([b"\x02\x00\x0b"]))), "", VOID),
    "locals_4_billion": (body(b"", locals_=[(0xFFFFFFFF, I64)]), "locals", VOID),
    "locals_by_many_groups": (body(b"", locals_=[(0x7FFFFFFF, I64)] * 100), "locals", VOID),
    "locals_50001": (body(b"", locals_=[(50001, I32)]), "locals", VOID),
    "params_2000": (raw(section(1, vec([functype(bytes([I32]) * 2000)]))), "", VOID),
    "types_two_million": (raw(section(1, leb(2000000) + functype() * 2000000)), "", VOID),
    "function_8MiB": (body((i32(1) + DROP) * (3 << 20)), "", VOID),
    "functions_without_code": (replaced(section(3, vec([b"\x00"])), section(3, vec([b"\x00"] * 5000))), "", VOID),
    "br_table_4_billion": (body(i32(0) + b"\x0e\xff\xff\xff\xff\x0f"), "", VOID),
    "branch_out_of_blocks": (body(b"\x0c\x05"), "", VOID),
    "stack_underflow": (body(DROP * 3), "", VOID),
    "blocks_unclosed": (body(b"\x02\x40" * 1000), "", VOID),
    "block_type_out_of_range": (body(b"\x02\xff\xff\x01\x0b"), "", VOID),
    "call_out_of_range": (body(call(4096)), "", VOID),
    "memory_pages_65537": (body(b"", memory=b"\x00" + leb(65537)), "", VOID),
    "functions_million": (raw(section(1, vec([functype()])), section(3, leb(1000001) + bytes(1000001))), "functions count", VOID),
    "types_million": (raw(section(1, leb(1000001) + functype() * 1000001)), "types count", VOID),
    "imports_million": (raw(section(2, leb(1000001))), "imports count", VOID),
    "imports_90000": ((lambda m: (setattr(m, "imports", [name(PREVIEW1) + name("fd_close") + b"\x00" + leb(m.type("i", "i"))] * 90000), m.bytes())[1])(Module()),
                      "instance size", VOID),
    "exports_million": (raw(section(7, leb(1000001))), "exports count", VOID),
    "tables_101": ((lambda m: (setattr(m, "tables", [b"\x70\x00\x01"] * 101), m.bytes())[1])(Module()), "tables count", VOID),
    "globals_million": (raw(section(6, leb(1000001))), "globals count", VOID),
    "globals_900000": ((lambda m: (setattr(m, "globals", [b"\x7f\x01" + i32(0) + b"\x0b"] * 900000), m.bytes())[1])(Module()), "instance size", VOID),
    "data_segments_100001": ((lambda m: (setattr(m, "data", [b"\x00" + i32(0) + b"\x0b" + name(b"x")] * 100001), m.bytes())[1])(Module()), "data segments count", VOID),
    "element_segments_100001": ((lambda m: (setattr(m, "elements", [b"\x00" + i32(0) + b"\x0b" + vec([leb(0)])] * 100001), m.bytes())[1])(with_table(b"")),
                                "element segments count", VOID),
    "nested_4_million": (body(b"\x02\x40" * 4000000 + b"\x0b" * 4000000), "size", VOID),
    "br_table_7_million": (body(b"\x02\x40" + i32(0) + b"\x0e" + leb(7000000) + b"\x00" * 7000001 + b"\x0b"), "", VOID),
    "data_count_lies": (raw(section(12, leb(7))) + GOOD[8:], "", VOID),
}

# name: (bytes, stopped_by, part of the sentence or limit, why real)
STOPPED = {
    "start_function_spins": (with_start(loop(b"")), "timeout", "wasm_timeout", "raised"),
    "start_function_recurses": (with_start(call(0)), "stack", "wasm_max_wasm_stack", VOID),
    "start_function_traps": (with_start(UNREACHABLE), "trap", "unreachable", VOID),
    "spin_by_branches": (body(loop(i32(0) + b"\x0d\x00")), "timeout", "wasm_timeout", "longer"),
    "spin_by_tail_call": ((lambda m: (m.function(b"\x12\x00"), setattr(m, "main", call(0)), m.bytes())[2])(Module()), "timeout", "wasm_timeout", "longer"),
    "spin_by_table": (table_module(loop(i32(0) + b"\x0e\x01\x00\x00")), "timeout", "wasm_timeout", "longer"),
    "memory_fill_for_ever": (body(loop(i32(0) + i32(1) + i32(65536 * 160) + b"\xfc\x0b\x00"), memory=b"\x00\xa0\x01"), "timeout", "wasm_timeout", "longer"),
    "memory_copy_for_ever": (body(loop(i32(0) + i32(1) + i32(65536 * 160 - 1) + b"\xfc\x0a\x00\x00"), memory=b"\x00\xa0\x01"), "timeout", "wasm_timeout", "longer"),
    "memory_grow_for_ever": (body(loop(MEMORY_GROW + DROP)), "timeout", "wasm_timeout", "longer"),
    "memory_grow_then_trap": (body(i32(65000) + b"\x40\x00" + DROP + UNREACHABLE), "memory", "refused", "raised"),
    "table_grow_for_ever": (table_module(loop(TABLE_GROW + DROP)), "timeout", "wasm_timeout", "longer"),
    "stack_deep": (recursion(0), "stack", "wasm_max_wasm_stack", VOID),
    "stack_wide": (recursion(5000), "stack", "wasm_max_wasm_stack", VOID),
    "stack_indirect": (table_module(i32(0) + b"\x11\x00\x00", elements=[b"\x00" + i32(0) + b"\x0b" + vec([leb(0)])]), "stack", "wasm_max_wasm_stack", VOID),
    "memory_declared_4GiB": (body(b"", memory=b"\x00" + leb(65536)), "memory", "", "raised"),
    "table_declared_4_billion": (table_module(b"", minimum=0xFFFFFFFF), "memory", "", VOID),
    "table_declared_20_million": (table_module(b"", minimum=9000000), "memory", "", "raised"),
    "exports_99000": ((lambda m: (m.exports.extend((b"e%d" % i, 0, 0) for i in range(99000)), m.bytes())[1])(Module()), None, "", VOID),
    "data_segments_99000": ((lambda m: (setattr(m, "data", [b"\x00" + i32(0) + b"\x0b" + name(b"x")] * 99000), m.bytes())[1])(Module()), None, "", VOID),
    "element_segments_99000": ((lambda m: (setattr(m, "elements", [b"\x00" + i32(0) + b"\x0b" + vec([leb(0)])] * 99000), m.bytes())[1])(with_table(b"")),
                               None, "", VOID),
    "function_7MiB_straight": (body((i32(1) + DROP) * 2400000), None, "", VOID),
    "custom_section_60MiB": ((lambda m: (setattr(m, "custom", section(0, name("x") + bytes(60 << 20))), m.bytes())[1])(Module()), None, "", VOID),
    "locals_50000": (body(b"", locals_=[(50000, I64)]), None, "", VOID),
    "nested_20000": (body(b"\x03\x40" * 20000 + b"\x0b" * 20000), None, "", VOID),
    "memory_fill_200MiB": (body(loop(i32(0) + i32(1) + i32(200 << 20) + b"\xfc\x0b\x00"), memory=b"\x00" + leb(3200)), "timeout", "wasm_timeout", "raised"),
    "memory_copy_200MiB": (body(loop(i32(0) + i32(1) + i32(200 << 20) + b"\xfc\x0a\x00\x00"), memory=b"\x00" + leb(3201)), "timeout", "wasm_timeout", "raised"),
    "table_fill_90000": (table_module(loop(i32(0) + b"\xd0\x70" + i32(90000) + b"\xfc\x11\x00"), minimum=90000), "timeout", "wasm_timeout", VOID),
    "tables_many": ((lambda m: (setattr(m, "tables", [b"\x70\x00\x01"] * 100), m.bytes())[1])(Module()), None, "", VOID),
    "globals_many": ((lambda m: (setattr(m, "globals", [b"\x7f\x01" + i32(0) + b"\x0b"] * 200000), m.bytes())[1])(Module()), None, "", VOID),
    "data_out_of_range": (data_at(65530), "trap", "out of bounds", VOID),
    "data_negative": (data_at(-1), "trap", "out of bounds", VOID),
    "data_wraps": (data_at(0xFFFFFFF8), "trap", "out of bounds", VOID),
    "element_out_of_range": (table_module(b"", elements=[b"\x00" + i32(70000) + b"\x0b" + vec([leb(0)])]), "trap", "out of bounds", VOID),
    "element_negative": (table_module(b"", elements=[b"\x00" + i32(-1) + b"\x0b" + vec([leb(0)])]), "trap", "out of bounds", VOID),
    "load_past_end": (body(i32(65536) + b"\x28\x02\x00" + DROP), "trap", "out of bounds", VOID),
    "load_negative": (body(i32(-4) + b"\x28\x02\x00" + DROP), "trap", "out of bounds", VOID),
    "load_offset_max": (body(i32(-1) + b"\x28\x02\xff\xff\xff\xff\x0f" + DROP), "trap", "out of bounds", VOID),
    "load_8GiB_away": (body(i32(-1) + b"\x29\x03\xf8\xff\xff\xff\x0f" + DROP), "trap", "out of bounds", VOID),
    "store_past_end": (body(i32(65533) + i32(1) + b"\x36\x02\x00"), "trap", "out of bounds", VOID),
    "copy_past_end": (body(i32(0) + i32(65535) + i32(2) + b"\xfc\x0a\x00\x00"), "trap", "out of bounds", VOID),
    "copy_wraps": (body(i32(0) + i32(0xFFFFFFFF) + i32(0xFFFFFFFF) + b"\xfc\x0a\x00\x00"), "trap", "out of bounds", VOID),
    "fill_length_max": (body(i32(0) + i32(7) + i32(-1) + b"\xfc\x0b\x00"), "trap", "out of bounds", VOID),
    "call_null_entry": (table_module(i32(0) + b"\x11\x00\x00"), "trap", "", VOID),
    "call_entry_past_end": (table_module(i32(-1) + b"\x11\x00\x00"), "trap", "", VOID),
    "call_entry_of_other_type": (table_module(i32(1) + i32(0) + b"\x11\x01\x00" + DROP, elements=[b"\x00" + i32(0) + b"\x0b" + vec([leb(0)])]), "trap", "", VOID),
    "divide_by_zero": (body(i32(1) + i32(0) + b"\x6d" + DROP), "trap", "", VOID),
    "divide_overflow": (body(i32(0x80000000) + i32(-1) + b"\x6d" + DROP), "trap", "", VOID),
    "convert_nan": (body(b"\x43\x00\x00\xc0\x7f\xa8" + DROP), "trap", "", VOID),
    "nested_100000": (body(b"\x02\x40" * 100000 + b"\x0b" * 100000), None, "", VOID),
}


def bomb():
    """3 MiB of conditions in conditions: minutes in a compiler, at little memory."""
    return body((i32(1) + b"\x04\x40") * 700000 + b"\x0b" * 700000)


def loops_bomb():
    """200 KiB of loops in loops over twenty thousand variables that all change: hours, or more memory than there is."""
    n, loops = 20000, 300
    code = b"\x03\x40" * loops
    code += b"".join(b"\x20" + leb(i) + b"\x20" + leb((i + 1) % n) + b"\x6a\x21" + leb((i * 31 + 7) % n) for i in range(n))
    code += (i32(0) + b"\x0d\x00\x0b") * loops
    return body(code, locals_=[(n, I32)])


def memory_bomb():
    """5 MiB of indirect calls in one function: gigabytes in a compiler."""
    return with_table((i32(0) + b"\x11\x00\x00") * 1000000).bytes()


def truncations():
    """A module that uses every section, cut at many places."""
    m = Module(i32(1) + DROP)
    m.need("fd_write", "iiii")
    m.function(b"")
    m.start = 1
    m.tables = [b"\x70\x00\x02"]
    m.globals = [b"\x7f\x01" + i32(0) + b"\x0b"]
    m.elements = [b"\x00" + i32(0) + b"\x0b" + vec([leb(1)])]
    m.data = [b"\x00" + i32(8) + b"\x0b" + name(b"text")]
    whole = m.bytes()
    return whole, [whole[:n] for n in list(range(1, 12)) + list(range(12, len(whole) - 1, 9)) + [len(whole) - 1]]
