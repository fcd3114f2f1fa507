#!/usr/bin/env python3
"""Runs the proofs and prints pass/total for each kind, with the list of what was skipped and what failed.

usage: proof.py BUILD_DIR     (the tests must be built)
"""
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml


def run_tests(build):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.xml")
        subprocess.run(["ctest", "--test-dir", build, "-j", str(os.cpu_count() or 1), "--output-junit", report],
                       stdout=subprocess.DEVNULL, check=False)
        return list(xml.parse(report).getroot().iter("testcase"))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    kinds, gaps = {}, []
    for case in run_tests(sys.argv[1]):
        name = case.get("name")
        kind = name.split("/")[0]
        passed, total = kinds.get(kind, (0, 0))
        outcome = case.get("status")
        kinds[kind] = (passed + (outcome == "run"), total + 1)
        if outcome != "run":
            gaps.append((name, "failed" if outcome == "fail" else "skipped"))
    for kind, (passed, total) in sorted(kinds.items()):
        print(f"{kind:<12} {passed:>5}/{total}")
    for name, why in gaps:
        print(f"  {why}: {name}")
    sys.exit(any(why == "failed" for _, why in gaps))


main()
