#!/usr/bin/env python3
"""Bad input: a sentence that says what and where, the documented exit code, nothing half-applied, nothing lost."""
import json
import os
import subprocess

from common import BIN, BOXAGNTS, HOSTILE, TOOLS, call, expect, main


def refused(p, *args, code=2, words=(), **kw):
    proc = p.run(*args, **kw)
    expect(proc.returncode == code, args, proc.returncode, proc.stderr)
    expect(proc.stderr.startswith("boxagnts: ") and len(proc.stderr.splitlines()) <= 4, args, proc.stderr)
    for word in words:
        expect(word in proc.stderr, args, word, proc.stderr)
    return proc


def unknown_words_name_the_nearest(p):
    refused(p, "rnu", words=["rnu", "run"])
    refused(p, "run", "--modle", "x", "q", words=["--modle", "--model"])
    refused(p, "run", "--max-turns", "many", "q", words=["--max-turns", "many"])
    refused(p, "run", "--output", "xml", "q", words=["xml"])
    refused(p, "run", "--timeout", "soon", "q", words=["soon"])
    refused(p, "run", "--permission-mode", "yolo", "q", words=["yolo"])
    refused(p, "run", "--yes-to", "Write(", "--model", p.script({"text": "x"}), "q", words=["Write("])
    refused(p, "tool", "call", "raed", "{}", words=["raed", "read"])
    refused(p, "tool", "frobnicate")
    refused(p, "journal", "frobnicate")
    refused(p, "session", "show", "20990101-000000-ffffff", words=["20990101"])
    refused(p, "undo")
    p.run("--help", code=0)
    for command in ("run", "exec", "tool", "policy", "session", "undo", "journal", "budget", "doctor", "completion"):
        help_ = p.run(command, "--help", code=0)
        expect("usage: boxagnts " + command in help_.stdout and "--help" in help_.stdout, help_.stdout)


def settings_errors_name_file_line_and_key(p):
    settings = p.root / "s.json"
    model = p.script({"text": "x"})
    for text, words in (("{", ["s.json:1"]), ('{\n "wasm_fule": 1\n}', ["s.json:2", "wasm_fule", "wasm_fuel"]), ('{\n\n "wasm_timeout": "x"}', ["s.json:3", "wasm_timeout"]),
                        ('{"permissions": {"allow": ["Fly(me)"]}}', ["Fly"]), ('{"allowed_outbound_hosts": ["example.org"]}', ["example.org"]),
                        ('{"max_turns": 0}', ["max_turns"]), ('{"a":1,"a":2}', ["s.json:1"]), ("[]", ["s.json"]), ('{"total_budget_usd": -1}', ["total_budget_usd"])):
        settings.write_text(text)
        refused(p, "run", "--settings", settings, "--model", model, "q", words=words)
    refused(p, "run", "--settings", p.root / "none.json", "--model", model, "q", words=["none.json"])
    settings.write_text('// a comment\n{"max_turns": 7, /* and more */ "permissions": {"deny": ["Write(/secret/**)"],},}\n')
    p.run("policy", "check", "--settings", settings, code=0)


def workspace_files_only_narrow(p):
    (p.work / ".boxagnts").mkdir()
    local = p.work / ".boxagnts/settings.json"
    model = p.script({"calls": [call("write", path="x.txt", content="x")]}, {"text": "end"})
    for text in ('{"permissions": {"allow": ["Write(**)"]}}', '{"permissions": {"mode": "bypass"}}', '{"hooks": {}}', '{"providers": {}}', '{"tool_dirs": ["/tmp"]}',
                 '{"map_dirs": ["/etc::/etc"]}'):
        local.write_text(text)
        refused(p, "run", "--model", model, "q", words=["settings.json"])
    local.write_text('{"permissions": {"deny": ["Write(/x.txt)"]}}')
    p.run("run", "--model", model, "--permission-mode", "bypass", "q", code=0)
    expect(not (p.work / "x.txt").exists(), "the workspace's deny held")
    local.unlink()
    local.symlink_to("/etc/passwd")
    refused(p, "run", "--model", model, "q", words=["settings.json"])


def tool_arguments(p):
    for text, code in (("{", 2), ("[]", 2), ('{"path":1}', 2), ('{"path":"a","path":"b"}', 2), ('{"path":"a","extra":1}', 2), ('{"path":"' + "a" * 5000 + '"}', 2),
                       ('{"path":"../a"}', 3), ('{"path":"missing"}', 1), ('{"path":"a\\u0000b"}', 2)):
        proc = p.run("tool", "call", "--json", "read", text, code=code)
        receipt = json.loads(proc.stdout)["receipt"]
        expect(receipt["is_error"] and receipt["hash"], receipt)
    (p.work / "args.json").write_text('{"path":"args.json"}')
    expect("args.json" in p.run("tool", "call", "read", "@args.json", code=0).stdout, "@FILE")
    expect("args.json" in p.run("tool", "call", "read", "-", stdin='{"path":"/args.json"}', code=0).stdout, "-")
    expect("args.json" in p.run("tool", "call", "read", json.dumps({"path": str(p.work / "args.json")}), code=0).stdout, "an absolute host path inside is mapped")
    proc = p.run("tool", "call", "--json", "write", '{"path":"x.txt","content":"x"}', code=3)
    receipt = json.loads(proc.stdout)["receipt"]
    expect(receipt["decision"] == {"verdict": "deny", "rule": "no-one-to-ask", "by": "policy"}, receipt["decision"])
    expect(receipt["stopped_by"] == "denied:policy" and not (p.work / "x.txt").exists(), receipt)


def broken_tools_are_named_and_left_out(p):
    tools = p.root / "data/boxagnts/tools"
    tools.mkdir(parents=True)
    (tools / "broken.wasm").write_bytes(b"not wasm")
    (tools / "bad.wasm").write_bytes((HOSTILE / "spin.wasm").read_bytes())
    (tools / "bad.tool.json").write_text('{"name":"bad"')
    (tools / "good.wasm").write_bytes((HOSTILE / "exit_code.wasm").read_bytes())
    (tools / "good.tool.json").write_text('{"name":"good","version":"1","description":"d","input_schema":{"type":"object"},"effects":[],'
                                          '"annotations":{"read_only":true},"invoke":"stdin"}')
    proc = p.run("tool", "list", code=0)
    expect("broken.wasm" in proc.stderr and "bad" in proc.stderr and "good" in proc.stdout and "read" in proc.stdout, proc.stdout, proc.stderr)


def a_state_folder_that_cannot_be_used(p):
    model = p.script({"text": "x"})
    file = p.root / "file"
    file.write_text("")
    for state in (file, file / "sub"):
        proc = p.run("run", "--model", model, "q", env={"BOXAGNTS_STATE": str(state)})
        expect(proc.returncode in (1, 2) and str(file) in proc.stderr, proc.returncode, proc.stderr)
    if os.getuid() != 0:
        locked = p.root / "locked"
        locked.mkdir(mode=0o500)
        proc = p.run("run", "--model", model, "q", env={"BOXAGNTS_STATE": str(locked / "s")})
        expect(proc.returncode in (1, 2) and "locked" in proc.stderr, proc.stderr)
    p.run("run", "--model", model, "q", code=0)
    store = p.root / "state/store.db"
    good = store.read_bytes()
    store.write_bytes(b"garbage" * 1000)
    for extra in ("store.db-wal", "store.db-shm"):
        (p.root / "state" / extra).unlink(missing_ok=True)
    proc = p.run("run", "--model", model, "q", code=1)
    expect("store.db" in proc.stderr, proc.stderr)
    expect(store.read_bytes() == b"garbage" * 1000, "nothing of it was overwritten")
    store.write_bytes(good)
    p.run("session", "list", code=0)


def a_full_disk_loses_nothing(p):
    """A file size limit stands in for a full disk: every write past it fails."""
    model = p.script({"calls": [call("write", path="f.txt", content="new\n")]}, {"text": "end"})
    (p.work / "f.txt").write_text("old\n")
    p.run("run", "--model", model, "--permission-mode", "acceptEdits", "q", code=0)
    (p.work / "f.txt").write_text("old\n")
    size = max(f.stat().st_size for f in (p.root / "state").rglob("store.db*"))
    for blocks in (1, size // 1024 + 1):
        subprocess.run(["bash", "-c", f'ulimit -f {blocks}; trap "" XFSZ; exec "$0" "$@"', BOXAGNTS, "run", "--model", model, "--permission-mode", "acceptEdits", "q"],
                       cwd=p.work, env=p.env, capture_output=True, timeout=60)
        expect((p.work / "f.txt").read_text() in ("old\n", "new\n"), "old or new")
        p.verify()


def the_journal_notices_every_tampering(p):
    import sqlite3
    (p.work / "a.txt").write_text("a")
    p.run("run", "--model", p.script({"calls": [call("read", path="a.txt")]}, {"text": "end"}), "q", code=0)
    export = p.run("journal", "export", code=0).stdout
    file = p.root / "export.jsonl"
    file.write_text(export)
    p.run("journal", "verify", file, code=0)
    lines = export.splitlines()
    for i in range(1, len(lines) - 1):
        file.write_text("\n".join(lines[:i] + lines[i + 1:]) + "\n")
        expect(p.run("journal", "verify", file).returncode != 0, "a missing row", i)
    file.write_text(export.replace('"allow"', '"deny"', 1) if '"allow"' in export else export.replace("allow", "deny", 1))
    expect(p.run("journal", "verify", file).returncode != 0, "a changed row")
    db = sqlite3.connect(p.root / "state/store.db")
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")  # the database refuses by itself; the chain must notice without that, too
    db.execute("DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)")
    db.commit()
    db.close()
    expect(p.run("journal", "verify").returncode == 1, "a cut tail")


def an_empty_journal_verifies(p):
    p.run("journal", "verify", code=0)


def a_missing_program_is_a_sandbox_that_cannot_be_built(p):
    import shutil
    bin_dir = p.root / "bin"
    bin_dir.mkdir()
    shutil.copy(BIN / "boxagnts", bin_dir)
    (p.root / "share/boxagnts").mkdir(parents=True)
    (p.root / "share/boxagnts/tools").symlink_to(TOOLS)
    proc = subprocess.run([bin_dir / "boxagnts", "run", "--model", p.script({"text": "x"}), "q"], env=p.env, cwd=p.work, capture_output=True, text=True)
    expect(proc.returncode == 7 and "boxagnts-" in proc.stderr, proc.returncode, proc.stderr)
    proc = subprocess.run([bin_dir / "boxagnts", "doctor"], env=p.env, cwd=p.work, capture_output=True, text=True)
    expect(proc.returncode == 7 and "MISSING" in proc.stdout, proc)


main(unknown_words_name_the_nearest, settings_errors_name_file_line_and_key, workspace_files_only_narrow, tool_arguments, broken_tools_are_named_and_left_out,
     a_state_folder_that_cannot_be_used, a_full_disk_loses_nothing, the_journal_notices_every_tampering, an_empty_journal_verifies,
     a_missing_program_is_a_sandbox_that_cannot_be_built)
