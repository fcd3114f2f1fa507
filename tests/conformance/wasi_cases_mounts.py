"""Mounts: read-only ones refuse every change, several, nested and overlapping ones; what a mount hides is not there."""
from wasi_guest import *  # noqa: F403


def with_map(g, host, guest, mode=""):
    g.flags += ["--map-dirs", f"{host}::{guest}" + (f":{mode}" if mode else "")]


def fingerprint(root):
    out = {}
    for path in sorted(root.rglob("*")):
        s = path.lstat()
        out[str(path.relative_to(root))] = (s.st_mode, s.st_nlink, s.st_mtime_ns, os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None)
    return out


def read_only(how):
    def run(g):
        ro = g.base / "ro"
        g.file("f", "kept", root=ro)
        g.file("d/in", "inner", root=ro)
        g.dir("e", root=ro)
        g.link("l", "f", root=ro)
        if how == "mapped beside":
            with_map(g, ro, "/ro")
        elif how == "mapped as the root":
            with_map(g, ro, "/", "ro")
        elif how == "nested in a writable one":
            g.dir("ro")
            with_map(g, ro, "/ro", "ro")
        else:
            g.dir("ro/deep")
            with_map(g, ro, "/ro/deep/down", "ro")
        top = {"mapped as the root": "", "deep": "ro/deep/down/"}.get(how, "ro/")
        out = g.slot(64)
        t = lambda path: P((top + path).encode())  # noqa: E731
        for path in ("f", "d/in", "l"):
            g.call("path_open", 3, 1, t(path), 0, R["fd_read"], 0, 0, out)
            g.call("fd_close", Slot(out))
            for oflags, rights in ((0, R["fd_write"]), (0, R["fd_read"] | R["fd_write"]), (TRUNC, R["fd_read"]), (TRUNC, R["fd_write"]), (CREAT | TRUNC, R["fd_write"]),
                                   (0, R["fd_allocate"]), (0, R["fd_filestat_set_size"])):
                g.call("path_open", 3, 1, t(path), oflags, rights, 0, 0, out, want=E.ROFS)
        for path in ("new", "d/new", "e/new"):
            for oflags in (CREAT, CREAT | EXCL, CREAT | TRUNC):
                g.call("path_open", 3, 0, t(path), oflags, R["fd_write"], 0, 0, out, want=E.ROFS)
                g.call("path_open", 3, 0, t(path), oflags, R["fd_read"], 0, 0, out, want=E.ROFS)
            g.call("path_create_directory", 3, t(path), want=E.ROFS)
            g.call("path_symlink", P(b"f"), 3, t(path), want=E.ROFS)
            g.call("path_link", 3, 0, t("f"), 3, t(path), want=E.ROFS)
            g.call("path_rename", 3, t("f"), 3, t(path), want=E.ROFS)
        for path in ("f", "d/in", "l"):
            g.call("path_unlink_file", 3, t(path), want=E.ROFS)
        g.call("path_remove_directory", 3, t("e"), want=E.ROFS)
        g.call("path_rename", 3, t("e"), 3, t("d"), want=E.ROFS)
        for path in ("f", "d", "e", "l"):
            g.call("path_filestat_set_times", 3, 0, t(path), 1, 1, 5, want=E.ROFS)
        f = g.open((top + "f").encode(), rights=R["fd_read"] | R["fd_filestat_set_times"] | R["fd_fdstat_set_flags"] | R["fd_sync"])
        g.call("fd_filestat_set_times", f, 1, 1, 5, want=E.ROFS)
        g.write(f, "x", want={E.NOTCAPABLE, E.BADF})
        g.write(f, "x", want={E.NOTCAPABLE, E.BADF}, at=0)
        g.call("fd_filestat_set_size", f, 0, want={E.NOTCAPABLE, E.BADF})
        g.call("fd_allocate", f, 0, 100, want={E.NOTCAPABLE, E.BADF})
        g.call("fd_fdstat_set_flags", f, APPEND)
        g.write(f, "x", want={E.NOTCAPABLE, E.BADF})
        g.read(f, 9, "kept")
        before = fingerprint(ro)
        g.after("the folder is as it was", lambda: fingerprint(ro) == before)
    run.__name__ = "read_only_" + how.replace(" ", "_")
    return run


for way in ("mapped beside", "mapped as the root", "nested in a writable one", "deep"):
    case("mounts: read-only")(read_only(way))


@case("mounts: several")
def each_has_its_name(g):
    for name in ("a", "b", "c"):
        g.file("who", name, root=g.base / name)
    g.file("who", "work")
    with_map(g, g.base / "a", "/a", "rw")
    with_map(g, g.base / "b", "/b")
    with_map(g, g.base / "c", "/deep/er/c", "rw")
    g.dir("deep/er")
    out = g.slot(64)
    names = []
    for fd in (3, 4, 5, 6):
        g.call("fd_prestat_get", fd, out)
        g.look(out, 8, lambda b: bool(names.append(struct.unpack("<II", b)[1])) or True, "prestat")
    g.call("fd_prestat_get", 7, out, want=E.BADF)
    g.after("lengths of the names", lambda: sorted(names) == sorted(map(len, ("/", "/a", "/b", "/deep/er/c"))))
    for path, text in (("who", "work"), ("a/who", "a"), ("b/who", "b"), ("deep/er/c/who", "c"), ("a/../b/who", "b"), ("deep/../who", "work")):
        g.read(g.open(path), 9, text)
    for a, b in (("a/who", "x"), ("x", "a/x"), ("a/who", "deep/er/c/y"), ("who", "a/who2"), ("deep/er/c/who", "a/z")):
        g.call("path_rename", 3, P(a.encode()), 3, P(b.encode()), want=E.XDEV if a != "x" else {E.NOENT, E.XDEV})
        g.call("path_link", 3, 0, P(a.encode()), 3, P(b.encode()), want=E.XDEV if a != "x" else {E.NOENT, E.XDEV})
    g.call("path_rename", 3, P(b"who"), 3, P(b"b/who2"), want=E.ROFS)
    g.call("path_rename", 3, P(b"b/who"), 3, P(b"who2"), want=E.ROFS)
    g.after("the files stand where they stood", lambda: all((g.base / n / "who").read_text() == n for n in "abc"))


@case("mounts: several")
def folders_above_a_mount_are_not_made_up(g):
    """A mount is reached by its own number; the folders of its name that no other mount holds do not exist."""
    g.file("who", "far", root=g.base / "far")
    with_map(g, g.base / "far", "/not/there/far", "rw")
    out = g.slot(64)
    g.call("fd_prestat_dir_name", 4, out, 14)
    g.look(out, 14, b"/not/there/far", "its name")
    g.read(g.open("who", dir_=4), 9, "far")
    for path in ("not", "not/there", "not/there/far/who"):
        g.open(path, want=E.NOENT)


@case("mounts: nested")
def the_inner_one_serves_its_path(g):
    outer, inner = g.base / "outer", g.base / "inner"
    g.file("data/hidden", "hidden", root=outer)
    g.file("data/sub/hidden", "hidden", root=outer)
    g.file("top", "top", root=outer)
    g.file("seen", "seen", root=inner)
    g.link("to-data", "data", root=outer)
    g.link("data-sub", "data/sub", root=outer)
    with_map(g, outer, "/o", "rw")
    with_map(g, inner, "/o/data", "ro")
    out, used = g.slot(1024), g.slot()
    for path in ("o/data/seen", "o/to-data/seen", "o/../o/data/seen", "o/data/../data/seen", "o/./data//seen"):
        g.read(g.open(path, follow=1), 9, "seen")
    for path in ("o/data/hidden", "o/to-data/hidden", "o/data/sub/hidden", "o/data-sub/hidden", "o/data/../data/hidden"):
        g.open(path, follow=1, want=E.NOENT)
    g.read(g.open("o/data/../top"), 9, "top")
    g.open("o/data/new", CREAT, rights=R["fd_write"], want=E.ROFS)
    g.open("o/to-data/new", CREAT, rights=R["fd_write"], want=E.ROFS)
    g.close(g.open("o/new", CREAT, rights=R["fd_write"]))
    for call in ("path_remove_directory", "path_unlink_file"):
        for path in ("o/data", "o"):
            g.call(call, 3, P(path.encode()), want={E.BUSY, E.ISDIR, E.ROFS})
    for a, b in (("o/data", "o/moved"), ("o", "moved"), ("o/new", "o/data"), ("o/data/seen", "o/seen")):
        g.call("path_rename", 3, P(a.encode()), 3, P(b.encode()), want={E.BUSY, E.ROFS, E.XDEV})
    d = g.open("o", DIRECTORY, rights=R["fd_readdir"] | R["path_open"], inherit=R["fd_read"])
    g.call("fd_readdir", d, out, 1024, 0, used)
    g.look(out, 1024, lambda b: sorted(e[3] for e in entries(b) if e[3]) == sorted([".", "..", "data", "top", "to-data", "data-sub", "new"]), "names of the outer one")
    g.read(g.open("data/seen", dir_=d, rights=R["fd_read"]), 9, "seen")
    g.open("../o/top", dir_=d, rights=R["fd_read"], want=E.NOTCAPABLE)
    g.after("what is hidden is as it was", lambda: (outer / "data/hidden").read_text() == "hidden" and sorted(os.listdir(outer / "data")) == ["hidden", "sub"])


@case("mounts: overlapping")
def one_folder_twice(g):
    both = g.base / "both"
    g.file("f", "text", root=both)
    g.file("sub/in", "in", root=both)
    with_map(g, both, "/rw", "rw")
    with_map(g, both, "/ro", "ro")
    with_map(g, both / "sub", "/sub", "ro")
    f = g.open("rw/f", rights=BOTH)
    g.write(f, "TEXT")
    g.read(g.open("ro/f"), 9, "TEXT")
    g.open("ro/f", rights=R["fd_write"], want=E.ROFS)
    g.open("sub/in", rights=R["fd_write"], want=E.ROFS)
    g.call("path_link", 3, 0, P(b"ro/f"), 3, P(b"rw/second"), want=E.XDEV)
    g.call("path_link", 3, 0, P(b"rw/f"), 3, P(b"ro/second"), want={E.XDEV, E.ROFS})
    g.call("path_rename", 3, P(b"ro/f"), 3, P(b"rw/second"), want={E.XDEV, E.ROFS})
    g.call("path_rename", 3, P(b"rw/sub"), 3, P(b"sub/moved"), want={E.XDEV, E.ROFS})
    w = g.open("rw/sub/in", rights=BOTH)
    g.write(w, "IN")
    g.read(g.open("sub/in"), 4, "IN")
    g.after("one name each", lambda: sorted(os.listdir(both)) == ["f", "sub"] and (both / "f").stat().st_nlink == 1)


@case("mounts: the root")
def work_dir_is_the_root(g):
    g.file("f", "text")
    g.dir("d")
    out = g.slot(64)
    g.call("fd_prestat_dir_name", 3, out, 1)
    g.look(out, 1, b"/", "its name")
    g.stat(".", type=3)
    g.stat("./", type=3)
    for path in ("..", "/", "/f", "../f", "d/../../f"):
        g.call("path_filestat_get", 3, 0, P(path.encode()), out, want=E.NOTCAPABLE)
    for path in (".", "./", "d/.."):
        for call, want in (("path_remove_directory", {E.BUSY, E.INVAL, E.NOTEMPTY}), ("path_unlink_file", {E.ISDIR, E.BUSY}), ("path_create_directory", {E.EXIST})):
            g.call(call, 3, P(path.encode()), want=want)
        g.call("path_rename", 3, P(path.encode()), 3, P(b"x"), want={E.BUSY, E.INVAL})
        g.call("path_rename", 3, P(b"d"), 3, P(path.encode()), want={E.BUSY, E.INVAL, E.NOTEMPTY, E.EXIST})
    used = g.slot()
    buffer = g.slot(512)
    g.call("fd_readdir", 3, buffer, 512, 0, used)
    g.look(buffer, 512, lambda b: sorted(e[3] for e in entries(b) if e[3]) == [".", "..", "d", "f"], "names")
    g.look(buffer, 512, lambda b: {e[3]: e[1] for e in entries(b)}["."] == {e[3]: e[1] for e in entries(b)}[".."], "above the root is the root")
