"""WebAssembly modules by hand: as little as the corpus needs to say things that no compiler would."""
import re

I32, I64, F32, F64, V128, FUNCREF = 0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70
PREVIEW1 = "wasi_snapshot_preview1"


def leb(n):
    out = bytearray()
    while True:
        n, byte = n >> 7, n & 0x7F
        out.append(byte | (0x80 if n else 0))
        if not n:
            return bytes(out)


def sleb(n):
    out = bytearray()
    while True:
        byte, n = n & 0x7F, n >> 7
        last = (n == 0 and not byte & 0x40) or (n == -1 and byte & 0x40)
        out.append(byte | (0 if last else 0x80))
        if last:
            return bytes(out)


def vec(items):
    return leb(len(items)) + b"".join(items)


def name(text):
    data = text if isinstance(text, bytes) else text.encode()
    return leb(len(data)) + data


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def i32(n):
    n &= 0xFFFFFFFF
    return b"\x41" + sleb(n - (1 << 32) if n >> 31 else n)


def i64(n):
    n &= (1 << 64) - 1
    return b"\x42" + sleb(n - (1 << 64) if n >> 63 else n)


def call(n):
    return b"\x10" + leb(n)


def loop(body):
    """Forever."""
    return b"\x03\x40" + body + b"\x0c\x00\x0b"


def kinds(text):
    return bytes(I64 if c == "I" else I32 for c in text)


def functype(params=b"", results=b""):
    return b"\x60" + leb(len(params)) + params + leb(len(results)) + results


HEAD = b"\0asm\1\0\0\0"
DROP, UNREACHABLE, RETURN = b"\x1a", b"\x00", b"\x0f"


class Module:
    """Sections in the order of the format. Functions are (type, locals as [(count, type)], body without its end)."""

    def __init__(self, body=b"", memory=b"\x00\x01", locals_=()):
        self.types, self.imports, self.functions = [functype()], [], []
        self.tables, self.globals, self.elements, self.data = [], [], [], []
        self.memories = [memory] if memory is not None else []
        self.start = None
        self.exports = [(b"memory", 2, 0)] if memory is not None else []
        self.custom = b""
        self.main = body
        self.main_locals = list(locals_)

    def type(self, params="", results=""):
        t = functype(kinds(params), kinds(results))
        if t not in self.types:
            self.types.append(t)
        return self.types.index(t)

    def need(self, function, params="", results="i", module=PREVIEW1):
        self.imports.append(name(module) + name(function) + b"\x00" + leb(self.type(params, results)))
        return len(self.imports) - 1

    def function(self, body, locals_=(), type_=0):
        self.functions.append((type_, list(locals_), body))
        return len(self.functions) - 1 # + function imports: see index()

    def index(self, n):
        return self.function_imports() + n

    def function_imports(self):
        return len(self.imports) - getattr(self, "other_imports", 0)

    def bytes(self):
        functions = self.functions + [(0, self.main_locals, self.main)]
        exports = self.exports + [(b"_start", 0, self.function_imports() + len(functions) - 1)]
        bodies = []
        for _, locals_, body in functions:
            code = vec([leb(n) + bytes([t]) for n, t in locals_]) + body + b"\x0b"
            bodies.append(leb(len(code)) + code)
        out = HEAD + section(1, vec(self.types))
        out += section(2, vec(self.imports)) if self.imports else b""
        out += section(3, vec([leb(t) for t, _, _ in functions]))
        out += section(4, vec(self.tables)) if self.tables else b""
        out += section(5, vec(self.memories)) if self.memories else b""
        out += section(6, vec(self.globals)) if self.globals else b""
        out += section(7, vec([name(n) + bytes([k]) + leb(i) for n, k, i in exports]))
        out += section(8, leb(self.start)) if self.start is not None else b""
        out += section(9, vec(self.elements)) if self.elements else b""
        out += section(10, vec(bodies))
        out += section(11, vec(self.data)) if self.data else b""
        return out + self.custom


def import_table(header):
    """The rows X(name, "params", "results") of src/sandbox/wasi/inside.h: the 46 functions as we link them."""
    return re.findall(r'X\((\w+), "(\w*)", "(\w*)"\)', header)


# Values for a pointer, length, flag or number that nobody should give, for a memory of one page.
HOSTILE = [0, 1, 3, 7, 255, 1024, 1025, 4095, 4096, 65520, 65532, 65535, 65536, 65537, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFC, 0xFFFFFFFF]
HOSTILE64 = HOSTILE + [1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


def hostile_calls(rows, rounds, seed):
    """Each call, each parameter, each hostile value; then calls with all parameters at random. Ends with proc_exit(0), so that
    an ordinary end says that every call came back. A canary stands where no pointer of ours points."""
    import random
    rng = random.Random(seed)
    m = Module()
    numbers = {f: m.need(f, params, results) for f, params, results in rows}
    calls = []
    for f, params, results in rows:
        if f in ("proc_exit", "poll_oneoff", "fd_close", "fd_renumber"):
            continue
        tuples = []
        for at, kind in enumerate(params):
            for value in HOSTILE64 if kind == "I" else HOSTILE:
                args = [3] + [64] * (len(params) - 1)
                args[at] = value
                tuples.append(args)
        for _ in range(rounds):
            tuples.append([rng.choice([0, 1, 2, 3, 3, 3, 4]) if at == 0 else rng.choice(HOSTILE64 if kind == "I" else HOSTILE)
                           for at, kind in enumerate(params)])
        calls += [(f, params, results, args) for args in tuples]
    polls = [("poll_oneoff", "iiii", "i", [a, b, c, d]) for a in (64, 65532, 0xFFFFFFF0) for b in (64, 65532, 0xFFFFFFFF)
             for c in (0, 1, 3, 4097, 0x10000000, 0xFFFFFFFF) for d in (64, 65533, 0xFFFFFFFF)]
    last = [("fd_renumber", "ii", "i", [a, b]) for a in (0, 3, 0x80000000, 0xFFFFFFFF) for b in (1, 900, 0xFFFFFFFF)]
    last += [("fd_close", "i", "i", [n]) for n in (0xFFFFFFFF, 0x80000000, 1000, 3, 3, 0, 1, 2)]
    body = b""
    for f, params, results, args in calls + polls + last:
        body += b"".join(i64(v) if k == "I" else i32(v) for k, v in zip(params, args))
        body += call(numbers[f]) + (DROP if results else b"")
    m.main = body + i32(0) + call(numbers["proc_exit"])
    return m.bytes()


HTTP = "boxagnts_http"


def http_table(source):
    """The rows X(name, "params") of src/sandbox/guest_http.c."""
    return [(f, params, "i") for f, params in re.findall(r'X\((\w+),\s*"(\w+)"\)', source)]


def hostile_http_calls(rows, rounds, seed):
    """Like hostile_calls, for boxagnts_http: unknown handles, pointers and lengths that wrap, thousands of requests. Memory holds a
    method, a URL and headers where the fitting arguments point. Ends with proc_exit(0)."""
    import random
    rng = random.Random(seed)
    m = Module()
    numbers = {f: m.need(f, params, results, HTTP) for f, params, results in rows}
    end = m.need("proc_exit", "i", "", PREVIEW1)
    texts = b"GET" + bytes(61) + b"http://127.0.0.1:9/secret" + bytes(39) + b"x: a\r\ny: b\n"
    m.data = [b"\x00" + i32(1024) + b"\x0b" + leb(len(texts)) + texts]
    fitting = {"request": [1024, 3, 1088, 25, 1152, 0, 0, 0, 512], "error": [2048, 100, 512]}
    calls = []
    for f, params, _ in rows:
        good = fitting.get(f, [1] + [512] * (len(params) - 1))
        for at, kind in enumerate(params):
            for value in HOSTILE64 if kind == "I" else HOSTILE:
                calls.append((f, params, good[:at] + [value] + good[at + 1:]))
        for _ in range(rounds):
            calls.append((f, params, [rng.choice(HOSTILE64 if kind == "I" else HOSTILE) for kind in params]))
    calls += [("request", "iiiiiiIii", [1024, 3, 1088, 25, 1152, 12, 0, 0, 512])]      # CR LF in a header
    calls += [("request", "iiiiiiIii", fitting["request"])] * 3000
    body = b"".join(b"".join(i64(v) if k == "I" else i32(v) for k, v in zip(params, args)) + call(numbers[f]) + DROP
                    for f, params, args in calls)
    m.main = body + i32(0) + call(end)
    return m.bytes()
