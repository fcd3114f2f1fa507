#!/usr/bin/env python3
"""How often a person is asked: the coding tasks of examples/coding_tasks.jsonl, in mode default, on a terminal, as one working session in
which every question is answered with what it offers. BX_FATIGUE_ALL=1 prints, to compare, each task by itself and a yes to each call alone."""
import json
import os
import pathlib
import shutil

from common import expect, main
from lib_terminal import Terminal

EXAMPLES = pathlib.Path(os.environ.get("BOXAGNTS_SRC", pathlib.Path(__file__).resolve().parents[2])) / "examples"
TASKS = [json.loads(line) for line in (EXAMPLES / "coding_tasks.jsonl").read_text().splitlines()]


def turns(tasks):
    for i, task in tasks:
        for calls in task["turns"]:
            yield {"calls": [{"tool": tool, "input": input_} for tool, input_ in calls]}
        yield {"text": f"task {i} is done"}


def session(p, tasks, answer):
    """Plays them in one chat; gives how many questions were asked."""
    t = Terminal(p, "chat", "--model", p.script(*turns(tasks)))
    t.until("/help says")
    asked = 0
    for i, task in tasks:
        t.seen = ""
        t.type(task["task"] + "\r")
        while True:
            t.until(rf"answer: |task {i} is done.*\n.*> ", 120)
            if "answer: " not in t.seen:
                break
            asked += 1
            t.seen = ""
            t.type(answer + "\n")
    t.type("/quit\r")
    expect(t.end() == 0, t.seen)
    return asked


def project(p):
    shutil.rmtree(p.work)
    shutil.copytree(EXAMPLES / "roman", p.work)


def a_working_session_asks_seldom(p):
    project(p)
    tasks = list(enumerate(TASKS))
    asked = session(p, tasks, "a")
    expect("numerals_read" in (p.work / "src/read.c").read_text() and (p.work / "tests/read.sh").exists(), "the tasks were done")
    n = len(TASKS)
    print(f"     questions per task, {n} tasks, mode default: {asked / n:.2f} ({asked}) in one session")
    if os.environ.get("BX_FATIGUE_ALL"):
        project(p)
        once = session(p, tasks, "y")
        project(p)
        alone = sum(session(p, [one], "a") for one in tasks)
        print(f"     each task its own session {alone / n:.2f}; yes to each call alone {once / n:.2f}")
    expect(asked / n <= 0.3, asked)
    p.verify()


main(a_working_session_asks_seldom)
