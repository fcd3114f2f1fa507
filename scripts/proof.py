#!/usr/bin/env python3
"""Runs the proofs and prints pass/total for each kind, with the list of what was skipped and what failed.

usage: proof.py BUILD_DIR [PROOF...]    (the tests must be built; PROOF: fault, guests, schema, escape, native, http, kill, steps, wasi, rows, public, models, tests)

The proofs that count something of their own are run one by one; all other tests are counted by kind.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KILLS = "200"
SEQUENCES = "1000000"
# What is proven elsewhere or cannot be proven here, said each time.
GAPS = [("MCP conformance, budget races, worst-case planner", "there is no suite of them yet")]


class Proof:
    def __init__(self, title):
        self.title, self.passed, self.total, self.skipped, self.failed = title, 0, 0, [], []

    def add(self, passed, total):
        self.passed += passed
        self.total += total


def run(command, build, **env):
    share = os.path.join(build, "share/boxagnts")
    env = {**os.environ, "BOXAGNTS_BIN": os.path.join(build, "bin"), "BOXAGNTS_TOOLS": os.path.join(share, "tools"),
           "BOXAGNTS_HOSTILE": os.path.join(share, "hostile"), **env}
    p = subprocess.run(command, capture_output=True, text=True, errors="replace", env=env)
    return p.returncode, p.stdout + p.stderr


def counted(proof, code, text, pattern):
    """A program that says "P/T" itself. One that says nothing has failed."""
    found = re.search(pattern, text)
    if code == 77:
        proof.skipped.append((proof.title, text.strip().splitlines()[-1] if text.strip() else "says no reason"))
        return
    proof.add(int(found[1]) if found else 0, int(found[2]) if found else 1)
    if code != 0:
        proof.failed.append((proof.title, " ".join(text.strip().splitlines()[-3:])[:400]))


def schema(build):
    proof = Proof("JSON Schema 2020-12 suite")
    code, text = run([sys.executable, f"{SOURCE}/tests/conformance/schema_suite.py", build], build)
    counted(proof, code, text, r"suite: (\d+)/(\d+)")
    elsewhere = re.search(r"\((\d+) more need another document\)", text)
    if elsewhere:
        proof.skipped.append((f"{elsewhere[1]} cases of the schema suite", "they need a document from elsewhere; nothing is fetched by a validator"))
    return proof


def escape(build):
    proof = Proof("escape corpus")
    code, text = run([sys.executable, f"{SOURCE}/tests/escape/test_escape.py"], build)
    counted(proof, code, text, r"escape corpus: (\d+)/(\d+)")
    proof.skipped += re.findall(r"^skipped: (\S+): (.*)$", text, re.M)
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (\S+)", text, re.M)]
    return proof


def native(build):
    """Native programs against the process jail: each with and without it."""
    proof = Proof("native escapes")
    code, text = run([sys.executable, f"{SOURCE}/tests/escape/test_native.py"], build)
    counted(proof, code, text, r"native escapes: (\d+)/(\d+)")
    proof.skipped += re.findall(r"^void (\S+): (.*)$", text, re.M)
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (\S+):", text, re.M)]
    return proof


def http(build):
    proof = Proof("guests' HTTP escapes")
    code, text = run([sys.executable, f"{SOURCE}/tests/escape/test_http.py"], build)
    counted(proof, code, text, r"http escapes: (\d+)/(\d+)")
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (\S+):", text, re.M)]
    return proof


def kill(build):
    proof = Proof(f"no survivor ({KILLS} ends)")
    code, text = run([sys.executable, f"{SOURCE}/tests/scenario/test_kill.py"], build, BX_KILLS=KILLS)
    counted(proof, code, re.sub(r"(\d+) passed, (\d+) failed", lambda m: f"{m[1]}/{int(m[1]) + int(m[2])}", text), r"(\d+)/(\d+)\s*\Z")
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (\S+)", text, re.M)]
    return proof


def steps(build):
    """The loop, whatever is said to it: random sequences of events."""
    proof = Proof(f"the loop, {SEQUENCES} random sequences")
    code, text = run([os.path.join(build, "tests/unit/unit_query_step_properties")], build, BX_SEQUENCES=SEQUENCES)
    counted(proof, code, text, r"(\d+)/(\d+) sequences")
    return proof


def wasi(build):
    """Our own suite through the real worker, with what it checked as the count, then the rows of the unit tests."""
    proof = Proof("WASI preview 1, cases")
    code, text = run([sys.executable, f"{SOURCE}/tests/conformance/wasi_suite.py", build], build)
    counted(proof, code, text, r"wasi suite: (\d+)/(\d+) cases")
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (.*)$", text, re.M)]
    return proof


def public(build):
    proof = Proof("public wasi-testsuite")
    code, text = run([sys.executable, f"{SOURCE}/tests/conformance/wasi_public.py", build], build)
    if code == 77:
        proof.skipped.append((proof.title, "its prebuilt programs come through no package registry: clone branch prod/testsuite-base of "
                                           "WebAssembly/wasi-testsuite and set BX_WASI_TESTSUITE to it"))
        return proof
    counted(proof, code, text, r"public suite: (\d+)/(\d+)")
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (\S+)", text, re.M)]
    return proof


def wasi_rows(build):
    proof = Proof("WASI preview 1, unit rows")
    for program in sorted(glob.glob(os.path.join(build, "tests/unit/unit_wasi_*"))):
        _, text = run([program], build)
        total = sum(map(int, re.findall(r"Running (\d+) test", text)))
        passed = len(re.findall(r"^\[       OK \]", text, re.M))
        proof.add(passed, max(total, 1))
        proof.failed += [(os.path.basename(program), name) for name in sorted(set(re.findall(r"^\[  FAILED  \] .*?: (\w+)$", text, re.M)))]
        if passed < max(total, 1) and not proof.failed:
            proof.failed.append((os.path.basename(program), "did not end well"))
    if proof.total == 0:
        proof.skipped.append((proof.title, "the tests are not built"))
    return proof


def models(build):
    proof = Proof("model wires, another's double")
    code, text = run([sys.executable, f"{SOURCE}/tests/conformance/models_suite.py", build], build)
    counted(proof, code, text, r"aimock \S+: (\d+)/(\d+)")
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (.*)$", text, re.M)]
    return proof


def fault(build):
    """Every system call of every program in every scenario, and a sample of the allocations (BX_FAULT=whole: all; BX_FAULT=short: CI's)."""
    mode = os.environ.get("BX_FAULT", "calls")
    proof = Proof(f"fault suite ({mode})")
    code, text = run([sys.executable, f"{SOURCE}/tests/fault/test_fault.py"], build, BX_FAULT=mode, BOXAGNTS_BUILD=build)
    counted(proof, code, text, r"fault suite: (\d+)/(\d+)")
    counts = re.search(r"of (\d+) system calls and (\d+) allocations: (\d+) and (\d+) failed", text)
    if counts and int(counts[4]) < int(counts[2]):
        proof.skipped.append((f"{int(counts[2]) - int(counts[4])} of {counts[2]} allocations", "they take hours: BX_FAULT=whole"))
    if counts and int(counts[3]) < int(counts[1]) and mode == "short":
        proof.skipped.append((f"{int(counts[1]) - int(counts[3])} of {counts[1]} system calls", "BX_FAULT=short was asked for"))
    foreign = re.search(r"^(\d+) of them ended a program inside a library", text, re.M)
    if foreign:
        proof.skipped.append((f"{foreign[1]} faults of the fault suite: no crash", "the engine and libcrypto do not bear them; contained, and counted as passed for the rest"))
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (.*?):", text, re.M)]
    return proof


def guests(build):
    seconds = os.environ.get("BX_FUZZ_SECONDS", "120")
    proof = Proof(f"fuzzed guests ({seconds} s)")
    code, text = run([sys.executable, f"{SOURCE}/tests/escape/test_guest_fuzz.py"], build, BX_FUZZ_SECONDS=seconds)
    counted(proof, code, text, r"fuzzed guests: (\d+)/(\d+)")
    proof.failed += [(name, "") for name in re.findall(r"^FAIL (seed \d+)", text, re.M)]
    return proof


OWN = {"fault": fault, "guests": guests, "schema": schema, "escape": escape, "native": native, "http": http, "kill": kill, "steps": steps, "wasi": wasi, "rows": wasi_rows, "public": public, "models": models}
OWN_TESTS = (r"^(conformance/schema|conformance/wasi|conformance/models|fault/fault|escape/guest_fuzz|escape/escape|escape/native|escape/http|scenario/kill|unit/wasi/.*|"
             r"unit_wasi_.*)$")


def other_tests(build):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.xml")
        subprocess.run(["ctest", "--test-dir", build, "-j", str(os.cpu_count() or 1), "-E", OWN_TESTS, "--output-junit", report],
                       stdout=subprocess.DEVNULL, check=False)
        cases = list(xml.parse(report).getroot().iter("testcase"))
    kinds = {}
    for case in cases:
        name, outcome = case.get("name"), case.get("status")
        proof = kinds.setdefault(name.split("/")[0], Proof(f"tests: {name.split('/')[0]}"))
        if outcome == "run":
            proof.add(1, 1)
        elif outcome == "fail":
            proof.add(0, 1)
            proof.failed.append((name, ""))
        else:
            proof.skipped.append((name, "says that it cannot run here"))
    return [kinds[k] for k in sorted(kinds)]


def main():
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= {*OWN, "tests"}:
        sys.exit(__doc__)
    build = os.path.abspath(sys.argv[1])
    wanted = sys.argv[2:] or [*OWN, "tests"]
    proofs = []
    for word in wanted:
        for proof in [OWN[word](build)] if word in OWN else other_tests(build):
            print(f"{proof.title:<28} {proof.passed:>5}/{proof.total}", flush=True)
            proofs.append(proof)
    for proof in proofs:
        for name, why in proof.skipped:
            print(f"  skipped: {name}: {why}")
        for name, why in proof.failed:
            print(f"  failed: {name}{': ' if why else ''}{why}")
    if not sys.argv[2:]:
        for name, why in GAPS:
            print(f"  skipped: {name}: {why}")
    sys.exit(any(p.failed or p.passed < p.total for p in proofs))


main()
