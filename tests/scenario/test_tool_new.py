#!/usr/bin/env python3
"""`boxagnts tool new` and `tool test`: each template builds and passes its transcript where its compiler is there."""
import json
import os
import shutil
import subprocess

from common import BOXAGNTS, HOSTILE, expect, main


def make(place, name, *targets):
    # the compilers' own caches are the person's
    env = {**place.env, "HOME": os.environ.get("HOME", "/"), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    p = subprocess.run(["make", "-C", name, f"BOXAGNTS={BOXAGNTS}", *targets], env=env, cwd=place.work, capture_output=True, text=True, timeout=170)
    return p


def has_clang():
    found = shutil.which("clang-19")
    return found and subprocess.run([found, "--target=wasm32-wasi", "-x", "c", "-", "-o", os.devnull], input="#include <stdio.h>\nint main(void){return 0;}", text=True,
                                    capture_output=True).returncode == 0


def has_go():
    """A Go that knows WASI preview 1; Debian 12's own is too old."""
    if not shutil.which("go"):
        return False
    known = subprocess.run(["go", "tool", "dist", "list"], capture_output=True, text=True)
    return known.returncode == 0 and "wasip1/wasm" in known.stdout.split()


def has_rust():
    found = shutil.which("rustc")
    if not found:
        return False
    root = subprocess.run([found, "--print", "sysroot"], capture_output=True, text=True).stdout.strip()
    return os.path.isdir(f"{root}/lib/rustlib/wasm32-wasip1")


def check(place, lang, is_there):
    p = place.run("tool", "new", f"my_{lang}", "--lang", lang, code=0)
    expect(f"my_{lang}/" in p.stdout, p.stdout)
    if not is_there:
        print(f"skip the build of the template for {lang}: no compiler for it here")
        return
    p = make(place, f"my_{lang}", "test")
    expect(p.returncode == 0 and "4 passed, 0 failed" in p.stdout, p.stdout, p.stderr)
    p = make(place, f"my_{lang}", "install")
    expect(p.returncode == 0, p.stdout, p.stderr)
    (place.work / "x").write_text("a\n")
    expect(place.run("tool", "call", f"my_{lang}", '{"path":"x"}', code=0).stdout == "1 lines, 2 bytes\n", "it is a tool")


def test_the_c_template(place):
    check(place, "c", has_clang())


def test_the_go_template(place):
    check(place, "go", has_go())


def test_the_rust_template(place):
    check(place, "rust", has_rust())


def test_what_cannot_be_made_is_not_begun(place):
    (place.work / "there").mkdir()
    for args, why in ((("there",), "is there already"), (("../x",), "cannot be a tool's name"), (("9",), "cannot be a tool's name"), (("ok", "--lang", "cobol"), "not one of c, go, rust")):
        p = place.run("tool", "new", *args, code=2)
        expect(why in p.stderr, p.stderr)
    expect(sorted(os.listdir(place.work)) == ["there"] and not (place.root / "x").exists(), os.listdir(place.work))


def test_a_transcript_that_does_not_hold(place):
    folder = place.root / "made"
    folder.mkdir()
    shutil.copy(HOSTILE / "echo_args.wasm", folder / "demo.wasm")
    (folder / "demo.tool.json").write_text(json.dumps({"name": "demo", "version": "1", "description": "d", "invoke": "argv", "input_schema": {"type": "object"},
                                                       "annotations": {"read_only": True}}))
    lines = place.root / "lines"
    play = lambda code: place.run("tool", "test", folder / "demo.wasm", lines, code=code)
    lines.write_text('{"name":"one","input":{"a":"b"},"expect":{"contains":"--a=b"}}\n{"name":"two","input":{},"expect":{"content":"x"}}\n')
    p = play(1)
    expect("ok   one" in p.stdout and "FAIL two" in p.stdout and "1 passed, 1 failed" in p.stdout, p.stdout)
    for text, why in (("nonsense", "lines:1"), ('{"name":"a","input":{},"expect":{"says":1}}', "and nothing else"), ("\n\n", "no line in it"), ('{"name":"a","input":[],"expect":{}}', "object input")):
        lines.write_text(text)
        expect(why in play(2).stderr, text)
    place.run("tool", "test", folder / "none.wasm", lines, code=2)
    names = [tool["name"] for tool in json.loads(place.run("tool", "list", "--json", code=0).stdout)]
    expect("demo" not in names, "it was not installed")


main(test_the_c_template, test_the_go_template, test_the_rust_template, test_what_cannot_be_made_is_not_begun, test_a_transcript_that_does_not_hold)
