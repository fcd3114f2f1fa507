#!/usr/bin/env python3
"""Every limit on every door: the tighter one wins, it is the one that is enforced, and the receipt says whose it was."""
import json
import resource
import shutil
import subprocess

from common import BOXAGNTS, HOSTILE, expect, main
from test_http_guest import Canned, http

# Those that the contract names, with its defaults. There may be more: the tests take all that there are.
CONTRACT = {
    "wasm_fuel": 20000000000, "wasm_timeout": 30, "wasm_max_memory_size": 268435456, "wasm_max_wasm_stack": 2097152, "wasm_max_table_elements": 100000,
    "max_output_bytes": 1048576, "max_write_bytes": 268435456, "max_open_files": 256, "max_created_files": 10000, "max_dir_entries": 1000000,
}


def limits(p):
    """key -> (default, a tighter value, a looser one), in the units of the settings"""
    _, receipt = p.exec("exit_code", "0", code=0)
    return {k: (v["value"], v["value"] - 1, v["value"] + 1) for k, v in receipt["limits"].items()}


def flag(key, value):
    return [f"--{key.replace('_', '-')}", str(value)]


def settings(p, where, **values):
    path = {"user": p.root / "config/boxagnts/settings.json", "project": p.work / ".boxagnts/settings.json",
            "local": p.work / ".boxagnts/settings.local.json", "settings": p.root / "extra.json"}[where]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


def own_tool(p, name, guest, effects=(), properties=None, invoke="stdin", **limits):
    """A module of the hostile guests as a tool with its own limits."""
    folder = p.root / "data/boxagnts/tools"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HOSTILE / f"{guest}.wasm", folder / f"{name}.wasm")
    (folder / f"{name}.tool.json").write_text(json.dumps({
        "name": name, "version": "1", "description": "a guest of the tests", "input_schema": {"type": "object", "properties": properties or {}},
        "annotations": {"read_only": not effects}, "effects": list(effects), "invoke": invoke, "limits": limits}))


def call_receipt(p, name, *flags, code=None):
    proc = p.run("tool", "call", "--json", *flags, name, "{}", code=code)
    return json.loads(proc.stdout)["receipt"]


def the_defaults_are_in_every_receipt(p):
    _, receipt = p.exec("exit_code", "0", code=0)
    expect(all(receipt["limits"][k] == {"value": v, "by": "default"} for k, v in CONTRACT.items()), receipt["limits"])
    expect(receipt["limit"] is None and receipt["limits_hit"] == [], receipt)
    table = json.loads(p.run("policy", "schema", code=0).stdout)["properties"]
    flags = p.run("exec", "--help", code=0).stdout
    missing = [k for k in receipt["limits"] if k not in table or flag(k, "")[0] not in flags]
    expect(not missing, missing)


def the_tighter_door_wins_and_is_named(p):
    looser = {k: v[2] for k, v in limits(p).items()}
    tight = {k: v - 2 for k, v in looser.items()}
    as_flags = [x for k, v in tight.items() for x in flag(k, v)]
    doors = {"user": [], "settings": ["--settings", str(p.root / "extra.json")], "project": [], "local": [], "flag": as_flags}
    for door, flags in doors.items():
        if door != "flag":
            file = settings(p, door, **tight)
        if door in ("project", "local", "flag"):
            settings(p, "user", **looser)
        _, receipt = p.exec("exit_code", "0", code=0, flags=flags)
        expect(receipt["limits"] == {k: {"value": v, "by": door} for k, v in tight.items()}, door, receipt["limits"])
        if door != "flag":
            file.unlink()
    # an operator may raise a default; nobody below can
    settings(p, "user", **looser)
    settings(p, "project", **{k: v + 1 for k, v in looser.items()})
    _, receipt = p.exec("exit_code", "0", code=0)
    expect(receipt["limits"] == {k: {"value": v, "by": "user"} for k, v in looser.items()}, receipt["limits"])


def a_tool_tightens_and_cannot_widen(p):
    there = limits(p)
    settings(p, "user", **{k: v[2] for k, v in there.items()})
    own_tool(p, "tight", "exit_code", **{k: v[1] for k, v in there.items()})
    receipt = call_receipt(p, "tight", "--yes-to", "Tool(tight)")
    expect(receipt["limits"] == {k: {"value": v[1], "by": "tool"} for k, v in there.items()}, receipt["limits"])
    settings(p, "project", wasm_fuel=1000000, max_open_files=5)
    receipt = call_receipt(p, "tight", "--yes-to", "Tool(tight)")
    expect(receipt["limits"]["wasm_fuel"] == {"value": 1000000, "by": "project"} and receipt["limits"]["max_open_files"]["by"] == "project", receipt["limits"])
    expect(receipt["limits"]["wasm_timeout"]["by"] == "tool", receipt["limits"])


def an_agent_tightens_for_itself_and_cannot_widen(p):
    there = limits(p)
    tight = {k: v[1] for k, v in there.items()}
    settings(p, "user", agent_limits={"person": tight, "main": {"wasm_fuel": 2000000, "max_open_files": 9}})
    _, receipt = p.exec("exit_code", "0", code=0)
    expect(receipt["limits"] == {k: {"value": v, "by": "agent"} for k, v in tight.items()}, receipt["limits"])
    settings(p, "project", agent_limits={"person": {k: v[2] for k, v in there.items()} | {"max_open_files": 5}})
    receipt = call_receipt(p, "list")
    expect(receipt["limits"]["max_open_files"] == {"value": 5, "by": "agent"}, receipt["limits"])
    expect(all(receipt["limits"][k]["value"] <= tight[k] for k in tight), receipt["limits"])  # the tool's manifest may be tighter still
    script = p.script({"calls": [{"tool": "list", "input": {}}]}, {"text": "x"})
    lines = p.run("run", "--model", script, "--output", "stream-json", "q", code=0).stdout.splitlines()
    receipt = next(e for e in map(json.loads, lines) if e["type"] == "receipt")
    receipt = receipt.get("receipt", receipt)
    expect(receipt["limits"]["wasm_fuel"] == {"value": 2000000, "by": "agent"} and receipt["limits"]["max_open_files"]["value"] == 9, receipt)
    _, receipt = p.exec("spin", code=5, flags=flag("wasm_fuel", 1000))
    expect(receipt["limits"]["wasm_fuel"] == {"value": 1000, "by": "flag"} and receipt["limit"] == "wasm_fuel", receipt)


def the_limit_that_ended_a_call_is_named_whoever_set_it(p):
    stops = {"spin": ("fuel", "wasm_fuel", 1000000), "sleep_long": ("timeout", "wasm_timeout", 0.2), "eat_memory": ("memory", "wasm_max_memory_size", 8388608),
             "deep_recursion": ("stack", "wasm_max_wasm_stack", 131072)}
    for guest, (stop, key, value) in stops.items():
        _, receipt = p.exec(guest, flags=flag(key, value), code=5)
        expect((receipt["stopped_by"], receipt["limit"], receipt["limits"][key]) == (stop, key, {"value": value, "by": "flag"}), receipt)
        settings(p, "local", **{key: value})
        _, receipt = p.exec(guest, code=5)
        expect((receipt["stopped_by"], receipt["limit"], receipt["limits"][key]) == (stop, key, {"value": value, "by": "local"}), receipt)
        settings(p, "local")
        own_tool(p, "mine", guest, **{key: value})
        receipt = call_receipt(p, "mine", "--yes-to", "Tool(mine)", code=5)
        expect((receipt["stopped_by"], receipt["limit"], receipt["limits"][key]) == (stop, key, {"value": value, "by": "tool"}), receipt)


def a_limit_that_is_met_and_survived_is_named(p):
    for i in range(20):
        (p.work / f"f{i}").touch()
    (p.work / "a.txt").write_text("text")
    for guest, args, key, value in (("huge_write", [], "max_write_bytes", 100000), ("many_files", [], "max_created_files", 7), ("floods", ["open", "60"], "max_open_files", 20),
                                    ("listing", ["100"], "max_dir_entries", 5), ("flood_stdout", ["2"], "max_output_bytes", 1000)):
        _, receipt = p.exec(guest, *args, flags=flag(key, value))
        expect(key in receipt["limits_hit"] and receipt["limits"][key] == {"value": value, "by": "flag"}, guest, receipt)
        expect(receipt["limit"] is None and receipt["stopped_by"] == "exit", receipt)


def the_stack_limit_holds_whatever_the_shell_says(p):
    """Wasm code runs on a process's own stack: a soft limit below it is raised, a hard one is said instead of crashing later."""
    def with_stack(soft, hard):
        return subprocess.run([BOXAGNTS, "exec", "--receipt", p.root / "receipt.json", HOSTILE / "deep_recursion.wasm"], cwd=p.work, env=p.env, capture_output=True,
                              timeout=60, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (soft, hard)))
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    proc = with_stack(512 << 10, hard)
    receipt = json.loads((p.root / "receipt.json").read_text())
    expect(proc.returncode == 5 and receipt["stopped_by"] == "stack", proc, receipt)
    proc = with_stack(2 << 20, 2 << 20)
    expect(proc.returncode == 7 and b"wasm_max_wasm_stack needs 3072" in proc.stderr and b"ulimit" in proc.stderr, proc)


def arguments_and_environment_have_a_cap_that_is_said(p):
    many = ["a"] * 1023  # and the name of the program
    p.exec("exit_code", "0", *many[:-1], code=0)
    proc, receipt = p.exec("exit_code", "0", *many, code=2)
    expect("1025 arguments" in proc.stderr and receipt is None, proc.stderr)
    long = "x" * 120000
    proc, _ = p.exec("exit_code", "0", *[long] * 9, code=2)
    expect("1048576" in proc.stderr, proc.stderr)
    p.exec("exit_code", "0", *[long] * 8, code=0)
    settings(p, "user", env_vars=[f"A{i}=1" for i in range(700)])
    settings(p, "project", env_vars=[f"B{i}=1" for i in range(700)])
    for args in (("exec", HOSTILE / "exit_code.wasm"), ("tool", "call", "list", "{}"), ("run", "--model", p.script({"text": "x"}), "q")):
        proc = p.run(*args, code=2)
        expect("1400 environment variables" in proc.stderr, proc.stderr)


def native_limits(p, *flags):
    """None where no jail can be built; else the limits of a native command's receipt."""
    receipt = p.root / "jail.json"
    proc = p.run("jail", "--receipt", receipt, *flags, "--", "true")
    return None if proc.returncode == 7 else json.loads(receipt.read_text())["limits"]


def the_tighter_door_wins_for_native_commands_too(p):
    there = native_limits(p)
    if there is None:
        return
    expect(all(v["by"] == "default" for v in there.values()) and "command_timeout" in there, there)
    tight = {k: v["value"] - 1 for k, v in there.items()}
    for door in ("user", "settings", "project", "local", "flag", "agent"):
        flags = [x for k, v in tight.items() for x in flag(k, v)] if door == "flag" else ["--settings", str(p.root / "extra.json")] if door == "settings" else []
        file = settings(p, "user", agent_limits={"person": tight}) if door == "agent" else settings(p, door, **tight) if door != "flag" else None
        expect(native_limits(p, *flags) == {k: {"value": v, "by": door} for k, v in tight.items()}, door)
        if file:
            file.unlink()


REFUSALS = {"allowed_outbound_hosts": "is not in allowed_outbound_hosts", "block_networks": "block_networks", "block_url": "block_url"}


def net_call(p, base, door, key, value, open_networks=True):
    """One request of a guest while `door` says key = value and the command line allows all the rest; what it printed, and the receipt."""
    flags = ["--allowed-outbound-hosts", "http://*:*"] if (door, key) != ("flag", "allowed_outbound_hosts") else []
    flags += ["--block-networks", ""] if open_networks and (door, key) != ("flag", "block_networks") else []
    if door in ("user", "settings") and key == "allowed_outbound_hosts":
        flags = flags[2:]
    url_port = base.rsplit(":", 1)[1]
    for where in ("user", "project", "local", "settings"):
        settings(p, where)
    flags += ["--settings", str(p.root / "extra.json")]
    if door == "flag":
        flags += [x for v in value for x in flag(key, v)]
    elif door == "agent":
        settings(p, "user", agent_limits={"person": {key: value}})
    elif door == "agent in the workspace":
        settings(p, "project", agent_limits={"person": {key: value}})
    elif door == "tool":
        own_tool(p, "asks", "asks_http", [{"effect": "Net", "target": f"127.0.0.1:{url_port}"}], {"url": {"type": "string"}}, "argv", **{key: value})
        proc = p.run("tool", "call", "--json", "--yes-to", "Tool(asks)", "--yes-to", "Net(*)", *flags, "asks", json.dumps({"url": base + "/a"}))
        receipt = json.loads(proc.stdout)["receipt"]
        return proc.stdout, receipt
    else:
        settings(p, door, **{key: value})
    proc, receipt = p.exec("asks_http", base + "/a", flags=flags)
    return proc.stdout, receipt


def every_network_list_holds_on_every_door_and_is_named(p):
    with Canned(http(200, b"hello")) as server:
        narrow = {"allowed_outbound_hosts": ["http://other.example:*"], "block_networks": ["127.0.0.0/8"], "block_url": [server.base + "/"]}
        wide = {"allowed_outbound_hosts": [server.base], "block_networks": ["10.0.0.0/8"], "block_url": [server.base + "/b/"]}
        for door in ("flag", "settings", "user", "local", "project", "agent", "agent in the workspace"):
            for key, value in narrow.items():
                if key == "allowed_outbound_hosts" and door in ("local", "project"):
                    continue  # a file in the workspace may not have it at all
                name = door.split()[0]
                out, receipt = net_call(p, server.base, door, key, value)
                expect(REFUSALS[key] in out, door, key, out, receipt)
                said = receipt["limits"][key]
                rows = [said, *said.get("also", [])]
                expect(any(r["by"].split("+")[-1] == name or name in r["by"].split("+") for r in rows if value[0] in r["value"]), door, key, said)
                expect(name != "agent" or said == {"value": value, "by": "agent", "also": said["also"]}, said)
                expect(server.heads == [], door, key, server.heads)
        for door in ("flag", "settings", "user", "agent", "tool"):
            for key, value in wide.items():
                out, receipt = net_call(p, server.base, door, key, value)
                expect("200 " in out, door, key, out, receipt)


def a_tool_narrows_its_network_and_cannot_widen(p):
    with Canned(http(200, b"hello")) as server:
        port = server.port
        _, receipt = net_call(p, server.base, "tool", "allowed_outbound_hosts", ["http://other.example:*"])
        expect((receipt["stopped_by"], receipt["decision"]["rule"]) == ("denied:net", "allowed_outbound_hosts"), receipt)
        said = receipt["limits"]
        expect(said == {} or said["allowed_outbound_hosts"]["by"] == "tool", said)
        expect(server.heads == [], server.heads)
        for key, value in (("block_networks", ["127.0.0.0/8"]), ("block_url", [server.base + "/"])):
            out, receipt = net_call(p, server.base, "tool", key, value)
            expect(REFUSALS[key] in out and receipt["limits"][key]["by"] == "tool" and server.heads == [], key, out, receipt)
        # what the settings do not allow is not allowed by a tool's own wide list
        own_tool(p, "asks", "asks_http", [{"effect": "Net", "target": f"127.0.0.1:{port}"}], allowed_outbound_hosts=["*://*:*"], block_networks=[])
        receipt = call_receipt(p, "asks", "--yes-to", "Tool(asks)", "--yes-to", "Net(*)", "--allowed-outbound-hosts", "http://other.example")
        expect(receipt["stopped_by"] == "denied:net", receipt)
        receipt = call_receipt(p, "asks", "--yes-to", "Tool(asks)", "--yes-to", "Net(*)", "--allowed-outbound-hosts", "http://*:*")
        expect(receipt["limits"]["block_networks"] == {"value": [], "by": "tool", "also": [{"value": ["private"], "by": "default"}]}, receipt["limits"])
        # two layers narrow one agent: what both allow is left
        settings(p, "user", agent_limits={"person": {"allowed_outbound_hosts": [server.base]}})
        settings(p, "project", agent_limits={"person": {"allowed_outbound_hosts": ["http://other.example"]}})
        proc, receipt = p.exec("asks_http", server.base, flags=["--allowed-outbound-hosts", "http://*:*", "--block-networks", ""], code=8)
        expect("of the agent" in proc.stdout and server.heads == [], proc.stdout)
        rows = [receipt["limits"]["allowed_outbound_hosts"], *receipt["limits"]["allowed_outbound_hosts"]["also"]]
        expect([r["by"] for r in rows] == ["agent", "agent", "flag"], rows)


def a_mistake_in_a_network_list_is_named_whoever_makes_it(p):
    for key, bad in (("allowed_outbound_hosts", "example.org"), ("block_networks", "10.0.0.1/8"), ("block_url", "/admin")):
        settings(p, "user", agent_limits={"main": {key: ["x://a" if key == "allowed_outbound_hosts" else bad, bad]}})
        proc = p.run("tool", "list", code=2)
        expect(f"agent_limits.main.{key}" in proc.stderr and bad in proc.stderr and "settings.json:1" in proc.stderr, proc.stderr)
        settings(p, "user")
        own_tool(p, "broken", "exit_code", **{key: [bad]})
        proc = p.run("tool", "list")
        expect(f"limits: {key}" in proc.stderr and bad in proc.stderr, proc.stderr)
        own_tool(p, "broken", "exit_code")


main(the_defaults_are_in_every_receipt, the_tighter_door_wins_and_is_named, a_tool_tightens_and_cannot_widen, an_agent_tightens_for_itself_and_cannot_widen,
     the_limit_that_ended_a_call_is_named_whoever_set_it, a_limit_that_is_met_and_survived_is_named,
     the_tighter_door_wins_for_native_commands_too, every_network_list_holds_on_every_door_and_is_named, a_tool_narrows_its_network_and_cannot_widen, a_mistake_in_a_network_list_is_named_whoever_makes_it,
     the_stack_limit_holds_whatever_the_shell_says, arguments_and_environment_have_a_cap_that_is_said)
