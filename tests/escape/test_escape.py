#!/usr/bin/env python3
"""The escape corpus: every attack of cases.py and modules.py through `boxagnts exec` and `boxagnts tool call`. Prints one line
a case and pass/total at the end; --table prints the table of docs/escape.md. Names as arguments run only those."""
import ctypes
import filecmp
import json
import os
import pathlib
import queue
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "scenario"))

import modules  # noqa: E402
import wasm  # noqa: E402
from cases import CASES, LIES, QUICK, TOOL_CASES  # noqa: E402
from common import BOXAGNTS, HOSTILE, expect  # noqa: E402

SOURCE = HERE.parents[1]
LIBC = ctypes.CDLL(None, use_errno=True)
RENAME_EXCHANGE = 2
AT_FDCWD = -100
SKIP = "skip"
# of a module that ends by itself: taking it in may need more than the quarter of a second on a busy machine
QUICK_TO_END = ["--wasm-timeout", "20", "--wasm-fuel", "1000000000000000"]


class Skipped(Exception):
    pass


# --- places: what stands on the host's side ---

class Home:
    """State and cache, shared by all cases of one lane: compiling is not what they test."""

    def __init__(self, root):
        self.root = root
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "OPENAI_", "GEMINI_", "XDG_"))}
        self.env |= {"HOME": str(root), "BOXAGNTS_STATE": str(root / "state"), "NO_COLOR": "1", "XDG_CONFIG_HOME": str(root / "config"),
                     "XDG_CACHE_HOME": str(root / "cache"), "XDG_DATA_HOME": str(root / "data")}

    def boxagnts(self, *args, cwd, stdin=subprocess.DEVNULL, env=None, timeout=100):
        return subprocess.run([BOXAGNTS, *map(str, args)], stdin=stdin, capture_output=True, cwd=cwd, env={**self.env, **(env or {})}, timeout=timeout)


def place_paths(base):
    work = base / "work"
    (work / "a/b").mkdir(parents=True)
    (work / "b2").mkdir()
    (base / "secret.txt").write_text("SECRET")
    (work / "a.txt").write_text("inside, " * 20)
    (work / "a/c.txt").write_text("inside")
    for link, text in (("inlink", "a/b"), ("out-dir", ".."), ("chain", "chain2"), ("chain2", "out-dir"), ("file-link", "../secret.txt"),
                       ("dangling", "../dangling-new"), ("out-abs", str(base))):
        (work / link).symlink_to(text)
    return work


def place_two_mounts(base):
    work = place_paths(base)
    (base / "ro").mkdir()
    (work / "ro").mkdir()
    (base / "ro/kept.txt").write_text("kept")
    return work


def place_shadow(base):
    work = place_paths(base)
    for folder in ("work/data/x", "work/up", "work/empty", "inner/x"):
        (base / folder).mkdir(parents=True)
    (work / "data/hidden.txt").write_text("SECRET")
    (work / "to-data").symlink_to("data")
    (base / "inner/plain.txt").write_text("plain")
    return work


def place_read_only(base):
    work = place_paths(base)
    for folder in ("ro/dir", "ro/empty"):
        (base / folder).mkdir(parents=True)
    for file in ("kept.txt", "other.txt", "dir/f.txt"):
        (base / "ro" / file).write_text("kept")
    (base / "ro/to-kept").symlink_to("kept.txt")
    return work


def place_race(base):
    work = base / "work"
    for folder in ("work/dir", "work/other/deep", "out/deep"):
        (base / folder).mkdir(parents=True)
    for file in ("work/dir/f", "work/f"):
        (base / file).write_text("inside")
    for file in ("out/f", "secret.txt", "f"):
        (base / file).write_text("SECRET")
    (work / "link").symlink_to("../out")
    (work / "file").write_text("inside")
    (work / "file-out").symlink_to("../secret.txt")
    (work / "mine").write_text("mine")
    (base / "out/empty").mkdir()
    return work


def place_proc_links(base):
    work = place_paths(base)
    for name, to in (("self-root", "/proc/self/root"), ("self-fd", "/proc/self/fd"), ("self-cwd", "/proc/self/cwd"), ("dev-fd", "/dev/fd")):
        (work / name).symlink_to(to)
    return work


def place_special(base):
    work = place_paths(base)
    os.mkfifo(work / "fifo")
    s = socket.socket(socket.AF_UNIX)
    here = os.open(work, os.O_PATH)
    s.bind(f"/proc/self/fd/{here}/socket")
    os.close(here)
    s.listen()
    s.detach()
    return work


def place_device(base):
    work = place_paths(base)
    try:
        os.mknod(work / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        os.mknod(work / "tty", stat.S_IFCHR | 0o666, os.makedev(5, 0))
        os.close(os.open(work / "zero", os.O_RDONLY))
    except OSError as e:
        raise Skipped(f"devices cannot be made and opened here ({e.strerror})") from e
    return work


def place_root(base):
    if os.geteuid() != 0:
        raise Skipped("the root of the machine is mapped writable only by root: the case needs write access to what it attacks")
    return pathlib.Path("/")


def place_many_files(base):
    work = place_paths(base)
    for i in range(1990):
        (work / f"file-{i}").touch()
    return work


def place_hole(base):
    work = place_paths(base)
    with open(work / "hole.img", "wb") as f:
        f.truncate(64 << 20)
    return work


PLACES = {k[6:]: v for k, v in list(globals().items()) if k.startswith("place_")}


def snapshot(base):
    """Names, kinds, bytes and times of everything below."""
    out = {}
    for path in sorted(base.rglob("*")):
        s = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        out[str(path.relative_to(base))] = (stat.S_IFMT(s.st_mode), s.st_mtime_ns, content)
    return out


# --- attackers on the host's side ---

def rename_exchange(a, b):
    return LIBC.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE)


def attack_swap(base, stop):
    a, b = str(base / "work/dir"), str(base / "work/link")
    while not stop.is_set():
        for _ in range(50):
            rename_exchange(a, b)
    if os.path.islink(a):
        rename_exchange(a, b)


def attack_move(base, stop):
    inside, outside = base / "work/other", base / "out/deep/other"
    while not stop.is_set():
        for _ in range(20):
            os.rename(inside, outside)
            os.rename(outside, inside)


def attack_swap_file(base, stop):
    a, b = str(base / "work/file"), str(base / "work/file-out")
    while not stop.is_set():
        for _ in range(50):
            rename_exchange(a, b)
    if os.path.islink(a):
        rename_exchange(a, b)


ATTACKERS = {"swap": attack_swap, "move": attack_move, "swap_file": attack_swap_file}


def attacked(kind, base, action):
    """Runs the action while the attacker works; in a process of its own, so that both really run at once."""
    stop = threading.Event()
    pid = os.fork()
    if pid == 0:
        import signal
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        os.closerange(3, 64)
        try:
            ATTACKERS[kind](base, stop)
        finally:
            os._exit(0)
    try:
        return action()
    finally:
        os.kill(pid, 15)
        os.waitpid(pid, 0)


# --- how an attack is shown to be real: a plain program of the host does it ---

def absolute_is_read(base, case):
    return (base / "work/out-abs/secret.txt").read_text() == "SECRET"


def hidden_without_the_mount(base, case):
    p = run_guest(case, base, flags=[], args=[])
    return "REACHED data/hidden.txt" in p[0] and "REACHED to-data/hidden.txt" in p[0]


def naive(base, kind, rounds):
    """What a program does that trusts names: looks whether it is a link, then opens."""
    work = base / "work"
    seen = False
    deep = -1
    for _ in range(rounds):
        try:
            if kind == "folder" and deep < 0:
                deep = os.open(work / "other/deep", os.O_PATH)  # fails while the attacker has it elsewhere
            if kind == "read":
                if not os.path.islink(work / "dir"):
                    seen |= (work / "dir/f").read_text() == "SECRET"
            elif kind == "write":
                if not os.path.islink(work / "dir"):
                    (work / "dir/planted").write_text("x")
                seen |= (base / "out/planted").exists()
            elif kind == "file":
                if not os.path.islink(work / "file"):
                    seen |= (work / "file").read_text() == "SECRET"
            elif kind == "remove":
                if not os.path.islink(work / "dir"):
                    os.unlink(work / "dir/f")
                seen |= not (base / "out/f").exists()
            elif kind == "steal":
                if not os.path.islink(work / "dir"):
                    os.rename(work / "dir/f", work / "loot")
                seen |= (work / "loot").read_text() == "SECRET"
            else:
                fd = os.open("../../../f", os.O_RDONLY, dir_fd=deep)
                seen |= os.read(fd, 6) == b"SECRET"
                os.close(fd)
                fd = os.open("../../f", os.O_RDONLY, dir_fd=deep)
                os.close(fd)
        except OSError:
            pass
        seen |= kind == "remove" and not (base / "out/f").exists()
        if seen:
            break
    if deep >= 0:
        os.close(deep)
    return seen


def race_read_by_host(base, case):
    return attacked("swap", base, lambda: naive(base, "read", 400000))


def race_write_by_host(base, case):
    return attacked("swap", base, lambda: naive(base, "write", 400000))


def race_file_by_host(base, case):
    return attacked("swap_file", base, lambda: naive(base, "file", 400000))


def race_remove_by_host(base, case):
    return attacked("swap", base, lambda: naive(base, "remove", 400000))


def race_steal_by_host(base, case):
    return attacked("swap", base, lambda: naive(base, "steal", 400000))


def proc_links_by_host(base, case):
    with open(base / "work/self-root" / str(base / "secret.txt")[1:]) as f:
        return f.read() == "SECRET" and len(os.listdir(base / "work/self-fd")) > 2


def deep_folders_by_host(base, case):
    """Made from within, one below the other, there is no longest name."""
    here = os.open(base / "work", os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(40):
        os.mkdir("x" * 200, dir_fd=here)
        below = os.open("x" * 200, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    return True


def race_folder_by_host(base, case):
    return attacked("move", base, lambda: naive(base, "folder", 400000))


def fifo_blocks(base, case):
    try:
        subprocess.run([sys.executable, "-S", "-c", "open('fifo')"], cwd=base / "work", timeout=0.7)
    except subprocess.TimeoutExpired:
        return True
    return False


def socket_connects(base, case):
    return stat.S_ISSOCK(os.stat(base / "work/socket").st_mode)


def device_opens(base, case):
    with open(base / "work/zero", "rb") as f:
        return f.read(4) == bytes(4)


def kernel_files_by_host(base, case):
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(int(maps.readline().split("-")[0], 16))
        return len(memory.read(1)) == 1


def flood_by_more_output(base, case):
    p, _, _ = run_raw(case, base, flags=["--max-output-bytes", "50000000"], args=["4"])
    return len(p.stdout) == 4 << 20


def child_sees_environment(base, case):
    p = subprocess.run(["env"], env={**os.environ, **case["env"]}, capture_output=True, text=True)
    return "hunter2" in p.stdout


# --- checks of the host's side afterwards ---

def outside_untouched(base, case, before, p, receipt):
    after = {k: v for k, v in snapshot(base).items() if not k.startswith("work")}
    was = {k: v for k, v in before.items() if not k.startswith("work")}
    drop = lambda tree: {k: (v[0], v[2]) for k, v in tree.items()} if case.get("attacker") else tree  # noqa: E731
    ignore = {"out/deep/other"} if case.get("attacker") == "move" else set()
    after, was = ({k: v for k, v in drop(t).items() if not any(k == i or k.startswith(i + "/") for i in ignore)} for t in (after, was))
    expect(after == was, "outside changed", {k: (was.get(k), after.get(k)) for k in was.keys() | after.keys() if was.get(k) != after.get(k)})
    expect(b"SECRET" not in p.stdout, p.stdout)


def links_stay_inside(base, case, before, p, receipt):
    work = base / "work"
    old = {k[5:] for k in before if k.startswith("work/")}
    for path in work.rglob("*"):
        if path.is_symlink() and str(path.relative_to(work)) not in old:
            lands = os.path.normpath(path.parent / os.readlink(path))
            expect(lands == str(work) or lands.startswith(f"{work}/"), "leads out of the mount", path, os.readlink(path))
    outside_untouched(base, case, before, p, receipt)


def ro_untouched(base, case, before, p, receipt):
    expect((base / "ro/kept.txt").read_text() == "kept" and os.stat(base / "ro/kept.txt").st_nlink == 1, "changed")
    expect([x.name for x in (base / "ro").iterdir()] == ["kept.txt"], list((base / "ro").iterdir()))


def hidden_untouched(base, case, before, p, receipt):
    expect((base / "work/data/hidden.txt").read_text() == "SECRET", "changed")
    expect(b"SECRET" not in p.stdout, p.stdout)


def tree_unchanged(base, case, before, p, receipt):
    after = snapshot(base)
    expect(after == before, {k: (before.get(k), after.get(k)) for k in before.keys() | after.keys() if before.get(k) != after.get(k)})


def disk_used_small(base, case, before, p, receipt):
    used = sum(path.lstat().st_blocks * 512 for path in base.rglob("*"))
    expect(used < 2 << 20, "bytes on the disk:", used)


def receipt_small(base, case, before, p, receipt):
    expect(len(json.dumps(receipt)) < 8 << 20, "receipt of", len(json.dumps(receipt)))
    expect(receipt["stopped_by"] == "exit", receipt["stopped_by"], receipt["detail"])


def stdout_1000(base, case, before, p, receipt):
    expect(len(p.stdout) == 1000 and receipt["used"]["output_bytes"] == 40 << 20, len(p.stdout), receipt["used"])


def nothing_inherited(base, case, before, p, receipt):
    text = p.stdout.decode()
    expect("hunter2" not in text and "PATH" not in text and str(base) not in text, text)
    expect([x for x in text.splitlines() if x.startswith("env ")] == ["env GIVEN=1"], text)
    expect([x for x in text.splitlines() if x.startswith("arg ")] == ["arg given"], text)
    for line in text.splitlines():
        if line.startswith("stream"):
            expect(line.endswith("dev 0 ino 0 size 0"), line)


# --- running ---

lane = threading.local()


def fill(items, base):
    return [str(x).replace("{base}", str(base)) for x in items]


def module_of(case, base):
    if "guest" in case:
        path = HOSTILE / f"{case['guest']}.wasm"
        expect(path.exists(), f"{path} is not built: make guests")
        return path
    path = base.parent / f"{base.name}.wasm"
    if case.get("module") == "hostile_calls":
        rows = wasm.import_table((SOURCE / "src/sandbox/wasi/inside.h").read_text())
        expect(len(rows) == 46, "the table of calls was not found", len(rows))
        path.write_bytes(wasm.hostile_calls(rows, 40, 7))
    elif case.get("module") == "hostile_http_calls":
        rows = wasm.http_table((SOURCE / "src/sandbox/guest_http.c").read_text())
        expect(len(rows) == 8, "the table of calls was not found", len(rows))
        path.write_bytes(wasm.hostile_http_calls(rows, 40, 7))
    else:
        path.write_bytes(case["bytes"])
    return path


def run_raw(case, base, args=None, flags=None):
    work = lane.work
    module = module_of(case, base)
    receipt = base.parent / (base.name + ".receipt")
    receipt.unlink(missing_ok=True)
    flags = fill(case.get("flags", []) if flags is None else flags, base)
    args = fill(case.get("args", []) if args is None else args, base)
    read = write = None
    if case.get("stdin"):
        read, write = os.pipe()
    start = time.monotonic()
    try:
        p = lane.home.boxagnts("exec", "--receipt", receipt, *flags, module, "--", *args, cwd=work, env=case.get("env"),
                               stdin=read if read is not None else subprocess.DEVNULL)
    finally:
        for fd in (read, write):
            if fd is not None:
                os.close(fd)
    spent = time.monotonic() - start
    return p, json.loads(receipt.read_text()) if receipt.exists() else None, spent


def run_guest(case, base, args=None, flags=None):
    p, receipt, _ = run_raw(case, base, args, flags)
    return p.stdout.decode(errors="replace"), receipt, p


def outcomes(text):
    reached = re.findall(r"^REACHED (\S+)", text, re.M)
    refused = dict(re.findall(r"^refused (\S+) (\d+)", text, re.M))
    return reached, refused


def check_confined(case, base):
    before = snapshot(base)
    action = lambda: run_raw(case, base)  # noqa: E731
    p, receipt, spent = attacked(case["attacker"], base, action) if "attacker" in case else action()
    expect(receipt is not None, "no receipt", p.stderr)
    evidence = (receipt["stopped_by"], receipt["detail"], p.stderr[-300:], p.stdout[-600:])
    expect(receipt["stopped_by"] == case.get("stop", "exit"), "another stop than", case.get("stop", "exit"), *evidence)
    reached, refused = outcomes(p.stdout.decode(errors="replace"))
    bad = [name for name in reached if name not in case.get("harmless", [])]
    expect(not bad, "reached:", bad)
    if "guest" in case and receipt["stopped_by"] == "exit" and not case.get("harmless") and case["guest"] != "flood_stdout":
        expect(refused, "the guest tried nothing", *evidence)
    for name, errno in case.get("errno", {}).items():
        expect(int(refused.get(name, -1)) == errno, name, "errno", refused.get(name), "expected", errno)
    if "why" in case:
        expect(any(case["why"] in r["why"] for r in receipt["refused"]), "refused does not say", case["why"], receipt["refused"][:5])
    if "limit" in case:
        expect(case["limit"] in receipt["limits_hit"], case["limit"], receipt["limits_hit"])
    expect(spent < case.get("max_s", 40), "took", spent)
    if "check" in case:
        globals()[case["check"]](base, case, before, p, receipt)
    return set(refused)


def check_real(case, base, tried):
    """The attack works where nothing stops it: else the case above would prove nothing."""
    if case["real"] is None:
        return
    how, what = case["real"][0], case["real"][1:]
    if how == "host":
        expect(globals()[what[0]](base, case), f"void: {what[0]} does not do it")
        return
    if how == "longer":
        flags = [f for f in case["flags"] if f not in ("--wasm-timeout", "0.25")] + ["--wasm-timeout", "0.9"]
        _, receipt, spent = run_raw(case, base, flags=flags)
        expect(receipt["stopped_by"] == "timeout" and receipt["used"]["wall_us"] >= 850000, "void: it ends by itself", receipt["stopped_by"], receipt["used"])
        return
    if how == "more":
        name, narrow = what
        flags = [str(narrow * 10) if f == str(narrow) else f for f in case["flags"]]
        _, receipt, _ = run_raw(case, base, flags=flags)
        expect(receipt["used"][name] > narrow, "void: it never wants more", receipt["used"])
        return
    args, flags, never = what
    text, receipt, p = run_guest(case, base, args, flags)
    reached, refused = outcomes(text)
    left = {name for name in tried - set(reached) - set(never) if not name.startswith("absolute")}
    expect(not left and reached, "void: not reached with confinement off:", sorted(left), p.stderr[-300:])


class Base:
    def __init__(self, name):
        self.path = lane.home.root / name
        self.path.mkdir()

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        subprocess.run(["chmod", "-R", "u+rwX", str(self.path)], check=False)
        shutil.rmtree(self.path, ignore_errors=True)


def run_case(case):
    with Base(case["name"]) as base:
        lane.work = PLACES[case["place"]](base)
        tried = check_confined(case, base)
    with Base(case["name"] + "-real") as base:
        lane.work = PLACES[case["place"]](base)
        check_real(case, base, tried)


# --- modules by hand ---

def run_module(case):
    with Base(case["name"]) as base:
        lane.work = place_paths(base)
        p, receipt, spent = run_raw(case, base)
        expect(receipt is not None, "no receipt", p.returncode, p.stderr)
        evidence = (receipt["stopped_by"], receipt["detail"], p.stderr[-300:])
        expect(receipt["stopped_by"] in case["stops"], "another stop than", case["stops"], *evidence)
        expect(p.returncode == {"invalid_module": 2, "trap": 8, "exit": 0}.get(receipt["stopped_by"], 5), p.returncode, *evidence)
        expect(case["says"] in receipt["detail"], "the sentence lacks", case["says"], *evidence)
        expect(b"\x1b" not in p.stderr and b"\x1b" not in json.dumps(receipt).encode(), "escapes in the sentence", *evidence)
        expect(len(p.stderr) < 2000, len(p.stderr))
        if case["real"] == "longer":
            check_real({**case, "real": ("longer",), "place": "paths"}, base, set())
        if case["real"] == "raised":
            p, receipt, _ = run_raw(case, base, flags=["--wasm-timeout", "0.6", "--wasm-fuel", "1000000000000000", "--wasm-max-memory-size", "4GiB",
                                                       "--wasm-max-table-elements", "10000000"])
            expect(receipt["stopped_by"] in ("exit", "trap", "timeout") and receipt["detail"] != evidence[1], "void: also so with the limit raised", receipt)


NODE = """
const fs = require('fs');
for (const file of process.argv.slice(2)) console.log(WebAssembly.validate(fs.readFileSync(file)));
"""


def modules_are_real(case):
    """What is refused for its imports, exports or features is a module all the same: node takes it."""
    node = shutil.which("node")
    if not node:
        raise Skipped("no node here")
    names = [n for n, (_, _, real) in modules.REFUSED.items() if real == modules.REAL_NODE]
    with Base("node") as base:
        files = []
        for n in names:
            files.append(base / f"{n}.wasm")
            files[-1].write_bytes(modules.REFUSED[n][0])
        p = subprocess.run([node, "-e", NODE.replace("slice(2)", "slice(1)"), *map(str, files)], capture_output=True, text=True)
        answers = p.stdout.split()
        expect(len(answers) == len(names), p.stderr)
        bad = [n for n, a in zip(names, answers) if a != "true"]
        expect(not bad, "void: node refuses them, too:", bad)


def truncated_modules(case):
    whole, cuts = modules.truncations()
    for part in cuts:
        run_module(dict(name="cut", bytes=part, stops=["invalid_module"], says="", real=None))
    run_module(dict(name="whole", bytes=whole, stops=["exit"], says="", real=None))


def compile_bomb(case):
    os_nice = lambda: os.nice(19)  # noqa: E731 - it only burns time until the clock ends it
    with Base("bomb") as base:
        (base / "bomb.wasm").write_bytes(modules.bomb())
        receipt = base / "receipt.json"
        start = time.monotonic()
        p = subprocess.run([BOXAGNTS, "exec", "--receipt", receipt, base / "bomb.wasm"], cwd=base, env=lane.home.env, capture_output=True, preexec_fn=os_nice,
                           timeout=120, stdin=subprocess.DEVNULL)
        spent = time.monotonic() - start
        # Which of its two caps ends it first is a matter of how fast the machine is.
        expect(p.returncode == 5 and spent < 75 and (b"compiling took longer than 60 s" in p.stderr or b"more memory than it may have" in p.stderr), p.returncode,
               p.stderr, spent)


def compile_memory_bomb(case):
    """By its memory; under a sanitizer, which needs all address space, by its time."""
    for make in (modules.memory_bomb, modules.loops_bomb):
        with Base("bomb") as base:
            (base / "bomb.wasm").write_bytes(make())
            receipt = base / "receipt.json"
            p = subprocess.run([BOXAGNTS, "exec", "--receipt", receipt, base / "bomb.wasm"], cwd=base, env=lane.home.env, capture_output=True, timeout=120,
                               stdin=subprocess.DEVNULL)
            stop = json.loads(receipt.read_text())["stopped_by"]
            expect(p.returncode == 5 and stop in ("memory", "timeout"), make.__name__, p.returncode, stop, p.stderr)


def file_larger_than_any_module(case):
    with Base("giant") as base:
        with open(base / "giant.wasm", "wb") as f:
            f.write(wasm.HEAD)
            f.truncate(80 << 20)
        p = lane.home.boxagnts("exec", base / "giant.wasm", cwd=base)
        expect(p.returncode == 2 and b"64 MiB" in p.stderr, p.returncode, p.stderr)


def fuel_past_its_range(case):
    for value in ("1e19", "9223372036854775807", "18446744073709551616", "-1", "0", "0x10"):
        p = lane.home.boxagnts("exec", "--wasm-fuel", value, HOSTILE / "spin.wasm", cwd=lane.home.root)
        expect(p.returncode == 2, value, p.returncode, p.stderr)


# --- a worker that lies ---

MORE_LIES = '''
if lie == "honest":
    send(RAN, frame_id, outcome())
elif lie == "huge_frame":
    channel.sendall(struct.pack("<IHHIQ", 0xFFFFFFFF, RAN, 0, 64, frame_id) + b"{}" * 4000)
elif lie == "unknown_frame":
    send(999, frame_id, outcome())
elif lie == "echo":
    channel.sendall(head)
elif lie == "ready_again":
    send(READY, 0, {"engine": "lies"})
    send(RAN, frame_id, outcome())
elif lie == "flood":
    try:
        for _ in range(4000):
            send(OUTPUT, frame_id, {"stream": 1}, b"x" * 60000)
    except OSError:
        pass
elif lie == "escapes":
    send(RAN, frame_id, outcome(detail="fine \\x1b]0;owned\\x07\\x1b[2J", exit_code=0))
time.sleep(60)
'''


def lying_install(base, lie):
    bin_ = base / "bin"
    bin_.mkdir()
    for name in ("boxagnts", "boxagnts-compile", "boxagnts-egress", "boxagnts-agent"):
        shutil.copy(pathlib.Path(BOXAGNTS).parent / name, bin_ / name)
    text = (SOURCE / "tests/unit/sandbox_ask/liar.py").read_text()
    text = re.sub(r"^lie = .*$", f"lie = {lie!r}", text, count=1, flags=re.M)
    expect(text.rstrip().endswith("time.sleep(60)"), "the liar has changed")
    text = text.rstrip()[:-len("time.sleep(60)")] + MORE_LIES
    (bin_ / "boxagnts-worker").write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{text}")
    (bin_ / "boxagnts-worker").chmod(0o755)
    return bin_ / "boxagnts"


def exec_lied_to(base, lie):
    program, receipt = lying_install(base, lie), base / "receipt"
    p = subprocess.run([program, "exec", "--wasm-timeout", "1", "--max-output-bytes", "100000", "--receipt", receipt, HOSTILE / "exit_code.wasm", "0"], cwd=base / "work",
                       env=lane.home.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return p, json.loads(receipt.read_text()) if receipt.exists() else None


def run_lie(case):
    with Base(case["name"]) as base:
        place_paths(base)
        before = snapshot(base)
        p, receipt = exec_lied_to(base, case["lie"])
        if case["stop"] is None:
            expect(p.returncode == 7, "without a jail it went on", p.returncode, p.stderr)
            return
        expect(receipt is not None, "no receipt", p.returncode, p.stderr)
        expect(receipt["stopped_by"] == case["stop"], "another stop than", case["stop"], receipt["stopped_by"], receipt["detail"])
        used = receipt["used"]
        expect(used["fuel"] <= 20e9 and used["peak_memory"] <= 1 << 28 and used["wall_us"] < 60e6, "a claim beyond its limits", used)
        expect(len(p.stdout) <= 100000 and b"\x1b" not in p.stderr + json.dumps(receipt).encode(), "escapes or a flood", len(p.stdout), p.stderr[-300:])
        expect(all(t["path"].startswith("/") and ".." not in t["path"].split("/") for t in receipt["touched"]), receipt["touched"])
        after = {k: v for k, v in snapshot(base).items() if not k.startswith(("bin", "receipt"))}
        expect(after == before, "something changed")
    with Base(case["name"] + "-real") as base:
        place_paths(base)
        p, receipt = exec_lied_to(base, "honest")
        expect(p.returncode == 0 and receipt["stopped_by"] == "exit", "void: the same program without the lie does not end well", p.returncode, p.stderr)


# --- is a void seen? ---

def voids_are_seen(case):
    """Harmless guests in the place of attacks: each way of showing that an attack is real must say that it is void."""
    harmless = dict(name="harmless", place="paths", guest="exit_code", args=["0"], flags=QUICK, env=None)
    ways = [("mount", ["0"], ["--map-dirs", "{base}::/:rw"], []), ("raised", ["0"], [], []), ("longer",), ("more", "fuel", 10**15)]
    hosts = {"absolute_is_read": "out-abs", "socket_connects": None, "proc_links_by_host": None}
    for way in ways:
        with Base("void") as base:
            lane.work = place_paths(base)
            expect(said_void(lambda: check_real({**harmless, "real": way}, base, {"read"})), "a harmless guest passed for an attack", way)
    for name, needs in hosts.items():
        with Base("void") as base:
            lane.work = place_paths(base)
            if needs:
                os.unlink(lane.work / needs)
            expect(said_void(lambda: check_real({**harmless, "real": ("host", name)}, base, set())), "nothing was there and it passed", name)
    for kind in ("read", "write", "file", "remove", "steal"):
        with Base("void") as base:
            place_race(base)
            expect(not naive(base, kind, 2000), "without an attacker the race was won", kind)
    with Base("void") as base:
        lane.work = place_paths(base)
        confined = {**harmless, "stop": "timeout"}
        expect(raised(lambda: check_confined(confined, base)), "another stop than the table's passed")
        tried = {**harmless, "stop": "exit"}
        expect(raised(lambda: check_confined(tried, base)), "a guest that tried nothing passed")


def raised(action):
    try:
        action()
    except (AssertionError, OSError) as e:
        return str(e) or "raised"
    return ""


def said_void(action):
    said = raised(action)
    return "void" in said or "No such file" in said


# --- tools ---

def run_tool(case):
    with Base(case["name"]) as base:
        work = place_paths(base)
        before = snapshot(base)
        input_ = json.dumps({k: v.replace("{base}", str(base)) if isinstance(v, str) else v for k, v in case["input"].items()})
        p = lane.home.boxagnts("tool", "call", "--permission-mode", "bypass", "--json", case["tool"], input_, cwd=work)
        expect(p.returncode in case["exit"], p.returncode, p.stdout[-500:], p.stderr[-300:])
        expect(b"SECRET" not in p.stdout.replace(b'"pattern":"SECRET"', b""), p.stdout)
        outside_untouched(base, case, before, subprocess.CompletedProcess([], 0, b""), None)
        real = str(case["input"].get("path", ""))
        if real and "\0" not in real and not real.startswith("/proc"):
            expect(os.path.lexists(os.path.join(work, real.replace("{base}", str(base)))) or case["tool"] == "write", "void: there is nothing at", real)


TERMINAL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")


def tool_terminal_escapes(case):
    """A tool of the operator whose output a terminal would obey: what reaches planner and person is harmless."""
    with Base("terminal") as base:
        tools = lane.home.root / "data/boxagnts/tools"
        tools.mkdir(parents=True, exist_ok=True)
        shutil.copy(HOSTILE / "terminal.wasm", tools / "terminal.wasm")
        (tools / "terminal.tool.json").write_text(json.dumps({"name": "terminal", "version": "1", "description": "prints", "invoke": "argv",
                                                             "input_schema": {"type": "object"}, "annotations": {"read_only": True}}))
        raw = lane.home.boxagnts("exec", HOSTILE / "terminal.wasm", cwd=base)
        expect(TERMINAL.search(raw.stdout), "void: the guest prints nothing that a terminal obeys", raw.stdout)
        for flags in ([], ["--json"]):
            p = lane.home.boxagnts("tool", "call", "--permission-mode", "bypass", *flags, "terminal", "{}", cwd=base)
            expect(b"drow" in p.stdout or b"base64" in p.stdout, p.returncode, p.stdout, p.stderr)
            texts = [p.stdout]
            if flags:
                texts = [c.get("text", "").encode() for c in json.loads(p.stdout)["content"]]
            expect(not any(TERMINAL.search(t) for t in texts), texts)


# --- all of it ---

def all_cases():
    """(name, attack layer, expectation, real, function, argument)"""
    rows = [("compile_bomb", "monitor: 60 s for compiling, 2 GiB", "timeout or memory", None, compile_bomb, None),
            ("compile_memory_bomb", "compiler: 2 GiB of address space", "memory", None, compile_memory_bomb, None)]
    for case in CASES:
        real = case["real"]
        shown = None if real is None else {"mount": "same guest, target inside the mount", "raised": "same guest, limit raised or right kept",
                                           "host": "plain program of the host", "longer": "same guest, a later deadline",
                                           "more": "same guest, a wider limit"}[real[0]]
        how = case.get("stop") or ", ".join(filter(None, [case.get("why") and f"refused: {case['why']}", case.get("limit")])) or "errno"
        rows.append((case["name"], case["layer"], how, shown, run_case, case))
    for name, (data, says, real) in modules.REFUSED.items():
        case = dict(name=f"module_{name}", bytes=data, stops=["invalid_module"], says=says, real=None)
        rows.append((case["name"], "compiler or worker: refused entry", "invalid_module", real, run_module, case))
    for name, (data, stop, says, real) in modules.STOPPED.items():
        stops = [stop] if stop else ["exit", "memory", "invalid_module"]
        case = dict(name=f"code_{name}", bytes=data, stops=stops, says=says, real=real, flags=QUICK if real == "longer" or "timeout" in stops else QUICK_TO_END)
        rows.append((case["name"], "engine", stop or "a named end", {"raised": "limit raised", "longer": "same module, a later deadline", None: None}[real], run_module, case))
    for case in LIES:
        rows.append((case["name"], "monitor: table of frames, bounds", case["stop"] or "exit 7", "the same program without the lie", run_lie, case))
    for case in TOOL_CASES:
        rows.append((case["name"], "tool layer, wasi", "exit " + "/".join(map(str, case["exit"])), "the target is there", run_tool, case))
    rows += [("tool_terminal_escapes", "tool layer: sanitising", "harmless text", "same guest by exec", tool_terminal_escapes, None),
             ("module_truncated", "compiler: refused entry", "invalid_module", "the whole module runs", truncated_modules, None),
             ("module_file_80MiB", "monitor: size", "invalid_module", None, file_larger_than_any_module, None),
             ("fuel_past_its_range", "limits table", "usage error", None, fuel_past_its_range, None),
             ("voids_are_seen", "(the proof itself)", "harmless guests are void", "", voids_are_seen, None),
             ("modules_are_real", "(the proof itself)", "node validates them", "", modules_are_real, None)]
    return rows


def run_row(row):
    try:
        row[4](row[5])
        return "ok", ""
    except Skipped as e:
        return SKIP, str(e)
    except subprocess.TimeoutExpired as e:
        return "FAIL", f"did not end: {e}"
    except Exception as e:  # noqa: BLE001 - every failure is reported and the next case still runs
        return "FAIL", "".join(traceback.format_exception_only(e)).strip()[:3000] if isinstance(e, AssertionError) else traceback.format_exc()


def run_lane(todo, results, root):
    lane.home = Home(root)
    while True:
        try:
            row = todo.get_nowait()
        except queue.Empty:
            break
        start = time.monotonic()
        outcome, why = run_row(row)
        results.append((row, outcome, why))
        print(f"{outcome:<4} {row[0]}  {time.monotonic() - start:.1f} s" + (f"\n     {why}" if why else ""), flush=True)
    for words in (("journal", "verify"), ("budget", "show", "--check")):
        p = lane.home.boxagnts(*words, cwd=root)
        if p.returncode != 0:
            results.append((words, "FAIL", p.stderr))
            print(f"FAIL {' '.join(words)} after all of this lane's attacks: {p.stderr}")


def main():
    rows = all_cases()
    if "--table" in sys.argv:
        for name, layer, how, shown, _, _ in rows:
            print(f"| {name} | {layer} | {how} | {shown or 'not shown void'} |")
        return
    only = sys.argv[1:]
    rows = [r for r in rows if not only or r[0] in only]
    todo, results = queue.Queue(), []
    for row in rows:
        todo.put(row)
    with tempfile.TemporaryDirectory(prefix="bx-escape-", ignore_cleanup_errors=True) as folder:
        lanes = []
        for i in range(min(3, max(2, os.cpu_count() or 1) + 1)):
            root = pathlib.Path(folder) / f"lane{i}"
            root.mkdir()
            lanes.append(threading.Thread(target=run_lane, args=(todo, results, root)))
        for t in lanes:
            t.start()
        for t in lanes:
            t.join()
    count = lambda what: sum(1 for _, o, _ in results if o == what)  # noqa: E731
    for row, outcome, why in results:
        if outcome == SKIP:
            print(f"skipped: {row[0]}: {why}")
    print(f"escape corpus: {count('ok')}/{len(results) - count(SKIP)} ({count(SKIP)} skipped)")
    sys.exit(count("FAIL") > 0 or len(results) < len(rows) or not rows)


main()
