#!/usr/bin/env python3
"""WASI preview 1, our own suite: wasi_suite.py BUILD_DIR [--table] [PART OF A NAME...]

Each case is a guest made for it (wasi_guest.py), run by `boxagnts exec` in the real worker. Prints what failed and, last,
"wasi suite: P/T cases, N calls and answers checked"; --table prints the table of docs/wasi.md instead of running."""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

import wasi_cases_fd  # noqa: F401
import wasi_cases_mounts  # noqa: F401
import wasi_cases_paths
import wasi_cases_plain  # noqa: F401
from wasi_guest import CASES, Guest


def run_case(boxagnts, root, env, number, build):
    base = root / f"c{number}"
    (base / "work").mkdir(parents=True)
    g = Guest(base / "work")
    build(g)
    (base / "guest.wasm").write_bytes(g.module())
    receipt = base / "receipt.json"
    p = subprocess.run([boxagnts, "exec", "--work-dir", "work", "--receipt", receipt, "--max-output-bytes", "4000000", *map(str, g.flags), "guest.wasm", "--", *g.args],
                       cwd=base, env=env, input=g.stdin, capture_output=True, timeout=120)
    if not receipt.exists():
        return 1, [f"no receipt: exit {p.returncode}: {p.stderr[-300:]!r}"]
    said = json.loads(receipt.read_text())
    if said["stopped_by"] != g.stop or said["exit_code"] != (g.exit_code if g.exit_code < 1 << 31 else said["exit_code"]):
        return 1, [f"ended by {said['stopped_by']} with {said['exit_code']}, not {g.stop} with {g.exit_code}: {said['detail']}"]
    checks, bad = g.check(p.stdout)
    shutil.rmtree(base, ignore_errors=True)
    return checks + 2, bad


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    words = [w for w in sys.argv[2:] if not w.startswith("--")]
    cases = [c for c in CASES if not words or any(w in f"{c[0]}: {c[1]}" for w in words)]
    boxagnts = str(pathlib.Path(os.environ.get("BOXAGNTS_BIN", build / "bin")).resolve() / "boxagnts")
    counts, failed, checks = {}, 0, 0
    with tempfile.TemporaryDirectory(prefix="bx-wasi-", ignore_cleanup_errors=True) as folder:
        root = pathlib.Path(folder)
        env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")} | {"HOME": folder, "NO_COLOR": "1", "BOXAGNTS_STATE": f"{folder}/state",
                                                                                  "XDG_CACHE_HOME": f"{folder}/cache"}

        def one(item):
            number, (area, name, function) = item
            try:
                return run_case(boxagnts, root, env, number, function)
            except Exception:  # noqa: BLE001 - every failure is reported and the next case still runs
                return 1, [traceback.format_exc()]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for (area, name, _), (n, bad) in zip(cases, pool.map(one, enumerate(cases))):
                count = counts.setdefault(area, [0, 0, 0])
                count[0] += not bad
                count[1] += 1
                count[2] += n
                checks += n
                if bad:
                    failed += 1
                    print(f"FAIL {area}: {name}: {len(bad)} of {n}")
                    for line in bad[:int(os.environ.get("BX_SHOW", "12"))]:
                        print(f"       {line}")
    if not words:
        for call, _, want, why, used in wasi_cases_paths.DIFFERS:
            if used == 0:
                failed += 1
                print(f"FAIL a difference that no row shows: {call}: {why}")
    if "--table" in sys.argv:
        for area, (passed, total, n) in counts.items():
            print(f"| {area} | {passed}/{total} | {n} |")
    print(f"wasi suite: {len(cases) - failed}/{len(cases)} cases, {checks} calls and answers checked")
    sys.exit(failed > 0 or not cases)


main()
