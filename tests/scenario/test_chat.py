#!/usr/bin/env python3
"""`boxagnts chat`: plain lines from a pipe, and on a terminal with editing, completion, questions, Ctrl-C."""
import json

from common import call, expect, main
from lib_terminal import Terminal


def three(p):
    (p.work / "a.txt").write_text("secret sauce\n")
    return p.script({"text": "Hi."}, {"calls": [call("read", path="a.txt")]}, {"text": "It says sauce."}, {"text": "Third."})


def each_line_of_a_pipe_is_a_message_of_one_session(p):
    done = p.run("chat", "--model", three(p), stdin="hello\nread \\\nit\n\n/cost\n/session\nlast", code=0)
    expect(done.stdout == "Hi.\nIt says sauce.\nThird.\n", done.stdout)
    expect("spent $0" in done.stderr and "> " not in done.stderr, done.stderr)
    rows = [json.loads(line) for line in p.run("session", "list", "--json", code=0).stdout.splitlines()]
    rows = rows[0] if isinstance(rows[0], list) else rows
    expect(len(rows) == 1 and rows[0]["calls"] == 1, rows)
    expect(rows[0]["session"] in done.stderr, done.stderr)
    story = p.run("replay", "last", code=0).stdout
    expect("read \n" in story and "it" in story and "Third." in story, story)
    p.verify()


def what_is_wrong_is_said_and_ends_a_pipe(p):
    model = three(p)
    for text, words in (("/nope\nhello\n", "no command /nope"), ("/hlep\n", "did you mean /help?"), ("a\x00b\n", "not UTF-8")):
        done = p.run("chat", "--model", model, stdin=text, code=2)
        expect(words in done.stderr and done.stdout == "", done.stdout, done.stderr)
    expect("no prompt" in p.run("chat", "hello", code=2).stderr, "a prompt")
    expect("text or stream-json" in p.run("chat", "--output", "json", code=2).stderr, "json")
    expect("script" in p.run("chat", "--model", "script:/none", stdin="x\n", code=2).stderr, "a missing script")


def stream_json_is_one_stream(p):
    done = p.run("chat", "--model", three(p), "--output", "stream-json", stdin="hello\nread it\n", code=0)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    expect([line["text"] for line in lines if line["type"] == "text"] == ["Hi.", "It says sauce."], lines)
    expect(len({line["session"] for line in lines if line["type"] == "session"}) == 1, lines)


def commands_and_names_are_completed_and_remembered(p):
    t = Terminal(p, "chat", "--model", three(p))
    t.until("/help says")
    t.type("/hel\t\r")
    t.until(r"/permissions .*goes on in the next")
    t.type("hello\r")
    t.until(r"Hi\.")
    t.type("look at @a.\t\r")
    t.until(r"attached /a\.txt.*It says sauce\..*> ")
    t.type("\x10\x10\x03") # up, up, and away
    t.until("once more to leave")
    t.type("/quit\r")
    expect(t.end() == 0, t.seen)
    history = (p.root / "state/chat_history").read_text()
    expect("hello" in history and (p.root / "state/chat_history").stat().st_mode & 0o77 == 0, history)


def markdown_is_calm_and_hostile_text_cannot_draw(p):
    model = p.script({"text": "# Head\n**bold** `code` 2*3*4\n```c\nint **x;\n```\n\x1b[2Jend"})
    t = Terminal(p, "chat", "--model", model, env={"NO_COLOR": ""})
    t.until("/help says")
    t.type("x\r")
    t.until("end")
    t.type("/quit\r")
    t.end()
    expect("\x1b[1mbold\x1b[0m" in t.seen and "2*3*4" in t.seen and "int **x;" in t.seen and "\x1b[2J" not in t.seen, repr(t.seen))


def an_answer_for_the_session_holds_for_the_next_message(p):
    writes = {"calls": [call("write", path="b.txt", content="1")]}
    model = p.script(writes, {"text": "one"}, writes, {"text": "two"})
    t = Terminal(p, "chat", "--model", model)
    t.until("/help says")
    t.type("a\r")
    t.until(r"\[y\] once")
    t.type("s\n")
    t.until("one")
    t.type("b\r")
    t.until("two")
    t.type("/permissions\r")
    t.until(r"Write\(/b\.txt\).*you, for this session")
    t.type("/undo\r")
    t.until("restored")
    t.type("/quit\r")
    expect(t.end() == 0 and not (p.work / "b.txt").exists(), t.seen)
    p.verify()


def a_call_is_unfolded(p):
    (p.work / "a.txt").write_text("".join(f"\x1b[2Jline {i}\n" for i in range(100)))
    model = p.script({"calls": [call("read", path="a.txt"), call("write", path="b.txt", content="x\ny\n")]}, {"text": "done"})
    done = p.run("chat", "--model", model, stdin="/show\n", code=2)
    expect("nothing was done yet" in done.stderr, done.stderr)
    done = p.run("chat", "--model", model, "--permission-mode", "acceptEdits", stdin="go\n/show 1\n/show\n/show c9\n", code=2)
    one, two = done.stderr.split("c2 write\n")
    expect("c1 read\n  arguments\n    path:\n      a.txt\n  result" in one and "line 50" in one and "more lines" in one and "\x1b" not in one, one)
    expect("    content:\n      x\n      y\n" in two and "touched create /b.txt" in two and "allow by policy, rule mode:acceptEdits" in two, two)
    expect("there is no call c9" in two and "stopped by exit" in one, two)


def compact_sums_up_now_within_the_budget(p):
    long = "what was said " * 800
    model = p.script('{"script":1,"price":{"input_per_mtok_usd":1,"output_per_mtok_usd":1}}', {"text": long, "usage": {"input_tokens": 10, "output_tokens": 10}},
                     {"text": long}, {"text": long}, {"text": "THE SUMMARY", "usage": {"input_tokens": 1000000, "output_tokens": 1000}}, {"text": "last"})
    expect("nothing was said yet" in p.run("chat", "--model", model, stdin="/compact\n", code=2).stderr, "no session")
    done = p.run("chat", "--model", model, "--total-budget-usd", "9", stdin="one\n/compact\ntwo\nthree\n/compact\n/cost\nfour\n", code=0)
    expect("there is nothing to sum up" in done.stderr, done.stderr)
    expect("messages were summed up" in done.stderr and "THE SUMMARY" in done.stderr, done.stderr)
    expect("THE SUMMARY" not in done.stdout and done.stdout.endswith("last\n"), done.stdout[-50:])
    expect("spent $0 of" not in done.stderr and "spent $" in done.stderr, done.stderr)
    p.verify()


def ctrl_c_cancels_once_and_leaves_twice(p):
    model = p.script({"delay_ms": 60000, "text": "late"}, {"text": "second"})
    t = Terminal(p, "chat", "--model", model)
    t.until("/help says")
    t.type("\x03")
    t.until("once more to leave")
    t.type("slow\r")
    t.until(r"model \d")
    t.type("\x03")
    t.until(r"cancelled.*\n.*> ")
    t.type("\x03")
    expect(t.end() == 130, t.seen)
    expect("late" not in t.seen, t.seen)
    p.verify()


if __name__ == "__main__":
    main(each_line_of_a_pipe_is_a_message_of_one_session, what_is_wrong_is_said_and_ends_a_pipe, stream_json_is_one_stream,
         commands_and_names_are_completed_and_remembered, markdown_is_calm_and_hostile_text_cannot_draw,
         an_answer_for_the_session_holds_for_the_next_message, a_call_is_unfolded, compact_sums_up_now_within_the_budget, ctrl_c_cancels_once_and_leaves_twice)
