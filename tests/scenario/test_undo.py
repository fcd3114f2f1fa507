#!/usr/bin/env python3
"""Undo: one call, a session, conflicts, the last call of a killed run."""
import json
import os
import signal
import subprocess

from common import BOXAGNTS, call, expect, main


def tree(p):
    found = {}
    for f in sorted(p.work.rglob("*")):
        name = str(f.relative_to(p.work))
        found[name] = os.readlink(f) if f.is_symlink() else (oct(f.stat().st_mode), None if f.is_dir() else f.read_bytes())
    return found


def prepared(p):
    (p.work / "src").mkdir()
    (p.work / "src/a.txt").write_text("one\ntwo\n")
    os.chmod(p.work / "src/a.txt", 0o755)
    (p.work / "b.bin").write_bytes(bytes(range(256)))


def edits(p):
    return p.script({"calls": [call("edit", path="src/a.txt", old_string="two", new_string="TWO"), call("write", path="b.bin", content="text"),
                               call("write", path="new/deep/c.txt", content="c"), call("edit", path="src/a.txt", old_string="one", new_string="ONE")]},
                    {"expect": {"is_error": False}, "text": "end"})


def a_session_is_undone_whole(p):
    prepared(p)
    before = tree(p)
    p.run("run", "--model", edits(p), "--permission-mode", "acceptEdits", "q", code=0)
    expect((p.work / "src/a.txt").read_text() == "ONE\nTWO\n" and os.stat(p.work / "src/a.txt").st_mode & 0o777 == 0o755, tree(p))
    dry = p.run("undo", "--dry-run", "last", code=0)
    expect("a.txt" in dry.stdout and (p.work / "src/a.txt").read_text() == "ONE\nTWO\n", dry.stdout)
    p.run("undo", "last", code=0)
    expect(tree(p) == before, tree(p), before)
    again = p.run("undo", "last", code=0)
    expect("nothing to undo" in again.stderr, again.stderr)
    p.verify()


def one_call_is_undone(p):
    prepared(p)
    p.run("run", "--model", edits(p), "--permission-mode", "acceptEdits", "q", code=0)
    p.run("undo", "last/c2", code=0)
    expect((p.work / "b.bin").read_bytes() == bytes(range(256)), "put back")
    expect((p.work / "src/a.txt").read_text() == "ONE\nTWO\n", "the others stay")
    proc = p.run("undo", "last/c1", code=1)
    expect("src/a.txt" in proc.stderr, "a later call changed the same file", proc.stderr)
    p.run("undo", "last/c4", code=0)
    p.run("undo", "last/c1", code=0)
    expect((p.work / "src/a.txt").read_text() == "one\ntwo\n", "newest first")


def an_old_file_is_replaced_and_not_written_over(p):
    """A reader that has it open keeps the old text whole; what has a second name is written in place, so that both keep sharing it."""
    for folder in (p.work, p.work / "deep/er"):
        folder.mkdir(parents=True, exist_ok=True)
        old = folder / "a.txt"
        old.write_text("old text, longer than what comes\n" * 1000)
        os.chmod(old, 0o751)
        with open(old) as reader:
            before = os.stat(old)
            result = p.run("tool", "call", "--json", "--permission-mode", "acceptEdits", "write",
                           json.dumps({"path": str(old.relative_to(p.work)), "content": "new\n"}), code=0)
            expect(reader.read() == "old text, longer than what comes\n" * 1000, "the open one is the old one")
        after = os.stat(old)
        expect(after.st_ino != before.st_ino and old.read_text() == "new\n" and after.st_mode == before.st_mode, before, after)
        touched = json.loads(result.stdout)["receipt"]["touched"]
        expect([t["op"] for t in touched] == ["write"], touched)
    shared = p.work / "shared.txt"
    shared.write_text("both\n")
    os.link(shared, p.work / "other.txt")
    p.run("tool", "call", "--permission-mode", "acceptEdits", "write", json.dumps({"path": "shared.txt", "content": "new\n"}), code=0)
    expect((p.work / "other.txt").read_text() == "new\n" and os.stat(shared).st_nlink == 2, "written in place")
    expect(sorted(x.name for x in p.work.iterdir()) == ["a.txt", "deep", "other.txt", "shared.txt"], list(p.work.iterdir()))
    expect(not list(p.root.rglob("stage-*")), "nothing staged is left")


def a_file_changed_since_is_a_conflict_and_nothing_is_touched(p):
    prepared(p)
    p.run("run", "--model", edits(p), "--permission-mode", "acceptEdits", "q", code=0)
    (p.work / "src/a.txt").write_text("mine\n")
    after = tree(p)
    proc = p.run("undo", "last", code=1)
    expect("src/a.txt" in proc.stderr and tree(p) == after, proc.stderr)
    p.run("undo", "--force", "last", code=0)
    expect((p.work / "src/a.txt").read_text() == "one\ntwo\n" and not (p.work / "new").exists(), tree(p))


def the_last_calls_of_the_last_session_are_undone(p):
    prepared(p)
    p.run("run", "--model", edits(p), "--permission-mode", "acceptEdits", "q", code=0)
    p.run("undo", "--last", "2", "-n", code=0)
    expect((p.work / "new/deep/c.txt").exists(), "a dry run changes nothing")
    p.run("undo", "--last", "2", code=0)
    expect((p.work / "src/a.txt").read_text() == "one\nTWO\n" and not (p.work / "new").exists(), tree(p))
    expect((p.work / "b.bin").read_bytes() == b"text", "the second call stays")
    proc = p.run("undo", "--last", "9", "last", code=0)
    expect("2 calls" in proc.stderr and (p.work / "src/a.txt").read_text() == "one\ntwo\n", proc.stderr)
    for bad in (["--last", "0"], ["--last", "x"], ["--last", "1", "last/c1"], ["--last", "1", "last", "last"], [], ["last/"]):
        p.run("undo", *bad, code=2)
    p.verify()


def a_conflict_says_what_differs_and_what_to_do(p):
    prepared(p)
    p.run("run", "--model", edits(p), "--permission-mode", "acceptEdits", "q", code=0)
    (p.work / "b.bin").unlink()
    (p.work / "b.bin").symlink_to("else\x1b[31mwhere")
    proc = p.run("undo", "last/c1", code=1)
    expect("/src/a.txt: it was changed since" in proc.stderr and "the call left: file, mode 0755, sha256" in proc.stderr
           and "/c4: undo that first" in proc.stderr and "nothing was changed" in proc.stderr, proc.stderr)
    proc = p.run("undo", "last/c2", code=1)
    expect("there is now: link to else?[31mwhere" in proc.stderr and "undo that first" not in proc.stderr, proc.stderr)
    report = json.loads(p.run("undo", "--json", "last/c1", code=1).stdout)
    expect(report["conflicts"][0]["by"] == ["c4"] and report["conflicts"][0]["was"]["mode"] == 0o755, report)


def the_last_call_of_a_killed_run_can_be_undone(p):
    prepared(p)
    before = tree(p)
    model = p.script({"calls": [call("edit", path="src/a.txt", old_string="two", new_string="TWO")]}, {"delay_ms": 30000, "text": "late"})
    run = subprocess.Popen([BOXAGNTS, "run", "--model", model, "--permission-mode", "acceptEdits", "--output", "stream-json", "q"], cwd=p.work, env=p.env,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    while b'"receipt"' not in run.stdout.readline():
        pass
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    p.run("undo", "last", code=0)
    expect(tree(p) == before, tree(p))
    p.verify()


def touched_files_are_in_the_receipt_with_hashes(p):
    import hashlib
    prepared(p)
    proc = p.run("tool", "call", "--json", "--permission-mode", "acceptEdits", "edit", '{"path":"src/a.txt","old_string":"two","new_string":"TWO"}', code=0)
    touched = json.loads(proc.stdout)["receipt"]["touched"]
    expect(touched == [{"path": "/src/a.txt", "op": "write", "before_sha256": hashlib.sha256(b"one\ntwo\n").hexdigest(),
                        "after_sha256": hashlib.sha256(b"one\nTWO\n").hexdigest()}], touched)


main(an_old_file_is_replaced_and_not_written_over, a_session_is_undone_whole, one_call_is_undone, a_file_changed_since_is_a_conflict_and_nothing_is_touched, the_last_calls_of_the_last_session_are_undone,
     a_conflict_says_what_differs_and_what_to_do, the_last_call_of_a_killed_run_can_be_undone,
     touched_files_are_in_the_receipt_with_hashes)
