#!/usr/bin/env python3
"""Kill is the tree: after any end (done, failed, cancelled, the monitor killed with -9) no process of it is left, the journal verifies, the
ledger sums, and files are old or new, never half. BX_KILLS sets how many ends are tried (default 100; `make proof` tries 200)."""
import json
import os
import random
import signal
import subprocess
import time

from common import BOXAGNTS, call, expect, main

KILLS = int(os.environ.get("BX_KILLS", "100"))
OLD, NEW = "old line\n" * 2000, "new line\n" * 3000


def tree_of(pid):
    """The monitor's children and theirs, by pid, as this machine sees them."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = open(f"/proc/{entry}/stat").read().rpartition(")")[2].split()
                parents[int(entry)] = int(fields[1])
            except (OSError, IndexError):
                pass
    found, grew = {pid}, True
    while grew:
        more = {child for child, parent in parents.items() if parent in found} - found
        grew = bool(more)
        found |= more
    return found - {pid}


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_gone(pids, seconds=10):
    """Waits for an event that must come; the bound only keeps a broken build from hanging the suite."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        left = [pid for pid in pids if alive(pid)]
        if not left:
            return []
        time.sleep(0.002)
    return left


def script_of(p):
    lines = []
    for i in range(40):
        lines.append({"text": "t", "calls": [call("write", path="f.txt", content=NEW if i % 2 else OLD), call("read", path="f.txt", offset=i + 1)],
                      "usage": {"input_tokens": 100, "output_tokens": 100}})
    return p.script({"script": 1, "price": {"input_per_mtok_usd": 3, "output_per_mtok_usd": 15}}, *lines, {"delay_ms": 30000, "text": "late"})


def start(p, model, **env):
    return subprocess.Popen([BOXAGNTS, "run", "--model", model, "--permission-mode", "acceptEdits", "--output", "stream-json", "q"], cwd=p.work,
                            env={**p.env, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def read_until(tree, lines):
    """Reads so many events: the moment of the kill is a place in the story, not a time."""
    for _ in range(lines):
        if not tree.stdout.readline():
            break


def check_after(p, tree, pids, what):
    left = wait_gone(pids)
    expect(not left, what, "left over:", left)
    content = (p.work / "f.txt").read_text()
    expect(content in (OLD, NEW), what, "a half file of", len(content))
    expect(sorted(x.name for x in p.work.iterdir()) == ["f.txt"], what, list(p.work.iterdir()))
    tree.stdout.close()
    tree.stderr.close()


def every_end_leaves_nothing(p):
    rng = random.Random(20261124)
    (p.work / "f.txt").write_text(OLD)
    model = script_of(p)
    p.run("run", "--model", p.script({"calls": [call("read", path="f.txt"), call("write", path="f.txt", content=OLD)]}, name="warm.jsonl"),
          "--permission-mode", "acceptEdits", "q")
    for i in range(KILLS):
        tree = start(p, model)
        read_until(tree, rng.randrange(0, 150))
        pids = tree_of(tree.pid)
        victim = rng.choice(["monitor-9", "monitor-9", "agent-9", "worker-9", "SIGINT", "SIGTERM", "SIGHUP"])
        if victim == "monitor-9":
            tree.kill()
        elif victim.startswith("SIG"):
            tree.send_signal(getattr(signal, victim))
        else:
            for pid in pids:
                try:
                    if victim[:-2] in open(f"/proc/{pid}/comm").read():
                        os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            tree.send_signal(signal.SIGTERM)
        pids |= tree_of(tree.pid)
        rest = tree.stdout.read()
        code = tree.wait(timeout=30)
        expect(code in (-9, -1, -2, -15, 0, 1, 4, 5, 6, 130), victim, code, tree.stderr.read())
        check_after(p, tree, pids, f"{i}: {victim}")
        if i % 20 == 19:
            p.verify()
        del rest
    p.verify()


def a_cancelled_run_says_so(p):
    (p.work / "f.txt").write_text(OLD)
    for sig in (signal.SIGINT, signal.SIGTERM):
        tree = start(p, p.script({"calls": [call("read", path="f.txt")]}, {"delay_ms": 30000, "text": "late"}))
        while b'"receipt"' not in tree.stdout.readline():
            pass
        pids = tree_of(tree.pid)
        expect(pids, "there is a tree")
        tree.send_signal(sig)
        done = json.loads(tree.stdout.read().splitlines()[-1])
        expect(tree.wait(timeout=30) == 130 and done["status"] == "cancelled" and done["stopped_by"] == "cancel" and done["exit_code"] == 130, done)
        check_after(p, tree, pids, "cancel")


def a_dead_worker_is_a_crash_with_a_receipt_and_the_run_goes_on(p):
    (p.work / "f.txt").write_text(OLD)
    model = p.script({"calls": [call("read", path="f.txt")]}, {"delay_ms": 1500, "text": "t", "calls": [call("read", path="f.txt", offset=2)]}, {"text": "end"})
    tree = start(p, model)
    while b'"receipt"' not in tree.stdout.readline():
        pass
    for pid in tree_of(tree.pid):
        if "worker" in open(f"/proc/{pid}/comm").read():
            os.kill(pid, signal.SIGKILL)
    done = json.loads(tree.stdout.read().splitlines()[-1])
    expect(tree.wait(timeout=30) == 0 and done["text"] == "end" and len(done["calls"]) == 2, done)
    tree.stdout.close()
    tree.stderr.close()
    p.verify()


def a_killed_compiler_is_named_and_leaves_no_half_file(p):
    from common import TOOLS
    hits = 0
    for i in range(10):
        run = subprocess.Popen([BOXAGNTS, "exec", str(TOOLS / "grep.wasm")], cwd=p.work, env={**p.env, "XDG_CACHE_HOME": str(p.root / f"cache{i}")},
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        killed = False
        while run.poll() is None and not killed:
            for pid in tree_of(run.pid):
                try:
                    if "compil" in open(f"/proc/{pid}/comm").read():
                        os.kill(pid, signal.SIGKILL)
                        killed = True
                except OSError:
                    pass
        err = run.stderr.read()
        run.stderr.close()
        run.wait(timeout=30)
        if run.returncode == 8:
            continue  # it had ended before the kill came: the module ran
        hits += 1
        expect(killed and run.returncode in (1, 5) and "compil" in err and "signal 9" in err, run.returncode, err)
        expect(not [f for f in (p.root / f"cache{i}").rglob("*") if f.is_file()], "no half file in the cache")
    expect(hits, "no kill came in time")
    p.verify()


def two_processes_on_one_session(p):
    (p.work / "f.txt").write_text(OLD)
    tree = start(p, p.script({"calls": [call("write", path="f.txt", content=NEW)]}, {"delay_ms": 30000, "text": "late"}))
    while b'"receipt"' not in tree.stdout.readline():
        pass
    proc = p.run("undo", "last", code=1)
    expect("session" in proc.stderr and (p.work / "f.txt").read_text() == NEW, proc.stderr)
    tree.send_signal(signal.SIGTERM)
    tree.stdout.read()
    tree.wait(timeout=30)
    tree.stdout.close()
    tree.stderr.close()
    p.run("undo", "last", code=0)
    expect((p.work / "f.txt").read_text() == OLD, "undone after it ended")


if __name__ == "__main__":
    main(a_killed_compiler_is_named_and_leaves_no_half_file, two_processes_on_one_session, a_cancelled_run_says_so, a_dead_worker_is_a_crash_with_a_receipt_and_the_run_goes_on, every_end_leaves_nothing)
