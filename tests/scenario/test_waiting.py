#!/usr/bin/env python3
"""What does not come is not waited for: a cancel ends a compiler at work, a reader that does not read holds up no clock, a module
that cannot be compiled is not tried again and again."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "escape"))
import modules  # noqa: E402
from common import BOXAGNTS, HOSTILE, call, expect, main  # noqa: E402


def children(pid, name):
    """Processes of that name below pid."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = open(f"/proc/{entry}/stat").read()
                comm, rest = fields[fields.index("(") + 1:fields.rindex(")")], fields[fields.rindex(")") + 2:].split()
                if comm == name[:15] and int(rest[1]) == pid and rest[0] not in "ZX":
                    found.append(int(entry))
            except (OSError, ValueError):
                pass
    return found


def wait_until(claim, what, seconds=60):
    """Waits for an event; the bound only keeps a broken build from hanging the suite."""
    end = time.monotonic() + seconds
    while not claim():
        expect(time.monotonic() < end, "came not:", what)
        time.sleep(0.005)


def tool(p, name, wasm, **manifest):
    folder = p.root / "data/boxagnts/tools"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.wasm").write_bytes(wasm)
    (folder / f"{name}.tool.json").write_text(json.dumps({
        "name": name, "version": "1", "description": "of the tests", "input_schema": {"type": "object"}, "annotations": {"read_only": True},
        "effects": [], **manifest}))


def start(p, *args, **kw):
    return subprocess.Popen([BOXAGNTS, *map(str, args)], cwd=p.work, env=p.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def a_cancel_ends_the_compiler(p):
    bomb = p.root / "bomb.wasm"
    bomb.write_bytes(modules.bomb())
    tool(p, "bomb", modules.bomb())
    script = p.script({"calls": [call("bomb"), call("list"), call("bomb")]}, {"text": "done"})
    for args in (("exec", "--receipt", p.root / "r.json", bomb), ("tool", "call", "--receipt", p.root / "r.json", "bomb", "{}"),
                 ("run", "--model", script, "--output", "json", "q")):
        for number in (signal.SIGINT, signal.SIGTERM):
            (p.root / "r.json").unlink(missing_ok=True)
            process = start(p, *args)
            wait_until(lambda: children(process.pid, "boxagnts-compile"), args)
            compiler = children(process.pid, "boxagnts-compile")
            process.send_signal(number)
            out, err = process.communicate(timeout=30)  # compiling takes 60 s
            expect(process.returncode == 130, args, process.returncode, err)
            expect(not [c for c in compiler if os.path.exists(f"/proc/{c}")], "the compiler is gone")
            if args[0] == "run":
                done = json.loads(out)
                expect(done["status"] == "cancelled" and all(c["stopped_by"] == "cancel" for c in done["calls"]), done)
            else:
                receipt = json.loads((p.root / "r.json").read_text())
                expect(receipt["stopped_by"] == "cancel" and "compiled" in receipt["detail"], receipt)
    p.verify()


def time_goes_on_while_a_module_is_compiled(p):
    tool(p, "bomb", modules.bomb())
    done = p.run_json("--model", p.script({"calls": [call("bomb")]}, {"text": "x"}), "--timeout", "0.7", "q", code=5)
    expect(done["stopped_by"] == "time" and done["calls"][0]["stopped_by"] == "cancel", done)
    p.verify()


def what_cannot_be_compiled_is_tried_once(p):
    """The programs are copied, with a word in a file for each start of the compiler."""
    programs, tried = p.root / "bin", p.root / "tried"
    programs.mkdir()
    for name in ("boxagnts", "boxagnts-agent", "boxagnts-worker", "boxagnts-egress"):
        shutil.copy(pathlib.Path(BOXAGNTS).parent / name, programs)
    (programs / "boxagnts-compile").write_text(f'#!/bin/sh\necho x >>{tried}\nexec {BOXAGNTS}-compile "$@"\n')
    (programs / "boxagnts-compile").chmod(0o755)
    tool(p, "broken", modules.REFUSED["stack_underflow"][0])
    tool(p, "good", modules.GOOD)
    script = p.script({"calls": [call("broken"), call("good"), call("broken", a=1), call("good", a=1)]}, {"calls": [call("broken", a=2)]}, {"text": "x"})
    process = subprocess.run([programs / "boxagnts", "run", "--model", script, "--output", "json", "q"], cwd=p.work, env=p.env, capture_output=True, timeout=60)
    done = json.loads(process.stdout)
    expect([c["stopped_by"] for c in done["calls"]] == ["invalid_module", "exit", "invalid_module", "exit", "invalid_module"], done, process.stderr)
    expect(tried.read_text() == "x\nx\n", tried.read_text())


def a_reader_that_does_not_read_holds_up_no_clock(p):
    receipt = p.root / "r.json"
    read, write = os.pipe()
    process = subprocess.Popen([BOXAGNTS, "exec", "--receipt", str(receipt), "--wasm-timeout", "0.5", "--max-output-bytes", "1GiB",
                                str(HOSTILE / "flood_stdout.wasm"), "--", "1000"], cwd=p.work, env=p.env, stdin=subprocess.DEVNULL, stdout=write,
                               stderr=subprocess.DEVNULL)
    os.close(write)
    expect(process.wait(timeout=60) == 5, process.returncode)
    os.close(read)
    r = json.loads(receipt.read_text())
    expect(r["stopped_by"] == "timeout" and r["limit"] == "wasm_timeout" and r["used"]["output_bytes"] > 100000, r)


def a_cancel_is_heard_while_nobody_reads(p):
    read, write = os.pipe()
    process = subprocess.Popen([BOXAGNTS, "exec", "--max-output-bytes", "1GiB", str(HOSTILE / "flood_stdout.wasm"), "--", "1000"], cwd=p.work, env=p.env,
                               stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.DEVNULL)
    os.close(write)
    expect(len(os.read(read, 1)) == 1, "it writes")
    process.send_signal(signal.SIGINT)
    expect(process.wait(timeout=60) == 130, process.returncode)
    os.close(read)


def a_slow_reader_gets_everything(p):
    process = start(p, "exec", "--max-output-bytes", "1GiB", HOSTILE / "flood_stdout.wasm", "--", "3")
    first = process.stdout.read(5)
    rest = process.stdout.read()
    process.wait(timeout=60)
    expect(len(first) + len(rest) == 3 << 20 and process.returncode == 0, len(rest), process.returncode)


def output_in_pieces_keeps_its_order(p):
    """Through a pipe that is full most of the time, byte for byte what goes to a file."""
    whole = p.root / "whole"
    args = [BOXAGNTS, "exec", "--max-output-bytes", "1GiB", str(HOSTILE / "echo_args.wasm"), "--", *[f"{i}-{'x' * (i % 97)}" for i in range(1000)]]
    with open(whole, "wb") as f:
        subprocess.run(args, cwd=p.work, env=p.env, stdout=f, stdin=subprocess.DEVNULL, check=True, timeout=60)
    piped = subprocess.run(["sh", "-c", '"$@" | cat', "sh", *args], cwd=p.work, env=p.env, stdout=subprocess.PIPE, check=True, timeout=60).stdout
    expect(piped == whole.read_bytes() and len(piped) > 40000, len(piped))


main(a_cancel_ends_the_compiler, time_goes_on_while_a_module_is_compiled, what_cannot_be_compiled_is_tried_once,
     a_reader_that_does_not_read_holds_up_no_clock, a_cancel_is_heard_while_nobody_reads, a_slow_reader_gets_everything,
     output_in_pieces_keeps_its_order)
