"""Preview 1 on open numbers: rights, flags, positions, reading and writing, sizes, times, listing, closing, moving."""
from wasi_guest import *  # noqa: F403

NO_FD = (5, 1000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@case("fd_fdstat")
def what_each_number_says(g):
    g.file("f", "x")
    g.dir("d")
    out = g.slot(24)
    for fd in (0, 1, 2):
        g.call("fd_fdstat_get", fd, out)
        g.look(out, 2, lambda b: b[1] == 0, "padding")
    f = g.open("f", rights=R["fd_read"] | R["fd_seek"])
    g.call("fd_fdstat_get", f, out)
    g.look(out, 24, struct.pack("<BxH4xQQ", 4, 0, R["fd_read"] | R["fd_seek"], 0), "a file")
    d = g.open("d", DIRECTORY, rights=R["fd_readdir"] | R["path_open"], inherit=R["fd_read"])
    g.call("fd_fdstat_get", d, out)
    g.look(out, 24, struct.pack("<BxH4xQQ", 3, 0, R["fd_readdir"] | R["path_open"], R["fd_read"]), "a folder")
    a = g.open("f", rights=BOTH, fdflags=APPEND | NONBLOCK)
    g.call("fd_fdstat_get", a, out)
    g.look(out + 2, 2, struct.pack("<H", APPEND | NONBLOCK), "flags")
    g.call("fd_fdstat_get", f, MEMORY - 24)
    g.call("fd_fdstat_get", f, MEMORY - 23, want=E.FAULT)
    for n in NO_FD[2:]:
        g.call("fd_fdstat_get", n, out, want=E.BADF)


@case("fd_fdstat_set_flags")
def flags_are_set(g):
    g.file("f", "0123")
    f = g.open("f", rights=BOTH)
    out = g.slot(24)
    for flags in (APPEND, NONBLOCK, APPEND | NONBLOCK, 0, APPEND):
        g.call("fd_fdstat_set_flags", f, flags)
        g.call("fd_fdstat_get", f, out)
        g.look(out + 2, 2, struct.pack("<H", flags), "flags")
    g.write(f, "45")
    g.read(f, 4, "", at=6)
    g.read(f, 9, "012345", at=0)
    for flags in (DSYNC, RSYNC, SYNC, DSYNC | APPEND):
        g.call("fd_fdstat_set_flags", f, flags, want=E.NOTSUP)
    for flags in (32, 0x8000, 0xFFFF):
        g.call("fd_fdstat_set_flags", f, flags, want=E.INVAL)
    r = g.open("f", rights=R["fd_read"])
    g.call("fd_fdstat_set_flags", r, 0, want=E.NOTCAPABLE)
    g.call("fd_fdstat_set_flags", 99, 0, want=E.BADF)


@case("fd_fdstat_set_rights")
def rights_only_shrink(g):
    g.file("f", "0123")
    f = g.open("f", rights=BOTH)
    out = g.slot(24)
    mine = BOTH & ~R["fd_readdir"]  # which a file never has
    g.call("fd_fdstat_set_rights", f, BOTH, 0, want=E.NOTCAPABLE)
    g.call("fd_fdstat_set_rights", f, mine & ~R["fd_write"], 0)
    g.write(f, "x", want=E.NOTCAPABLE)
    g.call("fd_fdstat_set_rights", f, mine, 0, want=E.NOTCAPABLE)
    g.call("fd_fdstat_set_rights", f, R["fd_read"], R["fd_read"], want=E.NOTCAPABLE)
    g.call("fd_fdstat_set_rights", f, R["fd_read"], 0)
    g.seek(f, 0, 0, want=E.NOTCAPABLE)
    g.read(f, 2, "01")
    g.call("fd_fdstat_set_rights", f, 0, 0)
    g.read(f, 2, want=E.NOTCAPABLE)
    g.call("fd_fdstat_get", f, out)
    g.look(out + 8, 16, bytes(16), "no rights")
    g.call("fd_fdstat_set_rights", f, (1 << 64) - 1, 0, want=E.NOTCAPABLE)
    g.call("fd_fdstat_set_rights", 99, 0, 0, want=E.BADF)
    g.close(f)


@case("rights")
def each_call_needs_its_right(g):
    """A number with every right but one: the call that needs it is refused, and no other right stands in for it."""
    g.file("f", "0123456789")
    g.dir("d")
    out = g.slot(64)
    iov = g.iovecs((out, 4))
    sink = g.iovecs((g.const("zz"), 2))
    file_calls = {
        "fd_read": [("fd_read", iov, 1, out + 32), ("fd_pread", iov, 1, 0, out + 32)],
        "fd_write": [("fd_write", sink, 1, out + 32), ("fd_pwrite", sink, 1, 0, out + 32)],
        "fd_seek": [("fd_seek", 1, 0, out), ("fd_pread", iov, 1, 0, out + 32), ("fd_pwrite", sink, 1, 0, out + 32)],
        "fd_fdstat_set_flags": [("fd_fdstat_set_flags", 0)],
        "fd_sync": [("fd_sync",)], "fd_datasync": [("fd_datasync",)],
        "fd_advise": [("fd_advise", 0, 0, 0)], "fd_allocate": [("fd_allocate", 0, 1)],
        "fd_filestat_get": [("fd_filestat_get", out)], "fd_filestat_set_size": [("fd_filestat_set_size", 10)],
        "fd_filestat_set_times": [("fd_filestat_set_times", 0, 0, 0)],
    }
    all_file = BOTH
    for right, calls in file_calls.items():
        f = g.open("f", rights=all_file & ~R[right])
        for name, *args in calls:
            g.call(name, f, *args, want=E.NOTCAPABLE)
        for other, others in file_calls.items():
            if other != right:
                for name, *args in others:
                    if not any(name == n for n, *_ in calls):
                        g.call(name, f, *args)
        g.close(f)
    folder = ALL & ~sum(R[r] for r in ("fd_read", "fd_write", "fd_seek", "fd_tell", "fd_allocate",
                                                                                 "fd_filestat_set_size", "fd_datasync"))
    dir_calls = {
        "fd_readdir": ("fd_readdir", out, 32, 0, out + 40), "path_create_directory": ("path_create_directory", P(b"n")),
        "path_readlink": ("path_readlink", P(b"l"), out, 8, out + 40), "path_filestat_get": ("path_filestat_get", 0, P(b"x"), out),
        "path_filestat_set_times": ("path_filestat_set_times", 0, P(b"x"), 0, 0, 0), "path_remove_directory": ("path_remove_directory", P(b"n")),
        "path_unlink_file": ("path_unlink_file", P(b"x")), "path_open": ("path_open", 0, P(b"x"), 0, 0, 0, 0, out),
        "path_create_file": ("path_open", 0, P(b"new"), CREAT, 0, 0, 0, out), "path_filestat_set_size": ("path_open", 0, P(b"x"), TRUNC, 0, 0, 0, out),
    }
    for right, (name, *args) in dir_calls.items():
        d = g.open("d", DIRECTORY, rights=folder & ~R[right], inherit=ALL)
        g.call(name, d, *args, want=E.NOTCAPABLE)
        g.close(d)
    whole = g.open("d", DIRECTORY, rights=folder, inherit=ALL)
    for right, pair in (("path_rename_source", 0), ("path_rename_target", 1), ("path_link_source", 0), ("path_link_target", 1)):
        less = g.open("d", DIRECTORY, rights=folder & ~R[right], inherit=ALL)
        a, b = (less, whole) if pair == 0 else (whole, less)
        if "rename" in right:
            g.call("path_rename", a, P(b"x"), b, P(b"y"), want=E.NOTCAPABLE)
        else:
            g.call("path_link", a, 0, P(b"x"), b, P(b"y"), want=E.NOTCAPABLE)
    less = g.open("d", DIRECTORY, rights=folder & ~R["path_symlink"], inherit=ALL)
    g.call("path_symlink", P(b"t"), less, P(b"l"), want=E.NOTCAPABLE)
    g.after("nothing was made", lambda: list((g.work / "d").iterdir()) == [])


@case("rights")
def what_is_handed_on(g):
    """Rights of what is opened are bounded by what the folder may hand on, bit by bit."""
    g.file("d/f", "0123")
    d = g.open("d", DIRECTORY, rights=R["path_open"], inherit=R["fd_read"] | R["fd_tell"])
    g.read(g.open("f", dir_=d, rights=R["fd_read"]), 4, "0123")
    for right in RIGHTS:
        want = 0 if right in ("fd_read", "fd_tell") else E.NOTCAPABLE
        g.open("f", dir_=d, rights=R[right], want=want)
        g.open("f", dir_=d, rights=R["fd_read"], inherit=R[right], want=want)
    g.open("f", dir_=d, rights=1 << 63, want={0, E.NOTCAPABLE, E.INVAL})


@case("fd_close")
def numbers_are_closed_once(g):
    g.file("f", "x")
    f = g.open("f")
    g.close(f)
    g.close(f, want=E.BADF)
    for n in NO_FD[1:]:
        g.close(n, want=E.BADF)
    again = g.open("f")
    g.look_u32(int(again), 4, "the lowest free number")
    g.close(0)
    g.close(0, want=E.BADF)
    g.close(2)
    first = g.open("f")
    g.look_u32(int(first), 0, "the lowest free number")


@case("fd_close")
def a_preopen_can_be_closed(g):
    g.file("f", "x")
    out = g.slot(16)
    g.call("fd_prestat_get", 3, out)
    g.look(out, 8, struct.pack("<II", 0, 1), "prestat")
    g.call("fd_prestat_dir_name", 3, out, 1)
    g.look(out, 1, b"/", "name")
    g.call("fd_prestat_dir_name", 3, out, 0, want=E.NAMETOOLONG)
    g.call("fd_prestat_dir_name", 3, MEMORY, 1, want=E.FAULT)
    g.call("fd_prestat_get", 3, MEMORY - 7, want=E.FAULT)
    for n in (0, 1, 2, 4, *NO_FD):
        g.call("fd_prestat_get", n, out, want=E.BADF)
        g.call("fd_prestat_dir_name", n, out, 8, want=E.BADF)
    g.close(3)
    g.call("fd_prestat_get", 3, out, want=E.BADF)
    g.open("f", want=E.BADF)


@case("fd_renumber")
def numbers_move(g):
    g.file("a", "aaa")
    g.file("b", "bbb")
    a, b = g.open("a"), g.open("b")
    g.call("fd_renumber", a, b)
    g.read(b, 3, "aaa")
    g.read(a, 3, want=E.BADF)
    g.call("fd_renumber", a, b, want=E.BADF)
    g.call("fd_renumber", b, a, want=E.BADF)
    g.call("fd_renumber", b, b)
    g.call("fd_renumber", b, 0)
    g.read(0, 3, "")
    g.seek(0, 0, 0, 0)
    g.read(0, 3, "aaa")
    for n in (7, *NO_FD[1:]):
        g.call("fd_renumber", 0, n, want=E.BADF)
        g.call("fd_renumber", n, 0, want=E.BADF)
    c = g.open("b")
    g.call("fd_renumber", c, 3)
    g.call("fd_prestat_get", 3, g.slot(), want=E.BADF)
    g.read(3, 3, "bbb")
    g.open("a", want=E.NOTDIR)


@case("fd_seek")
def positions(g):
    g.file("f", "0123456789")
    f = g.open("f", rights=BOTH)
    for offset, whence, lands in ((0, 1, 0), (4, 0, 4), (2, 1, 6), (-1, 1, 5), (0, 2, 10), (-3, 2, 7), (100, 2, 110), (0, 0, 0), ((1 << 63) - 1, 0, (1 << 63) - 1)):
        g.seek(f, offset, whence, lands)
        g.tell(f, lands)
    g.seek(f, 1, 1, want={E.INVAL, E.OVERFLOW})
    g.seek(f, -1, 0, want=E.INVAL)
    g.seek(f, 5, 0, 5)
    g.seek(f, -6, 1, want=E.INVAL)
    g.seek(f, -11, 2, want=E.INVAL)
    for whence in (3, 4, 255):
        g.seek(f, 0, whence, want=E.INVAL)
    g.tell(f, 5)
    g.read(f, 10, "56789")
    g.read(f, 10, "")
    g.call("fd_seek", f, 0, 0, MEMORY - 7, want=E.FAULT)
    g.call("fd_tell", f, MEMORY - 7, want=E.FAULT)
    for n in (0, 1, 2):
        g.seek(n, 0, 0, want=E.SPIPE)
        g.call("fd_tell", n, g.slot(), want=E.SPIPE)
    g.seek(3, 0, 0, want={E.ISDIR, E.BADF, E.NOTCAPABLE})
    g.seek(99, 0, 0, want=E.BADF)
    t = g.open("f", rights=R["fd_tell"])
    g.tell(t, 0)
    g.seek(t, 0, 1, 0)
    g.seek(t, 1, 1, want=E.NOTCAPABLE)
    g.seek(t, 0, 0, want=E.NOTCAPABLE)
    g.seek(t, 0, 2, want=E.NOTCAPABLE)


@case("fd_read")
def scattered(g):
    g.file("f", bytes(range(100)))
    f = g.open("f")
    out, n = g.slot(128), g.slot()
    g.call("fd_read", f, g.iovecs((out, 1), (out + 64, 0), (out + 8, 7), (out + 32, 20)), 4, n)
    g.look_u32(n, 28, "bytes read")
    g.look(out, 1, bytes([0]), "first")
    g.look(out + 8, 7, bytes(range(1, 8)), "second")
    g.look(out + 32, 20, bytes(range(8, 28)), "third")
    g.tell(f, 28)
    g.call("fd_read", f, g.iovecs((out, 4)), 0, n)
    g.look_u32(n, 0, "no buffers")
    g.call("fd_read", f, g.iovecs((out, 0)), 1, n)
    g.look_u32(n, 0, "an empty buffer")
    g.call("fd_read", f, g.iovecs((out, 8), (out + 4, 8)), 2, n)
    g.look(out, 12, bytes(range(28, 32)) + bytes(range(36, 44)), "overlapping buffers: the later one is written last")
    g.call("fd_read", f, g.iovecs((MEMORY - 4, 5)), 1, n, want=E.FAULT)
    g.call("fd_read", f, g.iovecs((out, 4), (MEMORY, 1)), 2, n, want=E.FAULT)
    g.call("fd_read", f, g.iovecs((0xFFFFFFF0, 0x20)), 1, n, want=E.FAULT)
    g.call("fd_read", f, MEMORY - 7, 1, n, want=E.FAULT)
    g.call("fd_read", f, g.iovecs((out, 4)), 1, MEMORY - 3, want=E.FAULT)
    g.call("fd_read", f, g.iovecs((out, 4)), 1025, n, want=E.INVAL)
    g.call("fd_read", f, g.iovecs((out, 4)), 0xFFFFFFFF, n, want=E.INVAL)
    g.tell(f, 44)
    g.read(3, 4, want={E.ISDIR, E.BADF})
    for fd in (99, 0xFFFFFFFF):
        g.read(fd, 4, want=E.BADF)
    g.read(1, 4, want={E.BADF, E.NOTCAPABLE})
    w = g.open("f", rights=R["fd_write"])
    g.read(w, 4, want={E.BADF, E.NOTCAPABLE})


@case("fd_read")
def standard_input(g):
    g.stdin = b"first line\nsecond"
    g.read(0, 5, "first")
    g.read(0, 6, " line\n")
    g.read(0, 100, "second")
    g.read(0, 100, "")
    g.write(0, "x", want={E.BADF, E.NOTCAPABLE})
    g.read(0, 4, want=E.SPIPE, at=0)


@case("fd_write")
def gathered(g):
    g.file("f", "....................")
    f = g.open("f", rights=BOTH)
    n = g.slot()
    a = g.const("abcdef")
    g.call("fd_write", f, g.iovecs((a, 2), (a + 1, 0), (a + 3, 3), (a, 6)), 4, n)
    g.look_u32(n, 11, "bytes written")
    g.tell(f, 11)
    g.read(f, 20, "abdefabcdef.........", at=0)
    g.call("fd_write", f, g.iovecs((a, 2)), 0, n)
    g.look_u32(n, 0, "no buffers")
    g.call("fd_write", f, g.iovecs((MEMORY - 1, 2)), 1, n, want=E.FAULT)
    g.call("fd_write", f, g.iovecs((a, 2), (0xFFFFFFFF, 0xFFFFFFFF)), 2, n, want=E.FAULT)
    g.call("fd_write", f, g.iovecs((a, 2)), 2000, n, want=E.INVAL)
    g.tell(f, 11)
    r = g.open("f")
    g.write(r, "x", want={E.BADF, E.NOTCAPABLE})
    g.write(3, "x", want={E.ISDIR, E.BADF, E.NOTCAPABLE})
    g.write(99, "x", want=E.BADF)
    g.seek(f, 25, 0, 25)
    g.write(f, "end")
    g.after("a hole reads as zeros", lambda: (g.work / "f").read_bytes() == b"abdefabcdef........." + bytes(5) + b"end")


@case("fd_write")
def append(g):
    g.file("f", "start")
    f = g.open("f", rights=BOTH, fdflags=APPEND)
    other = g.open("f", rights=BOTH)
    g.write(f, "-one")
    g.tell(f, 9)
    g.write(other, "S")
    g.seek(f, 0, 0, 0)
    g.write(f, "-two")
    g.read(f, 20, "Start-one-two", at=0)
    g.write(f, "X", at=0)
    g.read(f, 20, "Xtart-one-two", at=0)
    g.call("fd_fdstat_set_flags", f, 0)
    g.seek(f, 1, 0, 1)
    g.write(f, "T")
    g.after("the whole file", lambda: (g.work / "f").read_bytes() == b"XTart-one-two")


@case("fd_pread")
def positional(g):
    g.file("f", "0123456789")
    f = g.open("f", rights=BOTH)
    g.seek(f, 3, 0, 3)
    g.read(f, 4, "2345", at=2)
    g.tell(f, 3)
    g.write(f, "AB", at=8)
    g.tell(f, 3)
    g.read(f, 4, "AB", at=8)
    g.read(f, 4, "", at=10)
    g.read(f, 4, "", at=1 << 40)
    g.write(f, "Z", at=12)
    g.read(f, 9, b"AB\0\0Z", at=8)
    for at in (-1, 1 << 63, (1 << 64) - 2):
        g.read(f, 4, want=E.INVAL, at=at)
        g.write(f, "x", want=E.INVAL, at=at)
    g.write(f, "xx", want=E.FBIG, at=(1 << 63) - 1)
    for fd in (0, 1, 2):
        g.call("fd_pread", fd, g.iovecs((g.slot(), 4)), 1, 0, g.slot(), want={E.SPIPE, E.NOTCAPABLE, E.BADF})
        g.call("fd_pwrite", fd, g.iovecs((g.slot(), 4)), 1, 0, g.slot(), want={E.SPIPE, E.NOTCAPABLE, E.BADF})
    g.read(3, 4, want={E.ISDIR, E.BADF}, at=0)
    g.after("size", lambda: (g.work / "f").stat().st_size == 13)


@case("fd_filestat_set_size")
def sizes(g):
    g.file("f", "0123456789")
    f = g.open("f", rights=BOTH)
    g.seek(f, 8, 0, 8)
    for size in (4, 20, 0, 0, 6):
        g.call("fd_filestat_set_size", f, size)
        g.fstat(f, size=size, type=4)
        g.tell(f, 8)
    g.read(f, 20, bytes(6), at=0)
    g.call("fd_filestat_set_size", f, -1, want={E.INVAL, E.FBIG})
    g.call("fd_filestat_set_size", f, 1 << 63, want={E.INVAL, E.FBIG})
    r = g.open("f")
    g.call("fd_filestat_set_size", r, 0, want={E.NOTCAPABLE, E.BADF})
    for fd in (1, 3):
        g.call("fd_filestat_set_size", fd, 0, want={E.NOTCAPABLE, E.BADF, E.ISDIR, E.INVAL})
    g.call("fd_filestat_set_size", 99, 0, want=E.BADF)


@case("fd_allocate")
def allocated(g):
    g.file("f", "0123")
    f = g.open("f", rights=BOTH)
    for offset, length, size in ((0, 4, 4), (1, 2, 4), (0, 100, 100), (90, 20, 110), (200, 1, 201)):
        g.call("fd_allocate", f, offset, length)
        g.fstat(f, size=size)
    g.read(f, 8, b"0123\0\0\0\0", at=0)
    g.call("fd_allocate", f, 0, 0, want=E.INVAL)
    g.call("fd_allocate", f, 0, -1, want=E.INVAL)
    g.call("fd_allocate", f, -1, 1, want=E.INVAL)
    g.call("fd_allocate", f, (1 << 63) - 1, (1 << 63) - 1, want=E.FBIG)
    g.call("fd_allocate", 99, 0, 1, want=E.BADF)
    g.call("fd_allocate", 3, 0, 1, want={E.ISDIR, E.BADF, E.NOTCAPABLE})
    g.call("fd_allocate", 1, 0, 1, want={E.SPIPE, E.NOTCAPABLE, E.BADF, E.INVAL})


@case("fd_advise")
def advice(g):
    g.file("f", "0123")
    f = g.open("f", rights=BOTH)
    for a in range(6):
        g.call("fd_advise", f, 0, 4, a)
        g.call("fd_advise", f, 100, 0, a)
    for a in (6, 7, 255, 0xFFFFFFFF):
        g.call("fd_advise", f, 0, 4, a, want=E.INVAL)
    g.call("fd_advise", f, 0, -1, 0, want=E.INVAL)
    g.call("fd_advise", f, -1, 1, 0, want=E.INVAL)
    g.call("fd_advise", 3, 0, 0, 0, want=E.BADF)
    g.call("fd_advise", 99, 0, 0, 0, want=E.BADF)


@case("fd_sync")
def syncing(g):
    g.file("f", "0123")
    g.dir("d")
    f = g.open("f", rights=BOTH)
    d = g.open("d", DIRECTORY, rights=R["fd_sync"])
    for name in ("fd_sync", "fd_datasync"):
        g.call(name, f)
        g.call(name, 99, want=E.BADF)
        g.call(name, 1, want={E.INVAL, E.NOTCAPABLE})
    g.call("fd_sync", d)
    g.call("fd_sync", 3)


@case("fd_filestat_get")
def what_a_file_says(g):
    g.file("f", "0123")
    g.link("l", "f")
    g.dir("d")
    f = g.open("f")
    out = g.fstat(f, type=4, size=4, nlink=1)
    for name, follow, kind in (("f", 0, 4), ("l", 1, 4), ("l", 0, 7), ("d", 0, 3), (".", 0, 3), ("d/", 0, 3), ("d/.", 0, 3), ("d/..", 0, 3)):
        g.stat(name, follow, type=kind)
    a, b = g.stat("f"), g.stat("l", 1)
    g.look(a, b + 64 - a, lambda m: m[:64] == m[b - a:b - a + 64], "a link's target is the file itself")
    g.look(out, a + 64 - out, lambda m: m[:40] == m[a - out:a - out + 40], "by number and by name: the same")
    for fd in (0, 1, 2):
        g.fstat(fd)
    g.fstat(99, want=E.BADF)
    g.call("fd_filestat_get", f, MEMORY - 63, want=E.FAULT)
    g.call("path_filestat_get", 3, 0, P(b"f"), MEMORY - 63, want=E.FAULT)
    g.call("path_filestat_get", 3, 2, P(b"f"), out, want=E.INVAL)
    g.call("path_filestat_get", 3, 0xFFFFFFFF, P(b"f"), out, want=E.INVAL)


@case("filestat_set_times")
def times(g):
    g.file("f", "x")
    g.link("l", "f")
    f = g.open("f", rights=BOTH)
    at, mt = 1_000_000_000_123_456_789, 2_000_000_000_987_654_321
    g.call("fd_filestat_set_times", f, at, mt, 1 | 4)
    g.fstat(f, atim=at, mtim=mt)
    g.call("fd_filestat_set_times", f, 5, 6, 4)
    g.fstat(f, atim=at, mtim=6)
    g.call("path_filestat_set_times", 3, 0, P(b"f"), 7, 8, 1)
    g.stat("f", atim=7, mtim=6)
    g.call("path_filestat_set_times", 3, 1, P(b"l"), 9, 10, 5)
    g.stat("f", atim=9, mtim=10)
    g.call("path_filestat_set_times", 3, 0, P(b"l"), 11, 12, 5)
    g.stat("f", atim=9, mtim=10)
    g.stat("l", 0, atim=11, mtim=12)
    g.call("fd_filestat_set_times", f, 0, 0, 2 | 8)
    g.look_u64(g.fstat(f) + 48, lambda v: v > 1_600_000_000 * 10**9, "now")
    for flags in (1 | 2, 4 | 8, 15, 16, 0x8000, 0xFFFF):
        g.call("fd_filestat_set_times", f, 0, 0, flags, want=E.INVAL)
        g.call("path_filestat_set_times", 3, 0, P(b"f"), 0, 0, flags, want=E.INVAL)
    g.call("fd_filestat_set_times", 99, 0, 0, 0, want=E.BADF)
    g.call("fd_filestat_set_times", 1, 0, 0, 5, want={E.INVAL, E.NOTCAPABLE, E.BADF})
    g.call("path_filestat_set_times", 3, 0, P(b"none"), 0, 0, 5, want=E.NOENT)


# --- fd_readdir ---

def listing(size, count):
    def run(g):
        names = {"."} | {".."} | {f"file-{i}-" + "x" * (i % 40) for i in range(count)} | {"sub", "lnk"}
        for i in range(count):
            g.file(f"d/file-{i}-" + "x" * (i % 40))
        g.dir("d/sub")
        g.link("d/lnk", "sub")
        d = g.open("d", DIRECTORY, rights=READ)
        # Asked again with the cookie of the last whole entry, as libraries do; the cookies are known only in the guest.
        buffer, used, cookie = g.slot(size + 32), g.slot(), g.slot()
        g.poke(cookie, bytes(8))
        found = []
        take = lambda b: bool(found.extend(entries(b))) or True  # noqa: E731
        rounds = (count + 4) * 90 // size + 8
        for _ in range(min(rounds, 60)):
            g.poke(buffer, b"\xff" * size)
            g.call("fd_readdir", d, buffer, size, Slot64(cookie), used)
            g.look(used, 4, lambda b: struct.unpack("<I", b)[0] <= size, "bytes")
            g.look(buffer, size, lambda b: take(b[:b.index(b"\xff" * 8)] if b"\xff" * 8 in b else b), "entries")
            g.steps.append(("walk", buffer, used, cookie))
        g.after("every name is listed once", lambda: sorted({e[3] for e in found}) == sorted(names))
        kinds = {"sub": 3, "lnk": 7, ".": 3, "..": 3}
        g.after("types", lambda: all(e[2] == kinds.get(e[3], 4) for e in found))
        g.after("inodes", lambda: all(e[1] == os.lstat(g.work / "d" / e[3]).st_ino for e in found if e[3] not in ("..",)))
    run.__name__ = f"list_{count}_with_buffer_of_{size}"
    return run


for count, size in ((0, 128), (3, 96), (40, 100), (40, 128), (40, 1000), (200, 4096), (300, 65536)):
    case("fd_readdir")(listing(size, count))


@case("fd_readdir")
def small_buffers(g):
    """A buffer that holds no whole entry is filled with what fits; that it is full says that there is more."""
    g.file("d/abcdefghij")
    d = g.open("d", DIRECTORY, rights=READ)
    buffer, used = g.slot(256), g.slot()
    for size in (0, 1, 8, 23, 24, 25, 26):
        g.poke(buffer, b"\xee" * 64)
        g.call("fd_readdir", d, buffer, size, 0, used)
        g.look_u32(used, size, f"buffer of {size} is filled")
        g.look(buffer + size, 8, b"\xee" * 8, "nothing behind it is written")
    g.call("fd_readdir", d, buffer, 256, 0, used)
    g.look_u32(used, 24 * 3 + 1 + 2 + 10, "all of it")
    g.look(buffer, 85, lambda b: sorted(e[3] for e in entries(b)) == [".", "..", "abcdefghij"], "names")
    g.call("fd_readdir", d, MEMORY - 63, 64, 0, used, want=E.FAULT)
    g.call("fd_readdir", d, buffer, 0xFFFFFFFF, 0, used, want=E.FAULT)
    g.call("fd_readdir", d, buffer, 64, 0, MEMORY - 3, want=E.FAULT)
    f = g.open("d/abcdefghij")
    g.call("fd_readdir", f, buffer, 64, 0, used, want=E.NOTDIR)
    g.call("fd_readdir", 1, buffer, 64, 0, used, want={E.NOTDIR, E.BADF, E.NOTCAPABLE})
    g.call("fd_readdir", 99, buffer, 64, 0, used, want=E.BADF)
    n = g.open("d", DIRECTORY, rights=R["path_open"])
    g.call("fd_readdir", n, buffer, 64, 0, used, want=E.NOTCAPABLE)


@case("fd_readdir")
def cookies(g):
    """Cookies given back in any order, of entries and of nowhere: never more than what is there."""
    for i in range(5):
        g.file(f"d/{i}")
    d = g.open("d", DIRECTORY, rights=READ)
    first, buffer, used = g.slot(512), g.slot(512), g.slot()
    g.call("fd_readdir", d, first, 512, 0, used)
    whole = []
    g.look(first, 512, lambda b: bool(whole.extend(entries(b)[:7])) or len(whole) == 7, "seven entries")
    at = 0
    for i in range(3):  # after the first three entries, whose names have 1 or 2 letters: walk by cookie
        g.call("fd_readdir", d, buffer, 512, Slot64(first + at) if i == 0 else 0, used)
        at = 0
        if i == 0:
            g.look(buffer, 512, lambda b: [e[3] for e in entries(b)][:6] == [e[3] for e in whole[1:]], "from the second on")
        else:
            g.look(buffer, 512, lambda b: [e[3] for e in entries(b)][:7] == [e[3] for e in whole], "from the start again")
    for cookie in (1, 12345, (1 << 63) - 1, 1 << 63, (1 << 63) + 77, (1 << 64) - 1):
        g.call("fd_readdir", d, buffer, 512, cookie, used, want={0, E.INVAL, E.NOENT})
    g.call("fd_readdir", d, buffer, 512, 0, used)
    g.look_u32(used, 7 * 24 + 3 + 5, "still all of it")


@case("fd_readdir")
def changes_are_seen(g):
    g.dir("d")
    d = g.open("d", DIRECTORY, rights=READ)
    buffer, used = g.slot(512), g.slot()

    def expect(names):
        g.poke(buffer, bytes(512))
        g.call("fd_readdir", d, buffer, 512, 0, used)
        g.look(buffer, 512, lambda b: sorted(e[3] for e in entries(b) if e[3]) == sorted([".", "..", *names]), f"names {names}")
    expect([])
    g.call("path_create_directory", 3, P(b"d/new"))
    expect(["new"])
    g.close(g.open("d/file", CREAT, rights=BOTH))
    expect(["new", "file"])
    g.call("path_rename", 3, P(b"d/file"), 3, P(b"d/moved"))
    expect(["new", "moved"])
    g.call("path_remove_directory", 3, P(b"d/new"))
    g.call("path_unlink_file", 3, P(b"d/moved"))
    expect([])


@case("dangling fd")
def removed_while_open(g):
    g.file("f", "0123")
    g.dir("d")
    f = g.open("f", rights=BOTH)
    d = g.open("d", DIRECTORY, rights=READ | R["path_open"] | R["path_create_file"], inherit=BOTH)
    g.call("path_unlink_file", 3, P(b"f"))
    g.call("path_remove_directory", 3, P(b"d"))
    g.read(f, 4, "0123", at=0)
    g.write(f, "more", at=4)
    g.fstat(f, nlink=0, size=8)
    g.open("x", CREAT, rights=BOTH, dir_=d, want=E.NOENT)
    g.open("f", want=E.NOENT)
    g.close(f)
    g.close(d)
    g.close(g.open("f", CREAT | EXCL, rights=BOTH))
