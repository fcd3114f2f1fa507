"""A case of the WASI suite as a guest: straight-line code that makes the calls of the case in the real worker, keeps each
errno and the memory that the case wants to see, and prints both at its end. Nothing is interpreted and nothing is linked:
the module is made byte by byte (tests/escape/wasm.py), so that what is tested is the call and not a C library above it."""
import os
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "escape"))

import wasm  # noqa: E402

NAMES = """SUCCESS 2BIG ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN ALREADY BADF BADMSG BUSY CANCELED CHILD CONNABORTED CONNREFUSED CONNRESET
DEADLK DESTADDRREQ DOM DQUOT EXIST FAULT FBIG HOSTUNREACH IDRM ILSEQ INPROGRESS INTR INVAL IO ISCONN ISDIR LOOP MFILE MLINK MSGSIZE MULTIHOP
NAMETOOLONG NETDOWN NETRESET NETUNREACH NFILE NOBUFS NODEV NOENT NOEXEC NOLCK NOLINK NOMEM NOMSG NOPROTOOPT NOSPC NOSYS NOTCONN NOTDIR NOTEMPTY
NOTRECOVERABLE NOTSOCK NOTSUP NOTTY NXIO OVERFLOW OWNERDEAD PERM PIPE PROTO PROTONOSUPPORT PROTOTYPE RANGE ROFS SPIPE SRCH STALE TIMEDOUT TXTBSY
XDEV NOTCAPABLE""".split()
E = type("E", (), {("E" + n if n[0].isdigit() else n): i for i, n in enumerate(NAMES)})

CREAT, DIRECTORY, EXCL, TRUNC = 1, 2, 4, 8
APPEND, DSYNC, NONBLOCK, RSYNC, SYNC = 1, 2, 4, 8, 16
FOLLOW = 1
RIGHTS = """fd_datasync fd_read fd_seek fd_fdstat_set_flags fd_sync fd_tell fd_write fd_advise fd_allocate path_create_directory path_create_file
path_link_source path_link_target path_open fd_readdir path_readlink path_rename_source path_rename_target path_filestat_get path_filestat_set_size
path_filestat_set_times fd_filestat_get fd_filestat_set_size fd_filestat_set_times path_symlink path_remove_directory path_unlink_file
poll_fd_readwrite sock_shutdown sock_accept""".split()
R = {name: 1 << i for i, name in enumerate(RIGHTS)}
ALL = (1 << 28) - 1  # of a folder: without the two of sockets
READ = R["fd_read"] | R["fd_seek"] | R["fd_tell"] | R["fd_filestat_get"] | R["fd_readdir"] | R["poll_fd_readwrite"] | R["fd_advise"]
WRITE = (R["fd_write"] | R["fd_seek"] | R["fd_tell"] | R["fd_filestat_get"] | R["fd_filestat_set_size"] | R["fd_filestat_set_times"]
         | R["fd_allocate"] | R["fd_fdstat_set_flags"] | R["fd_sync"] | R["fd_datasync"])
BOTH = READ | WRITE
ROOT = 3

PAGES = 64
CONSTANTS, SLOTS, RESULTS, LOG = 1024, 1 << 20, (1 << 20) + (1 << 18), (1 << 20) + (1 << 18) + (1 << 16)
MEMORY = PAGES << 16


class Slot(int):
    """An address whose 32 bits are the argument."""


class Slot64(int):
    pass


class P(bytes):
    """A text that is given as pointer and length."""


def errno_name(n):
    return NAMES[n] if 0 <= n < len(NAMES) else str(n)


def table():
    rows = wasm.import_table((HERE.parents[1] / "src/sandbox/wasi/inside.h").read_text())
    assert len(rows) == 46, "the table of calls was not found"
    return {name: (params, results) for name, params, results in rows}


TABLE = table()


class Guest:
    """One case while it is written down. Calls are made later, all in one run; wants are checked after it."""

    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.base = self.work.parent
        self.steps, self.wants, self.looks, self.afterwards = [], [], [], []
        self.data, self.constants, self.at = [], {}, CONSTANTS
        self.slot_at, self.log_at = SLOTS, LOG
        self.flags, self.args, self.stdin, self.label = [], [], b"", ""
        self.exit_code, self.stop, self.is_last_exit = 0, "exit", False

    # --- the host's side ---
    def file(self, path, text=b"", root=None):
        p = (root or self.work) / path
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(text if isinstance(text, bytes) else text.encode())

    def dir(self, path, root=None):
        ((root or self.work) / path).mkdir(parents=True, exist_ok=True)

    def link(self, path, target, root=None):
        os.symlink(target, (root or self.work) / path)

    def after(self, what, claim):
        """claim() is asked when the guest has ended."""
        self.afterwards.append((f"{self.label}{what}", claim))

    # --- memory ---
    def const(self, data):
        data = data.encode() if isinstance(data, str) else bytes(data)
        if data not in self.constants:
            self.constants[data] = self.at
            self.data.append((self.at, data))
            self.at += (len(data) + 7) // 8 * 8 + 8
            assert self.at < SLOTS
        return self.constants[data]

    def slot(self, size=8):
        at = self.slot_at
        self.slot_at += (size + 7) // 8 * 8
        assert self.slot_at < RESULTS
        return at

    def iovecs(self, *pairs):
        """A list of buffers: (address, length)."""
        return self.const(b"".join(struct.pack("<II", a & 0xFFFFFFFF, n & 0xFFFFFFFF) for a, n in pairs))

    # --- calls ---
    def call(self, name, *args, want=0):
        """want: an errno, a set of them, or None for any."""
        flat = []
        for a in args:
            if isinstance(a, P):
                flat += [self.const(bytes(a)), len(a)]
            else:
                flat.append(a)
        assert len(flat) == len(TABLE[name][0]), (name, flat)
        self.steps.append(("call", name, flat, len(self.wants) if TABLE[name][1] else None))
        if TABLE[name][1]:
            self.wants.append((f"{self.label}{name}", want, args))

    def look(self, address, size, want, what="memory"):
        """What stands there now: bytes, or a function of them that says whether it is right."""
        self.steps.append(("look", address, size, self.log_at))
        self.looks.append((f"{self.label}{what}", self.log_at, size, want))
        self.log_at += size
        assert self.log_at < MEMORY - 4096

    def look_u32(self, address, want, what="number"):
        self.look(address, 4, lambda b: struct.unpack("<I", b)[0] == want if isinstance(want, int) else want(struct.unpack("<I", b)[0]), what)

    def look_u64(self, address, want, what="number"):
        self.look(address, 8, lambda b: struct.unpack("<Q", b)[0] == want if isinstance(want, int) else want(struct.unpack("<Q", b)[0]), what)

    def poke(self, address, data):
        self.steps.append(("poke", address, self.const(data), len(data)))

    # --- the usual ---
    def open(self, path, oflags=0, rights=READ, fdflags=0, follow=0, dir_=ROOT, inherit=0, want=0):
        out = self.slot()
        self.call("path_open", dir_, follow, P(path.encode() if isinstance(path, str) else path), oflags, rights, inherit, fdflags, out, want=want)
        return Slot(out)

    def close(self, fd, want=0):
        self.call("fd_close", fd, want=want)

    def write(self, fd, data, want=0, count=None, at=None):
        data = data.encode() if isinstance(data, str) else data
        n = self.slot()
        iov = self.iovecs((self.const(data), len(data)))
        if at is None:
            self.call("fd_write", fd, iov, 1, n, want=want)
        else:
            self.call("fd_pwrite", fd, iov, 1, at, n, want=want)
        if want == 0:
            self.look_u32(n, len(data) if count is None else count, "bytes written")

    def read(self, fd, size, text=None, want=0, at=None):
        n, buffer = self.slot(), self.slot(size + 8)
        iov = self.iovecs((buffer, size))
        if at is None:
            self.call("fd_read", fd, iov, 1, n, want=want)
        else:
            self.call("fd_pread", fd, iov, 1, at, n, want=want)
        if text is not None:
            text = text.encode() if isinstance(text, str) else text
            self.look_u32(n, len(text), "bytes read")
            self.look(buffer, len(text), text, "what was read")

    def seek(self, fd, offset, whence, lands=None, want=0):
        out = self.slot()
        self.call("fd_seek", fd, offset, whence, out, want=want)
        if lands is not None:
            self.look_u64(out, lands, "position")

    def tell(self, fd, lands):
        out = self.slot()
        self.call("fd_tell", fd, out)
        self.look_u64(out, lands, "position")

    def stat(self, path, follow=0, want=0, dir_=ROOT, **fields):
        out = self.slot(64)
        self.call("path_filestat_get", dir_, follow, P(path.encode()), out, want=want)
        self.look_fields(out, fields)
        return out

    def fstat(self, fd, want=0, **fields):
        out = self.slot(64)
        self.call("fd_filestat_get", fd, out, want=want)
        self.look_fields(out, fields)
        return out

    def look_fields(self, out, fields):
        for name, value in fields.items():
            at = {"dev": 0, "ino": 8, "type": 16, "nlink": 24, "size": 32, "atim": 40, "mtim": 48, "ctim": 56}[name]
            if name == "type":
                self.look(out + at, 1, bytes([value]), "file type")
            else:
                self.look_u64(out + at, value, name)

    # --- the module ---
    def module(self):
        m = wasm.Module(memory=b"\x00" + wasm.leb(PAGES))
        used = {s[1] for s in self.steps if s[0] == "call"} | {"fd_write"}
        number = {n: m.need(n, *TABLE[n]) for n in TABLE if n in used}
        body = b""
        for step in self.steps:
            if step[0] == "look":
                body += wasm.i32(step[3]) + wasm.i32(step[1]) + wasm.i32(step[2]) + b"\xfc\x0a\x00\x00"
            elif step[0] == "walk":
                body += walk(*step[1:])
            elif step[0] == "poke":
                body += wasm.i32(step[1]) + wasm.i32(step[2]) + wasm.i32(step[3]) + b"\xfc\x0a\x00\x00"
            else:
                _, name, args, result = step
                code = b"".join(self.argument(a, k) for a, k in zip(args, TABLE[name][0])) + wasm.call(number[name])
                body += code if result is None else wasm.i32(RESULTS + 4 * result) + code + b"\x36\x02\x00"
        end = self.iovecs((RESULTS, 4 * len(self.wants)), (LOG, self.log_at - LOG))
        body += wasm.i32(1) + wasm.i32(end) + wasm.i32(2) + wasm.i32(SLOTS - 8) + wasm.call(number["fd_write"]) + wasm.DROP
        m.main, m.main_locals = body, [(2, wasm.I32)]
        m.data = [b"\x00" + wasm.i32(at) + b"\x0b" + wasm.name(data) for at, data in self.data]
        return m.bytes()

    @staticmethod
    def argument(a, kind):
        if isinstance(a, Slot64):
            return wasm.i32(int(a)) + b"\x29\x03\x00"
        if isinstance(a, Slot):
            return wasm.i32(int(a)) + b"\x28\x02\x00"
        return wasm.i64(a) if kind == "I" else wasm.i32(a)

    # --- afterwards ---
    def check(self, out):
        """out: what the guest printed. Gives (checks, failures)."""
        size = 4 * len(self.wants) + self.log_at - LOG
        if self.is_last_exit:
            return len(self.afterwards), [w for w, claim in self.afterwards if not claim()]
        if len(out) < size:
            return 1, [f"printed {len(out)} bytes, not {size}"]
        out = out[-size:] if size else b""
        results = struct.unpack(f"<{len(self.wants)}I", out[:4 * len(self.wants)])
        log = out[4 * len(self.wants):]
        bad = []
        for (what, want, args), got in zip(self.wants, results):
            if want is not None and got != want and not (isinstance(want, (set, frozenset)) and got in want):
                said = errno_name(want) if isinstance(want, int) else sorted(map(errno_name, want))
                bad.append(f"{what}{show(args)}: {errno_name(got)}, not {said}")
        for what, at, n, want in self.looks:
            got = log[at - LOG:at - LOG + n]
            if not (want(got) if callable(want) else got == want):
                bad.append(f"{what}: {got[:80]!r}" + ("" if callable(want) else f", not {want[:80]!r}"))
        bad += [what for what, claim in self.afterwards if not claim()]
        return len(self.wants) + len(self.looks) + len(self.afterwards), bad


def walk(buffer, used, cookie):
    """Puts the cookie of the last whole entry in the buffer at `cookie`, as a C library does before it asks again."""
    get, load = lambda n: b"\x20" + wasm.leb(n), lambda offset: b"\x28\x00" + wasm.leb(offset)  # noqa: E731
    rest = get(1) + get(0) + b"\x6b"
    size = get(0) + load(16) + wasm.i32(24) + b"\x6a"
    code = wasm.i32(buffer) + b"\x21\x00" + wasm.i32(buffer) + wasm.i32(used) + load(0) + b"\x6a\x21\x01"
    take = wasm.i32(cookie) + get(0) + b"\x29\x00\x00\x37\x00\x00" + size + get(0) + b"\x6a\x21\x00\x0c\x02"
    return code + b"\x03\x40" + rest + wasm.i32(24) + b"\x4f\x04\x40" + rest + size + b"\x4f\x04\x40" + take + b"\x0b\x0b\x0b"


def show(args):
    return "(" + ", ".join(re.sub("n{100,}", "n...", repr(bytes(a))[1:]) if isinstance(a, P) else f"*{int(a):#x}" if isinstance(a, (Slot, Slot64)) else str(a) for a in args) + ")"


def entries(data):
    """The entries of fd_readdir's answer: [(next, ino, type, name)]; the last may be cut and is then left out."""
    found = []
    while len(data) >= 24:
        next_, ino, n, kind = struct.unpack("<QQII", data[:24])
        if len(data) < 24 + n:
            break
        found.append((next_, ino, kind & 0xFF, data[24:24 + n].decode()))
        data = data[24 + n:]
    return found


CASES = []


def case(area):
    def note(function):
        CASES.append((area, re.sub("_", " ", function.__name__), function))
        return function
    return note
