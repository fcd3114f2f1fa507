#!/usr/bin/env python3
"""patch, tree and todo through `tool call` and `run`: what is asked for, what a denial keeps, and that undo takes a patch back."""
import json

from common import call, expect, main

PATCH = "*** Begin Patch\n*** Update File: src/a\n-1\n+one\n*** Add File: src/b\n+new\n*** Delete File: src/c\n*** End Patch\n"


def files(p):
    return {str(f.relative_to(p.work)): f.read_text() for f in sorted(p.work.rglob("*")) if f.is_file()}


def fill(p):
    (p.work / "src").mkdir()
    (p.work / "src/a").write_text("1\n")
    (p.work / "src/c").write_text("3\n")
    (p.work / "other").write_text("x\n")
    return files(p)


def tool(p, name, *flags, code, **input_):
    return p.run("tool", "--json", *flags, "call", name, json.dumps(input_), code=code)


def a_patch_asks_for_the_whole_folder_or_for_its_paths(p):
    before = fill(p)
    run = tool(p, "patch", patch=PATCH, code=3)
    expect("Write(/" in run.stderr + run.stdout and files(p) == before, run.stdout, run.stderr)
    run = tool(p, "patch", "--yes-to", "Write(/src/**)", patch=PATCH, code=3)
    expect(files(p) == before, run.stdout, run.stderr)
    tool(p, "patch", "--yes-to", "Write(/src/**)", patch=PATCH, paths=["src/a", "src/b", "src/c"], code=0)
    expect(files(p) == {"other": "x\n", "src/a": "one\n", "src/b": "new\n"}, files(p))


def a_patch_is_held_to_its_paths(p):
    before = fill(p)
    sly = PATCH.replace("*** End", "*** Update File: other\n-x\n+y\n*** End")
    run = tool(p, "patch", "--yes-to", "Write(/src/**)", patch=sly, paths=["src/a", "src/b", "src/c"], code=1)
    expect("paths does not" in run.stdout and files(p) == before, run.stdout)


def a_deny_rule_inside_the_folder_wins(p):
    before = fill(p)
    for paths in ({}, {"paths": ["src"]}, {"paths": ["src/a", "src/b", "src/c"]}):
        run = tool(p, "patch", "--permission-mode", "acceptEdits", "--deny", "Write(/src/c)", patch=PATCH, **paths, code=3)
        expect(files(p) == before, run.stdout, run.stderr)


def undo_takes_a_patch_back(p):
    before = fill(p)
    script = p.script({"calls": [call("patch", patch=PATCH)]}, {"expect": {"is_error": False, "contains": "deleted src/c"}, "text": "done"})
    done = p.run_json("--model", script, "--permission-mode", "acceptEdits", "go", code=0)
    expect(files(p) != before and done["calls"][0]["is_error"] is False, done)
    p.run("undo", done["session"], code=0)
    expect(files(p) == before, files(p))
    p.verify()


def nothing_is_asked_for_a_list_or_a_tree(p):
    fill(p)
    run = tool(p, "todo", todos=[{"content": "a", "status": "pending"}], code=0)
    expect("[ ] a" in run.stdout, run.stdout)
    run = tool(p, "tree", code=0)
    expect("src/" in run.stdout, run.stdout)
    tool(p, "tree", "--deny", "Read(/src/**)", code=3)


if __name__ == "__main__":
    main(a_patch_asks_for_the_whole_folder_or_for_its_paths, a_patch_is_held_to_its_paths, a_deny_rule_inside_the_folder_wins, undo_takes_a_patch_back,
         nothing_is_asked_for_a_list_or_a_tree)
