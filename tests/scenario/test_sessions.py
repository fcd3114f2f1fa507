#!/usr/bin/env python3
"""Sessions go on: killed at any point, cancelled in any state, ended by a limit, done; forked. What a call did is never done again by itself."""
import json
import shutil
import signal
import subprocess
import time

from common import BOXAGNTS, HOSTILE, call, expect, main
from lib_model import Stub, text
from lib_terminal import Terminal

EDITS = ("--permission-mode", "acceptEdits")


def start(p, *args):
    return subprocess.Popen([BOXAGNTS, *map(str, args)], cwd=p.work, env=p.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(tree):
    rest = tree.stdout.read()
    err = tree.stderr.read().decode(errors="replace")
    code = tree.wait(timeout=60)
    tree.stdout.close()
    tree.stderr.close()
    return code, rest, err


def until(tree, word):
    """Reads events up to the first that contains word."""
    for line in tree.stdout:
        if word in line:
            return json.loads(line)
    raise AssertionError(f"never came: {word}; {tree.stderr.read()}")


def resume(p, *args, code=0, session="last"):
    proc = p.run("session", "resume", session, *args, "--output", "json", code=code)
    return json.loads(proc.stdout), proc.stderr


def session_of(p):
    return json.loads(p.run("session", "list", "--json", code=0).stdout)[0]


def intents(p):
    lines = p.run("journal", "export", code=0).stdout.splitlines()
    return [json.loads(line) for line in lines if '"kind":"intent"' in line]


def slow_tool(p, name="slow"):
    """A tool that works for an hour and may write: a call of it is under way for as long as a test wants."""
    tools = p.root / "data/boxagnts/tools"
    tools.mkdir(parents=True, exist_ok=True)
    shutil.copy(HOSTILE / "sleep_long.wasm", tools / f"{name}.wasm")
    (tools / f"{name}.tool.json").write_text(json.dumps({
        "name": name, "version": "1", "description": "works for an hour", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
        "effects": [{"effect": "Write", "arg": "path"}], "limits": {"wasm_timeout": 60}, "invoke": "stdin"}))


def killed_at_any_event_it_goes_on_and_nothing_is_done_twice(p):
    lines = []
    for i in range(5):
        lines.append({"text": f"step {i}", "calls": [call("write", path=f"{i}.txt", content=f"{i}\n"), call("read", path=f"{i}.txt")]})
    model = p.script(*lines, {"text": "all done"})
    events = len(p.run("run", "--model", model, *EDITS, "--output", "stream-json", "task", code=0).stdout.splitlines())
    for after in range(0, events, 3):
        for f in p.work.iterdir():
            f.unlink()
        tree = start(p, "run", "--model", model, *EDITS, "--output", "stream-json", "task")
        for _ in range(after):
            tree.stdout.readline()
        tree.kill()
        end(tree)
        row = session_of(p)
        if row["status"] == "done":
            continue # it was faster than the kill
        before = [(r["call"], r["session"]) for r in intents(p) if r["session"] == row["session"]]
        if row["prompt"] != "task" or not before and after < 2:
            continue # killed before the session, or its first word, was there
        done, _ = resume(p, *EDITS, session=row["session"])
        expect(done["text"] == "all done" and done["status"] == "done", after, done)
        missing = {f"{i}.txt" for i in range(5)} - {f.name for f in p.work.iterdir()}
        unknown = [u for u in json.loads(p.run("journal", "verify", "--json", code=0).stdout)["unknown"] if u["session"] == row["session"]]
        # the one under way was not begun, or its outcome is unknown; the planner was told, and this one does not try again
        expect(len(missing) <= 1 and len(unknown) <= 1, after, missing, unknown)
        mine = [(r["call"], r["body"]["tool"], json.dumps(r["body"]["input"])) for r in intents(p) if r["session"] == row["session"]]
        expect(len({c for c, _, _ in mine}) == len(mine), "a name of a call twice", mine)
        writes = [i for _, tool, i in mine if tool == "write"]
        expect(len(set(writes)) == len(writes), after, "a write that had an intent was made again", mine)
    p.verify()


def a_call_of_unknown_outcome_is_shown_to_both_and_not_repeated(p):
    slow_tool(p)
    model = p.script({"calls": [call("slow", path="x")]}, {"expect": {"contains": "UNKNOWN OUTCOME", "is_error": True}, "text": "I look first."})
    tree = start(p, "run", "--model", model, *EDITS, "--output", "stream-json", "task")
    until(tree, b'"type":"call"')
    while not intents(p):
        time.sleep(0.01) # until the intent is in the store
    tree.kill()
    end(tree)
    report = json.loads(p.run("journal", "verify", "--json", code=0).stdout)
    expect([u["call"] for u in report["unknown"]] == ["c1"], report)
    done, _ = resume(p, *EDITS)
    expect(done["text"] == "I look first." and done["calls"] == [], done)
    expect(len(intents(p)) == 1, "it was not run again")
    told = p.run("journal", "show", "last", code=0).stdout
    expect("resume" in told, told)


def the_person_is_told_of_an_unknown_outcome(p):
    slow_tool(p)
    tree = start(p, "run", "--model", p.script({"calls": [call("slow", path="x")]}, {"text": "ok"}), *EDITS, "--output", "stream-json", "task")
    until(tree, b'"type":"call"')
    while not intents(p):
        time.sleep(0.01)
    tree.kill()
    end(tree)
    proc = p.run("session", "resume", "last", *EDITS, code=0)
    expect("c1 (slow) was interrupted: its outcome is unknown" in proc.stderr, proc.stderr)


def cancelled_while_a_call_runs_it_goes_on(p):
    slow_tool(p)
    (p.work / "a.txt").write_text("A")
    model = p.script({"calls": [call("read", path="a.txt"), call("slow", path="x"), call("read", path="a.txt", offset=1)]},
                     {"expect": {"contains": "cancelled", "is_error": True}, "text": "I see it was cancelled."})
    for sig in (signal.SIGINT, signal.SIGTERM):
        tree = start(p, "run", "--model", model, *EDITS, "--output", "stream-json", "task")
        until(tree, b'"type":"receipt"')
        while len(intents(p)) < 1:
            time.sleep(0.01)
        tree.send_signal(sig)
        code, rest, _ = end(tree)
        done = json.loads(rest.splitlines()[-1])
        expect(code == 130 and done["status"] == "cancelled" and done["stopped_by"] == "cancel", done)
        done, _ = resume(p, *EDITS)
        expect(done["text"] == "I see it was cancelled.", done)
    p.verify()


def the_clock_while_a_call_runs_and_it_goes_on(p):
    slow_tool(p)
    model = p.script({"calls": [call("slow", path="x")]}, {"expect": {"is_error": True}, "text": "I was stopped."})
    done = p.run_json("--model", model, *EDITS, "--timeout", "3", "task", code=5)
    expect(done["stopped_by"] == "time" and done["status"] == "stopped", done)
    done, _ = resume(p, *EDITS)
    expect(done["text"] == "I was stopped.", done)
    p.verify()


def cancelled_while_the_model_speaks_it_asks_again(p):
    (p.work / "a.txt").write_text("A")
    model = p.script({"calls": [call("read", path="a.txt")]}, {"delay_ms": 60000, "text": "late"})
    tree = start(p, "run", "--model", model, "--output", "stream-json", "task")
    until(tree, b'"type":"receipt"')
    tree.send_signal(signal.SIGINT)
    expect(end(tree)[0] == 130)
    done, _ = resume(p, "--model", p.script({"expect": {"contains": "A"}, "text": "now"}, name="other.jsonl"))
    expect(done["text"] == "now" and done["calls"] == [], done)


def cancelled_in_a_pause_it_ends_at_once_and_goes_on(p):
    model = p.script({"error": {"kind": "overloaded", "times": 3}, "text": "at last"})
    tree = start(p, "run", "--model", model, "--output", "stream-json", "task")
    until(tree, b'"type":"recovery"')
    tree.send_signal(signal.SIGTERM)
    code, rest, _ = end(tree)
    expect(code == 130 and json.loads(rest.splitlines()[-1])["stopped_by"] == "cancel", rest)
    done, _ = resume(p)
    expect(done["text"] == "at last", done)


def a_question_that_waits_ends_with_the_cancel_and_it_goes_on(p):
    model = p.script({"calls": [call("write", path="a.txt", content="x")]}, {"expect": {"contains": "cancelled", "is_error": True}, "text": "I asked in vain."})
    for how in ("ctrl-c", "clock"):
        t = Terminal(p, "run", "--model", model, *(("--timeout", "3") if how == "clock" else ()), "task")
        t.until(r"\[y\] once")
        if how == "ctrl-c":
            t.type("\x03")
        code = t.end()
        expect(code == (130 if how == "ctrl-c" else 5), how, code, t.seen)
        expect(not (p.work / "a.txt").exists(), "nobody said yes")
        done, _ = resume(p)
        expect(done["text"] == "I asked in vain.", done)


def every_limit_can_be_gone_on_from(p):
    (p.work / "a.txt").write_text("\n".join(map(str, range(50))))
    lines = [{"calls": [call("read", path="a.txt", offset=i + 1)]} for i in range(6)] + [{"text": "end"}]
    price = {"script": 1, "price": {"input_per_mtok_usd": 3, "output_per_mtok_usd": 15}}
    done = p.run_json("--model", p.script(*lines), "--max-turns", "2", "q", code=5)
    done, _ = resume(p)
    expect(done["text"] == "end" and len(done["calls"]) == 4 and done["calls"][0]["call"] == "c3", done)
    done = p.run_json("--model", p.script(*lines), "--max-tool-calls", "2", "q", code=5)
    done, _ = resume(p)
    expect(done["text"] == "end", done)
    rich = [{**line, "usage": {"input_tokens": 1000, "output_tokens": 400}} for line in lines]
    spent = p.run_json("--model", p.script(price, *rich), "--total-budget-usd", "0.02", "q", code=4)
    again, _ = resume(p, code=4)
    expect(again["cost_usd"] == spent["cost_usd"] and again["turns"] == 0 and again["budget_usd"] == 0.02, "its budget stays", again)
    done, _ = resume(p, "--total-budget-usd", "1")
    expect(done["text"] == "end" and done["cost_usd"] > spent["cost_usd"] and done["budget_usd"] == 1, done)
    p.verify()


def a_done_session_needs_a_new_word(p):
    p.run_json("--model", p.script({"text": "first"}), "q", code=0)
    proc = p.run("session", "resume", "last", code=2)
    expect("last word" in proc.stderr and "PROMPT" in proc.stderr, proc.stderr)
    expect(session_of(p)["status"] == "done", "it is as it was")
    done, _ = resume(p, "and now?", "--model", p.script({"text": "second"}, name="b.jsonl"))
    expect(done["text"] == "second", done)
    proc = p.run("session", "resume", "nothing", code=2)
    expect("nothing" in proc.stderr, proc.stderr)


def the_conversation_goes_to_the_service_as_it_was(p):
    (p.work / "a.txt").write_text("needle")
    p.run_json("--model", p.script({"text": "I look.", "calls": [call("read", path="a.txt")]}, {"text": "It says needle."}), "the first task", code=0)
    with Stub(lambda stub, ask: ask.stream(text("I remember."))) as stub:
        env = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": stub.base}
        proc = p.run("session", "resume", "last", "the second task", "--model", "anthropic/claude-sonnet-4-5", "--output", "json", env=env, code=0)
        messages = stub.asks[0].json["messages"]
    expect(json.loads(proc.stdout)["text"] == "I remember.", proc.stdout)
    expect([m["role"] for m in messages] == ["user", "assistant", "user", "assistant", "user"], messages)
    expect(messages[0]["content"][-1]["text"] == "the first task" and messages[4]["content"][-1]["text"] == "the second task", messages)
    expect(messages[1]["content"][1]["type"] == "tool_use" and messages[2]["content"][0]["tool_use_id"] == messages[1]["content"][1]["id"], messages)
    expect("needle" in json.dumps(messages[2]), messages)


def a_fork_goes_its_own_way(p):
    (p.work / "a.txt").write_text("A")
    first = p.run_json("--model", p.script({"calls": [call("read", path="a.txt")]}, {"text": "one"}), "q", code=0)["session"]
    fork = p.run("session", "fork", "last", code=0).stdout.strip()
    expect(fork != first, fork)
    done, _ = resume(p, "go on", "--model", p.script({"calls": [call("read", path="a.txt")]}, {"text": "two"}, name="b.jsonl"), session=fork)
    expect(done["session"] == fork and done["text"] == "two" and done["calls"][0]["call"] == "c2", done)
    row = json.loads(p.run("session", "show", first, "--json", code=0).stdout)
    expect(row["status"] == "done" and row["calls"] == 1, "the first one is as it was", row)
    p.verify()


def a_fork_of_a_killed_session_knows_its_open_call(p):
    slow_tool(p)
    tree = start(p, "run", "--model", p.script({"calls": [call("slow", path="x")]}), *EDITS, "--output", "stream-json", "task")
    until(tree, b'"type":"call"')
    while not intents(p):
        time.sleep(0.01)
    tree.kill()
    end(tree)
    fork = p.run("session", "fork", "last", "--json", code=0)
    fork = json.loads(fork.stdout)["session"]
    done, _ = resume(p, "--model", p.script({"expect": {"contains": "UNKNOWN OUTCOME"}, "text": "ok"}, name="b.jsonl"), *EDITS, session=fork)
    expect(done["text"] == "ok" and len(intents(p)) == 1, done)


def a_running_session_is_not_gone_on_with(p):
    tree = start(p, "run", "--model", p.script({"calls": [call("list")]}, {"delay_ms": 60000, "text": "late"}), "--output", "stream-json", "task")
    until(tree, b'"type":"receipt"')
    for verb in ("resume", "fork"):
        proc = p.run("session", verb, "last", code=1)
        expect("in use by process" in proc.stderr, proc.stderr)
    tree.send_signal(signal.SIGTERM)
    end(tree)


def from_another_folder_it_works_in_its_own(p):
    (p.work / "a.txt").write_text("mine")
    p.run_json("--model", p.script({"text": "", "stop": "max_tokens"}, {"calls": [call("read", path="a.txt")]}, {"expect": {"contains": "mine"}, "text": "found"}),
               "--max-turns", "1", "q", code=5)
    other = p.root / "other"
    other.mkdir()
    proc = p.run("session", "resume", "last", "--output", "json", cwd=other, code=0)
    expect(json.loads(proc.stdout)["text"] == "found", proc.stdout)


main(killed_at_any_event_it_goes_on_and_nothing_is_done_twice, a_call_of_unknown_outcome_is_shown_to_both_and_not_repeated,
     the_person_is_told_of_an_unknown_outcome, cancelled_while_a_call_runs_it_goes_on, the_clock_while_a_call_runs_and_it_goes_on,
     cancelled_while_the_model_speaks_it_asks_again, cancelled_in_a_pause_it_ends_at_once_and_goes_on,
     a_question_that_waits_ends_with_the_cancel_and_it_goes_on, every_limit_can_be_gone_on_from, a_done_session_needs_a_new_word,
     the_conversation_goes_to_the_service_as_it_was, a_fork_goes_its_own_way, a_fork_of_a_killed_session_knows_its_open_call,
     a_running_session_is_not_gone_on_with, from_another_folder_it_works_in_its_own)
