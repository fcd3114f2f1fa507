#!/usr/bin/env python3
"""A recorded session is played against today's code and files, and told as a story."""
import json

from common import call, expect, main
from lib_model import Stub, call_block, message, text

EDITS = ("--permission-mode", "acceptEdits")


def record(p, *lines, code=0, **more):
    return p.run_json("--model", p.script(*lines, **more), *EDITS, "the recorded task", code=code)["session"]


def replay(p, session, *args, code=0):
    proc = p.run("run", "--model", f"replay:{session}", *EDITS, "--output", "json", *args, code=code)
    return json.loads(proc.stdout), proc.stderr


TWO = ({"text": "I look.", "calls": [call("read", path="a.txt"), call("nothing")]}, {"text": "I write.", "calls": [call("write", path="b.txt", content="B")]}, {"text": "done"})


def the_same_comes_out_again(p):
    (p.work / "a.txt").write_text("hello")
    first = record(p, *TWO)
    (p.work / "b.txt").unlink()
    done, _ = replay(p, first)
    expect(done["text"] == "done" and len(done["calls"]) == 3 and (p.work / "b.txt").read_text() == "B", done)
    row = json.loads(p.run("session", "show", "last", "--json", code=0).stdout)
    expect(row["prompt"] == "the recorded task" and row["session"] != first, row)
    p.verify()


def the_first_difference_is_named(p):
    (p.work / "a.txt").write_text("hello")
    first = record(p, *TWO)
    (p.work / "a.txt").write_text("changed")
    done, err = replay(p, first, code=1)
    expect(done["status"] == "failed" and "diverges" in err and "c1 (read): its result is another one" in err, err)
    (p.work / "a.txt").write_text("hello")
    (p.work / "b.txt").unlink()
    done, err = replay(p, first, "--deny", "Write(/b.txt)", code=1)
    expect("c3 (write): stopped_by was exit, is denied:policy" in err and not (p.work / "b.txt").exists(), err)
    done, err = replay(p, first, "--max-turns", "2", code=1)
    expect("1 more model turn" in err, err)


def errors_of_the_service_are_played_too(p):
    first = record(p, {"error": {"kind": "overloaded", "times": 2}, "text": "at last"})
    done, err = replay(p, first)
    expect(done["text"] == "at last" and done["turns"] == 1, done)


def a_recorded_service_needs_no_key_and_no_network(p):
    (p.work / "a.txt").write_text("hello")
    answers = [message([call_block("t1", "read", {"path": "a.txt"})], stop="tool_use"), text("It says hello.")]
    with Stub(lambda stub, ask: ask.stream(answers[len(stub.asks) - 1])) as stub:
        env = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": stub.base}
        p.run("run", "--model", "anthropic/claude-sonnet-4-5", "q", env=env, code=0)
    done, _ = replay(p, "last")
    expect(done["text"] == "It says hello." and done["cost_usd"] == 0 and done["calls"][0]["stopped_by"] == "exit", done)


def a_session_is_a_story(p):
    (p.work / "a.txt").write_text("hello \x1b[31mred")
    first = record(p, *TWO)
    story = p.run("replay", first, code=0).stdout
    order = ["the recorded task", "I look.", "c1 read a.txt", "[31mred", "receipt ", "c2 nothing", "I write.", "c3 write b.txt", "create /b.txt", "done"]
    at = -1
    for word in order:
        found = story.find(word, at + 1)
        expect(found > at, "in this order:", word, story)
        at = found
    expect("\x1b" not in story, "nothing moves the cursor")
    lines = [json.loads(line) for line in p.run("replay", first, "--json", code=0).stdout.splitlines()]
    results = [line for line in lines if line["type"] == "result"]
    expect(len(results) == 3 and all(line["receipt"]["hash"] for line in results), lines)
    p.run("replay", code=2)
    p.run("replay", "nobody", code=2)


def what_cannot_be_replayed_says_so(p):
    proc = p.run("run", "--model", "replay:nobody", "q", code=2)
    expect("nobody" in proc.stderr, proc.stderr)
    p.run("tool", "call", "list", "{}", code=0)
    proc = p.run("run", "--model", "replay:last", "q", code=2)
    expect("no model turn" in proc.stderr, proc.stderr)


main(the_same_comes_out_again, the_first_difference_is_named, errors_of_the_service_are_played_too, a_recorded_service_needs_no_key_and_no_network, a_session_is_a_story,
     what_cannot_be_replayed_says_so)
