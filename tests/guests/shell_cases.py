#!/usr/bin/env python3
"""The transcripts of the tool `shell`: tests/guests/shell/*.txt, all in one session of boxagnts, each in a folder of its own.

A case:   ## a sentence
          the command, as many lines as it takes
          ----
          what the model is shown, exactly (stdout, then stderr below [stderr], then the exit code when it is not 0)

A case that cannot be known beforehand line by line does not belong here. What is written down was held against the programs of
Debian where they agree; docs/shell.md says where they do not.

    shell_cases.py [WORD...]          only the cases whose sentence has each word
    shell_cases.py --host [WORD...]   not the tool but bash and coreutils here, and where they say something else
    shell_cases.py --write            writes down what the tool says now: to be read as a diff before it is committed

BOXAGNTS_BIN is the folder of the programs. Standard library only. Exit: 0 all passed, 1 some failed, 77 nothing to run with.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE / "shell"
# One turn of the script asks for so many calls; the rest waits for the next.
CALLS_A_TURN = 50


class Case:
    def __init__(self, file, name):
        self.file, self.name, self.command, self.wanted = file, name, "", ""
        self.said = None


def read_cases():
    cases = []
    for file in sorted(CASES.glob("*.txt")):
        part = None
        for line in file.read_text().splitlines(keepends=True):
            if line.startswith("## "):
                cases.append(Case(file, line[3:].strip()))
                part = "command"
            elif line == "----\n" and part == "command":
                part = "wanted"
            elif part:
                setattr(cases[-1], part, getattr(cases[-1], part) + line)
    return cases


def ended(text):
    return text if not text or text.endswith("\n") else text + "\n"


def write_cases(cases):
    for file in {case.file for case in cases}:
        file.write_text("".join(f"## {c.name}\n{c.command}----\n{ended(c.said)}" for c in cases if c.file == file))


def script_of(cases, path):
    with open(path, "w", encoding="utf-8") as out:
        for at in range(0, len(cases), CALLS_A_TURN):
            calls = [{"tool": "shell", "input": {"command": case.command, "cwd": f"/{at + i}"}}
                     for i, case in enumerate(cases[at:at + CALLS_A_TURN])]
            out.write(json.dumps({"calls": calls}) + "\n")
        out.write(json.dumps({"text": "done"}) + "\n")


def run_tool(cases, root):
    boxagnts = pathlib.Path(os.environ.get("BOXAGNTS_BIN", "build/release/bin")) / "boxagnts"
    if not boxagnts.exists():
        print(f"shell cases: not run: no {boxagnts} (BOXAGNTS_BIN names the folder)")
        sys.exit(77)
    work = root / "work"
    for i in range(len(cases)):
        (work / str(i)).mkdir(parents=True)
    script_of(cases, root / "script.jsonl")
    env = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
    env |= {"HOME": str(root), "BOXAGNTS_STATE": str(root / "state"), "XDG_CACHE_HOME": str(root / "cache")}
    boxagnts = boxagnts.resolve()
    # Compiling takes seconds of a processor and is ended after 60 s of the clock: on a busy machine it may need another try.
    for _ in range(4):
        warm = subprocess.run([boxagnts, "tool", "call", "shell", '{"command":"true"}', "--permission-mode", "bypass"], cwd=work, env=env,
                              capture_output=True, text=True, timeout=100, check=False)
        if warm.returncode == 0:
            break
    else:
        sys.exit(f"the shell does not start: {warm.stdout}{warm.stderr}")
    done = subprocess.run([boxagnts, "run", "--model", f"script:{root}/script.jsonl", "--permission-mode", "bypass",
                           "--output", "stream-json", "go"], cwd=work, env=env, capture_output=True, text=True, timeout=280, check=False)
    said = [event for event in map(json.loads, done.stdout.splitlines()) if event.get("type") == "result"]
    if len(said) != len(cases):
        sys.exit(f"{len(said)} results for {len(cases)} cases; exit {done.returncode}\n{done.stderr[-2000:]}\n{done.stdout[-2000:]}")
    for case, event in zip(cases, said):
        content = event["content"] if "content" in event else event["result"]["content"]
        case.said = content if isinstance(content, str) else "\n".join(item["text"] for item in content)


def commands_in_docs():
    text = (HERE / "../../docs/shell.md").read_text()
    return text.split("```commands\n", 1)[1].split("```", 1)[0]


def run_host(cases, root):
    env = {"PATH": "/usr/bin:/bin", "HOME": "/", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    for i, case in enumerate(cases):
        folder = root / str(i)
        folder.mkdir()
        done = subprocess.run(["bash", "-c", case.command], cwd=folder, env=env, capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=60, check=False)
        case.said = done.stdout.decode(errors="backslashreplace")
        if done.stderr:
            case.said += "[stderr]\n" + done.stderr.decode(errors="backslashreplace")
        if done.returncode:
            case.said += f"[exit code {done.returncode}]\n"


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    cases = [case for case in read_cases() if all(word in case.name for word in words)]
    if not words and "--host" not in sys.argv and "--write" not in sys.argv:
        listed = Case(CASES / "../../../docs/shell.md", "the page lists every command as help does")
        listed.command, listed.wanted = "help\n", commands_in_docs()
        cases.append(listed)
    root = pathlib.Path(tempfile.mkdtemp(prefix="bx-shell-"))
    try:
        (run_host if "--host" in sys.argv else run_tool)(cases, root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    if "--write" in sys.argv:
        write_cases(cases)
        return 0
    failed = [case for case in cases if ended(case.said) != case.wanted]
    for case in failed:
        print(f"## {case.name} ({case.file.name})\n{case.command}---- wanted\n{case.wanted}---- said\n{case.said}")
    print(f"{len(cases) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
