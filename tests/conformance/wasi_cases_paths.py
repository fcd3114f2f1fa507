"""Preview 1 on paths, held against the kernel: each row makes the same call on the same tree twice, as a guest through our
WASI and as a plain program of the host, and wants the same errno and the same tree afterwards. Where preview 1 or this
sandbox says something else than Linux, the row of DIFFERS that matches says what and why; a row that is never used fails."""
import ctypes
import errno
import re

from wasi_guest import *  # noqa: F403

LIBC = ctypes.CDLL(None, use_errno=True)
AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW = 0x200, 0x100, 0x400
LONG = "n" * 255

PATHS = ["f", "f/", "f/.", "f/..", "f/x", "d", "d/", "d/.", "d/..", "d//in", "d/in", "d/in/", "d/in/x", "e", "e/", "e//", "e/.", "e/..", "lf", "lf/", "lf/x",
         "ld", "ld/", "ld/.", "ld/in", "ld/..", "ld/up/f", "le", "le/", "dang", "dang/", "dang/x", "loop", "loop/", "loop/x", "none", "none/", "none/x",
         "none/.", "none/..", ".", "./", "./f", "d/../f", "e/../d/in", "d/up/e", "d/none", "ld/none", LONG, LONG + "x", "d/" + LONG + "y"]
FEWER = ["f", "f/", "d", "d/", "d/in", "e", "e/", "e/.", "lf", "lf/", "ld", "ld/", "le", "dang", "dang/", "loop", "none", "none/", "none/x", ".", "d/..", "d/new", "e/new",
         "f/x", "d/in2", LONG + "x"]


def make_tree(root):
    for folder in ("", "/d", "/e"):
        os.mkdir(f"{root}{folder}")
    for name, text in (("f", b"data of f"), ("d/in", b"inner")):
        fd = os.open(f"{root}/{name}", os.O_CREAT | os.O_WRONLY)
        os.write(fd, text)
        os.close(fd)
    for name, to in (("lf", "f"), ("ld", "d"), ("le", "e"), ("dang", "gone"), ("loop", "loop"), ("d/up", "..")):
        os.symlink(to, f"{root}/{name}")


def tree_of(root):
    out = {}
    for folder, names, files in os.walk(root):
        for n in names + files:
            p = os.path.join(folder, n)
            kind = "link" if os.path.islink(p) else "dir" if os.path.isdir(p) else "file"
            content = os.readlink(p) if kind == "link" else open(p, "rb").read() if kind == "file" else None
            out[os.path.relpath(p, root)] = (kind, content, os.lstat(p).st_nlink if kind == "file" else 0)
    return out


def native(function, *args):
    """The errno of the host as a number of preview 1; the two lists have the same names."""
    ctypes.set_errno(0)
    r = getattr(LIBC, function)(*[a.encode() if isinstance(a, str) else a for a in args])
    if r >= 0:
        if function == "openat":
            os.close(r)
        return 0
    name = {"EOPNOTSUPP": "NOTSUP", "E2BIG": "E2BIG"}.get(errno.errorcode[ctypes.get_errno()], errno.errorcode[ctypes.get_errno()][1:])
    return getattr(E, name)


# (call, when(row), errno, why). A row is the keyword arguments of compare().
DIFFERS = []


def differs(call, when, want, why):
    DIFFERS.append([call, when, want, why, 0])


class Rows:
    """Pairs of trees; each row uses one of its own and both sides are compared at the end."""

    def __init__(self, g, call):
        self.g, self.call = g, call
        self.host = g.base / "host"
        self.host.mkdir(exist_ok=True)
        self.host_fd = os.open(self.host, os.O_RDONLY | os.O_DIRECTORY)
        self.n = 0
        make_tree(g.base / "tree")
        self.pattern = tree_of(g.base / "tree")

    def row(self, guest, host, may_change=True, **what):
        """guest(prefix) -> arguments of the call; host(prefix) -> (function, arguments). Rows that change nothing share a tree."""
        if may_change or self.n == 0:
            self.n += 1
            for root in (self.g.work, self.host):
                make_tree(root / f"r{self.n - 1}")
        name = f"r{self.n - 1}"
        function, *args = host(name + "/")
        want = native(function, self.host_fd, *args)
        for d in DIFFERS:
            if d[0] == self.call and d[1](want=want, **what):
                if d[2] is not None:
                    want = d[2]
                d[4] += 1
                break
        shown = re.sub("n{100,}", "n...", str(what))
        self.g.label = f"{shown} "
        self.g.call(self.call, *guest(name + "/"), want=want)
        self.g.label = ""
        return name, want

    def same_trees(self, skip=()):
        for i in range(self.n):
            if i not in skip:
                self.g.after(f"row {i} leaves another tree than the kernel",
                             lambda i=i: tree_of(self.g.work / f"r{i}") == tree_of(self.host / f"r{i}"))


def p(prefix, path):
    return P((prefix + path).encode())


def opening(oflags):
    def run(g):
        rows = Rows(g, "path_open")
        skip = set()
        may_change = oflags & (CREAT | TRUNC) != 0 and oflags & (CREAT | DIRECTORY) != CREAT | DIRECTORY
        for path in PATHS:
            for follow in (0, 1):
                for rights, mode in ((R["fd_read"], os.O_RDONLY), (R["fd_write"], os.O_WRONLY), (R["fd_read"] | R["fd_write"], os.O_RDWR)):
                    if may_change and mode == os.O_RDWR:
                        continue
                    flags = mode | (0 if follow else os.O_NOFOLLOW) | os.O_CLOEXEC
                    for bit, flag in ((CREAT, os.O_CREAT), (DIRECTORY, os.O_DIRECTORY), (EXCL, os.O_EXCL), (TRUNC, os.O_TRUNC)):
                        flags |= flag if oflags & bit else 0
                    if not oflags & CREAT:
                        flags &= ~os.O_EXCL  # means nothing by itself
                    out = g.slot()
                    g.data.append((out, b"\xff\xff\xff\xff"))
                    n, want = rows.row(lambda d: (ROOT, follow, p(d, path), oflags, rights, 0, 0, out), lambda d: ("openat", d + path, flags, 0o666),
                                       may_change, path=path, oflags=oflags, follow=follow, write=mode != os.O_RDONLY)
                    if may_change and tree_changes(rows, n, want):
                        skip.add(rows.n - 1)
                    g.call("fd_close", Slot(out), want=None)
        rows.same_trees(skip)
    names = [n for b, n in ((CREAT, "creat"), (DIRECTORY, "directory"), (EXCL, "excl"), (TRUNC, "trunc")) if oflags & b]
    run.__name__ = "open_" + ("_".join(names) or "plain")
    return run


def tree_changes(rows, name, want):
    """Refused here although the kernel did it: the host's tree has changed and is no reference."""
    return want != 0 and tree_of(rows.host / name) != rows.pattern


for flags in (0, CREAT, DIRECTORY, CREAT | DIRECTORY, EXCL, CREAT | EXCL, TRUNC, CREAT | TRUNC, DIRECTORY | TRUNC, CREAT | EXCL | TRUNC):
    case("path_open")(opening(flags))


def one_name(call, host, *after):
    def run(g):
        rows = Rows(g, call)
        for path in PATHS:
            rows.row(lambda d: (ROOT, p(d, path), *after), lambda d: host(d + path), path=path)
        rows.same_trees()
    run.__name__ = call
    return run


case("path_create_directory")(one_name("path_create_directory", lambda path: ("mkdirat", path, 0o777)))
case("path_remove_directory")(one_name("path_remove_directory", lambda path: ("unlinkat", path, AT_REMOVEDIR)))
case("path_unlink_file")(one_name("path_unlink_file", lambda path: ("unlinkat", path, 0)))


@case("path_filestat_get")
def stat_of_every_path(g):
    rows = Rows(g, "path_filestat_get")
    buffer = ctypes.create_string_buffer(256)
    for path in PATHS:
        for follow in (0, 1):
            rows.row(lambda d: (ROOT, follow, p(d, path), g.slot(64)), lambda d: ("fstatat", d + path, buffer, 0 if follow else AT_SYMLINK_NOFOLLOW), False,
                     path=path, follow=follow)


@case("path_filestat_set_times")
def times_of_every_path(g):
    rows = Rows(g, "path_filestat_set_times")
    for path in PATHS:
        for follow in (0, 1):
            rows.row(lambda d: (ROOT, follow, p(d, path), 0, 0, 2 | 8), lambda d: ("utimensat", d + path, None, 0 if follow else AT_SYMLINK_NOFOLLOW),
                     False, path=path, follow=follow)


@case("path_readlink")
def readlink_of_every_path(g):
    rows = Rows(g, "path_readlink")
    buffer = ctypes.create_string_buffer(256)
    for path in PATHS:
        rows.row(lambda d: (ROOT, p(d, path), g.slot(64), 64, g.slot()), lambda d: ("readlinkat", d + path, buffer, ctypes.c_size_t(255)), False, path=path)


@case("path_readlink")
def readlink_cuts_to_the_buffer(g):
    g.link("l", "0123456789")
    out, n = g.slot(32), g.slot()
    for size in (0, 1, 5, 10, 32):
        g.poke(out, b"\xee" * 32)
        g.call("path_readlink", 3, P(b"l"), out, size, n)
        g.look_u32(n, min(size, 10), "length")
        g.look(out, 32, (b"0123456789"[:size]).ljust(32, b"\xee"), "text")
    g.call("path_readlink", 3, P(b"l"), MEMORY - 4, 5, n, want=E.FAULT)
    g.call("path_readlink", 3, P(b"l"), out, 0xFFFFFFFF, n, want=E.FAULT)
    g.call("path_readlink", 3, P(b"l"), out, 8, MEMORY - 3, want=E.FAULT)


@case("path_symlink")
def symlink_at_every_path(g):
    rows = Rows(g, "path_symlink")
    for path in PATHS:
        # the host's function takes the text first
        def host(d, path=path):
            return ("symlinkat_", d + path)
        rows.row(lambda d: (P(b"f"), ROOT, p(d, path)), host, path=path)
    rows.same_trees()


@case("path_symlink")
def texts_of_links(g):
    g.dir("a/b")
    for i, text in enumerate(("x", "b/..", "../a", "./x/../y", "b/../../a", "no/such/place", "ünï", "..", "../..", "b/../..")):
        want = E.NOTCAPABLE if text in ("../..", "b/../../..") else 0
        g.call("path_symlink", P(text.encode()), 3, P(f"a/l{i}".encode()), want=want)
        if want == 0:
            g.after(f"text {text}", lambda i=i, text=text: os.readlink(g.work / f"a/l{i}") == text)
    for text, want in (("/etc/passwd", E.NOTCAPABLE), ("../../x", E.NOTCAPABLE), ("", {E.NOENT, E.INVAL}), ("a\0b", {E.INVAL, E.ILSEQ}), (b"\xff", {E.ILSEQ, E.INVAL}),
                       ("x" * 4097, E.NAMETOOLONG)):
        g.call("path_symlink", P(text.encode() if isinstance(text, str) else text), 3, P(b"a/bad"), want=want)
    g.after("no bad link was made", lambda: not os.path.lexists(g.work / "a/bad"))


def two_names(call, guest, host, froms, tos, **more):
    def run(g):
        rows = Rows(g, call)
        skip = set()
        for a in froms:
            for b in tos:
                n, want = rows.row(lambda d: guest(d, a, b), lambda d: host(d + a, d + b), path=a, to=b, **more)
                if tree_changes(rows, n, want):
                    skip.add(rows.n - 1)
        rows.same_trees(skip)
    return run


def renaming(a, b):
    return ("renameat_", a, b)


for i in range(0, len(FEWER), 13):
    part = two_names("path_rename", lambda d, a, b: (ROOT, p(d, a), ROOT, p(d, b)), renaming, FEWER[i:i + 13], FEWER)
    part.__name__ = f"rename_pairs_{i // 13 + 1}"
    case("path_rename")(part)

for follow in (0, 1):
    part = two_names("path_link", lambda d, a, b, follow=follow: (ROOT, follow, p(d, a), ROOT, p(d, b)),
                     lambda a, b, follow=follow: ("linkat_", a, b, AT_SYMLINK_FOLLOW if follow else 0), FEWER,
                     ["none", "none/", "f", "d", "e/new", "dang", "ld/x", "lf", "none/x", ".", "f/x"], follow=follow)
    part.__name__ = "link_pairs_followed" if follow else "link_pairs"
    case("path_link")(part)


class Arranged:
    """Functions of the host whose arguments have another order than (folder, path)."""

    def __getattr__(self, name):
        if name == "symlinkat_":
            return lambda fd, path: LIBC_REAL.symlinkat(b"f", fd, path)
        if name == "renameat_":
            return lambda fd, a, b: LIBC_REAL.renameat(fd, a, fd, b)
        if name == "linkat_":
            return lambda fd, a, b, flags: LIBC_REAL.linkat(fd, a, fd, b, flags)
        return getattr(LIBC_REAL, name)


LIBC_REAL, LIBC = LIBC, Arranged()


# --- names that no tree decides ---

@case("paths")
def names_that_are_none(g):
    g.dir("d")
    out = g.slot(64)
    for bad, want in ((b"", E.NOENT), (b"a\0b", E.INVAL), (b"\0", E.INVAL), (b"\xff\xfe", E.ILSEQ), (b"a\xc3", E.ILSEQ), (b"\xed\xa0\x80", E.ILSEQ),
                      (b"x" * 256, E.NAMETOOLONG), (b"x" * 4096, E.NAMETOOLONG), (b"x" * 5000, E.NAMETOOLONG)):
        want = {want, E.INVAL} if want == E.ILSEQ else want
        name = P(bad)
        g.call("path_open", 3, 0, name, 0, 0, 0, 0, out, want=want)
        g.call("path_open", 3, 0, name, CREAT, R["fd_write"], 0, 0, out, want=want)
        g.call("path_create_directory", 3, name, want=want)
        g.call("path_remove_directory", 3, name, want=want)
        g.call("path_unlink_file", 3, name, want=want)
        g.call("path_filestat_get", 3, 0, name, out, want=want)
        g.call("path_filestat_set_times", 3, 0, name, 0, 0, 5, want=want)
        g.call("path_readlink", 3, name, out, 8, out, want=want)
        g.call("path_rename", 3, name, 3, P(b"t"), want=want)
        g.call("path_rename", 3, P(b"d"), 3, name, want=want)
        g.call("path_link", 3, 0, name, 3, P(b"t"), want=want)
        g.call("path_symlink", P(b"t"), 3, name, want=want)
    for call, *args in (("path_create_directory",), ("path_remove_directory",), ("path_unlink_file",)):
        g.call(call, 3, MEMORY - 1, 2, *args, want=E.FAULT)
        g.call(call, 3, 0xFFFFFFFF, 1, *args, want=E.FAULT)
        g.call(call, 3, 64, 0xFFFFFFFF, *args, want={E.FAULT, E.NAMETOOLONG})
    g.after("nothing was made", lambda: sorted(os.listdir(g.work)) == ["d"])


@case("paths")
def nothing_above_the_folder(g):
    g.file("d/in", "x")
    g.file("f", "x")
    (g.base / "secret").write_text("secret")
    g.link("out", "../secret")
    g.link("outdir", "..")
    g.link("abs", str(g.base))
    g.link("d/out", "../../secret")
    g.link("d/ok", "../f")
    d = g.open("d", DIRECTORY, rights=ALL & ~(R["fd_read"] | R["fd_write"] | R["fd_seek"] | R["fd_tell"] | R["fd_allocate"] | R["fd_filestat_set_size"]
                                             | R["fd_datasync"] | R["sock_accept"] | R["sock_shutdown"]), inherit=BOTH)
    out = g.slot(64)
    tries = [(3, t) for t in ("..", "../", "../secret", "d/../../secret", "/etc/passwd", "/", "//f", "out", "outdir/secret", "outdir", "abs", "abs/secret", "d/out",
                              "d/../out", "./../f")]
    tries += [(d, t) for t in ("..", "../f", "./../f", "in/../../f", "out", "ok", "/in", "../d/in")]
    for fd, t in tries:
        climbs = {E.NOTCAPABLE} if not t.startswith("in/") else {E.NOTCAPABLE, E.NOTDIR}
        name = P(t.encode())
        for follow in (0, 1):
            links = climbs | ({E.LOOP} if not follow else set())
            is_link = t.split("/")[-1] in ("out", "outdir", "abs", "ok")
            g.label = f"{t} follow={follow} "
            g.call("path_open", fd, follow, name, 0, R["fd_read"], 0, 0, out, want=links if is_link else climbs)
            g.call("path_open", fd, follow, name, CREAT | TRUNC, R["fd_write"], 0, 0, out, want=links if is_link else climbs)
            if follow or not is_link:
                g.call("path_filestat_get", fd, follow, name, out, want=climbs)
                g.call("path_filestat_set_times", fd, follow, name, 0, 0, 10, want=climbs)
        g.label = f"{t} "
        if not is_link:
            for call in ("path_create_directory", "path_remove_directory", "path_unlink_file"):
                g.call(call, fd, name, want=climbs)
            g.call("path_readlink", fd, name, out, 8, out + 16, want=climbs)
            g.call("path_symlink", P(b"x"), fd, name, want=climbs)
            g.call("path_rename", fd, name, 3, P(b"t"), want=climbs)
            g.call("path_rename", 3, P(b"f"), fd, name, want=climbs)
            g.call("path_link", fd, 0, name, 3, P(b"t"), want=climbs)
            g.call("path_link", 3, 0, P(b"f"), fd, name, want=climbs)
    g.after("outside is as it was", lambda: (g.base / "secret").read_text() == "secret" and not (g.work / "t").exists())


@case("paths")
def a_number_that_is_no_folder(g):
    g.file("f", "x")
    f = g.open("f", rights=BOTH)
    out = g.slot(64)
    for fd, want in ((f, {E.NOTDIR}), (0, {E.NOTDIR, E.BADF}), (1, {E.NOTDIR, E.BADF}), (99, {E.BADF}), (0xFFFFFFFF, {E.BADF})):
        g.call("path_open", fd, 0, P(b"x"), 0, 0, 0, 0, out, want=want)
        g.call("path_create_directory", fd, P(b"x"), want=want)
        g.call("path_remove_directory", fd, P(b"x"), want=want)
        g.call("path_unlink_file", fd, P(b"x"), want=want)
        g.call("path_filestat_get", fd, 0, P(b"x"), out, want=want)
        g.call("path_filestat_set_times", fd, 0, P(b"x"), 0, 0, 0, want=want)
        g.call("path_readlink", fd, P(b"x"), out, 8, out, want=want)
        g.call("path_symlink", P(b"t"), fd, P(b"x"), want=want)
        g.call("path_rename", fd, P(b"x"), 3, P(b"y"), want=want)
        g.call("path_rename", 3, P(b"f"), fd, P(b"y"), want=want)
        g.call("path_link", fd, 0, P(b"x"), 3, P(b"y"), want=want)
        g.call("path_link", 3, 0, P(b"f"), fd, P(b"y"), want=want)


@case("path_open")
def bits_that_do_not_exist(g):
    g.file("f", "x")
    out = g.slot()
    for oflags in (16, 0x80, 0xFFF0):
        g.call("path_open", 3, 0, P(b"f"), oflags, R["fd_read"], 0, 0, out, want=E.INVAL)
    for fdflags in (32, 0x8000, 0xFFE0):
        g.call("path_open", 3, 0, P(b"f"), 0, R["fd_read"], 0, fdflags, out, want=E.INVAL)
    for lookup in (2, 4, 0x80000001, 0xFFFFFFFF):
        g.call("path_open", 3, lookup, P(b"f"), 0, R["fd_read"], 0, 0, out, want=E.INVAL)
    g.call("path_open", 3, 0, P(b"f"), 0, R["fd_read"], 0, 0, MEMORY - 3, want=E.FAULT)
    g.after("no number was used up", lambda: True)
    g.look_u32(int(g.open("f")), 4, "the first free number")


@case("path_link")
def hard_links_are_one_file(g):
    g.file("f", "one")
    g.dir("d")
    g.call("path_link", 3, 0, P(b"f"), 3, P(b"d/g"))
    g.stat("f", nlink=2)
    a = g.open("d/g", rights=BOTH)
    g.write(a, "two")
    g.read(g.open("f"), 5, "two")
    g.call("path_unlink_file", 3, P(b"f"))
    g.stat("d/g", nlink=1)
    g.read(g.open("d/g"), 5, "two")
    g.call("path_link", 3, 0, P(b"d/g"), 3, P(b"d/g"), want=E.EXIST)
    g.call("path_link", 3, 0, P(b"d"), 3, P(b"h"), want=E.PERM)
    g.call("path_link", 3, 2, P(b"d/g"), 3, P(b"h"), want=E.INVAL)
    d = g.open("d", DIRECTORY, rights=R["path_link_source"] | R["path_link_target"])
    g.call("path_link", d, 0, P(b"g"), 3, P(b"back"))
    g.after("both names", lambda: os.path.samefile(g.work / "back", g.work / "d/g"))


@case("path_rename")
def rename_over_what_is_open(g):
    g.file("new", "new text")
    g.file("old", "old text")
    g.dir("a/sub")
    g.dir("b")
    old = g.open("old", rights=BOTH)
    a = g.open("a", DIRECTORY, rights=R["path_open"] | R["path_filestat_get"] | R["path_create_file"], inherit=BOTH)
    g.call("path_rename", 3, P(b"new"), 3, P(b"old"))
    g.read(old, 20, "old text")
    g.fstat(old, nlink=0)
    g.read(g.open("old"), 20, "new text")
    g.call("path_rename", 3, P(b"a"), 3, P(b"b/moved"))
    g.stat("sub", dir_=a, type=3)
    g.close(g.open("made", CREAT, rights=BOTH, dir_=a))
    g.after("the folder went along", lambda: (g.work / "b/moved/made").is_file())
    g.call("path_rename", 3, P(b"b"), 3, P(b"b/moved/below"), want=E.INVAL)


# --- where we say something else than Linux ---

LINKS = ("lf", "ld", "le", "dang", "loop")
differs("path_open", lambda path, follow, want, **_: path in LINKS and not follow and want == E.NOTDIR, E.LOOP,
        "a link that is not followed says that it is one, also when a folder was asked for")
differs("path_open", lambda path, oflags, want, **_: path[-1] == "/" and oflags & EXCL and oflags & CREAT and want == E.ISDIR and path.rstrip("/") not in ("none", "d/none"), E.EXIST,
        "what is there exists, whatever stands behind its name (POSIX); Linux says ISDIR to every creation with a slash")
differs("path_open", lambda path, want, **_: path in ("f/", "d/in/", "lf/") and want == E.ISDIR, E.NOTDIR,
        "a file with a slash behind it is no folder (POSIX); Linux says ISDIR to every creation with a slash")
differs("path_open", lambda path, want, **_: path == "loop/" and want == E.ISDIR, E.LOOP, "two faults at once: the loop is named first")
differs("path_remove_directory", lambda path, want, **_: path.endswith("..") and want == E.NOTEMPTY, E.INVAL, "'.' and '..' are no names that could be removed")
differs("path_symlink", lambda path, want, **_: path[-1] == "/" and path.rstrip("/") in ("f", "d/in", *LINKS) and want == E.EXIST, E.NOTDIR,
        "a slash behind what is no folder; the public suite takes both")
differs("path_rename", lambda path, to, want, **_: path.rstrip("/") == "d" and to == "d/in" and want == E.INVAL, E.NOTDIR, "two faults at once: a file in the way is named first")
differs("path_rename", lambda path, to, want, **_: path == "d/in" and to == "d" and want == E.NOTEMPTY, E.ISDIR, "two faults at once: a folder in the way is named first")
differs("path_rename", lambda path, to, want, **_: LONG + "x" in (path, to) and path not in ("none/x", "f/x") and want != E.NAMETOOLONG, E.NAMETOOLONG,
        "two faults at once: paths are looked at before what they name")
differs("path_link", lambda path, to, want, **_: path != "none/x" and to == "." and want == E.NOENT, E.EXIST, "two faults at once: the new name is looked at before the old one")
differs("path_link", lambda path, to, want, **_: path != "none/x" and to == "f/x" and want == E.NOENT, E.NOTDIR, "two faults at once: the new name is looked at before the old one")
