#!/usr/bin/env python3
"""A chat in a real terminal (tmux): what a person sees, also after the window has become smaller while typing and while it waits. Skipped
where tmux is not installed."""
import shlex
import shutil
import subprocess
import sys
import time

from common import BOXAGNTS, call, expect, main


class Screen:
    def __init__(self, p, *args):
        self.p = p
        self.base = ["tmux", "-S", str(p.root / "tmux"), "-f", "/dev/null"]
        command = " ".join(map(shlex.quote, [BOXAGNTS, *map(str, args)])) + f"; echo $? > {shlex.quote(str(p.root / 'code'))}"
        subprocess.run([*self.base, "new-session", "-d", "-x", "100", "-y", "30", command], check=True, env={**p.env, "TERM": "xterm"}, cwd=p.work, timeout=60)

    def shown(self):
        return subprocess.run([*self.base, "capture-pane", "-p"], capture_output=True, text=True, timeout=60).stdout

    def until(self, words, seconds=60):
        end = time.monotonic() + seconds
        while words not in (shown := self.shown()):
            expect(time.monotonic() < end, "waiting for", words, shown)
        return shown

    def keys(self, *keys):
        subprocess.run([*self.base, "send-keys", *keys], check=True, timeout=60)

    def resize(self, x, y):
        subprocess.run([*self.base, "resize-window", "-x", str(x), "-y", str(y)], check=True, timeout=60)

    def end(self):
        """Only this test's own server, by its socket."""
        subprocess.run([*self.base, "kill-server"], capture_output=True, timeout=60)


def a_person_types_answers_and_resizes(p):
    s = Screen(p, "chat", "--model", p.script({"calls": [call("write", path="a.txt", content="hello\n")]}, {"text": "It is written."}))
    try:
        s.until("/help says")
        s.keys("write it, ")
        s.until("> write it,")
        s.resize(60, 20)  # while a line is edited
        s.keys("please", "Enter")
        s.until("answer:")
        s.resize(90, 30)  # while a question waits
        shown = s.until("+hello")
        expect("? write wants Write(/a.txt)" in shown, shown)
        s.keys("y", "Enter")
        shown = s.until("It is written.")
        expect("+ write a.txt" in shown, shown)
        s.keys("/quit", "Enter")
        end = time.monotonic() + 60
        while not (p.root / "code").exists() or not (p.root / "code").read_text():
            expect(time.monotonic() < end, "it does not end", s.shown())
        expect((p.root / "code").read_text() == "0\n" and (p.work / "a.txt").read_text() == "hello\n", "the end")
    finally:
        s.end()


if not shutil.which("tmux"):
    print("skipped: tmux is not installed")
    sys.exit(77)
main(a_person_types_answers_and_resizes)
