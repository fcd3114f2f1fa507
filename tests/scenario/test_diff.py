#!/usr/bin/env python3
"""boxagnts diff: what a session changed, as text that patch programs take, as counts, as JSON; nothing in it acts on a terminal."""
import json
import os
import shutil
import subprocess

from common import BOXAGNTS, call, expect, main


def edited(p):
    (p.work / "src").mkdir()
    (p.work / "src/a.txt").write_text("one\ntwo\nthree\n")
    os.chmod(p.work / "src/a.txt", 0o755)
    (p.work / "b.bin").write_bytes(bytes(range(256)))
    (p.work / "same.txt").write_text("same\n")
    model = p.script({"calls": [call("edit", path="src/a.txt", old_string="two", new_string="TWO"), call("write", path="b.bin", content="text"),
                                call("write", path="new/deep/c.txt", content="c\nno end"), call("edit", path="src/a.txt", old_string="one", new_string="ONE"),
                                call("write", path="same.txt", content="other\n"), call("write", path="same.txt", content="same\n")]},
                     {"expect": {"is_error": False}, "text": "end"})
    p.run("run", "--model", model, "--permission-mode", "acceptEdits", "q", code=0)


def a_session_is_shown_as_one_change(p):
    edited(p)
    out = p.run("diff", "last", code=0).stdout
    expect("diff --git a/src/a.txt b/src/a.txt\n--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1,3 +1,3 @@\n-one\n-two\n+ONE\n+TWO\n three\n" in out, out)
    expect("# /new: folder created" in out and "new file mode 100644\n--- /dev/null\n+++ b/new/deep/c.txt\n" in out
           and "+no end\n\\ No newline at end of file\n" in out, out)
    expect("Binary files a/b.bin and b/b.bin differ" in out and "same.txt" not in out, out)
    one = p.run("diff", "last/c1", code=0).stdout
    expect("-two\n+TWO\n" in one and "ONE" not in one and "b.bin" not in one, "what that call left, though a later one changed it again", one)
    stat = p.run("diff", "--stat", "last", code=0).stdout
    expect(" changed  /src/a.txt | +2 -2\n" in stat and "/b.bin | binary 256 -> 4 bytes" in stat and "5 changed, +4 -2 lines" in stat, stat)
    p.run("undo", "last", code=0)
    gone = p.run("diff", "last", code=0)
    expect(gone.stdout == "" and "changed no file, or was undone" in gone.stderr, gone)


def patch_programs_take_it(p):
    if not shutil.which("git"):
        return
    edited(p)
    (p.work / "src/a.txt").write_bytes((p.work / "src/a.txt").read_bytes() + b"\x1b[31m\xff\n")
    p.run("undo", "last/c2", code=0)  # a binary file is not in a patch
    patch = subprocess.run([BOXAGNTS, "diff", "--raw", "last"], cwd=p.work, env=p.env, capture_output=True, check=True).stdout
    for args in (["--check"], []):
        proc = subprocess.run(["git", "apply", "-R", *args, "-"], input=patch, cwd=p.work, capture_output=True, env=p.env)
        expect(proc.returncode == 0, proc.stderr, patch)
    expect((p.work / "src/a.txt").read_text() == "one\ntwo\nthree\n" and not (p.work / "new/deep/c.txt").exists(), "taken back by git")


def json_has_it_all(p):
    edited(p)
    (p.work / "src/a.txt").write_text("mine\n")
    all_ = json.loads(p.run("diff", "--json", "last", code=0).stdout)
    files = {f["path"]: f for f in all_["files"]}
    a = files["/src/a.txt"]
    expect(a["op"] == "changed" and a["changed_since"] and a["diff"].endswith("-three\n+mine\n") and a["before"]["size"] == 14, a)
    expect(files["/b.bin"]["content"] == "binary" and "diff" not in files["/b.bin"] and not files["/b.bin"]["changed_since"], files["/b.bin"])
    expect(files["/new"]["after"]["kind"] == "dir" and files["/new/deep/c.txt"]["op"] == "created", files)
    expect(all_["calls"] == ["c6", "c5", "c4", "c3", "c2", "c1"] and all_["unknown"] == [] and all_["total"]["files"] == len(files), all_)
    expect("changed since by someone else" in p.run("diff", "last", code=0).stdout, "said in text, too")


def renames_modes_links_and_deletes_are_shown(p):
    shell = p.work / "x"
    shell.mkdir()
    for name in ("moved", "gone", "mode"):
        (shell / name).write_text(f"{name}\n")
    (p.work / "link").symlink_to("x/gone")
    p.exec("moves_things", code=0)
    out = p.run("diff", "last", code=0).stdout
    expect("# /y: folder renamed, before /x" in out, out)
    expect("diff --git a/x/moved b/y/changed\nrename from x/moved\nrename to y/changed\n--- a/x/moved\n+++ b/y/changed\n@@ -1 +1,2 @@\n moved\n+more\n" in out, out)
    expect("deleted file mode 100644\n--- a/x/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n" in out, out)
    expect("deleted file mode 120000\n--- a/link\n+++ /dev/null\n@@ -1 +0,0 @@\n-x/gone\n\\ No newline at end of file\n" in out, out)
    expect("x/mode" not in out and "y/mode" not in out, "it went along with its folder", out)


def nothing_of_it_acts_on_a_terminal(p):
    (p.work / "a").write_text("x\n")
    model = p.script({"calls": [call("write", path="a", content="\x1b]0;owned\x07\u202e\x9b\n")]}, {"text": "end"})
    p.run("run", "--model", model, "--permission-mode", "acceptEdits", "q", code=0)
    for flags in ([], ["--stat"], ["--json"]):
        out = p.run("diff", *flags, "last", code=0).stdout
        expect(not any(c in out for c in "\x1b\x07\u202e\x9b"), flags, repr(out))
    expect("\x1b]0;" in p.run("diff", "--raw", "last", code=0).stdout, "--raw is raw")


def bad_words_are_refused(p):
    for bad in ([], ["a", "b"], ["last/"], ["--nope", "last"]):
        p.run("diff", *bad, code=2)
    edited(p)
    expect("changed no file" in p.run("diff", "last/c99", code=0).stderr, "no such call")


main(a_session_is_shown_as_one_change, patch_programs_take_it, json_has_it_all, renames_modes_links_and_deletes_are_shown,
     nothing_of_it_acts_on_a_terminal, bad_words_are_refused)
