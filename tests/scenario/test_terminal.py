#!/usr/bin/env python3
"""On a terminal: the live view, approvals inline, Ctrl-C; no escapes from hostile text. A pseudo-terminal plays the person."""
import re

from common import call, expect, main
from lib_terminal import Terminal


def writes(*names):
    return [call("write", path=name, content=name) for name in names]


def a_question_is_answered_once_for_the_session_or_no(p):
    model = p.script({"text": "I write.", "calls": writes("a.txt")}, {"calls": writes("b.txt")}, {"calls": writes("b.txt")}, {"calls": writes("c.txt")},
                     {"text": "end"})
    t = Terminal(p, "run", "--model", model, "q")
    t.until(r"write wants Write\(/a\.txt\).*\[y\] once")
    t.type("y\n")
    t.until(r"Write\(/b\.txt\).*\[y\] once")
    t.type("what?\n")
    t.until(r"n REASON .*answer: ")
    t.type("s\n")
    t.until(r"Write\(/c\.txt\).*\[y\] once")
    t.type("n\n")
    code = t.end()
    expect(code == 0, code, t.seen)
    expect(t.seen.count("wants Write(/b.txt)") == 1, "an equal question is asked once", t.seen)
    expect(sorted(f.name for f in p.work.iterdir()) == ["a.txt", "b.txt"], list(p.work.iterdir()))
    expect("the person said no" in t.seen and "I write." in t.seen, t.seen)
    p.verify()


def ctrl_c_ends_a_waiting_question_and_a_waiting_model(p):
    for line, shown in (({"calls": writes("a.txt")}, r"\[y\] once"), ({"delay_ms": 60000, "text": "late"}, r"model \d")):
        t = Terminal(p, "run", "--model", p.script(line), "q")
        t.until(shown)
        t.type("\x03")
        code = t.end()
        expect(code == 130 and not (p.work / "a.txt").exists(), code, t.seen)
    p.verify()


def hostile_text_cannot_draw(p):
    (p.work / "a.txt").write_text("\x1b[2J\x1b]0;owned\x07 text\n")
    evil = "\x1b[2J\x1b]0;owned\x07done\u009b31m"
    model = p.script({"text": evil, "calls": [call("read", path="a.txt"), call("read", path="\x1b[31mx")]}, {"text": evil})
    t = Terminal(p, "run", "--model", model, "q", env={"NO_COLOR": "1"})
    code = t.end()
    expect(code == 0, code, t.seen)
    left = re.sub(r"\r\x1b\[K", "", t.seen)  # the spinner's own way to clear its line
    expect("\x1b" not in left and "\x07" not in left and "\x9b" not in left, repr(left))


def color_only_on_a_terminal_and_not_with_no_color(p):
    model = p.script({"calls": [call("list", path="/")]}, {"text": "end"})
    env = {"NO_COLOR": ""}
    t = Terminal(p, "run", "--model", model, "q", env=env)
    t.end()
    expect("\x1b[32m" in t.seen, t.seen)
    t = Terminal(p, "run", "--model", model, "q", env={"NO_COLOR": "1"})
    t.end()
    expect("\x1b[32m" not in t.seen, t.seen)


main(a_question_is_answered_once_for_the_session_or_no, ctrl_c_ends_a_waiting_question_and_a_waiting_model, hostile_text_cannot_draw,
     color_only_on_a_terminal_and_not_with_no_color)
