#!/usr/bin/env python3
"""The loop's own numbers: an agent's memory at rest and with a long conversation, a cancel while the machine is busy, and what a
store with many sessions costs. Prints JSON lines.

usage: bench_loop.py BUILD_DIR [SESSIONS]
"""
import json
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

SESSIONS = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
QUICK = len(sys.argv) > 2
BOXAGNTS = os.path.join(sys.argv[1], "bin/boxagnts")
TOKENS, BYTES_A_TOKEN = 200000, 4


def print_row(name, unit, values, goal="", **more):
    values = sorted(values)
    at = lambda q: round(values[min(len(values) - 1, int(len(values) * q))], 3)
    print(json.dumps({"name": name, "unit": unit, "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "n": len(values), "goal": goal, **more}), flush=True)
    return at(0.5)


def children(pid):
    """name -> pid of the direct children."""
    found = {}
    for child in open(f"/proc/{pid}/task/{pid}/children").read().split():
        try:
            found[open(f"/proc/{child}/comm").read().strip()] = int(child)
        except OSError:
            pass
    return found


def private_kib(pid):
    return sum(int(line.split()[1]) for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith(("Private_Clean:", "Private_Dirty:")))


class Bench:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.files = self.folder / "files"
        self.files.mkdir()
        self.env = {**os.environ, "BOXAGNTS_STATE": str(self.folder / "state"), "XDG_CONFIG_HOME": str(self.folder / "config")}

    def script(self, name, *lines):
        path = self.folder / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return f"script:{path}"

    def start(self, model, receipts):
        """A run that has had so many receipts and now waits for its planner."""
        tree = subprocess.Popen([BOXAGNTS, "run", "--work-dir", self.files, "--model", model, "--output", "stream-json", "q"], env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        seen = 0
        while seen < receipts:
            line = tree.stdout.readline()
            if not line:
                sys.exit("bench_loop: a run ended early")
            seen += json.loads(line)["type"] == "receipt"
        return tree

    def end(self, tree):
        tree.send_signal(signal.SIGINT)
        tree.stdout.close()
        tree.wait(30)

    def run(self, *words):
        start = time.perf_counter()
        done = subprocess.run([BOXAGNTS, *map(str, words)], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"bench_loop: {words}: exit {done.returncode}: {done.stderr[-300:]}")
        return (time.perf_counter() - start) * 1e3


def agent_memory(b):
    idle = b.script("idle.jsonl", {"calls": [{"tool": "list", "input": {"path": "/"}}]}, {"delay_ms": 600000, "text": "late"})
    tree = b.start(idle, 1)
    print_row("idle agent, private memory", "KiB", [private_kib(children(tree.pid)["boxagnts-agent"])], "<= 1536")
    b.end(tree)
    piece = 40000
    (b.files / "words.txt").write_text(("words of a file that a model reads \n" * (piece // 36)))
    count = TOKENS * BYTES_A_TOKEN // piece
    calls = [{"calls": [{"tool": "read", "input": {"path": "words.txt", "limit": 5000 - i}}]} for i in range(count)]
    tree = b.start(b.script("long.jsonl", *calls, {"delay_ms": 600000, "text": "late"}), count)
    pid = children(tree.pid)["boxagnts-agent"]
    before = -1
    while before != (before := private_kib(pid)): # the last request is written after the last receipt
        time.sleep(0.2)
    print_row(f"agent with a context of {TOKENS} tokens ({TOKENS * BYTES_A_TOKEN // 1000} kB), private memory", "KiB", [before])
    b.end(tree)


def spin():
    while True:
        pass


def cancel_under_load(b, rounds):
    idle = b.script("idle.jsonl", {"calls": [{"tool": "list", "input": {"path": "/"}}]}, {"delay_ms": 600000, "text": "late"})
    load = [multiprocessing.get_context("fork").Process(target=spin, daemon=True) for _ in range(2 * os.cpu_count())]
    for one in load:
        one.start()
    silence = []
    for _ in range(rounds):
        tree = b.start(idle, 1)
        pids = children(tree.pid)
        start = time.perf_counter()
        tree.send_signal(signal.SIGINT)
        while any(os.path.exists(f"/proc/{pid}") for pid in pids.values()):
            time.sleep(0.0005)
        silence.append((time.perf_counter() - start) * 1e3)
        tree.stdout.close()
        tree.wait(30)
    for one in load:
        one.kill()
    print_row(f"cancel to silence, {len(load)} busy loops on {os.cpu_count()} cores", "ms", silence, "<= 100")


def many_sessions(b, rounds):
    one = b.script("one.jsonl", {"calls": [{"tool": "list", "input": {"path": "/"}}]}, {"text": "done"})
    two = b.script("two.jsonl", {"text": "went on"})
    run = ("run", "--work-dir", b.files, "--model", one, "q")
    words = {"session list": ("session", "list"), "session resume": ("session", "resume", "last", "go on", "--model", two), "run": run}
    b.env["BOXAGNTS_STATE"] = str(b.folder / "many")
    b.run(*run)
    few = {name: print_row(f"{name}, 1 session in the store", "ms", [b.run(*line) for _ in range(rounds)]) for name, line in words.items()}
    for _ in range(SESSIONS):
        b.run(*run)
    for name, line in words.items():
        times = [b.run(*line) for _ in range(rounds)]
        print_row(f"{name}, {SESSIONS} sessions in the store", "ms", times, "" if name == "run" else "<= 50", ratio_to="with 1 session", ratio=round(sorted(times)[rounds // 2] / few[name], 2))


def main():
    with tempfile.TemporaryDirectory(prefix="bx-loop-") as folder:
        b = Bench(folder)
        agent_memory(b)
        cancel_under_load(b, 10 if QUICK else 100)
        many_sessions(b, 5 if QUICK else 21)


main()
