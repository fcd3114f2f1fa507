#!/usr/bin/env python3
"""Runs the official JSON Schema 2020-12 suite against our validator and prints pass/total.

usage: schema_suite.py BUILD_DIR [SUITE_DIR]

The suite comes inside the source distribution of PyPI's `jsonschema` 4.26.0; without SUITE_DIR it is downloaded once with pip
into the cache folder. Cases that need another document (a reference to the suite's remote schemas or to the meta-schema) are
counted apart: nothing is ever fetched by a validator of ours. Exit 1 when a required case fails, 77 when there is no suite.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile

PACKAGE = "jsonschema==4.26.0"
# What the validator says of a schema that leans on another document: the suite's remotes or a meta-schema.
OUTSIDE = re.compile("which is not in this document|no other dialect is known")
OUTSIDE_COUNT = 53
ROOMS = ["tools", "sandbox_ask", "run", "host", "host_ask", "wire", "os", "base"]


def suite_folder():
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "boxagnts", "schema-suite")
    found = os.path.join(cache, "jsonschema-4.26.0", "json", "tests", "draft2020-12")
    if not os.path.isdir(found):
        os.makedirs(cache, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps",
                            "-d", folder, PACKAGE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            for name in glob.glob(os.path.join(folder, "*.tar.gz")):
                with tarfile.open(name) as archive:
                    archive.extractall(cache, members=[m for m in archive if "/json/tests/draft2020-12/" in m.name and m.isfile()])
    return found if os.path.isdir(found) else None


def build_driver(build, folder):
    here = os.path.dirname(os.path.abspath(__file__))
    driver = os.path.join(folder, "schema_driver")
    command = [os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-o", driver, os.path.join(here, "schema_driver.c")]
    command += [f"-I{build}/inc/{room}" for room in ROOMS]
    command += [path for path in (f"{build}/libbx_{room}.a" for room in ROOMS) if os.path.exists(path)]
    subprocess.run(command + ["-Wl,--gc-sections", "-ljansson", "-lpcre2-8", "-lcrypto"], check=True)
    return driver


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    build = os.path.abspath(sys.argv[1])
    suite = sys.argv[2] if len(sys.argv) == 3 else suite_folder()
    if not suite:
        print("JSON Schema suite: cannot be had (no pip or no network)")
        sys.exit(77)
    groups = []
    for path in sorted(glob.glob(os.path.join(suite, "*.json"))):
        with open(path, encoding="utf-8") as file:
            groups += [(os.path.basename(path), group) for group in json.load(file)]
    with tempfile.TemporaryDirectory() as folder:
        lines = "".join(json.dumps({"schema": g["schema"], "tests": g["tests"]}) + "\n" for _, g in groups)
        run = subprocess.run([build_driver(build, folder)], input=lines, capture_output=True, text=True, check=True)
    passed = total = elsewhere = 0
    for (name, group), line in zip(groups, run.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        if answer["load"] and OUTSIDE.search(answer["load"]):
            elsewhere += len(group["tests"])
            continue
        total += len(group["tests"])
        if answer["load"] is not None:
            print(f"  does not load: {name}: {group['description']}: {answer['load']}")
            continue
        for test, valid in zip(group["tests"], answer["valid"], strict=True):
            passed += valid == test["valid"]
            if valid != test["valid"]:
                print(f"  wrong: {name}: {group['description']}: {test['description']}: says {valid}")
    print(f"JSON Schema 2020-12 suite: {passed}/{total} ({elsewhere} more need another document)")
    sys.exit(passed != total or elsewhere != OUTSIDE_COUNT)


main()
