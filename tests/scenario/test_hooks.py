#!/usr/bin/env python3
"""Hooks of the operator: they deny, ask and narrow, never widen; whatever goes wrong with one denies; nothing of one outlives it."""
import json
import os
import pathlib
import time

from common import call, expect, main


def hook(place, body, name="hook.py", **more):
    """A program in Python; `told` is what it was told."""
    path = place.root / name
    path.write_text("import json, os, sys, time\ntold = json.load(sys.stdin)\n" + body)
    return {"type": "command", "argv": ["/usr/bin/env", "python3", str(path)], **more}


def settings(place, before=None, after=None, matcher="", **more):
    hooks = {name: [{"matcher": matcher, "hooks": [one]}] for name, one in (("PreToolUse", before), ("PostToolUse", after)) if one}
    path = place.root / "settings.json"
    path.write_text(json.dumps({"hooks": hooks, **more}))
    return ["--settings", path]


def tool(place, flags, name, code, **arguments):
    p = place.run("tool", "call", "--json", *flags, name, json.dumps(arguments), code=code)
    return json.loads(p.stdout)


SAY = "print(json.dumps(%s))\n"


def test_a_hook_denies_and_the_receipt_says_so(place):
    flags = settings(place, hook(place, SAY % "{'decision': 'deny', 'reason': 'not ' + told['tool_input']['path']}"))
    (place.work / "a").write_text("x")
    done = tool(place, flags, "read", 3, path="a")
    receipt = done["receipt"]
    expect(receipt["decision"] == {"verdict": "deny", "rule": "hook:PreToolUse[0]", "by": "hook"}, receipt["decision"])
    expect("not " in receipt["detail"] and receipt["stopped_by"] == "denied:policy", receipt)
    place.verify()


def test_a_hook_that_passes_widens_nothing(place):
    flags = settings(place, hook(place, SAY % "{'decision': 'allow'}"))
    done = tool(place, flags, "write", 3, path="a", content="x")
    expect(done["receipt"]["decision"]["rule"] == "no-one-to-ask" and not (place.work / "a").exists(), done)
    tool(place, [*flags, "--yes-to", "Write(/a)"], "write", 0, path="a", content="x")
    expect((place.work / "a").read_text() == "x", "the call itself ran")
    tool(place, [*flags, "--deny", "Write(/b)", "--yes-to", "Write"], "write", 3, path="b", content="x")


def test_a_hook_may_narrow_the_arguments(place):
    flags = settings(place, hook(place, SAY % "{'input': {**told['tool_input'], 'content': 'tighter'}}"))
    tool(place, [*flags, "--yes-to", "Write"], "write", 0, path="a", content="x")
    expect((place.work / "a").read_text() == "tighter", "the hook's arguments")
    for arguments, why in (("{'path': '/b', 'content': 'x'}", "more than the call would do"), ("{'path': 'a'}", "content"), ("{'path': '../x', 'content': ''}", "above")):
        flags = settings(place, hook(place, SAY % ("{'input': " + arguments + "}")))
        done = tool(place, [*flags, "--yes-to", "Write"], "write", 3, path="a", content="x")
        expect(done["receipt"]["decision"]["by"] == "hook" and why in done["receipt"]["detail"], done["receipt"])
    expect(not (place.work / "b").exists() and (place.work / "a").read_text() == "tighter", "nothing else was written")


def test_an_ask_is_asked_whatever_the_policy_allows(place):
    flags = settings(place, hook(place, SAY % "{'decision': 'ask'}"))
    (place.work / "a").write_text("x")
    for mode in ("default", "bypass", "dontAsk"):
        done = tool(place, [*flags, "--permission-mode", mode], "read", 3, path="a")
        expect(done["receipt"]["decision"]["rule"] == "no-one-to-ask" and done["receipt"]["decision"]["by"] == "hook", mode, done["receipt"])


def test_whatever_goes_wrong_denies(place):
    (place.work / "a").write_text("x")
    rows = (("pass", "said nothing"), ("print('sure')", "no answer of a hook"), ("sys.exit(1)", "exit code 1"), ("os.kill(os.getpid(), 9)", "exit code 137"),
            ("sys.stderr.write('because'); sys.exit(2)", "because"), ("print('[' * 100000)", "no answer"), ("print(json.dumps({'x': 'y' * 2000000}))", "more than 1 MiB"),
            ("print(json.dumps({'decision': 'allow', 'also': 1}))", "no answer of a hook"))
    for body, why in rows:
        done = tool(place, settings(place, hook(place, body + "\n")), "read", 3, path="a")
        expect(why in done["receipt"]["detail"] and done["receipt"]["decision"]["by"] == "hook", body, done["receipt"])
    done = tool(place, settings(place, {"type": "command", "argv": ["/nowhere/hook"]}), "read", 3, path="a")
    expect("exit code 127" in done["receipt"]["detail"], done["receipt"])
    place.verify()


def test_its_time_is_limited_and_its_tree_ends_with_it(place):
    (place.work / "a").write_text("x")
    mark = f"bx-hook-{os.getpid()}-{time.monotonic_ns()}"
    # a child in a session of its own, that ignores everything
    body = f"""
if os.fork() == 0:
    os.setsid()
    open({str(place.root / 'started')!r}, 'w').close()
    os.execvp('sh', ['sh', '-c', 'trap "" TERM HUP INT; while :; do sleep 1; done', {mark!r}])
while not os.path.exists({str(place.root / 'started')!r}):
    time.sleep(0.01)
"""
    for rest, why in (("time.sleep(100)\n", "within 0.7 s"), (SAY % "{'decision': 'deny', 'reason': 'told'}", "told")):
        (place.root / "started").unlink(missing_ok=True)
        done = tool(place, settings(place, hook(place, body + rest, timeout=0.7 if "100" in rest else 30)), "read", 3, path="a")
        expect(why in done["receipt"]["detail"], done["receipt"])
        left = [p for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in read(p)]
        expect(not left, left)


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_what_it_is_told_and_what_it_has(place):
    out = place.root / "told.json"
    body = f"json.dump({{'told': told, 'env': dict(os.environ), 'cwd': os.getcwd(), 'uid': os.getuid(), 'fds': sorted(os.listdir('/proc/self/fd'))}}, open({str(out)!r}, 'w'))\n" + SAY % "{}"
    (place.work / "a").write_text("secret word")
    p = place.run("tool", "call", *settings(place, after=hook(place, body)), "read", '{"path":"a"}', code=0, env={"ANTHROPIC_API_KEY": "sk-1", "SECRET": "x"})
    expect("secret word" in p.stdout, p.stdout)
    seen = json.loads(out.read_text())
    told = seen["told"]
    expect(told["hook_event_name"] == "PostToolUse" and told["tool_name"] == "read" and told["tool_input"]["path"] == "a" or told["tool_input"]["path"] == "/a", told)
    expect("secret word" in json.dumps(told["tool_response"]) and told["cwd"] == str(place.work), told)
    expect(set(seen["env"]) <= {"PATH", "HOME", "LANG", "CLAUDE_PROJECT_DIR", "BOXAGNTS_WORK_DIR", "LC_CTYPE", "PWD", "OLDPWD", "SHLVL", "_"}, seen["env"])
    expect(seen["cwd"] == str(place.work) and seen["uid"] == os.getuid(), seen)
    expect(set(seen["fds"]) <= {"0", "1", "2", "3", "4"}, seen["fds"])


def test_a_result_may_be_withheld(place):
    (place.work / "a").write_text("secret word")
    flags = settings(place, after=hook(place, SAY % "{'decision': 'block', 'reason': 'no secrets'}"), matcher="Read")
    done = tool(place, flags, "read", 1, path="a")
    expect("secret" not in json.dumps(done["content"]).replace("no secrets", "") and "withheld" in json.dumps(done), done)
    expect(done["receipt"]["stopped_by"] == "exit" and done["receipt"]["is_error"], done["receipt"])
    tool(place, flags, "list", 0) # the matcher is not about it


def test_in_a_run_the_planner_goes_on(place):
    (place.work / "a").write_text("one")
    (place.work / "b").write_text("two")
    flags = settings(place, hook(place, SAY % "{'decision': 'deny' if told['tool_input'].get('path', '').endswith('a') else 'allow', 'reason': 'not that'}"))
    script = place.script({"calls": [call("read", path="a"), call("read", path="b")]}, {"text": "done", "expect": {"contains": "two"}})
    done = place.run_json("--model", script, *flags, code=0)
    expect([one["stopped_by"] for one in done["calls"]] == ["denied:policy", "exit"], done["calls"])
    events = place.run("journal", "show", "--json", done["session"], code=0).stdout
    expect(events.count('"what":"hook"') == 2, events)
    place.verify()


def test_a_file_in_the_workspace_has_no_hooks(place):
    (place.work / ".boxagnts").mkdir()
    (place.work / ".boxagnts/settings.json").write_text(json.dumps({"hooks": {"PreToolUse": [{"hooks": [{"type": "command", "command": "touch /tmp/x"}]}]}}))
    p = place.run("tool", "list", code=2)
    expect("hooks are the operator's" in p.stderr, p.stderr)


def test_a_cancel_ends_the_hook(place):
    import signal
    import subprocess
    from common import BOXAGNTS
    started = place.root / "started"
    flags = settings(place, hook(place, f"open({str(started)!r}, 'w').close()\ntime.sleep(100)\n"))
    (place.work / "a").write_text("x")
    p = subprocess.Popen([BOXAGNTS, "tool", "call", "--json", *map(str, flags), "read", '{"path":"a"}'], env=place.env, cwd=place.work, stdout=subprocess.PIPE, text=True)
    until = time.monotonic() + 30
    while not started.exists() and time.monotonic() < until:
        time.sleep(0.01)
    p.send_signal(signal.SIGINT)
    out, _ = p.communicate(timeout=30)
    receipt = json.loads(out)["receipt"]
    expect(p.returncode == 130 and receipt["stopped_by"] == "cancel", p.returncode, receipt)
    place.verify()


main(*[test for name, test in sorted(globals().items()) if name.startswith("test_")])
