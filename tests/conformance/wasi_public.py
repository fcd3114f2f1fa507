#!/usr/bin/env python3
"""The public WASI test suite (github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base), when a copy of it is here:

    wasi_public.py BUILD_DIR FOLDER      (or BX_WASI_TESTSUITE=FOLDER)

Its prebuilt programs come through no package registry, so nothing downloads them; clone the branch by hand. Each program of
tests/*/testsuite/wasm32-wasip1 runs by `boxagnts exec` as its .json says. Prints what failed and "public suite: P/T"."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def run(boxagnts, wasm, folder):
    said = json.loads(wasm.with_suffix(".json").read_text()) if wasm.with_suffix(".json").exists() else {}
    work, state = folder / "work", folder / "state"
    shutil.rmtree(work, ignore_errors=True)
    flags = []
    roots = [said["root"]] if "root" in said else said.get("dirs", [])
    work.mkdir()
    for root in roots:
        if (wasm.parent / root).is_dir():
            shutil.copytree(wasm.parent / root, work / root, symlinks=True)
        (work / root).mkdir(exist_ok=True)
    for key, value in said.get("env", {}).items():
        flags += ["--env-vars", f"{key}={value}"]
    receipt = folder / "receipt.json"
    receipt.unlink(missing_ok=True)
    here = work / roots[0] if "root" in said else work
    p = subprocess.run([boxagnts, "exec", "--work-dir", here, "--receipt", receipt, *flags, wasm, "--", *said.get("args", [])], cwd=folder,
                       env={"PATH": os.environ["PATH"], "HOME": str(folder), "BOXAGNTS_STATE": str(state), "NO_COLOR": "1"}, input=b"", capture_output=True, timeout=120)
    if not receipt.exists():
        return f"no receipt: {p.stderr[-300:]!r}"
    r = json.loads(receipt.read_text())
    if r["stopped_by"] != "exit" or r["exit_code"] != said.get("exit_code", 0):
        return f"{r['stopped_by']} {r['exit_code']}: {p.stderr[-300:]!r}"
    if "stdout" in said and p.stdout.decode() != said["stdout"]:
        return f"stdout {p.stdout!r}"
    return None


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    where = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("BX_WASI_TESTSUITE")
    if not where:
        print("no copy of the public suite here: BX_WASI_TESTSUITE names none")
        sys.exit(77)
    programs = sorted(pathlib.Path(where).resolve().glob("tests/*/testsuite/wasm32-wasip1/*.wasm"))
    passed = 0
    with tempfile.TemporaryDirectory(prefix="bx-public-") as folder:
        for wasm in programs:
            why = run(str(build / "bin/boxagnts"), wasm, pathlib.Path(folder))
            passed += why is None
            if why:
                print(f"FAIL {wasm.parent.parts[-3]}/{wasm.stem}: {why}")
    print(f"public suite: {passed}/{len(programs)}")
    sys.exit(passed != len(programs) or not programs)


main()
