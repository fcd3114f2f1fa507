#!/usr/bin/env python3
"""The fault suite: the main scenarios, each run again and again with one system call or one allocation of one program failing.

    test_fault.py [SCENARIO...]      BX_FAULT=short (default: a sample of both, for CI) | calls (every system call, a larger sample of
                                     allocations) | whole (every one of both: hours)
                                     BX_PART=I/N: the Ith of N parts of it, from 1
    test_fault.py SCENARIO PROGRAM syscall|alloc N|N+     that one fault, to look at it

After each fault: no program has crashed, none is left, the command has ended by a documented exit code, what is denied has not
happened, files are old or new and no other names are there, the journal verifies and the ledger sums. Last line: P/T faults."""
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))
sys.path.insert(0, str(HERE.parent / "conformance"))

import wasi_guest  # noqa: E402
from common import BOXAGNTS, HOSTILE, expect  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BOXAGNTS_BUILD", pathlib.Path(BOXAGNTS).parents[1]))
INJECTOR = os.environ.get("BX_INJECTOR", str(BUILD / "tests/fault/injector"))
SHIM = os.environ.get("BX_ALLOC_SHIM", str(BUILD / "tests/fault/alloc_shim.so"))
EXITS = {0, 1, 2, 3, 4, 5, 6, 7, 8, 130}
# Crashes that are not ours to mend, and are contained. The engine (Rust) aborts when it gets no memory: the two programs that hold it live
# for one agent or one module and own nothing, and the monitor must report their end and go on. libcrypto 3.0 follows a null pointer when
# it gets no memory at its own first start; the state must be whole all the same.
ENGINE, LIBCRYPTO = re.compile(r"signal boxagnts-(worker|compil) 6 "), re.compile(r"signal \S+ 11 libcrypto")
NO_MEMORY = {"alloc", "9", "10", "12", "25"}  # the calls mmap, mprotect, brk, mremap


def is_foreign(line, fired):
    what = fired.split()[2] if fired else ""
    return bool(what in NO_MEMORY and ENGINE.match(line) or what == "alloc" and LIBCRYPTO.match(line))


SAMPLE = {"short": 8, "calls": 100, "whole": 1 << 30}  # faults for each program of each scenario and each kind
OLD, NEW = "the old text\n", "the new text\n"


class Setting:
    """One prepared state and workspace, copied for each fault."""

    def __init__(self, root):
        self.root = root
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "OPENAI_", "GEMINI_", "XDG_"))}
        self.env |= {"HOME": str(root), "BOXAGNTS_STATE": str(root / "state"), "XDG_CACHE_HOME": str(root / "cache"), "XDG_CONFIG_HOME": str(root / "config"),
                     "XDG_DATA_HOME": str(root / "data"), "NO_COLOR": "1"}
        self.work = root / "work"

    def boxagnts(self, *args, code=None):
        p = subprocess.run([BOXAGNTS, *map(str, args)], cwd=self.work, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=100)
        if code is not None:
            expect(p.returncode == code, args, p.returncode, p.stdout, p.stderr)
        return p

    def inject(self, program, kind, nth, command):
        report = self.root / "report"
        p = subprocess.run([INJECTOR, report, SHIM, program, kind, str(nth), BOXAGNTS, *map(str, command)], cwd=self.work, env=self.env, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=180)
        return p, report.read_text().splitlines() if report.exists() else []


# --- scenarios: prepare(setting), command(setting) -> words, check(setting, process) ---

def thief(work):
    """A guest that writes where it may, tries every way out to read and to write, and prints what it got."""
    g = wasi_guest.Guest(work)
    g.write(g.open("c.txt", wasi_guest.CREAT, rights=wasi_guest.BOTH, want=None), OLD, want=None)
    for path in ("../secret.txt", "/secret.txt", "out/secret.txt", "out-file", "out/../secret.txt", "a.txt/../../secret.txt"):
        for follow in (0, 1):
            g.read(g.open(path, follow=follow, want=None), 16, want=None)
            g.look(g.slot_at - 24, 24, None)
            g.write(g.open(path, follow=follow, rights=wasi_guest.BOTH, want=None), "BROKEN", want=None)
        if path == "out-file":
            continue  # the link itself is inside
        g.call("path_rename", 3, wasi_guest.P(path.encode()), 3, wasi_guest.P(b"stolen"), want=None)
        g.call("path_link", 3, 1, wasi_guest.P(path.encode()), 3, wasi_guest.P(b"stolen"), want=None)
        g.call("path_unlink_file", 3, wasi_guest.P(path.encode()), want=None)
    return g.module()


def plain(s):
    s.work.mkdir()
    (s.root / "secret.txt").write_text("SECRET")
    (s.work / "out").symlink_to("..")
    (s.work / "out-file").symlink_to("../secret.txt")
    (s.root / "thief.wasm").write_bytes(thief(s.work))
    (s.work / "a.txt").write_text(OLD)
    (s.work / "b.txt").write_text(OLD)


def warm(s):
    plain(s)
    s.boxagnts("exec", "../thief.wasm", code=0)
    s.boxagnts("tool", "call", "--permission-mode", "bypass", "write", json.dumps({"path": "c.txt", "content": OLD}), code=0)
    s.boxagnts("tool", "call", "read", '{"path":"a.txt"}', code=0)
    s.boxagnts("tool", "call", "--permission-mode", "bypass", "edit", json.dumps({"path": "c.txt", "old_string": "old", "new_string": "mid"}), code=0)


def prepared_run(s):
    warm(s)
    (s.root / "script.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (
        {"calls": [{"tool": "read", "input": {"path": "a.txt"}}]}, {"calls": [{"tool": "write", "input": {"path": "a.txt", "content": NEW}}]},
        {"calls": [{"tool": "edit", "input": {"path": "b.txt", "old_string": "old", "new_string": "new"}}]}, {"text": "done"})))


def ran(s):
    """After the copy: a session knows its workspace by its path."""
    p = s.boxagnts(*run_command(s), code=0)
    (s.root / "session").write_text(json.loads(p.stdout)["session"])
    expect((s.work / "a.txt").read_text() == NEW, "the run did not write")


def tampered(s):
    warm(s)
    import sqlite3
    db = sqlite3.connect(s.root / "state/store.db")
    tables = [t for (t,) in db.execute("select name from sqlite_master where type='table'") if "journal" in t]
    expect(tables, "no table of the journal")
    for (name,) in db.execute("select name from sqlite_master where type='trigger'").fetchall():
        db.execute(f"drop trigger {name}")
    columns = [c[1] for c in db.execute(f"pragma table_info({tables[0]})")]
    body = next(c for c in columns if c in ("body", "json", "data", "payload", "text"))
    n = db.execute(f"update {tables[0]} set {body} = replace({body}, 'c.txt', 'd.txt')").rowcount
    db.commit()
    db.close()
    expect(n > 0, "nothing was changed")
    expect(s.boxagnts("journal", "verify").returncode != 0, "the change is not seen")


def run_command(s):
    return ["run", "--model", f"script:{s.root}/script.jsonl", "--permission-mode", "bypass", "--output", "json"]


def names(s):
    return sorted(p.name for p in s.work.iterdir())


def old_or_new(s, *files):
    for f in files:
        text = (s.work / f).read_text()
        expect(text in (OLD, NEW), f"{f} is neither old nor new", text)
    expect(names(s) == ["a.txt", "b.txt", "c.txt", "out", "out-file"], "names", names(s))


def check_exec(s, p):
    expect(b"SECRET" not in p.stdout, "reached", p.stdout)
    expect(set(names(s)) <= {"a.txt", "b.txt", "c.txt", "out", "out-file"} and (s.root / "secret.txt").read_text() == "SECRET", "changed", names(s))


def check_write(s, p):
    old_or_new(s, "a.txt", "b.txt")
    if p.returncode == 0:
        expect((s.work / "a.txt").read_text() == NEW, "it says that it wrote")


def check_denied(s, p):
    expect(p.returncode != 0, "a denied call ended well", p.stdout)
    expect((s.work / "a.txt").read_text() == OLD, "a denied call has written")
    old_or_new(s, "b.txt")


def check_run(s, p):
    old_or_new(s, "a.txt", "b.txt")


def check_undo(s, p):
    old_or_new(s, "a.txt", "b.txt")
    if p.returncode == 0:
        expect((s.work / "a.txt").read_text() == OLD and (s.work / "b.txt").read_text() == OLD, "it says that it undid")


def check_nothing(s, p):
    pass


def check_tampered(s, p):
    expect(p.returncode != 0, "a journal that was changed verifies", p.stdout)


WRITE = ["write", json.dumps({"path": "a.txt", "content": NEW})]
SCENARIOS = {
    "exec": (warm, lambda s: ["exec", "--wasm-timeout", "5", "../thief.wasm"], check_exec, ["boxagnts", "boxagnts-worker"]),
    "compile": (plain, lambda s: ["exec", "--wasm-timeout", "5", HOSTILE / "exit_code.wasm", "0"], check_exec, ["boxagnts", "boxagnts-compile"]),
    "write": (warm, lambda s: ["tool", "call", "--permission-mode", "bypass", *WRITE], check_write, ["boxagnts", "boxagnts-worker"]),
    "denied": (warm, lambda s: ["tool", "call", *WRITE], check_denied, ["boxagnts", "boxagnts-worker"]),
    "run": (prepared_run, run_command, check_run, ["boxagnts", "boxagnts-agent", "boxagnts-worker"]),
    "verify": (warm, lambda s: ["journal", "verify"], check_nothing, ["boxagnts"]),
    "verify_tampered": (tampered, lambda s: ["journal", "verify"], check_tampered, ["boxagnts"]),
    "undo": (prepared_run, lambda s: ["undo", (s.root / "session").read_text()], check_undo, ["boxagnts"]),
}


class Suite:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.templates, self.lock, self.number, self.foreign = {}, threading.Lock(), 0, 0

    def setting(self, name):
        with self.lock:
            self.number += 1
            root = self.folder / f"f{self.number}"
        # At a path of the same length for all, so that nothing that is counted depends on it.
        shutil.copytree(self.templates[name], root, symlinks=True)
        s = Setting(root)
        if name == "undo":
            ran(s)
        return s

    def prepare(self, name):
        root = self.folder / f"t-{name}"
        root.mkdir()
        SCENARIOS[name][0](Setting(root))
        self.templates[name] = root

    def counts(self, name):
        """How many system calls and allocations each program makes when nothing fails."""
        s = self.setting(name)
        p, report = s.inject("none", "count", 0, SCENARIOS[name][1](s))
        expect(p.returncode in EXITS and not any(line.startswith(("signal", "left")) for line in report), "without a fault", p.returncode, p.stderr, report)
        SCENARIOS[name][2](s, p)
        found = {}
        for line in report:
            if line.startswith("count "):
                _, program, calls, allocations = line.split()
                found[program] = {"syscall": int(calls), "alloc": int(allocations)}
        shutil.rmtree(s.root, ignore_errors=True)
        return found

    def fault(self, name, program, kind, nth):
        """None, or what went wrong."""
        s = self.setting(name)
        try:
            p, report = s.inject(program, kind, nth, SCENARIOS[name][1](s))
            fired = [line for line in report if line.startswith("fired")]
            bad = [line for line in report if line.startswith(("signal", "left")) and not is_foreign(line, fired[0] if fired else "")]
            foreign = len(bad) < sum(line.startswith("signal") for line in report)
            expect(p.returncode in EXITS or foreign, "ended by", p.returncode, p.stderr, report)
            with self.lock:
                self.foreign += foreign
            expect(not bad, *bad[:3], fired, p.stderr)
            SCENARIOS[name][2](s, p)
            if name != "verify_tampered":
                if (s.root / "state/store.db").exists():
                    s.boxagnts("journal", "verify", code=0)
                s.boxagnts("budget", "show", "--check", code=0)
            return bool(fired), None
        except subprocess.TimeoutExpired as e:
            return True, f"did not end: {e}"
        except AssertionError as e:
            return True, str(e)[:1500]
        finally:
            shutil.rmtree(s.root, ignore_errors=True)


def chosen(count, how_many, rng):
    if how_many >= count:
        return list(range(1, count + 1))
    step = count / how_many
    return sorted({min(count, 1 + int(i * step + rng.random() * step)) for i in range(how_many)})


def plan(suite, names_, mode):
    jobs, totals = [], {"syscall": 0, "alloc": 0}
    rng = random.Random(int(os.environ.get("BX_SEED", "1")))
    for name in names_:
        suite.prepare(name)
        counts = suite.counts(name)
        for program in SCENARIOS[name][3]:
            count = counts.get(program[:15])
            if count is None:
                continue
            for kind in ("syscall", "alloc"):
                totals[kind] += count[kind]
                some = chosen(count[kind], 1 << 30 if kind == "syscall" and mode != "short" else SAMPLE[mode], rng)
                jobs += [(name, program, kind, n) for n in some]
                if kind == "alloc":  # no memory from here on: what cleans up must do without
                    jobs += [(name, program, kind, f"{n}+") for n in chosen(count[kind], SAMPLE[mode] // 3, rng)]
    rng.shuffle(jobs)
    return jobs, totals


def main():
    mode = os.environ.get("BX_FAULT", "short")
    if not os.access(INJECTOR, os.X_OK):
        print(f"the injector is not built: {INJECTOR}")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="bx-fault-", ignore_cleanup_errors=True) as folder:
        suite = Suite(folder)
        if len(sys.argv) == 5:
            suite.prepare(sys.argv[1])
            fired, why = suite.fault(*sys.argv[1:])
            print(why or ("ok" if fired else "nothing failed: there are fewer"))
            sys.exit(why is not None)
        jobs, totals = plan(suite, sys.argv[1:] or list(SCENARIOS), mode)
        part, parts = map(int, os.environ.get("BX_PART", "1/1").split("/"))
        # By the job itself: from run to run some more or fewer calls are counted, and the parts must still be all of them.
        jobs = [job for job in jobs if zlib.crc32(repr(job).encode()) % parts == part - 1]
        done, failed, counts = 0, 0, {"syscall": 0, "alloc": 0}
        lock = threading.Lock()

        def one(job):
            nonlocal done, failed
            fired, why = suite.fault(*job)
            with lock:
                if not fired:
                    return  # the run made fewer calls than the one that was counted
                done += 1
                counts[job[2]] += 1
                if why:
                    failed += 1
                    print(f"FAIL {' '.join(map(str, job))}: {why}\n  again: {sys.argv[0]} {' '.join(map(str, job))}", flush=True)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(one, jobs))
    print(f"{suite.foreign} of them ended a program inside a library that does not bear it (the engine, libcrypto), contained")
    print(f"of {totals['syscall']} system calls and {totals['alloc']} allocations: {counts['syscall']} and {counts['alloc']} failed in turn")
    print(f"fault suite: {done - failed}/{done}")
    sys.exit(failed > 0 or done == 0)


main()
