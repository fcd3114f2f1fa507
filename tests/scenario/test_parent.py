#!/usr/bin/env python3
"""The parent's death is one of the cancels: a tree ends with the process that started it, unless it was started to outlive it."""
import json
import os
import signal
import subprocess
import sys
import time

from common import BOXAGNTS, HOSTILE, call, expect, main
from test_kill import alive, tree_of, wait_gone

# Starts the words after it as its child (in a thread that ends at once, when told so) and waits to be killed.
PARENT = """
import subprocess, sys, threading, time
started = []
def start():
    out = open(sys.argv[2], "w")
    started.append(subprocess.Popen(sys.argv[3:], stdout=out, stderr=out))
if sys.argv[1] == "thread":
    t = threading.Thread(target=start); t.start(); t.join()
else:
    start()
print(started[0].pid, flush=True)
sys.exit(started[0].wait() if sys.argv[1] == "thread" else time.sleep(120))
"""


class Family:
    """A parent, its boxagnts, and what it says (in a file: no pipe may tell it that somebody is gone)."""

    def __init__(self, p, *words, how="process", before=()):
        self.out = p.root / "out"
        self.parent = subprocess.Popen([sys.executable, "-c", PARENT, how, str(self.out), *before, BOXAGNTS, *map(str, words)],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=p.env, cwd=p.work)
        self.child = int(self.parent.stdout.readline())

    def wait_for(self, word, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end and word not in self.out.read_text():
            time.sleep(0.005)
        expect(word in self.out.read_text(), word, self.out.read_text())

    def kill_parent(self):
        pids = [self.child, *tree_of(self.child)]
        self.parent.send_signal(signal.SIGKILL)
        self.parent.wait(30)
        self.parent.stdout.close()
        return pids

    def end(self):
        for pid in [self.child, *tree_of(self.child)]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def run_words(p, *more):
    model = p.script({"text": "first", "calls": [call("write", path="f.txt", content="F")]}, {"delay_ms": 60000, "text": "late"})
    return ("run", "--model", model, "--permission-mode", "acceptEdits", "--output", "stream-json", *more, "q")


def a_run_ends_with_its_parent_and_can_go_on(p):
    family = Family(p, *run_words(p))
    family.wait_for('"type":"result"')
    pids = family.kill_parent()
    expect(len(pids) >= 3 and not wait_gone(pids), pids)
    done = [json.loads(line) for line in family.out.read_text().splitlines() if line.startswith("{")][-1]
    expect(done["type"] == "done" and done["stopped_by"] == "cancel" and done["exit_code"] == 130, done)
    row = json.loads(p.run("session", "show", "last", "--json", code=0).stdout)
    expect(row["status"] == "cancelled" and (p.work / "f.txt").read_text() == "F", row)
    p.verify()
    proc = p.run("session", "resume", "last", "go on", "--model", p.script({"text": "went on"}, name="two.jsonl"), code=0)
    expect("went on" in proc.stdout, proc.stdout)


def exec_and_jail_end_too(p):
    for words, word in ((("exec", HOSTILE / "spin.wasm"), ""), (("jail", "--", "/bin/sh", "-c", "echo begun; sleep 60"), "begun")):
        family = Family(p, *words)
        if word:
            family.wait_for(word)
        else:
            end = time.monotonic() + 30
            while not tree_of(family.child) and time.monotonic() < end:
                time.sleep(0.005)
        pids = family.kill_parent()
        expect(not wait_gone(pids), words, pids)


def who_was_started_to_outlive_it_does(p):
    """nohup, setsid, and a job in the background of a shell that is no terminal's."""
    for before in (["nohup"], ["setsid"], ["sh", "-c", '"$@" & echo', "sh"]):
        family = Family(p, *run_words(p), before=before)
        family.wait_for('"type":"result"')
        found = [pid for pid in [family.child, *tree_of(family.child)] if open(f"/proc/{pid}/comm").read() == "boxagnts\n"]
        if before[0] == "sh": # it has ended by now, and its job is somebody else's child
            found = [int(e) for e in os.listdir("/proc") if e.isdigit() and cmdline_has(e, str(p.root))]
        family.kill_parent()
        expect(found, before)
        monitor = found[0]
        os.kill(monitor, signal.SIGTERM)
        expect(not wait_gone([monitor, *tree_of(monitor)]), before)
        told = family.out.read_text() # the death came before the SIGTERM: had it been heard, it would be the reason
        expect("cancelled by the person" in told and "is gone" not in told, before, told)
        family.end()


def cmdline_has(pid, word):
    try:
        words = open(f"/proc/{pid}/cmdline").read().split("\0")
        return words[0] == BOXAGNTS and word in " ".join(words)
    except OSError:
        return False


def with_parent_ends_it_all_the_same(p):
    for before in (["nohup"], ["setsid"]):
        family = Family(p, *run_words(p, "--with-parent"), before=before)
        family.wait_for('"type":"result"')
        pids = family.kill_parent()
        expect(not wait_gone(pids), before, pids)
    p.verify()


def the_end_of_the_thread_that_started_it_is_no_parents_death(p):
    model = p.script({"calls": [call("write", path="f.txt", content="F")]}, {"delay_ms": 200, "text": "to the end"})
    family = Family(p, "run", "--model", model, "--permission-mode", "acceptEdits", "q", how="thread")
    expect(family.parent.wait(60) == 0, family.out.read_text())
    family.parent.stdout.close()
    expect("to the end" in family.out.read_text(), family.out.read_text())


if __name__ == "__main__":
    main(a_run_ends_with_its_parent_and_can_go_on, exec_and_jail_end_too, who_was_started_to_outlive_it_does, with_parent_ends_it_all_the_same,
         the_end_of_the_thread_that_started_it_is_no_parents_death)
