#!/usr/bin/env python3
"""Runs the transcripts of the tools: guests/c/<tool>/transcript.jsonl, one case a line.

A case: {"name": "...", "tree": [STEP...], "serve": {PATH: ANSWER...}, "input": {...} or "raw": "bytes as text",
         "flags": [of exec], "expect": {...}}

STEP    {"path": P, "text": T [, "repeat": N] [, "mode": "755"]} | {"path": P, "base64": B [, "repeat": N]}
        {"path": P, "link": TARGET} | {"path": P, "folder": true} | {"path": P, "fifo": true}
        {"path": "n-{}.txt", "count": N, "text": T}      many files
        {"path": P, "sparse": BYTES}                     a file of this size without content
ANSWER  {"status": 200, "headers": {NAME: VALUE}, "text": T | "base64": B [, "repeat": N]}; a service on loopback, its base
        stands for {server} in input, flags and expect; the command must have a network (BOXAGNTS_BIN)
expect  is_error      true or false (default false; an error result must come with a non-zero exit)
        content       the text exactly (the first item when there are several)
        note          the second text item exactly
        contains      strings that occur in all the text together;  lacks: strings that do not
        structured    what must be there (objects: a part; lists and values: exactly)
        image         media type of the image item;  image_base64: its data
        base64        the content, decoded, equals these bytes (given as base64)
        tree          {PATH: text | null (is not there) | {"link": TARGET} | {"base64": B} | {"mode": "755"} |
                       {"starts": T, "size": N}} afterwards
        names         the names in the top folder afterwards, exactly

The command comes from --command, a template with {wasm} {tool} {work}, or is made from BOXAGNTS_BIN and BOXAGNTS_TOOLS.
Standard library only. Exit: 0 all passed, 1 some failed, 77 nothing to run with.
"""
import argparse
import base64
import http.server
import json
import os
import shlex
import stat
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GUESTS = os.path.join(HERE, "..", "..", "guests", "c")
TOOLS = ["read", "write", "edit", "patch", "glob", "grep", "list", "tree", "todo", "web_fetch", "javascript", "sql"]


def write_file(path, step):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    data = base64.b64decode(step["base64"]) if "base64" in step else step["text"].encode()
    with open(path, "wb") as out:
        for _ in range(step.get("repeat", 1)):
            out.write(data)
    if "mode" in step:
        os.chmod(path, int(step["mode"], 8))


def build_tree(work, steps):
    for step in steps:
        path = os.path.join(work, step["path"])
        if "count" in step:
            for i in range(step["count"]):
                write_file(path.replace("{}", "%05d" % i), step)
        elif "link" in step:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(step["link"], path)
        elif "folder" in step:
            os.makedirs(path, exist_ok=True)
        elif "fifo" in step:
            os.mkfifo(path)
        elif "sparse" in step:
            with open(path, "wb") as out:
                out.truncate(step["sparse"])
        else:
            write_file(path, step)


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        answer = self.server.answers.get(self.path, {"status": 404, "text": "no such page"})
        data = base64.b64decode(answer["base64"]) if "base64" in answer else answer.get("text", "").encode()
        data *= answer.get("repeat", 1)
        self.send_response_only(answer.get("status", 200), "Word")
        for name, value in answer.get("headers", {}).items():
            self.send_header(name, value.replace("{server}", self.server.base))
        self.send_header("content-length", str(len(data)))
        self.send_header("connection", "close")
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass # a tool may have enough
        self.close_connection = True

    def log_message(self, *_):
        pass


class Serving:
    """A service for one case; {server} becomes its base."""

    def __init__(self, answers):
        self.answers, self.server, self.base = answers, None, ""

    def __enter__(self):
        if self.answers is not None:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
            self.server.daemon_threads = True
            self.base = self.server.base = f"http://127.0.0.1:{self.server.server_address[1]}"
            self.server.answers = self.answers
            threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.shutdown()
            self.server.server_close()

    def fill(self, value):
        return json.loads(json.dumps(value).replace("{server}", self.base))


def is_part(want, have, where, problems):
    """Objects: every wanted key; everything else exactly."""
    if isinstance(want, dict) and isinstance(have, dict):
        for key, value in want.items():
            if key not in have:
                problems.append(f"{where}.{key} is missing")
            else:
                is_part(value, have[key], f"{where}.{key}", problems)
    elif want != have or type(want) is not type(have):
        problems.append(f"{where} is {json.dumps(have)[:600]}, wanted {json.dumps(want)[:600]}")


def check_tree(work, wanted, problems):
    for name, want in wanted.items():
        path = os.path.join(work, name)
        if want is None:
            if os.path.lexists(path):
                problems.append(f"{name} should not be there")
            continue
        if not os.path.lexists(path):
            problems.append(f"{name} is not there")
            continue
        if isinstance(want, dict) and "link" in want:
            if not os.path.islink(path) or os.readlink(path) != want["link"]:
                problems.append(f"{name} is not a link to {want['link']}")
            continue
        if isinstance(want, dict) and "folder" in want:
            if not os.path.isdir(path):
                problems.append(f"{name} is not a folder")
            continue
        if isinstance(want, dict) and "mode" in want:
            mode = stat.S_IMODE(os.stat(path).st_mode)
            if mode != int(want["mode"], 8):
                problems.append(f"{name} has mode {mode:o}, wanted {want['mode']}")
            if "text" not in want:
                continue
            want = want["text"]
        with open(path, "rb") as file:
            have = file.read()
        if isinstance(want, dict) and "starts" in want:
            if not have.startswith(want["starts"].encode()) or len(have) != want["size"]:
                problems.append(f"{name} has {len(have)} bytes and begins {have[:60]!r}")
            continue
        data = base64.b64decode(want["base64"]) if isinstance(want, dict) else want.encode()
        if have != data:
            problems.append(f"{name} holds {have[:300]!r}, wanted {data[:300]!r}")


def check_content(result, expect, problems):
    content = result["content"]
    items = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [item["text"] for item in items if item["type"] == "text"]
    images = [item for item in items if item["type"] == "image"]
    whole = "\n".join(texts)
    if "content" in expect and texts[0] != expect["content"]:
        problems.append(f"content is\n{texts[0]!r}\n  wanted\n{expect['content']!r}")
    if "note" in expect and texts[1:] != ([expect["note"]] if expect["note"] else []):
        problems.append(f"note is {texts[1:]!r}, wanted {expect['note']!r}")
    for text in expect.get("contains", []):
        if text not in whole:
            problems.append(f"content lacks {text!r}: {whole[:1500]!r}")
    for text in expect.get("lacks", []):
        if text in whole:
            problems.append(f"content has {text!r}: {whole[:1500]!r}")
    if "base64" in expect and base64.b64decode(texts[0]) != base64.b64decode(expect["base64"]):
        problems.append(f"content decodes to {base64.b64decode(texts[0])[:200]!r}")
    if "image" in expect and [image["media_type"] for image in images] != [expect["image"]]:
        problems.append(f"images are {[image['media_type'] for image in images]}")
    if "image_base64" in expect and (not images or images[0]["data"] != expect["image_base64"]):
        problems.append("the image's data differs")


def check(case, work, done):
    expect = case["expect"]
    problems = []
    if len(done.stdout) > 1 << 20:
        problems.append(f"stdout has {len(done.stdout)} bytes, more than the output cap")
    try:
        result = json.loads(done.stdout.decode("utf-8"))
    except ValueError as error:
        return [f"stdout is not JSON ({error}): {done.stdout[:300]!r}, exit {done.returncode}, "
                f"stderr {done.stderr[:1000]!r}"]
    if set(result) != {"content", "structured", "is_error"}:
        problems.append(f"the result has the keys {sorted(result)}")
    if result["is_error"] != expect.get("is_error", False):
        problems.append(f"is_error is {result['is_error']}: {str(result['content'])[:600]}")
    if result["is_error"] != (done.returncode != 0):
        problems.append(f"is_error is {result['is_error']} with exit {done.returncode}: {done.stderr[:300]!r}")
    check_content(result, expect, problems)
    if "structured" in expect:
        is_part(expect["structured"], result["structured"], "structured", problems)
    check_tree(work, expect.get("tree", {}), problems)
    if "names" in expect and sorted(os.listdir(work)) != sorted(expect["names"]):
        problems.append(f"the folder holds {sorted(os.listdir(work))}")
    return problems


def command_for(args, tool, work, flags):
    if args.command:
        wasm = os.path.join(args.tools or "", tool + ".wasm")
        return [part.format(wasm=wasm, tool=tool, work=work) for part in shlex.split(args.command)]
    return [os.path.join(args.bin, "boxagnts"), "exec", "--work-dir", work, *flags,
            os.path.join(args.tools, tool + ".wasm")]


def run_case(args, tool, case):
    with tempfile.TemporaryDirectory(prefix="transcript-") as work, Serving(case.get("serve")) as serving:
        build_tree(work, case.get("tree", []))
        case = serving.fill({k: v for k, v in case.items() if k != "serve"})
        data = case["raw"].encode() if "raw" in case else json.dumps(case["input"]).encode()
        # another network closed instead of the private ones: the service is on loopback
        flags = ["--allowed-outbound-hosts", serving.base, "--block-networks", "192.0.2.0/24"] if serving.base else []
        start = time.monotonic()
        try:
            done = subprocess.run(command_for(args, tool, work, case.get("flags", flags)), input=data, capture_output=True,
                                  timeout=args.timeout, cwd=work if args.cwd else None, env=args.env, check=False)
        except subprocess.TimeoutExpired:
            return [f"no answer within {args.timeout} s"], args.timeout
        return check(case, work, done), time.monotonic() - start


def load(tool):
    with open(os.path.join(GUESTS, tool, "transcript.jsonl"), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except ValueError as error:
                    sys.exit(f"{tool}/transcript.jsonl:{number}: {error}")


def main():
    parser = argparse.ArgumentParser(description="run the transcripts of the tools")
    parser.add_argument("--command", help="template with {wasm} {tool} {work}; stdin is the input")
    parser.add_argument("--cwd", action="store_true", help="run the command in the work folder")
    parser.add_argument("--bin", default=os.environ.get("BOXAGNTS_BIN"))
    parser.add_argument("--tools", default=os.environ.get("BOXAGNTS_TOOLS"))
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--only", help="cases whose `tool: name` contains this")
    parser.add_argument("--slow", action="store_true", help="print the time of each case")
    args = parser.parse_args()
    if args.tools is None and args.bin:
        args.tools = os.path.join(args.bin, "..", "share", "boxagnts", "tools")
    if not args.command and not (args.bin and os.path.exists(os.path.join(args.bin, "boxagnts"))):
        print("transcripts: set BOXAGNTS_BIN and BOXAGNTS_TOOLS, or give --command", file=sys.stderr)
        return 77
    if args.tools:
        args.tools = os.path.abspath(args.tools)
    with tempfile.TemporaryDirectory(prefix="transcripts-") as home:
        # a state and a cache of its own: whoever runs this has others
        args.env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
        args.env |= {"HOME": home, "BOXAGNTS_STATE": os.path.join(home, "state")}
        return run_all(args)


def run_all(args):
    passed = failed = 0
    for tool in TOOLS:
        for case in load(tool):
            name = f"{tool}: {case['name']}"
            if args.only and args.only not in name:
                continue
            if "serve" in case and args.command:
                continue # there is no network in the native form
            problems, seconds = run_case(args, tool, case)
            if args.slow:
                print(f"{seconds * 1000:8.1f} ms  {name}")
            if not problems:
                passed += 1
                continue
            failed += 1
            print(f"FAILED {name}")
            for problem in problems:
                print(f"  {problem}")
            print(f"  again: {os.path.relpath(__file__)} --only {shlex.quote(name)}")
    print(f"transcripts: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
