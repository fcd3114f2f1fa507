#!/usr/bin/env python3
"""`boxagnts tool add` and `remove`: with a sidecar, with nothing but --help, over another, and what is refused."""
import json
import os
import shutil

from common import HOSTILE, TOOLS, expect, main

SCHEMA = {"type": "object", "properties": {"max_size": {"type": "integer", "maximum": 9}, "name": {"type": "string"}, "deep": {"type": "boolean"},
                                           "list": {"type": "array"}}, "required": ["name"], "additionalProperties": False}


def manifest(**more):
    return {"name": "demo", "version": "1", "description": "says its words", "input_schema": SCHEMA, "annotations": {"read_only": True}, **more}


def put(place, guest, name="demo", sidecar=None):
    folder = place.root / "made"
    folder.mkdir(exist_ok=True)
    shutil.copy(HOSTILE / f"{guest}.wasm", folder / f"{name}.wasm")
    beside = folder / f"{name}.tool.json"
    beside.unlink(missing_ok=True)
    if sidecar is not None:
        beside.write_text(sidecar if isinstance(sidecar, str) else json.dumps(sidecar))
    return folder / f"{name}.wasm"


def names(place):
    return [tool["name"] for tool in json.loads(place.run("tool", "list", "--json", code=0).stdout)]


def call(place, arguments, code, *flags):
    return place.run("tool", "call", *flags, "demo", json.dumps(arguments), code=code)


def test_a_module_with_its_sidecar(place):
    file = put(place, "echo_args", sidecar=manifest(invoke="argv"))
    expect("added demo" in place.run("tool", "add", file, code=0).stdout, "it says so")
    file.unlink() # it has a copy of its own
    expect("demo" in names(place), names(place))
    said = call(place, {"name": "-x y", "max_size": 5, "deep": True, "list": [1, "b"]}, 0).stdout
    for word in ("--name=-x y", "--max-size=5", "--deep", '--list=[1,"b"]'):
        expect(word in said, word, said)
    call(place, {"name": "a", "max_size": 10}, 2)
    call(place, {}, 2)
    p = place.run("tool", "remove", "demo", code=0)
    expect("demo" not in names(place) and os.listdir(place.root / "data/boxagnts/tools") == [], p.stdout)
    place.run("tool", "remove", "demo", code=2)


def test_a_module_that_only_has_its_help(place):
    file = put(place, "echo_args")
    expect("asks before it is used" in place.run("tool", "add", file, code=0).stdout, "unverified is said")
    shown = json.loads(place.run("tool", "show", "demo", code=0).stdout)
    expect(shown["origin"] == "help" and not shown["verified"] and "--help" in shown["description"], shown)
    expect("no-one-to-ask" in call(place, {"args": ["-v"]}, 3, "--json").stdout, "nobody to ask: denied")
    said = call(place, {"args": ["-v", "a b"]}, 0, "--yes-to", "Tool(demo)").stdout
    expect("-v" in said and "a b" in said, said)
    call(place, {"name": "x"}, 2, "--yes-to", "Tool(demo)")
    # the help was made of these very bytes
    shutil.copy(HOSTILE / "exit_code.wasm", place.root / "data/boxagnts/tools/demo.wasm")
    p = place.run("tool", "list", code=0)
    expect("another module" in p.stderr and "demo" not in p.stdout, p.stderr)


def test_one_name_is_one_tool(place):
    place.run("tool", "add", put(place, "echo_args", sidecar=manifest()), code=0)
    p = place.run("tool", "add", put(place, "exit_code", sidecar=manifest()), code=2)
    expect("--force" in p.stderr, p.stderr)
    place.run("tool", "add", "--force", put(place, "exit_code", sidecar=manifest(version="2")), code=0)
    expect(json.loads(place.run("tool", "show", "demo", code=0).stdout)["version"] == "2", "the new one")
    p = place.run("tool", "add", "--force", put(place, "exit_code", sidecar=manifest(name="read")), code=2)
    expect("another name" in p.stderr, p.stderr)
    expect("not one of your own" in place.run("tool", "remove", "read", code=2).stderr, "a tool of the build stays")


def test_what_is_no_tool_changes_nothing(place):
    folder = place.root / "made"
    folder.mkdir()
    (folder / "text.wasm").write_text("not wasm")
    (folder / "half.wasm").write_bytes((TOOLS / "read.wasm").read_bytes()[:5000])
    for file in (folder / "none.wasm", folder / "text.wasm", folder / "half.wasm", folder, put(place, "echo_args", sidecar="{"),
                 put(place, "echo_args", sidecar=manifest(colour=1)), put(place, "echo_args", name="1bad", sidecar=None),
                 put(place, "spin", name="loops"), put(place, "exit_code", name="silent")):
        p = place.run("tool", "add", file, code=2)
        expect(p.stderr.startswith("boxagnts: ") and len(p.stderr) > 20, file, p.stderr)
    hungry = place.run("tool", "add", put(place, "eat_memory", name="hungry"), code=2).stderr
    expect("memory" in hungry and str(64 << 20) in hungry, "a --help has 64 MiB", hungry)
    expect(not (place.root / "data/boxagnts/tools").exists() or os.listdir(place.root / "data/boxagnts/tools") == [], "nothing is left")


if __name__ == "__main__":
    main(test_a_module_with_its_sidecar, test_a_module_that_only_has_its_help, test_one_name_is_one_tool, test_what_is_no_tool_changes_nothing)
