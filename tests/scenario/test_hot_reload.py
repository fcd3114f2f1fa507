#!/usr/bin/env python3
"""Tools that come, change and go while a session runs: at the planner's next turn it is told, and no call is lost."""
import json
import os
import threading

from common import HOSTILE, expect, main
from lib_model import Stub, call_block, message, text

KEY = {"ANTHROPIC_API_KEY": "test-key-1"}


def leb(n):
    out = bytearray()
    while True:
        n, byte = n >> 7, n & 0x7F
        out.append(byte | (0x80 if n else 0))
        if not n:
            return bytes(out)


def module(guest="echo_args", name="demo", version="1", mark=b""):
    """A module with its manifest in it; the mark makes another one of it."""
    manifest = json.dumps({"name": name, "version": version, "description": f"version {version}", "invoke": "argv",
                           "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
                           "annotations": {"read_only": True}}).encode()
    data = (HOSTILE / f"{guest}.wasm").read_bytes()
    for title, body in ((b"boxagnts.tool", manifest), (b"mark", mark)):
        content = leb(len(title)) + title + body
        data += b"\0" + leb(len(content)) + content
    return data


def drop(place, data, file="demo"):
    """As a careful writer does it: another name first."""
    folder = place.root / "data/boxagnts/tools"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{file}.part").write_bytes(data)
    os.rename(folder / f"{file}.part", folder / f"{file}.wasm")
    return folder / f"{file}.wasm"


def session(place, *turns, code=0):
    """Each turn is a function that does something in the folder and gives an answer; it gets the names of the tools it was shown."""
    shown = []

    def answer(stub, ask):
        shown.append({tool["name"]: tool["description"] for tool in ask.json["tools"]})
        ask.stream(turns[ask.number - 1](ask))

    with Stub(answer) as stub:
        p = place.run("run", "--model", "anthropic/claude-sonnet-4-5", "--output", "json", "do it", env={**KEY, "ANTHROPIC_BASE_URL": stub.base}, code=code)
        expect(not stub.failures, stub.failures)
        results = [block for ask in stub.asks for block in ask.json["messages"][-1]["content"] if block["type"] == "tool_result"]
    return json.loads(p.stdout), shown, results, p.stderr


def calls(*names, first=0):
    arguments = lambda name, i: {"n": first * 1000 + i} if name in ("demo", "other") else {}
    return message([call_block(f"call_{first}_{i}", name, arguments(name, i)) for i, name in enumerate(names)], stop="tool_use")


def test_a_tool_dropped_in_is_there_at_the_next_turn(place):
    def first(_):
        drop(place, module()) # the folder itself is not there before
        return calls("list")
    done, shown, results, err = session(place, first, lambda _: calls("demo", first=1), lambda _: text("done"))
    expect("demo" not in shown[0] and shown[1]["demo"] == "version 1", shown)
    expect("--n=1000" in json.dumps(results[-1]) and not results[-1].get("is_error"), results)
    events = place.run("journal", "show", "--json", done["session"], code=0).stdout
    expect('"what":"tool"' in events and '"demo"' in events, events)
    place.verify()


def test_a_tool_is_replaced_and_removed(place):
    file = drop(place, module(version="1"))

    def replace(_):
        drop(place, module("exit_code", version="2"))
        return calls("demo")

    def remove(_):
        file.unlink()
        return calls("demo", first=1)
    _, shown, results, _ = session(place, replace, remove, lambda _: text("done"))
    expect([turn.get("demo") for turn in shown] == ["version 1", "version 2", None], shown)
    expect("there is no tool called" in json.dumps(results[-1]), results[-1])
    place.verify()


def test_a_half_written_file_is_no_tool(place):
    folder = drop(place, module(name="other"), "other").parent
    data = module()
    held, half = None, None

    def write_half(_):
        nonlocal held, half
        held = open(folder / "demo.wasm", "wb")
        half = open(folder / "other.wasm", "r+b")
        for file, more in ((held, data), (half, module(name="other", version="2"))):
            file.write(more)
            file.flush()
        return calls("other", "demo")

    def write_rest(_):
        held.close()
        half.close()
        return calls("list", first=1)
    _, shown, results, _ = session(place, write_half, lambda _: calls("tree", first=2), write_rest, lambda _: text("done"))
    expect("demo" not in shown[1] and shown[1]["other"] == "version 1", shown[1])
    expect("there is no tool" in json.dumps(results[1]), results[1])
    expect(shown[3]["demo"] == "version 1" and shown[3]["other"] == "version 2", shown[3])


def test_what_is_no_good_is_said_once_and_the_tool_stays(place):
    drop(place, module())

    def spoil(_):
        drop(place, b"no module at all")
        return calls("demo")
    _, shown, results, err = session(place, lambda _: calls("demo"), spoil, lambda _: calls("demo", first=2), lambda _: text("done"))
    expect(all(turn["demo"] == "version 1" for turn in shown), shown)
    expect(err.count("not a WebAssembly module") == 1, err)
    expect(not any(result.get("is_error") for result in results), results) # its code is kept: it goes on as it was


def test_no_call_is_lost_while_tools_are_replaced(place):
    versions = [module(mark=bytes([i])) for i in range(12)]
    file = drop(place, versions[0])
    over = threading.Event()

    def replace():
        i = 0
        while not over.is_set():
            i += 1
            drop(place, versions[i % len(versions)])

    many = 100
    turns = [lambda _, k=k: calls(*["demo"] * many, first=k) for k in range(4)] + [lambda _: text("done")]
    writer = threading.Thread(target=replace)
    writer.start()
    try:
        done, _, results, err = session(place, *turns)
    finally:
        over.set()
        writer.join()
    lost = [result for result in results if result.get("is_error") or "--n=" not in json.dumps(result)]
    expect(len(results) == 4 * many and not lost, len(results), lost[:3], err)
    expect(len(done["calls"]) == 4 * many and all(call["stopped_by"] == "exit" for call in done["calls"]), done["calls"][:3])
    expect(file.exists(), "it was replaced all the time")
    place.verify()


main(test_a_tool_dropped_in_is_there_at_the_next_turn, test_a_tool_is_replaced_and_removed, test_a_half_written_file_is_no_tool,
     test_what_is_no_good_is_said_once_and_the_tool_stays, test_no_call_is_lost_while_tools_are_replaced)
