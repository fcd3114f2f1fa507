#!/usr/bin/env python3
"""What reviews of the monitor's edges found: a yes covers what was shown and no more, text typed before a question answers nothing,
a flag cannot widen the managed settings, nothing runs without its trace, names of files cannot draw."""
import json
import shutil
import signal
import sqlite3
import subprocess
import time

from common import BOXAGNTS, HOSTILE, call, expect, main
from lib_terminal import Terminal


def add_tool(p, name, module, effects, properties, **more):
    """A tool of the person's own: a module without a manifest in it, with its sidecar."""
    folder = p.root / "data/boxagnts/tools"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(module, folder / f"{name}.wasm")
    manifest = {"name": name, "version": "1.0.0", "description": "a test", "effects": effects, "invoke": "stdin",
                "annotations": {"read_only": False, "destructive": True, "idempotent": False, "open_world": False}, "limits": {},
                "input_schema": {"type": "object", "properties": {k: {"type": "string"} for k in properties}, "additionalProperties": False}}
    (folder / f"{name}.tool.json").write_text(json.dumps({**manifest, **more}))


def two_files(p):
    add_tool(p, "move", HOSTILE / "stdin_cat.wasm", [{"effect": "Write", "arg": "from"}, {"effect": "Write", "arg": "to"}], ["from", "to"])


def each_effect_of_a_call_is_asked_for(p):
    two_files(p)
    t = Terminal(p, "run", "--model", p.script({"calls": [call("move", **{"from": "/harmless", "to": "/precious"})]}, {"text": "end"}), "q")
    t.until(r"move wants Write\(/harmless\), Write\(/precious\)[^\x00]*worst: changes or deletes /harmless[^\x00]*worst: changes or deletes /precious[^\x00]*answer: ")
    t.type("n\n")
    expect(t.end() == 0 and "the person said no" in t.seen, t.seen)
    grants = [json.loads(line)["body"] for line in p.run("journal", "export").stdout.splitlines() if '"kind":"grant"' in line]
    expect([(g["target"], g["answer"]) for g in grants] == [("/harmless", "no"), ("/precious", "no")], grants)
    expect('"kind":"intent"' not in p.run("journal", "export").stdout, "it ran")
    p.verify()


def an_answer_for_the_session_is_for_the_same_tool(p):
    two_files(p)
    t = Terminal(p, "run", "--model", p.script({"calls": [call("write", path="/a", content="1")]}, {"calls": [call("move", **{"from": "/a", "to": "/a"})]},
                                               {"text": "end"}), "q")
    t.until(r"write wants Write\(/a\)[^\x00]*\[y\] once")
    t.type("s\n")
    t.until(r"move wants Write\(/a\)[^\x00]*\[y\] once")
    t.type("n\n")
    expect(t.end() == 0, t.seen)


def what_was_typed_before_the_question_is_no_answer(p):
    t = Terminal(p, "run", "--model", p.script({"delay_ms": 700, "calls": [call("write", path="a.txt", content="1")]}, {"text": "end"}), "q")
    t.until(r"model \d")
    t.type("y\ny\n")
    t.until(r"Write\(/a\.txt\)[^\x00]*\[y\] once")
    t.type("n\n")
    expect(t.end() == 0 and not (p.work / "a.txt").exists(), t.seen)


def a_flag_cannot_widen_what_the_managed_settings_say(p):
    etc = p.root / "etc"
    (etc / "boxagnts").mkdir(parents=True)
    shutil.copy("/etc/passwd", etc / "passwd")
    (etc / "boxagnts/managed.json").write_text('{"permissions":{"mode":"plan"}}')

    def managed(*args):
        """The program with this /etc, in a mount namespace of its own."""
        return subprocess.run(["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', etc, BOXAGNTS, *map(str, args)], capture_output=True,
                              text=True, env=p.env, cwd=p.work, timeout=60)
    if managed("--version").returncode != 0:
        print("     (no mount namespace to be had here: left out)")
        return
    r = managed("tool", "call", "--permission-mode", "bypass", "write", '{"path":"a.txt","content":"x"}')
    expect(r.returncode == 2 and "managed" in r.stderr and not (p.work / "a.txt").exists(), r.returncode, r.stderr)
    r = managed("tool", "call", "--permission-mode", "plan", "write", '{"path":"a.txt","content":"x"}')
    expect(r.returncode == 3 and not (p.work / "a.txt").exists(), r.returncode, r.stderr)


def a_tool_with_a_stack_of_its_own_gets_a_worker_for_it(p):
    add_tool(p, "small", HOSTILE / "stdin_cat.wasm", [], [], limits={"wasm_max_wasm_stack": 262144})
    r = p.run("tool", "call", "--permission-mode", "bypass", "--json", "small", "{}")
    receipt = json.loads(r.stdout)["receipt"]
    expect(receipt["stopped_by"] == "exit", receipt["stopped_by"], receipt["detail"], r.stderr)
    o = p.run_json("--permission-mode", "bypass", "--model", p.script({"calls": [call("list", path="/"), call("small"), call("list", path="/")]}, {"text": "x"}), "q",
                   code=0)
    expect([c["stopped_by"] for c in o["calls"]] == ["exit"] * 3, o["calls"])


def exec_is_journalled_before_it_runs(p):
    run = subprocess.Popen([BOXAGNTS, "exec", HOSTILE / "spin.wasm"], env=p.env, cwd=p.work, stderr=subprocess.PIPE)
    end, rows = time.monotonic() + 20, ""
    while '"kind":"intent"' not in rows:
        expect(time.monotonic() < end and run.poll() is None, "no intent while it runs", rows)
        rows = p.run("journal", "export").stdout
    run.send_signal(signal.SIGKILL)
    run.wait()
    verdict = json.loads(p.run("journal", "verify", "--json", code=0).stdout)
    expect([u["call"] for u in verdict["unknown"]] == ["c1"], verdict)
    p.exec("exit_code", "0", code=0)
    verdict = json.loads(p.run("journal", "verify", "--json", code=0).stdout)
    expect(len(verdict["unknown"]) == 1 and verdict["receipts"] == 1, verdict)


def a_receipt_that_cannot_be_written_ends_the_run(p):
    """Somebody else holds the store: the call's end cannot be journalled. Nothing more is run, and nobody hears of a success."""
    add_tool(p, "slow", HOSTILE / "spin.wasm", [], [], limits={"wasm_timeout": 0.5})
    model = p.script({"calls": [call("slow"), call("list", path="/")]}, {"text": "x"})
    run = subprocess.Popen([BOXAGNTS, "run", "--permission-mode", "bypass", "--model", model, "--output", "stream-json", "q"], env=p.env, cwd=p.work,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [json.loads(run.stdout.readline())]
    held = sqlite3.connect(p.root / "state/store.db", isolation_level=None, timeout=20)
    while lines[-1]["type"] != "call":
        lines.append(json.loads(run.stdout.readline()))
    held.execute("BEGIN IMMEDIATE")  # while it spins
    for line in run.stdout:
        lines.append(json.loads(line))
        if lines[-1]["type"] == "note":
            held.execute("ROLLBACK")
            break
    lines += [json.loads(line) for line in run.stdout]
    held.close()
    results = [o for o in lines if o["type"] == "result"]
    expect(len(results) == 2 and all(o["is_error"] for o in results), results)
    expect(results[1]["stopped_by"] in ("crash", "cancel"), results)
    done = lines[-1]
    expect(run.wait() == 1 and done["status"] == "failed" and done["stopped_by"] == "error", done)
    p.run("journal", "verify", code=0)


def text_of_others_cannot_draw(p):
    evil = "a\x1b]0;owned\x07\u009b31m\u202e.txt"
    p.exec("many_files", "1", code=0)
    shutil.copy(HOSTILE / "exit_code.wasm", p.work / (evil[:-4] + ".wasm"))
    for args in (["exec", evil[:-4] + ".wasm", "--", "3"], ["undo", "last", "--dry-run"], ["journal", "show"], ["session", "report", "last"], ["session", "list"],
                 ["tool", "call", "read", json.dumps({"path": evil})], ["tool", "call", "--permission-mode", "acceptEdits", "write", json.dumps({"path": evil, "content": ""})],
                 ["run", "--model", "script:" + evil, "q"], ["tool", "call", "read" + evil, "{}"], ["session", "show", evil], ["exec", evil]):
        t = Terminal(p, *args)
        t.end()
        expect(not any(c in t.seen for c in "\x1b\x07\x9b\u202e"), args, repr(t.seen))


main(each_effect_of_a_call_is_asked_for, an_answer_for_the_session_is_for_the_same_tool, what_was_typed_before_the_question_is_no_answer,
     a_flag_cannot_widen_what_the_managed_settings_say, a_tool_with_a_stack_of_its_own_gets_a_worker_for_it, exec_is_journalled_before_it_runs,
     a_receipt_that_cannot_be_written_ends_the_run, text_of_others_cannot_draw)
