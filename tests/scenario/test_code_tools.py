#!/usr/bin/env python3
"""Tools that run a program of the planner: what policy grants holds inside of it, and undo takes back what it wrote."""
import json

from common import call, expect, main

NOTE = "the folders were read-only for this call, because writing is not granted"
TRY_JS = "const f = std.open('/secret/a', 'w'); f === null"


def tool(p, name, input_, *flags, code=0):
    run = p.run("tool", "--json", *flags, "call", name, json.dumps(input_), code=code)
    return json.loads(run.stdout), run


def text(out):
    content = out["content"]
    return content if isinstance(content, str) else "\n".join(c["text"] for c in content)


def secret(p):
    (p.work / "secret").mkdir()
    (p.work / "secret/a").write_text("keep")


def without_a_grant_the_folders_are_read_only(p):
    (p.work / "a").write_text("old")
    out, _ = tool(p, "javascript", {"code": TRY_JS.replace("/secret/a", "/a")})
    expect("=> true" in text(out) and NOTE in text(out) and (p.work / "a").read_text() == "old", out)
    out, _ = tool(p, "javascript", {"code": "std.loadFile('a')", "read_only": True}, code=0)
    expect(text(out) == "=> old", "asked for read-only, nothing was taken away", out)


def a_granted_program_writes_and_undo_takes_it_back(p):
    (p.work / "a").write_text("old")
    script = p.script({"calls": [call("javascript", code="std.writeFile('a', 'new'); std.writeFile('b', 'b'); 1+1")]}, {"text": "end"})
    out = p.run_json("--model", script, "--permission-mode", "acceptEdits", "q", code=0)
    expect((p.work / "a").read_text() == "new" and (p.work / "b").read_text() == "b", out)
    p.verify()
    p.run("undo", "last", code=0)
    expect((p.work / "a").read_text() == "old" and not (p.work / "b").exists(), list(p.work.iterdir()))


def a_deny_of_a_part_holds_inside_the_program(p):
    secret(p)
    out, _ = tool(p, "javascript", {"code": TRY_JS}, "--permission-mode", "acceptEdits", "--deny", "Write(/secret/**)", code=0)
    expect("=> true" in text(out) and NOTE in text(out) and (p.work / "secret/a").read_text() == "keep", out)
    _, run = tool(p, "javascript", {"code": "1"}, "--deny", "Read(/secret/**)", code=3)
    expect("secret" in run.stdout, run.stdout)
    tool(p, "javascript", {"code": "1"}, "--deny", "Tool(javascript)", code=3)


def a_database_is_held_by_the_rules_about_its_file(p):
    expect(tool(p, "sql", {"sql": "SELECT 1"})[0]["structured"]["rows"] == [[1]], "a database in memory needs nobody")
    fill = {"database": "a.db", "sql": "CREATE TABLE t(a); INSERT INTO t VALUES (1)"}
    tool(p, "sql", fill, "--yes-to", "Write(/a.db)", code=1)
    expect(not (p.work / "a.db").exists(), "its journal is a file as well")
    tool(p, "sql", fill, "--yes-to", "Write(/a.db*)")
    ask = {"database": "a.db", "sql": "SELECT count(*) FROM t"}
    expect(tool(p, "sql", ask)[0]["structured"]["rows"] == [[1]], "reading needs nobody")
    out, _ = tool(p, "sql", {"database": "a.db", "sql": "DELETE FROM t"}, code=1)
    expect("Writing is not granted" in text(out), out)
    tool(p, "sql", ask, "--deny", "Read(*.db)", code=3)
    before = (p.work / "a.db").read_bytes()
    script = p.script({"calls": [call("sql", database="a.db", sql="INSERT INTO t VALUES (2); SELECT count(*) FROM t")]}, {"text": "end"})
    p.run_json("--model", script, "--permission-mode", "acceptEdits", "q", code=0)
    expect((p.work / "a.db").read_bytes() != before, "written")
    p.run("undo", "last", code=0)
    expect((p.work / "a.db").read_bytes() == before and tool(p, "sql", ask)[0]["structured"]["rows"] == [[1]], "taken back")


def the_tools_are_listed(p):
    names = p.run("tool", "list", code=0).stdout
    expect(all(name in names for name in ("javascript", "sql")), names)


if __name__ == "__main__":
    main(without_a_grant_the_folders_are_read_only, a_granted_program_writes_and_undo_takes_it_back,
         a_deny_of_a_part_holds_inside_the_program, a_database_is_held_by_the_rules_about_its_file, the_tools_are_listed)
