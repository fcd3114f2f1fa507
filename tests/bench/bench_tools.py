#!/usr/bin/env python3
"""Tools on large inputs, through the whole tree of programs, with what a person would use in the same run: grep over 10,000 files
beside GNU grep (and ripgrep, where it is installed), an edit of a file of 10 MB; and a shell that says one word.

    bench_tools.py BUILD_DIR [CALLS]

Prints JSON lines {"name","unit","p50","p95","p99","n","goal","ratio_to"?,"ratio"?}; run.py puts them into the table."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

build = pathlib.Path(sys.argv[1]).resolve()
calls = max(10, int(sys.argv[2])) if len(sys.argv) > 2 else 30
FILES, PATTERN = 10000, "needle_of_[a-z]+\\("


def quantiles(values):
    values = sorted(values)
    at = lambda q: round(values[min(len(values) - 1, int(len(values) * q))], 3)
    return {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "n": len(values)}


def row(name, figures, goal="", ratio_to=None, reference=None):
    more = {"ratio_to": ratio_to, "ratio": round(figures["p50"] / reference, 2)} if reference else {}
    print(json.dumps({"name": name, "unit": "ms", **figures, "goal": goal, **more}), flush=True)


def make_tree(folder):
    rng = random.Random(1)
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 9))) for _ in range(3000)]
    for number in range(FILES):
        lines = [" ".join(rng.choices(words, k=9)) for _ in range(rng.randint(20, 120))]
        if number % 97 == 0:
            lines[5] += " needle_of_hay(42)"
        path = folder / f"d{number // 100:02}" / f"f{number % 100:02}.c"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")


def timed(args, cwd):
    found = []
    for _ in range(calls):
        start = time.perf_counter()
        subprocess.run(args, cwd=cwd, stdout=subprocess.DEVNULL, check=False)
        found.append((time.perf_counter() - start) * 1e3)
    return quantiles(found)


def governed(work, files, tool, value, count):
    """One session in which an agent that measures asks for so many calls: the figures of one call, from the agent and back."""
    out = subprocess.run([str(work / "bin/boxagnts"), "run", "--work-dir", str(files), "--model", f"script:{work / 'none.jsonl'}", "--output", "json",
                          "--permission-mode", "acceptEdits", "--max-tool-calls", "100000", f"{count} {tool} {json.dumps(value)}"],
                         env={**os.environ, "BOXAGNTS_STATE": str(work / "state")}, capture_output=True, text=True, check=False)
    try:
        figures = json.loads(json.loads(out.stdout)["text"])
    except (ValueError, KeyError):
        sys.exit(f"{tool}: {out.stdout[-300:]} {out.stderr[-300:]}")
    return {**{key: round(figures[key] / 1000, 3) for key in ("p50", "p95", "p99")}, "n": figures["n"]}


with tempfile.TemporaryDirectory(prefix="boxagnts-bench-tools-") as name:
    top = pathlib.Path(name)
    (top / "bin").mkdir()
    for program in ("boxagnts", "boxagnts-worker", "boxagnts-compile"):
        shutil.copy(build / "bin" / program, top / "bin")
    shutil.copy(build / "bench/bench_agent", top / "bin/boxagnts-agent")
    (top / "share").symlink_to(build / "share")
    (top / "none.jsonl").write_text('{"text":"done"}\n')
    tree, single = top / "tree", top / "single"
    make_tree(tree)
    single.mkdir()
    line = "line %d of a file that is long enough to be work\n"
    text = "".join(line % i for i in range(10_000_000 // len(line % 100000)))
    (single / "big.txt").write_text(text)

    grep = ["grep", "-rnE", PATTERN, "."]
    query = {"pattern": PATTERN, "max_results": 500}
    governed(top, tree, "grep", query, 10)  # compiled and sealed, and the tree in memory
    timed(grep, tree)
    reference = timed(grep, tree)
    row(f"GNU grep over {FILES} files (reference)", reference)
    if shutil.which("rg"):
        row(f"ripgrep, one thread, over {FILES} files (reference)", timed(["rg", "-n", "-j1", PATTERN, "."], tree))
    row(f"governed grep over {FILES} files", governed(top, tree, "grep", query, calls), "<= 3 x", "GNU grep", reference["p50"])
    row(f"governed edit of a file of {len(text) / 1e6:.1f} MB",
        governed(top, single, "edit", {"path": "big.txt", "old_string": "line %d of a", "new_string": "LINE of a"}, calls), "<= 50")
    governed(top, single, "shell", {"command": "echo hi"}, 10)
    row("governed shell, echo hi", governed(top, single, "shell", {"command": "echo hi"}, 10 * calls), "<= 4")
    row("governed shell, a pipeline of four",
        governed(top, single, "shell", {"command": "printf 'b\\na\\n' | sort | uniq -c | head -n 1"}, 10 * calls))
    # a fresh instance each; read-only, so that no durable intent is part of it
    row("governed javascript of 1+1", governed(top, single, "javascript", {"code": "1+1", "read_only": True}, calls * 20), "<= 1")
    row("governed sql, a query in memory", governed(top, single, "sql", {"sql": "SELECT 1+1", "read_only": True}, calls * 20))
