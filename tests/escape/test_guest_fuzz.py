#!/usr/bin/env python3
"""Every WASI call with hostile pointers, lengths, numbers, flags and rights, from generated guests in the real worker.

    test_guest_fuzz.py            BX_FUZZ_GUESTS=N (default 60) or BX_FUZZ_SECONDS=S
    test_guest_fuzz.py SEED       that one guest again; its module stays at ./guest-SEED.wasm

A guest is made from a seed: memory with names, lists of buffers and rubbish, then some hundred calls whose arguments come from
a table of interesting values, from what earlier calls left in memory, or from nowhere; in between it grows its memory and writes
over what it gave. However it ends, there is a receipt with a named stop that is no crash, its quotas held, nothing outside
has changed, and at the end the journal verifies and the ledger sums. A part runs as a tool call, with staged writes and
before-images, and must be undone to the last name and byte."""
import json
import os
import pathlib
import random
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "scenario"))

import wasm  # noqa: E402
from common import BOXAGNTS, expect  # noqa: E402

ROWS = {name: (params, results) for name, params, results in wasm.import_table((HERE.parents[1] / "src/sandbox/wasi/inside.h").read_text())}
NAMES = ["a", "d", "d/b", "l", "dang", "n1", "n2", "d/n", "../secret", "..", ".", "d/..", "d/../a", "ro/f", "ro/new", "l/b", "/a", "up/secret", "n1/", "d/", "",
         "x" * 255, "x" * 256, "\0", "d//b", "ro", "ro/..", "n2/deep"]
MEMORY_PAGES = 2
TOP = MEMORY_PAGES << 16
NAME_AT, IOV_AT, SLOT_AT, FREE_AT = 1024, 16384, 20480, 32768
WORDS = [0, 1, 2, 3, 4, 7, 8, 23, 24, 31, 32, 47, 48, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, TOP - 1, TOP, TOP + 1, TOP - 4, TOP - 8, TOP - 64,
         0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFF0, 0xFFFFFFF8, 0xFFFFFFFC, 0xFFFFFFFF, 0x15555555, 0x20000000, 0x10000000, 0x05555556]
LONGS = WORDS + [1 << 32, (1 << 32) - 1, 1 << 40, (1 << 62), (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 4096, 10_000_000, 1_000_000_007]
# What an argument stands for, one letter each: f number, p path, P pointer, L length, v list of buffers, c count of them, o result,
# t text of a link, w word of flags, q 64 bits, R rights
KINDS = {
    "args_get": "PP", "args_sizes_get": "oo", "environ_get": "PP", "environ_sizes_get": "oo", "clock_res_get": "wo", "clock_time_get": "wqo",
    "fd_advise": "fqqw", "fd_allocate": "fqq", "fd_close": "f", "fd_datasync": "f", "fd_fdstat_get": "fo", "fd_fdstat_set_flags": "fw",
    "fd_fdstat_set_rights": "fRR", "fd_filestat_get": "fo", "fd_filestat_set_size": "fq", "fd_filestat_set_times": "fqqw", "fd_pread": "fvcqo",
    "fd_prestat_get": "fo", "fd_prestat_dir_name": "fPL", "fd_pwrite": "fvcqo", "fd_read": "fvco", "fd_readdir": "fPLqo", "fd_renumber": "ff", "fd_seek": "fqwo",
    "fd_sync": "f", "fd_tell": "fo", "fd_write": "fvco", "path_create_directory": "fpp", "path_filestat_get": "fwppo", "path_filestat_set_times": "fwppqqw",
    "path_link": "fwppfpp", "path_open": "fwppwRRwo", "path_readlink": "fppPLo", "path_remove_directory": "fpp", "path_rename": "fppfpp",
    "path_symlink": "ppfpp", "path_unlink_file": "fpp", "poll_oneoff": "PPco", "proc_exit": "w", "proc_raise": "w", "random_get": "PL", "sched_yield": "",
    "sock_accept": "fwo", "sock_recv": "fvcwoo", "sock_send": "fvcwo", "sock_shutdown": "fw",
}


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.m = wasm.Module(memory=b"\x01" + wasm.leb(MEMORY_PAGES) + wasm.leb(64))
        self.number = {name: self.m.need(name, *ROWS[name]) for name in ROWS}
        self.slots = 0

    def word(self, usual):
        """Mostly what makes sense, so that calls get far; else something that nobody should give."""
        r = self.rng.random()
        if r < 0.72:
            return wasm.i32(usual)
        if r < 0.92:
            return wasm.i32(self.rng.choice(WORDS))
        if r < 0.96:
            return wasm.i32(self.rng.choice(range(0, TOP, 4))) + b"\x28\x00\x00"  # whatever stands there
        return wasm.i32(self.rng.getrandbits(32))

    def long(self, usual):
        r = self.rng.random()
        return wasm.i64(usual if r < 0.5 else self.rng.choice(LONGS) if r < 0.9 else self.rng.getrandbits(64))

    def fd(self):
        r = self.rng.random()
        if self.slots and r < 0.55:
            return wasm.i32(SLOT_AT + 4 * self.rng.randrange(min(self.slots, 16))) + b"\x28\x00\x00"
        return wasm.i32(self.rng.choice([3, 3, 3, 3, 4, 0, 1, 2, 5]) if r < 0.95 else self.rng.choice(WORDS))

    def arguments(self, name):
        rng, out, i = self.rng, b"", 0
        kinds = KINDS[name]
        while i < len(kinds):
            k = kinds[i]
            if k == "p":  # pointer and length together
                n = rng.randrange(len(NAMES))
                out += self.word(NAME_AT + 300 * n) + self.word(len(NAMES[n].encode()))
                i += 2
                continue
            if k == "f":
                out += self.fd()
            elif k == "P":
                out += self.word(rng.choice([FREE_AT, FREE_AT + 4096, SLOT_AT + 512, TOP - 512, IOV_AT]))
            elif k == "L":
                out += self.word(rng.choice([0, 1, 24, 25, 64, 512, 4096]))
            elif k == "v":
                out += self.word(IOV_AT + 8 * rng.randrange(64))
            elif k == "c":
                out += self.word(rng.choice([0, 1, 1, 2, 3, 8, 16]))
            elif k == "o":
                if name == "path_open":
                    out += self.word(SLOT_AT + 4 * (self.slots % 16))
                    self.slots += 1
                else:
                    out += self.word(FREE_AT + 8 * rng.randrange(64))
            elif k == "w":
                usual = rng.choice([0, 0, 1, 1, 2, 3, 4, 5, 8, 9])
                out += self.word(usual)
            elif k == "R":
                out += wasm.i64(rng.choice([(1 << 28) - 1, (1 << 28) - 1, 0x2 | 0x40, 0x2, 0x40, rng.getrandbits(30), rng.getrandbits(64), (1 << 64) - 1]))
            else:
                out += self.long(rng.choice([0, 0, 1, 10, 100, 4096]))
            i += 1
        assert i == len(kinds)
        return out

    def iovecs(self):
        rng, out = self.rng, b""
        for _ in range(80):
            at = rng.choice([FREE_AT, FREE_AT + rng.randrange(4096), NAME_AT, IOV_AT, SLOT_AT, TOP - rng.randrange(64), rng.choice(WORDS)])
            n = rng.choice([0, 1, 5, 64, 1000, rng.randrange(9000)]) if rng.random() < 0.85 else rng.choice(WORDS)
            out += struct.pack("<II", at & 0xFFFFFFFF, n)
        return out

    def subscriptions(self):
        """Where poll_oneoff may look: clocks that end soon, and rubbish."""
        out = b""
        for i in range(12):
            kind = self.rng.choice([0, 0, 0, 1, 2, 3, 255])
            out += struct.pack("<QB7xIxxxxQQH6x", i, kind, self.rng.choice([0, 1, 1, 2, 9, 3, 4]), self.rng.choice([0, 1, 1000, 100000]), 0, self.rng.choice([0, 0, 1, 2]))
        return out

    def module(self):
        rng = self.rng
        body = b""
        names = sorted(KINDS)
        popular = ["path_open"] * 10 + ["fd_write", "fd_read", "fd_pwrite", "fd_pread", "fd_readdir", "path_rename", "path_link", "path_symlink", "path_unlink_file",
                                       "path_create_directory", "path_remove_directory", "fd_filestat_set_size", "fd_allocate"] * 2
        for _ in range(rng.choice([40, 150, 400])):
            r = rng.random()
            if r < 0.03:
                body += wasm.i32(rng.choice([0, 1, 2, 60, 65536])) + b"\x40\x00" + wasm.DROP
            elif r < 0.10:  # writes over what it gives
                body += wasm.i32(rng.choice([IOV_AT + 4 * rng.randrange(160), NAME_AT + rng.randrange(9000), SLOT_AT + 4 * rng.randrange(16)])) + self.word(rng.getrandbits(16))
                body += b"\x36\x00\x00"
            else:
                name = rng.choice(popular) if rng.random() < 0.6 else rng.choice(names)
                if name == "proc_exit" and rng.random() < 0.9:
                    continue
                body += self.arguments(name) + wasm.call(self.number[name]) + (wasm.DROP if ROWS[name][1] else b"")
        body += rng.choice([b"", b"", b"", wasm.i32(rng.choice([0, 1, 77])) + wasm.call(self.number["proc_exit"]), wasm.UNREACHABLE, wasm.loop(b"")])
        self.m.main = body
        data = [(NAME_AT + 300 * i, n.encode()) for i, n in enumerate(NAMES)] + [(IOV_AT, self.iovecs()), (FREE_AT, self.subscriptions())]
        self.m.data = [b"\x00" + wasm.i32(at) + b"\x0b" + wasm.name(d) for at, d in data]
        return self.m.bytes()


def tree(root):
    out = {}
    for folder, folders, files in os.walk(root):
        for path in (os.path.join(folder, name) for name in folders + files):
            kind = stat.S_IFMT(os.lstat(path).st_mode)
            content = os.readlink(path) if kind == stat.S_IFLNK else pathlib.Path(path).read_bytes() if kind == stat.S_IFREG else None
            out[os.path.relpath(path, root)] = (kind, content)
    return out


class Place:
    def __init__(self, root):
        self.root, self.work, self.ro = root, root / "work", root / "ro"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")} | {"HOME": str(root), "BOXAGNTS_STATE": str(root / "state"), "NO_COLOR": "1"}
        self.ro.mkdir()
        (self.ro / "f").write_text("kept")
        (root / "secret").write_text("SECRET")

    def fill(self):
        shutil.rmtree(self.work, ignore_errors=True)
        (self.work / "d").mkdir(parents=True)
        (self.work / "a").write_text("alpha " * 50)
        (self.work / "d/b").write_text("beta")
        for name, to in (("l", "d"), ("dang", "gone"), ("up", "..")):
            (self.work / name).symlink_to(to)

    def run(self, *words, **more):
        return subprocess.run([BOXAGNTS, *map(str, words)], cwd=self.root, env=self.env, input=b"some input", capture_output=True, timeout=120, **more)


STOPS = {"exit", "trap", "timeout", "fuel", "memory", "stack", "quota"}
LIMITS = {"--max-write-bytes": 300000, "--max-created-files": 40, "--max-open-files": 12, "--wasm-timeout": 0.3, "--max-output-bytes": 20000}


def exec_once(place, seed):
    (place.root / "guest.wasm").write_bytes(Maker(seed).module())
    receipt = place.root / "receipt.json"
    receipt.unlink(missing_ok=True)
    place.fill()
    flags = [x for pair in LIMITS.items() for x in pair]
    if seed % 3 == 0:
        flags += ["--map-dirs", f"{place.ro}::/ro"]
    p = place.run("exec", "--work-dir", "work", "--receipt", receipt, *flags, "guest.wasm", "--", "one", "two")
    expect(receipt.exists(), "no receipt", p.returncode, p.stderr)
    r = json.loads(receipt.read_text())
    expect(r["stopped_by"] in STOPS, "stopped by", r["stopped_by"], r["detail"], p.stderr)
    expect(p.returncode in (0, 5, 8), "exit", p.returncode, r["stopped_by"], r["detail"])
    expect(r["used"]["written_bytes"] <= LIMITS["--max-write-bytes"], "wrote more than its quota", r["used"])
    made = tree(place.work)
    expect(len(made) <= 5 + LIMITS["--max-created-files"], "made more than its quota", len(made))
    held = sum(os.lstat(place.work / name).st_blocks * 512 for name, (kind, _) in made.items() if kind == stat.S_IFREG)
    expect(held < 4 * LIMITS["--max-write-bytes"], "holds more disk than its quota", held)
    return r["stopped_by"]


def tool_once(place, seed):
    tools = place.root / ".local/share/boxagnts/tools"
    tools.mkdir(parents=True, exist_ok=True)
    (tools / "fuzzed.wasm").write_bytes(Maker(seed).module())
    (tools / "fuzzed.tool.json").write_text(json.dumps({
        "name": "fuzzed", "version": "1", "description": "a guest of the fuzzer", "invoke": "argv", "input_schema": {"type": "object"},
        "annotations": {"read_only": False, "destructive": True}, "effects": [{"effect": "Write", "target": "/", "recursive": True}],
        "limits": {"wasm_timeout": 0.3, "max_write_bytes": 300000, "max_created_files": 40}}))
    place.fill()
    before = tree(place.work)
    words = ["tool", "call", "--work-dir", "work", "--permission-mode", "bypass", "--json"]
    p = place.run(*words, "fuzzed", "{}")
    expect(p.stdout.strip(), "no answer", p.returncode, p.stderr)
    said = json.loads(p.stdout)
    expect("receipt" in said, p.returncode, p.stdout, p.stderr)
    r = said["receipt"]
    expect(r["stopped_by"] in STOPS | {"denied:fs"}, "stopped by", r["stopped_by"], r["detail"])
    after = tree(place.work)
    if after != before:
        u = place.run("undo", "last")
        now = tree(place.work)
        differs = {k: (before.get(k), now.get(k)) for k in before.keys() | now.keys() if before.get(k) != now.get(k)}
        expect(u.returncode == 0 and not differs, "not undone", u.returncode, u.stderr, differs)
    return "tool: " + r["stopped_by"]


def main():
    count = int(os.environ.get("BX_FUZZ_GUESTS", "60"))
    seconds = float(os.environ.get("BX_FUZZ_SECONDS", "0"))
    one = int(sys.argv[1]) if len(sys.argv) > 1 else None
    first = one if one is not None else int.from_bytes(os.urandom(4), "little") if seconds else 1
    stops, failed, seed = {}, 0, first
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="bx-guest-fuzz-", ignore_cleanup_errors=True) as folder:
        place = Place(pathlib.Path(folder))
        outside = {k: v for k, v in tree(place.root).items() if k.startswith(("ro", "secret"))}
        while one == seed or (one is None and (time.monotonic() < until if seconds else seed < first + count)):
            try:
                stop = tool_once(place, seed) if seed % 4 == 1 else exec_once(place, seed)
                stops[stop] = stops.get(stop, 0) + 1
                now = {k: v for k, v in tree(place.root).items() if k.startswith(("ro", "secret"))}
                expect(now == outside, "outside changed")
            except (AssertionError, subprocess.TimeoutExpired, ValueError, OSError) as e:
                failed += 1
                print(f"FAIL seed {seed}: {str(e)[:1500]}\n  again: {sys.argv[0]} {seed}", flush=True)
            if one is not None:
                pathlib.Path(f"guest-{seed}.wasm").write_bytes(Maker(seed).module())
            seed += 1
        for words in (("journal", "verify"), ("budget", "show", "--check")):
            p = place.run(*words)
            if p.returncode != 0:
                failed += 1
                print(f"FAIL {' '.join(words)}: {p.stderr}")
    done = seed - first
    print("ends: " + ", ".join(f"{k} {v}" for k, v in sorted(stops.items())))
    print(f"fuzzed guests: {done - min(failed, done)}/{done}")
    sys.exit(failed > 0 or done == 0)


main()
