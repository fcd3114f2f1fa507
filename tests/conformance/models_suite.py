#!/usr/bin/env python3
"""Runs `boxagnts run` on every wire against somebody else's double of the model services, and prints pass/total.

usage: models_suite.py BUILD_DIR [AIMOCK_FOLDER]

The double is npm's `@copilotkit/aimock`, pinned; without AIMOCK_FOLDER it is installed once into the cache folder (its package and nothing
else, no scripts run). What it says of a service is its authors' reading, not ours: that is the point. Exit 1 when a case fails, 77 when
there is no Node (20.15 or newer) or no package.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PACKAGE = "1.43.0"
NODE_LEAST = (20, 15)
PATIENCE = 60
KEY = "sk-mock-2718281828459045"
WIRES = { # provider/model -> environment
    "anthropic/claude-sonnet-4-5": lambda base: {"ANTHROPIC_BASE_URL": base, "ANTHROPIC_API_KEY": KEY},
    "openai/gpt-4.1": lambda base: {"OPENAI_BASE_URL": base + "/v1", "OPENAI_API_KEY": KEY},
    "openai-responses/gpt-5.1": lambda base: {"OPENAI_BASE_URL": base + "/v1", "OPENAI_API_KEY": KEY},
    "gemini/gemini-2.5-flash": lambda base: {"GEMINI_BASE_URL": base, "GEMINI_API_KEY": KEY},
    "vllm/some-model": lambda base: {},
}


def call(name, **arguments):
    return {"name": name, "arguments": json.dumps(arguments)}


LONG = " ".join(f"word{i}" for i in range(200))
# name -> (answers in turn, what the run must give: exit code, stopped_by, text, tools called)
CASES = {
    "text": ([{"response": {"content": "Hello \u00e9 \U0001f600."}}], (0, None, "Hello \u00e9 \U0001f600.", [])),
    "long text in small pieces": ([{"response": {"content": LONG}, "chunkSize": 3}], (0, None, LONG, [])),
    "thinking": ([{"response": {"content": "Done.", "reasoning": "I think about it."}}], (0, None, "Done.", [])),
    "a call": ([{"response": {"toolCalls": [call("read", path="a.txt")]}}, {"response": {"content": "It says A."}}], (0, None, "It says A.", ["read"])),
    "thinking, text and a call": ([{"response": {"content": "I look.", "reasoning": "hm", "toolCalls": [call("read", path="a.txt")]}},
                                   {"response": {"content": "It says A."}}], (0, None, "It says A.", ["read"])),
    "parallel calls": ([{"response": {"toolCalls": [call("read", path="a.txt"), call("read", path="b.txt"), call("list")]}}, {"response": {"content": "Both."}}],
                       (0, None, "Both.", ["read", "read", "list"])),
    "calls one after the other": ([{"response": {"toolCalls": [call("read", path="a.txt")]}}, {"response": {"toolCalls": [call("read", path="b.txt")]}},
                                   {"response": {"content": "Both."}}], (0, None, "Both.", ["read", "read"])),
    "an unknown tool": ([{"response": {"toolCalls": [call("format_disk")]}}, {"response": {"content": "No."}}], (0, None, "No.", None)),
    "429, then an answer": ([{"response": {"error": {"message": "slow", "type": "rate_limit_error"}, "status": 429}}, {"response": {"content": "Now."}}],
                            (0, None, "Now.", [])),
    "500, then an answer": ([{"response": {"error": {"message": "oops", "type": "server_error"}, "status": 500}}, {"response": {"content": "Now."}}], (0, None, "Now.", [])),
    "503 for ever": ([{"response": {"error": {"message": "busy", "type": "server_error"}, "status": 503}}], (6, "model", "", [])),
    "400": ([{"response": {"error": {"message": "bad", "type": "invalid_request_error"}, "status": 400}}], (6, "model", "", [])),
    "401": ([{"response": {"error": {"message": "no such key", "type": "authentication_error"}, "status": 401}}], (6, "model", "", [])),
    "cut after some pieces, then an answer": ([{"response": {"content": LONG}, "chunkSize": 3, "truncateAfterChunks": 3}, {"response": {"content": "Whole."}}],
                                              (0, None, "Whole.", [])),
}


def node_is_there():
    node = shutil.which("node")
    if not node:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(map(int, re.findall(r"\d+", version)[:2])) >= NODE_LEAST


def package_folder():
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "boxagnts", f"aimock-{PACKAGE}")
    found = os.path.join(cache, "node_modules", "@copilotkit", "aimock")
    if not os.path.isfile(os.path.join(found, "package.json")) and shutil.which("npm"):
        subprocess.run(["npm", "install", "--prefix", cache, "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", f"@copilotkit/aimock@{PACKAGE}"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return found if os.path.isfile(os.path.join(found, "package.json")) else None


# The same counts in each wire's words.
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "input_tokens": 100, "output_tokens": 20, "promptTokenCount": 100,
         "candidatesTokenCount": 20, "totalTokenCount": 120}


def fixtures():
    rows = []
    for wire in WIRES:
        for name, (answers, _) in CASES.items():
            for turn, answer in enumerate(answers):
                match = {"userMessage": f"{wire}: {name};"}
                if len(answers) > 1:
                    match["sequenceIndex"] = turn
                usage = {} if "error" in answer["response"] else {"usage": USAGE}
                rows.append({**answer, "match": match, "response": {**answer["response"], **usage}})
    return {"fixtures": rows}


class Double:
    def __init__(self, package, folder):
        path = os.path.join(folder, "fixtures.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(fixtures(), file)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.log = open(os.path.join(folder, "double.log"), "w+b")
        self.process = subprocess.Popen(["node", os.path.join(package, "dist", "cli.js"), "--port", str(port), "--fixtures", path, "--strict", "--log-level", "warn"],
                                        stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"the double does not start: {self.words()}")

    def words(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()


def run_case(program, double, folder, wire, name, want):
    work, home = os.path.join(folder, "work"), os.path.join(folder, "home")
    os.makedirs(work, exist_ok=True)
    os.makedirs(os.path.join(home, "boxagnts"), exist_ok=True)
    for letter in "ab":
        with open(os.path.join(work, f"{letter}.txt"), "w", encoding="utf-8") as file:
            file.write(f"this is {letter.upper()}\n")
    with open(os.path.join(home, "boxagnts", "settings.json"), "w", encoding="utf-8") as file:
        json.dump({"providers": {"vllm": {"base_url": double.base + "/v1"}}}, file)
    keep = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    environment = {**keep, **WIRES[wire](double.base), "BOXAGNTS_STATE": os.path.join(folder, "state"), "XDG_CONFIG_HOME": home,
                   "XDG_CACHE_HOME": os.path.join(folder, "cache")}
    done = subprocess.run([program, "run", "--model", wire, "--output", "json", "--work-dir", work, f"{wire}: {name};"], env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    try:
        result = json.loads(done.stdout)
    except ValueError:
        return f"no result: {done.stderr.strip()[-300:]}"
    got = (result["exit_code"], result["stopped_by"], result["text"], [row["tool"] for row in result["calls"]])
    if want[3] is None:
        got = (*got[:3], None)
    if got != want:
        return f"{got}, not {want}: {done.stderr.strip()[-300:]}"
    answers = sum("error" not in answer["response"] and "truncateAfterChunks" not in answer for answer in CASES[name][0])
    counts = {"input_tokens": 100 * answers, "output_tokens": 20 * answers, "cache_read_tokens": 0, "cache_write_tokens": 0}
    return None if result["usage"] == counts else f"usage {result['usage']}, not {counts}"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    package = sys.argv[2] if len(sys.argv) == 3 else node_is_there() and package_folder()
    if not package:
        print("model wires against aimock: cannot be had (no Node 20.15, no npm or no network)")
        sys.exit(77)
    program = os.path.join(os.path.abspath(sys.argv[1]), "bin", "boxagnts")
    passed, total = 0, 0
    with tempfile.TemporaryDirectory(prefix="bx-aimock-") as folder:
        double = Double(package, folder)
        try:
            for wire in WIRES:
                for name, (_, want) in CASES.items():
                    total += 1
                    wrong = run_case(program, double, folder, wire, name, want)
                    passed += wrong is None
                    if wrong:
                        print(f"FAIL {wire}: {name}: {wrong}")
        finally:
            double.close()
    print(f"model wires against aimock {PACKAGE}: {passed}/{total} cases passed, {len(WIRES)} providers")
    sys.exit(passed != total)


if __name__ == "__main__":
    main()
