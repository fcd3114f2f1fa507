#!/usr/bin/env python3
"""boxagnts session: export and delete."""
import json
import subprocess

from common import BOXAGNTS, call, expect, main

PRICE = {"script": 1, "price": {"input_per_mtok_usd": 3, "output_per_mtok_usd": 15}}


def run_one(p, text="hello"):
    (p.work / "a.txt").write_text(text)
    model = p.script(PRICE, {"calls": [call("write", path="b.txt", content=text)], "usage": {"input_tokens": 1000, "output_tokens": 400}}, {"text": "end"})
    return p.run_json("--model", model, "--yes-to", "Write(/**)", "the task", code=0)["session"]


def an_export_has_the_session_and_verifies(p):
    session = run_one(p)
    run_one(p, "other")
    key = p.run("journal", "key", code=0).stdout.strip()
    text = p.run("session", "export", session, code=0).stdout
    header = json.loads(text.splitlines()[0])
    about = header["about"]
    expect(about["session"] == session and about["prompt"] == "the task" and about["status"] == "done", about)
    expect(about["money"]["spent_usd"] == "0.009" and about["money"]["agents"] == [], about["money"])
    expect("other" not in text, "another session's rows are in it")
    (p.root / "e.jsonl").write_text(text)
    p.run("journal", "verify", p.root / "e.jsonl", "--key", key, code=0)
    (p.root / "e.jsonl").write_text(text.replace("the task", "the tosk", 1))
    proc = p.run("journal", "verify", p.root / "e.jsonl", "--key", key, code=1)
    expect("NOT verify: changed:" in proc.stderr, proc.stderr)


def a_deleted_session_is_gone_and_the_journal_stays(p):
    keep, gone = run_one(p, "keep"), run_one(p, "gone")
    day = json.loads(p.run("budget", "show", "--json", code=0).stdout)["caps"]["day"]["spent_usd"]
    expect((p.root / "state/undo" / gone).exists(), "undo data")
    out = p.run("session", "delete", gone, code=0).stdout
    expect(gone in out, out)
    expect(not (p.root / "state/undo" / gone).exists(), "undo data stays")
    expect([row["session"] for row in json.loads(p.run("session", "list", "--json", code=0).stdout)] == [keep], "list")
    for args in (["session", "show", gone], ["session", "delete", gone], ["session", "export", gone], ["undo", gone], ["budget", "show", gone]):
        p.run(*args, code=2)
    expect(gone in p.run("journal", "export", code=0).stdout, "the journal forgets nothing")
    after = json.loads(p.run("budget", "show", "--json", code=0).stdout)
    expect(after["session"] == keep and after["caps"]["day"]["spent_usd"] == day, "what was spent stays spent", after)
    p.verify()


def a_running_session_is_not_deleted(p):
    model = p.script({"delay_ms": 60000, "text": "late"})
    run = subprocess.Popen([BOXAGNTS, "run", "--output", "stream-json", "--model", model, "q"], cwd=p.work, env=p.env, stdout=subprocess.PIPE, text=True)
    try:
        session = json.loads(run.stdout.readline())["session"]
        proc = p.run("session", "delete", session, code=1)
        expect("in use by process" in proc.stderr, proc.stderr)
        p.run("session", "show", session, code=0)
    finally:
        run.terminate()
        run.communicate(timeout=60)
    p.run("session", "delete", session, code=0)
    p.verify()


main(an_export_has_the_session_and_verifies, a_deleted_session_is_gone_and_the_journal_stays, a_running_session_is_not_deleted)
