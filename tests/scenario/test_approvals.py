#!/usr/bin/env python3
"""Questions: what they show, what the answers do, grants and their end; and the door for other programs (a unix socket)."""
import json
import select
import socket
import subprocess
import time

from common import BOXAGNTS, call, expect, main
from lib_terminal import Terminal


def rows(p, kind):
    return [row["body"] for row in map(json.loads, p.run("journal", "export").stdout.splitlines()) if row.get("kind") == kind]


def write(path, content):
    return {"calls": [call("write", path=path, content=content)]}


def a_question_shows_what_will_happen(p):
    (p.work / "src").mkdir()
    (p.work / "src/a.c").write_text("one\ntwo\nthree\n\x1b[2Jevil\n")
    (p.work / "src/b.c").write_text("x = 1\n")
    model = p.script(write("src/a.c", "one\n2\nthree\n\x1b[2Jevil\n"),
                     {"calls": [call("edit", path="/src/b.c", old_string="x = 1", new_string="x = 2")]},
                     {"calls": [call("edit", path="/src/b.c", old_string="y", new_string="z")]},
                     {"calls": [call("command", argv=["make", "a b"], env={"V": "1"}, timeout=5)]},
                     {"calls": [call("patch", patch="--- a/src/b.c\n+++ b/src/b.c\n@@ -1 +1 @@\n-x = 1\n+x = 3\n", paths=["src/b.c"])]},
                     {"text": "end"})
    t = Terminal(p, "run", "--model", model, "q", env={"NO_COLOR": ""})
    t.until(r"write wants Write\(/src/a\.c\).*--- /src/a\.c.*@@ -1,4 \+1,4 @@.*-two.*\+2.*at worst: changes or deletes /src/a\.c.*answer: ")
    expect("\x1b[32m+2" in t.seen and "\x1b[31m-two" in t.seen, repr(t.seen))
    expect("\x1b[2J" not in t.seen and "?[2Jevil" in t.seen, repr(t.seen))
    expect("always: Write(/src/**)" in t.seen, t.seen)
    t.type("n use tabs\n")
    t.until(r"edit wants.*-x = 1.*\+x = 2.*\[y\] once")
    t.type("n\n")
    t.until(r"/src/b\.c stays as it is: the text to replace does not occur.*\[y\] once")
    t.type("n\n")
    t.until(r"command wants Exec\(make 'a b'\), Exec\(V=1 make 'a b'\), Write\(/\) and all beneath it.*\$ make 'a b'.*env: .*timeout: 5.*no host but.*answer")
    t.type("n\n")
    t.until(r"patch wants Write\(/src/b\.c\).*\+x = 3.*answer")
    t.type("n\n")
    expect(t.end() == 0 and t.seen.count("the person said no") == 5, t.seen)
    grants = rows(p, "grant")
    expect(grants[0]["answer"] == "no" and grants[0]["reason"] == "use tabs" and grants[0]["by"] == "terminal", grants)
    expect("the person said no: use tabs" in p.run("replay", "last").stdout, "the model is told why")
    p.verify()


def a_long_diff_is_cut_and_d_shows_it(p):
    t = Terminal(p, "run", "--model", p.script(write("a.txt", "".join(f"line {i}\n" for i in range(200))), {"text": "end"}), "q")
    t.until(r"line 36.*163 more lines: d shows them.*answer: ")
    expect("line 150" not in t.seen, t.seen)
    t.type("d\n")
    t.until(r"line 199.*answer: ")
    t.type("y\n")
    expect(t.end() == 0 and len((p.work / "a.txt").read_text().splitlines()) == 200, t.seen)


def always_is_by_pattern_and_bounded(p):
    (p.work / "src").mkdir()
    model = p.script(write("src/a", "1"), write("src/sub/b", "1"), write("c", "1"), write("src/d", "1"), {"text": "end"})
    t = Terminal(p, "run", "--model", model, "q")
    t.until(r"Write\(/src/a\).*answer: ")
    t.type("a /nowhere/**\n")
    t.until("does not cover what is asked.*answer: ")
    t.type("a 2x 1h $3\n")
    t.until(r"Write\(/c\).*answer: ")  # src/sub/b was not asked about: the first use
    t.type("n\n")
    t.until(r"\+ write src/d|Write\(/src/d\)")
    expect(t.end() == 0, t.seen)
    expect(t.seen.count("write wants") == 2, t.seen)
    listed = json.loads(p.run("policy", "grants", "list", "last", "--json", code=0).stdout)
    expect([(g["pattern"], g["uses"], g["uses_max"], g["state"], g["usd_pico"]) for g in listed] == [("Write(/src/**)", 2, 2, "used up", 3 * 10**12)], listed)
    expect("used up" in p.run("policy", "grants", "list", "last", code=0).stdout, "text")
    p.run("policy", "grants", "revoke", "last/9", code=2)
    p.run("policy", "grants", "revoke", "last", code=2)
    p.run("policy", "grants", "take", "last", code=2)
    p.verify()


def a_pattern_leaves_hidden_files_out(p):
    model = p.script(write("src/a", "1"), write("docs/b", "1"), write(".git/hooks/pre-commit", "1"), write("src/.envrc", "1"), {"text": "end"})
    t = Terminal(p, "run", "--model", model, "q")
    t.until(r"always: Write\(/src/\*\*\).*answer: ")
    t.type("a\n")
    t.until(r"always: Write\(/\*\*\).*answer: ")  # the second folder: the offer is wider
    t.type("a\n")
    for name in ("/.git/hooks/pre-commit", "/src/.envrc"):
        t.until(rf"wants Write\({name}\).*always: Write\({name}\).*answer: ")
        t.type("n\n")
    expect(t.end() == 0 and not (p.work / ".git").exists(), t.seen)


def the_very_same_question_is_asked_once(p):
    model = p.script(write("a", "1"), write("a", "1"), write("a", "2"), {"text": "end"})
    t = Terminal(p, "run", "--model", model, "q")
    t.until(r"Write\(/a\).*answer: ")
    t.type("n not a\n")
    t.until(r"\+2.*answer: ")
    t.type("n\n")
    expect(t.end() == 0 and t.seen.count("write wants") == 2 and t.seen.count("the person said no: not a") == 2, t.seen)


def a_grant_is_revoked_in_a_running_session(p):
    model = p.script(write("b", "1"), {"text": "one"}, write("b", "2"), {"text": "two"}, write("b", "3"), {"text": "three"}, write("b", "4"), {"text": "four"})
    t = Terminal(p, "chat", "--model", model)
    t.until("/help says")
    t.type("first\r")
    t.until("answer: ")
    t.type("s\n")
    t.until("one")
    t.type("second\r")
    t.until("two")
    t.type("/permissions\r")
    t.until(r"grant 1  Write\(/b\) by write  \(you, for this session, 1 times\)")
    expect("1 revoked" in p.run("policy", "grants", "revoke", "last/1", code=0).stdout, "revoke")
    t.type("third\r")
    t.until(r"\+3.*answer: ")
    t.type("s\n")
    t.until("three")
    t.type("/permissions revoke\r")
    t.until("1 revoked")
    t.type("fourth\r")
    t.until(r"\+4.*answer: ")
    t.type("y\n")
    t.until("four")
    t.type("/quit\r")
    expect(t.end() == 0, t.seen)
    expect([g["answer"] for g in rows(p, "grant")] == ["session", "granted", "revoked", "session", "revoked", "once"], rows(p, "grant"))
    p.verify()


def a_session_that_goes_on_has_its_grants(p):
    model = p.script(write("b", "1"), {"text": "one"}, write("b", "2"), {"text": "two"})
    t = Terminal(p, "run", "--model", model, "q")
    t.until("answer: ")
    t.type("s\n")
    t.end()
    t = Terminal(p, "session", "resume", "last", "go on")
    expect(t.end() == 0 and "answer: " not in t.seen and (p.work / "b").read_text() == "2", t.seen)
    t = Terminal(p, "run", "--model", p.script(write("b", "3"), name="other"), "q")
    t.until("answer: ")  # another session has none of it
    t.type("n\n")
    t.end()


def a_source_is_named_where_a_rule_asks(p):
    (p.work / "todo.txt").write_text("then run curl-all --now\n")
    model = p.script({"calls": [call("read", path="todo.txt")]}, {"calls": [call("command", argv=["curl-all", "--now"], read_only=True)]},
                     {"calls": [call("command", argv=["true"], read_only=True)]}, {"text": "end"})
    t = Terminal(p, "run", "--model", model, "do what todo.txt says")
    t.until(r"asked by rule: default:exec.*careful: curl-all --now comes only from untrusted content: the result of read; this session has read your files.*answer: ")
    t.type("n\n")
    t.until(r"Exec\(true\).*answer: ")
    expect(t.seen.count("careful: ") == 1, t.seen)
    t.type("n\n")
    t.end()


# --- the door ---


class Client:
    """A program of the same person: lines in, lines out."""

    def __init__(self, path):
        end = time.monotonic() + 20
        while True:
            self.s = socket.socket(socket.AF_UNIX)
            try:
                self.s.connect(str(path))
                break
            except OSError:
                self.s.close()
                expect(time.monotonic() < end, "nobody listens at", path)
                select.select([], [], [], 0.01)
        self.left = b""

    def line(self, seconds=20):
        end = time.monotonic() + seconds
        while b"\n" not in self.left:
            expect(select.select([self.s], [], [], max(0, end - time.monotonic()))[0], "no line")
            try:
                piece = self.s.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return None
            self.left += piece
        line, self.left = self.left.split(b"\n", 1)
        return json.loads(line)

    def until(self, kind):
        while (line := self.line()) is not None:
            if line["type"] == kind:
                return line
        raise AssertionError(f"ended before {kind}")

    def say(self, **what):
        self.s.sendall(json.dumps(what).encode() + b"\n")


def door(p):
    folder = p.root / "door"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / "s"


def start(p, model):
    """A chat without a terminal: its door is open before the first message, so that clients are there when it asks."""
    return subprocess.Popen([BOXAGNTS, "chat", "--model", model, "--approvals", f"unix:{door(p)}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=p.env, cwd=p.work)


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def ends(process, code):
    out, err = process.communicate(timeout=60)
    expect(process.returncode == code, process.returncode, out, err)
    return out, err


def a_client_answers_by_the_socket(p):
    path = door(p)
    (p.work / "src").mkdir()
    model = p.script(write("src/a", "1\n"), write("src/b", "2"), write("c", "3"), write("c", "4"), {"text": "end"})
    process = start(p, model)
    one, two = Client(path), Client(path)
    go(process)
    expect(one.line() == {"type": "hello", "v": 1}, "hello")
    expect(path.stat().st_mode & 0o777 == 0o600, oct(path.stat().st_mode))
    q = one.until("question")
    expect(q["tool"] == "write" and q["effects"][0]["target"] == "/src/a" and q["effects"][0]["pattern"] == "Write(/src/**)", q)
    expect(q["detail"]["form"] == "diff" and "+1" in q["detail"]["text"] and q["session"] and q["call"] == "c1", q)
    expect(two.until("question")["id"] == q["id"], "everybody is asked")
    for bad, words in (("nonsense", "line 1"), ('{"id":99,"answer":"once"}', "no question 99"), (f'{{"id":{q["id"]},"answer":"maybe"}}', "once, session, always"),
                       (f'{{"id":{q["id"]},"answer":"always","pattern":"Net(*)"}}', "covers"), (f'{{"id":{q["id"]},"answer":"once","yes":1}}', "no member"),
                       (f'{{"id":{q["id"]},"answer":"once","uses":1}}', "belong to"), (f'{{"id":{q["id"]},"answer":"always","usd":"x"}}', "dollars")):
        one.s.sendall(bad.encode() + b"\n")
        expect(words in one.until("error")["text"], bad)
    one.say(id=q["id"], answer="always", uses=5)
    for client in (one, two):
        expect(client.until("answered") | {} == {"type": "answered", "id": q["id"], "answer": "always", "by": "socket"}, "answered")
    q = two.until("question")
    expect(q["effects"][0]["target"] == "/c", q)
    two.say(type="answer", id=q["id"], answer="once")
    one.say(id=q["id"], answer="no")
    q = two.until("question")
    two.say(id=q["id"], answer="no", reason="one is enough")
    ends(process, 0)
    expect((p.work / "c").read_text() == "3" and (p.work / "src/b").read_text() == "2" and not path.exists(), "files")
    grants = rows(p, "grant")
    expect([(g["answer"], g["by"]) for g in grants] == [("always", "socket"), ("granted", "grant"), ("once", "socket"), ("no", "socket")], grants)
    expect(grants[0]["uses"] == 5 and grants[3]["reason"] == "one is enough", grants)
    p.verify()


def nobody_there_is_a_refusal(p):
    path = door(p)
    done = p.run("run", "--model", p.script(write("a", "1"), {"text": "end"}), "--approvals", f"unix:{path}", "q", code=0)
    expect("nobody can be asked" in done.stderr, done.stderr)
    process = start(p, p.script(write("a", "1"), {"text": "end"}))
    client = Client(path)
    go(process)
    client.until("question")
    client.s.close()  # who could have answered goes: nobody is left
    out, err = ends(process, 0)
    expect("nobody can be asked" in err and not (p.work / "a").exists(), err)
    receipts = [r for r in rows(p, "receipt")]
    expect([r["decision"]["rule"] for r in receipts] == ["no-one-to-ask"] * 2, receipts)
    p.verify()


def the_first_answer_wins_at_terminal_and_socket(p):
    path = door(p)
    t = Terminal(p, "run", "--model", p.script(write("a", "1"), write("b", "1"), {"text": "end"}), "--approvals", f"unix:{path}", "q")
    t.until("answer: ")
    client = Client(path)
    q = client.until("question")  # it came later and is shown what waits
    client.say(id=q["id"], answer="once")
    t.until(r"answered elsewhere.*Write\(/b\).*answer: ")
    t.type("y\n")
    expect(client.until("answered")["by"] == "socket" and client.until("answered")["by"] == "terminal", "both are told")
    expect(t.end() == 0 and (p.work / "a").exists() and (p.work / "b").exists(), t.seen)
    p.verify()


def clients_that_flood_stall_or_crowd_harm_nobody(p):
    path = door(p)
    calls = [write(f"f{i}", "x" * 60000) for i in range(6)]
    process = start(p, p.script(*calls, {"text": "end"}))
    good = Client(path)
    stalled = Client(path)  # never reads
    flood = Client(path)
    try:
        flood.s.sendall(b"x" * 200000)
    except OSError:
        pass
    crowd = [Client(path) for _ in range(9)]
    go(process)
    expect(sum(client.line() is None for client in crowd) == 4, "eight are let in")
    for _ in calls:
        good.say(id=good.until("question")["id"], answer="once")
    ends(process, 0)
    expect(len(list(p.work.iterdir())) == 6, "all were written")
    stalled.s.close()


def the_door_is_the_persons_alone(p):
    model = p.script({"text": "end"})
    wide = p.root / "wide"
    wide.mkdir()
    wide.chmod(0o755)
    for address, words in ((f"unix:{wide}/s", "not yours alone"), ("tcp:1", "not unix:PATH"), ("unix:", "names a socket"), ("unix:/none/s", "cannot open the folder")):
        done = p.run("run", "--model", model, "--approvals", address, "q", code=2)
        expect(words in done.stderr, done.stderr)
    path = door(p)
    path.write_text("a file")
    expect("in use" in p.run("run", "--model", model, "--approvals", f"unix:{path}", "q", code=2).stderr, "a file")
    expect(path.read_text() == "a file", "it is left alone")
    path.unlink()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()  # what a killed run leaves behind
    p.run("run", "--model", model, "--approvals", f"unix:{path}", "q", code=0)


def a_chat_keeps_its_clients_between_messages(p):
    path = door(p)
    model = p.script(write("a", "1"), {"text": "one"}, write("b", "1"), {"text": "two"})
    process = start(p, model)
    client = Client(path)
    for _ in range(2):
        go(process)
        q = client.until("question")
        client.say(id=q["id"], answer="once")
    out, err = ends(process, 0)
    expect(out == "one\ntwo\n" and (p.work / "b").exists(), out, err)
    p.verify()


if __name__ == "__main__":
    main(a_question_shows_what_will_happen, a_long_diff_is_cut_and_d_shows_it, always_is_by_pattern_and_bounded, a_pattern_leaves_hidden_files_out, the_very_same_question_is_asked_once,
         a_grant_is_revoked_in_a_running_session, a_session_that_goes_on_has_its_grants, a_source_is_named_where_a_rule_asks,
         a_client_answers_by_the_socket, nobody_there_is_a_refusal, the_first_answer_wins_at_terminal_and_socket,
         clients_that_flood_stall_or_crowd_harm_nobody, the_door_is_the_persons_alone, a_chat_keeps_its_clients_between_messages)
