#!/usr/bin/env python3
"""Runs every bench of a build, with references in the same run, and writes bench/results.json and the table in README.md.

    tests/bench/run.py BUILD_DIR [--quick]

C benches (BUILD/bench/bench_*) print JSON lines {"name","unit","p50","p95","p99","n","ratio_to","ratio"}; what needs the
whole tree of programs is measured here. Nothing fails by an absolute time.
"""
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

build = pathlib.Path(sys.argv[1]).resolve()
quick = "--quick" in sys.argv
root = pathlib.Path(__file__).resolve().parents[2]
bin_dir = build / "bin"
rows = []


def quantiles(values):
    values = sorted(values)
    at = lambda q: values[min(len(values) - 1, int(len(values) * q))]
    return {"p50": round(at(0.5), 3), "p95": round(at(0.95), 3), "p99": round(at(0.99), 3), "n": len(values)}


def add(name, unit, figures, goal="", ratio_to=None, reference=None):
    row = {"name": name, "unit": unit, **figures, "goal": goal}
    if ratio_to and reference:
        row |= {"ratio_to": ratio_to, "ratio": round(figures["p50"] / reference, 2)}
    rows.append(row)
    ratio = f"{row['ratio']:>7} x {ratio_to}" if "ratio" in row else ""
    print(f"{name:<46} {row['p50']:>10} {row['p95']:>10} {row['p99']:>10} {unit:<4} n={row['n']:<6} {goal:<12} {ratio}", flush=True)


def c_benches():
    goals = {"fresh guest": "<= 10", "worker": "<= 4", "wasi_open": "<= 3 x", "blocked_call": "<= 50", "deadline_over": "<= 10", "sse_parse": ">= 500", "step_": "<= 5"}
    for program in sorted((build / "bench").glob("bench_*")):
        if program.name == "bench_agent" or not os.access(program, os.X_OK):
            continue
        args = [str(program)] + (["10"] if quick else [])
        out = subprocess.run(args, cwd=build, capture_output=True, text=True, env={**os.environ, "BOXAGNTS_BIN": str(bin_dir)})
        if out.returncode:
            print(f"{program.name} failed: {out.stderr.strip()[-300:]}", file=sys.stderr)
            continue
        for line in out.stdout.splitlines():
            row = json.loads(line)
            goal = next((g for key, g in goals.items() if row["name"].startswith(key)), "")
            ratio = row.get("ratio")
            add(row["name"], row["unit"], {k: row[k] for k in ("p50", "p95", "p99", "n")}, goal)
            if ratio:
                rows[-1] |= {"ratio_to": row["ratio_to"], "ratio": ratio}


def timed(args, count, **kw):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        subprocess.run(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **kw)
        times.append((time.perf_counter() - start) * 1e3)
    return quantiles(times)


def private_bytes(pid):
    """Private pages of a process, from smaps_rollup."""
    total = 0
    for line in open(f"/proc/{pid}/smaps_rollup"):
        if line.startswith(("Private_Clean:", "Private_Dirty:")):
            total += int(line.split()[1]) * 1024
    return total


def shared_bytes(pid):
    """The process's part of its pages: a page that n processes have counts one nth (PSS)."""
    return sum(int(line.split()[1]) * 1024 for line in open(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:"))


def children(pid):
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = open(f"/proc/{entry}/stat").read()
            comm, rest = fields[fields.index("(") + 1:fields.rindex(")")], fields[fields.rindex(")") + 2:].split()
            if int(rest[1]) == pid:
                found[comm] = int(entry)
        except (OSError, ValueError):
            pass
    return found


def tree_benches(work):
    env = {**os.environ, "BOXAGNTS_STATE": str(work / "state")}
    files = work / "files"
    files.mkdir()
    (files / "k.txt").write_text("x" * 63 + "\n" * 1 + ("y" * 63 + "\n") * 15)
    boxagnts = str(bin_dir / "boxagnts")
    one = work / "one.jsonl"
    one.write_text('{"calls":[{"tool":"read","input":{"path":"k.txt"}}]}\n{"text":"done"}\n')
    run = [boxagnts, "run", "--work-dir", str(files), "--model", f"script:{one}", "--output", "json"]
    subprocess.run(run, env=env, capture_output=True)  # compiles and seals the tool
    reference = timed(["/bin/true"], 20 if quick else 200)
    add("fork+exec of /bin/true (reference)", "ms", reference)
    if shutil.which("bwrap"):
        add("bubblewrap of /bin/true (reference)", "ms",
            timed(["bwrap", "--ro-bind", "/", "/", "--unshare-all", "/bin/true"], 10 if quick else 100), "", "fork+exec", reference["p50"])
    add("boxagnts run, start to end, one governed call", "ms", timed(run, 10 if quick else 100, env=env), "<= 60", "fork+exec", reference["p50"])
    exec_args = [boxagnts, "exec", "--work-dir", str(files), str(build / "share/boxagnts/hostile/exit_code.wasm"), "0"]
    subprocess.run(exec_args, env=env, capture_output=True)
    add("boxagnts exec of a small module", "ms", timed(exec_args, 10 if quick else 100, env=env), "", "fork+exec", reference["p50"])

    # the whole tree round an agent that measures
    programs = work / "programs"
    (programs / "bin").mkdir(parents=True)
    for name in ("boxagnts", "boxagnts-worker", "boxagnts-compile"):
        shutil.copy(bin_dir / name, programs / "bin")
    shutil.copy(build / "bench/bench_agent", programs / "bin/boxagnts-agent")
    (programs / "share").symlink_to(build / "share")
    for name, tool, value in (("governed read of 1 KiB, agent to receipt to agent", "read", '{"path":"k.txt","limit":%d}'),
                              ("governed list, agent to receipt to agent", "list", '{"path":"/","depth":1}')):
        rounds = []  # three, and the middle one: a neighbour on the machine spoils one for a second or two
        for _ in range(1 if quick else 3):
            out = subprocess.run([str(programs / "bin/boxagnts"), "run", "--work-dir", str(files), "--model", f"script:{one}", "--output", "json",
                                  "--max-tool-calls", "1000000", f"{500 if quick else 10000} {tool} {value}"],
                                 env=env, capture_output=True, text=True)
            try:
                rounds.append(json.loads(json.loads(out.stdout)["text"]))
            except (ValueError, KeyError):
                print(f"{name}: {out.stdout[-200:]} {out.stderr[-300:]}", file=sys.stderr)
        if rounds:
            rounds.sort(key=lambda figures: figures["p50"])
            middle = rounds[len(rounds) // 2]
            add(name, "us", middle, "<= 300" if tool == "read" else "")
            # the round with the least growth: a neighbour can only make one half of a round dearer, growth of ours is in each
            least = min(rounds, key=lambda figures: figures["late"] / figures["early"])
            growth = {"p50": least["late"], "p95": least["late"], "p99": least["late"], "n": least["n"] // 10}
            add(f"governed {tool}, the last tenth of {least['n']} calls", "us", growth, "<= 1.1 x", "the first tenth", least["early"])

    # memory of an idle pair
    idle = work / "idle.jsonl"
    idle.write_text('{"calls":[{"tool":"read","input":{"path":"k.txt"}}]}\n{"delay_ms":60000,"text":"late"}\n')
    tree = subprocess.Popen([boxagnts, "run", "--work-dir", str(files), "--model", f"script:{idle}", "--output", "stream-json"], env=env,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in tree.stdout:
        if json.loads(line)["type"] == "receipt":
            break
    pids = children(tree.pid)
    sizes = {name: private_bytes(pid) / 1024 for name, pid in pids.items()}
    total = sum(sizes.values())
    add("idle agent + worker, private memory", "KiB", {"p50": round(total), "p95": round(total), "p99": round(total), "n": 1}, "<= 3072")

    # cancel to silence
    tree.send_signal(signal.SIGINT)
    tree.stdout.close()
    tree.wait()
    silence = []
    for _ in range(5 if quick else 50):
        tree = subprocess.Popen([boxagnts, "run", "--work-dir", str(files), "--model", f"script:{idle}", "--output", "stream-json"], env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in tree.stdout:
            if json.loads(line)["type"] == "receipt":
                break
        pids = children(tree.pid)
        start = time.perf_counter()
        tree.send_signal(signal.SIGINT)
        while any(os.path.exists(f"/proc/{pid}") for pid in pids.values()):
            pass
        silence.append((time.perf_counter() - start) * 1e3)
        tree.stdout.close()
        tree.wait()
    add("cancel to silence (no process of the tree left)", "ms", quantiles(silence), "<= 100")


def script_bench(name, count_when_quick):
    args = [sys.executable, str(root / "tests/bench" / name), str(build)] + ([count_when_quick] if quick else [])
    out = subprocess.run(args, capture_output=True, text=True, check=False)
    if out.returncode:
        print(f"{name} failed: {out.stderr.strip()[-300:]}", file=sys.stderr)
    for row in map(json.loads, out.stdout.splitlines()):
        add(row["name"], row["unit"], {k: row[k] for k in ("p50", "p95", "p99", "n")}, row.get("goal", ""))
        if "ratio" in row:
            rows[-1] |= {"ratio_to": row["ratio_to"], "ratio": row["ratio"]}


def worker_memory(work, count):
    """PSS of each worker when `count` trees idle after a call each: what they share is counted in parts."""
    env = {**os.environ, "BOXAGNTS_STATE": str(work / "memory")}
    idle = work / "idle.jsonl"
    run = [str(bin_dir / "boxagnts"), "run", "--work-dir", str(work / "files"), "--model", f"script:{idle}", "--output", "stream-json"]
    trees = [subprocess.Popen(run, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(count)]
    try:
        for tree in trees:
            for line in tree.stdout:
                if json.loads(line)["type"] == "receipt":
                    break
        time.sleep(2)  # a worker is idle when nothing has come for a second
        sizes = [shared_bytes(children(tree.pid)["boxagnts-worker"]) / 1024 for tree in trees]
    finally:
        for tree in trees:
            tree.send_signal(signal.SIGINT)
            tree.stdout.close()
            tree.wait()
    add(f"idle worker after a call, PSS, {count} of them", "KiB", quantiles(sizes), "<= 2441")


def is_looping(pid):
    """It, or a program that it started, has computed for a while."""
    try:
        pids = [pid, *map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        ticks = [int(pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[11]) for p in pids]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return max(ticks) >= 10  # a tenth of a second


def beside(command, runs, others, env):
    """The command's times while `others` run."""
    processes = [subprocess.Popen(other, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for other in others]
    try:
        end = time.monotonic() + 90  # a busy machine starts some of them late: they want the processor as well
        while time.monotonic() < end and not all(is_looping(p.pid) for p in processes):
            time.sleep(0.2)
        return timed(command, runs, env=env)
    finally:
        for p in processes:
            p.kill()
        for p in processes:
            p.wait()


def leb(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + leb(n >> 7)


def registry_bench(work):
    """How much later a command with a thousand more tools starts, when their modules were seen before."""
    env = {**os.environ, "BOXAGNTS_STATE": str(work / "registry"), "HOME": str(work), "XDG_CACHE_HOME": str(work / "cache")}
    folder = work / "many/boxagnts/tools"
    folder.mkdir(parents=True)
    module = (build / "share/boxagnts/hostile/echo_args.wasm").read_bytes()
    for i in range(1000):
        manifest = json.dumps({"name": f"tool{i}", "version": "1", "description": f"does something with a file, number {i}", "annotations": {"read_only": True},
                               "input_schema": {"type": "object", "properties": {"path": {"type": "string"}, "limit": {"type": "integer", "minimum": 1}, "word": {"pattern": "^[a-z]+$"}},
                                                "required": ["path"], "additionalProperties": False}, "effects": [{"effect": "Read", "arg": "path"}]}).encode()
        title = b"boxagnts.tool"
        content = leb(len(title)) + title + manifest
        (folder / f"tool{i}.wasm").write_bytes(module + b"\0" + leb(len(content)) + content)
    time.sleep(2.1)  # what is younger is not remembered
    few, many = ({**env, "XDG_DATA_HOME": str(work / name)} for name in ("few", "many"))
    args, more = [str(bin_dir / "boxagnts"), "tool", "list"], []
    for kw in (few, many):
        timed(args, 2, env=kw)
    for _ in range(5 if quick else 40):  # one beside the other: the machine is never the same for long
        more.append(timed(args, 1, env=many)["p50"] - timed(args, 1, env=few)["p50"])
    add("start with 1,000 tools, later than with ten by", "ms", quantiles(more), "<= 20")


def neighbour_benches(work):
    """A good guest beside 64 that loop, and the same beside 64 plain programs that loop, in the same run: what the kernel's scheduler gives
    to one among so many is the same for both, so all that we add is the ratio of the two. The command is a chain of short programs that
    wait for each other, and each of them waits for its turn: so it takes longer than its share of the processor alone would say."""
    env = {**os.environ, "BOXAGNTS_STATE": str(work / "neighbours"), "HOME": str(work)}
    boxagnts, hostile = str(bin_dir / "boxagnts"), build / "share/boxagnts/hostile"
    loops, runs = 8 if quick else 64, 5 if quick else 12
    good = [boxagnts, "exec", "--work-dir", str(work), str(hostile / "exit_code.wasm"), "0"]
    bad = [boxagnts, "exec", "--work-dir", str(work), "--wasm-timeout", "3600", "--wasm-fuel", "1000000000000000000", str(hostile / "spin.wasm")]
    timed(good, 2, env=env)
    alone = timed(good, runs, env=env)
    plain = beside(good, runs, [["sh", "-c", "while :; do :; done"]] * loops, env)
    guests = beside(good, runs, [bad] * loops, env)
    add("boxagnts exec alone", "ms", alone)
    add(f"boxagnts exec beside {loops} plain loops (reference)", "ms", plain, "", "alone", alone["p50"])
    add(f"boxagnts exec beside {loops} looping guests", "ms", guests, "<= 1.2 x", "plain loops", plain["p50"])


def write_results():
    out = root / "bench"
    out.mkdir(exist_ok=True)
    (out / "results.json").write_text(json.dumps({"quick": quick, "cpus": os.cpu_count(), "kernel": os.uname().release, "rows": rows}, indent=1) + "\n")
    table = ["| what | p50 | p95 | p99 | unit | to reach | ratio |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        ratio = f"{row['ratio']} x {row['ratio_to']}" if "ratio" in row else ""
        table.append(f"| {row['name']} | {row['p50']} | {row['p95']} | {row['p99']} | {row['unit']} | {row['goal']} | {ratio} |")
    readme = root / "README.md"
    text = readme.read_text()
    begin, end = "<!-- bench:begin -->", "<!-- bench:end -->"
    if begin in text and end in text and not quick:
        head, tail = text[:text.index(begin) + len(begin)], text[text.index(end):]
        readme.write_text(head + "\n" + "\n".join(table) + "\n" + tail)


with tempfile.TemporaryDirectory(prefix="boxagnts-bench-") as folder:
    c_benches()
    tree_benches(pathlib.Path(folder))
    for agents in (1, 4):
        worker_memory(pathlib.Path(folder), agents)
    registry_bench(pathlib.Path(folder))
    neighbour_benches(pathlib.Path(folder))
    script_bench("bench_stream.py", "200")
    script_bench("bench_http.py", "50")
    script_bench("bench_loop.py", "20")
    script_bench("bench_tools.py", "3")
write_results()
