#!/usr/bin/env python3
"""boxagnts exec: every limit has its stop reason, its exit code and a receipt that says so."""
import hashlib
import json
import os
import time

from common import HOSTILE, expect, main


def behaves_like_the_program_itself(p):
    proc, receipt = p.exec("echo_args", "a", "b c", code=0, flags=("--env-vars", "NAME=VALUE"))
    expect("arg 1 a\n" in proc.stdout and "arg 2 b c\n" in proc.stdout and "NAME=VALUE" in proc.stdout, proc.stdout)
    expect("HOME" not in proc.stdout, "the environment is never inherited", proc.stdout)
    expect(receipt["stopped_by"] == "exit" and receipt["exit_code"] == 0 and not receipt["is_error"], receipt)
    proc, _ = p.exec("stdin_cat", code=0, stdin="through\n")
    expect(proc.stdout == "through\n", proc.stdout)


def exit_code_of_the_guest_is_in_the_receipt(p):
    _, receipt = p.exec("exit_code", "3", code=8)
    expect(receipt["stopped_by"] == "exit" and receipt["exit_code"] == 3 and receipt["is_error"], receipt)


def time_stops_a_loop_and_a_sleeper(p):
    for guest in ("spin", "sleep_long"):
        start = time.monotonic()
        _, receipt = p.exec(guest, code=5, flags=("--wasm-timeout", "0.3", "--wasm-fuel", "1e15"))
        expect(receipt["stopped_by"] == "timeout", guest, receipt)
        expect(receipt["used"]["wall_us"] >= 300000, receipt["used"])
        expect(time.monotonic() - start < 30, "it was ended by its own clock")


def a_blocked_read_of_stdin_ends_with_the_deadline(p):
    read, write = os.pipe()
    import subprocess
    from common import BOXAGNTS
    proc = subprocess.run([BOXAGNTS, "exec", "--wasm-timeout", "0.3", str(HOSTILE / "stdin_cat.wasm")], stdin=read, env=p.env, cwd=p.work,
                          capture_output=True, timeout=30)
    os.close(read)
    os.close(write)
    expect(proc.returncode == 5 and b"timeout" in proc.stderr, proc)


def fuel_stops_a_loop(p):
    _, receipt = p.exec("spin", code=5, flags=("--wasm-fuel", "1000000"))
    expect(receipt["stopped_by"] == "fuel" and 900000 <= receipt["used"]["fuel"] <= 1100000, receipt)


def memory_is_capped(p):
    _, receipt = p.exec("eat_memory", code=5, flags=("--wasm-max-memory-size", "16777216"))
    expect(receipt["stopped_by"] == "memory" and receipt["used"]["peak_memory"] <= 16777216, receipt)


def stack_is_capped(p):
    _, receipt = p.exec("deep_recursion", code=5)
    expect(receipt["stopped_by"] == "stack", receipt)
    _, receipt = p.exec("deep_recursion", code=5, flags=("--wasm-max-wasm-stack", "131072"))
    expect(receipt["stopped_by"] == "stack", receipt)


def output_past_its_cap_is_counted_and_dropped(p):
    proc, receipt = p.exec("flood_stdout", flags=("--max-output-bytes", "1000", "--wasm-timeout", "20"))
    expect(len(proc.stdout) == 1000, len(proc.stdout))
    expect("max_output_bytes" in proc.stderr and receipt["used"]["output_bytes"] > 1000, proc.stderr, receipt["used"])


def nothing_outside_the_mounts_exists(p):
    for guest in ("read_shadow", "write_outside"):
        proc, receipt = p.exec(guest)
        expect("root:" not in proc.stdout + proc.stderr, proc.stdout)
        expect(receipt["refused"], guest, receipt)
    (p.work / "link").symlink_to("/etc/passwd")
    proc, receipt = p.exec("follow_link")
    expect("root:" not in proc.stdout, proc.stdout)


def write_quotas_come_as_errno(p):
    _, receipt = p.exec("huge_write", flags=("--max-write-bytes", "100000"))
    expect("max_write_bytes" in receipt["limits_hit"], receipt)
    sizes = sum(f.stat().st_blocks * 512 for f in p.work.rglob("*") if f.is_file())
    expect(sizes <= 200000, sizes)
    _, receipt = p.exec("many_files", flags=("--max-created-files", "10"))
    expect("max_created_files" in receipt["limits_hit"], receipt)


def a_read_only_mapping_refuses_every_change(p):
    data = p.root / "data"
    data.mkdir()
    (data / "f").write_text("old")
    for guest in ("huge_write", "many_files"):
        _, receipt = p.exec(guest, flags=("--map-dirs", f"{data}::/"))
        expect(receipt["refused"] and [x.name for x in data.iterdir()] == ["f"], guest, receipt["refused"])


def what_is_not_a_module_is_named(p):
    for content, word in ((b"", "empty"), (b"\0asm\1\0\0\0\xff", ""), (b"MZ" * 100, "")):
        bad = p.root / "bad.wasm"
        bad.write_bytes(content)
        proc, receipt = p.exec(bad, code=2)
        expect("invalid_module" in proc.stderr and receipt["stopped_by"] == "invalid_module", proc.stderr)
    proc = p.run("exec", p.root / "missing.wasm", code=2)
    expect("missing.wasm" in proc.stderr, proc.stderr)


def receipts_hash_over_their_canonical_form(p):
    _, first = p.exec("exit_code", "0", code=0)
    _, second = p.exec("exit_code", "0", code=0)
    for receipt in (first, second):
        body = {k: v for k, v in receipt.items() if k != "hash"}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        expect(hashlib.sha256(text).hexdigest() == receipt["hash"], receipt["hash"])
    expect(first["prev"] == "0" * 64 and second["prev"] == first["hash"], first["prev"], second["prev"])
    proc = p.run("exec", "--receipt", "-", HOSTILE / "exit_code.wasm", "0", code=0)
    expect(json.loads(proc.stderr.splitlines()[-1])["prev"] == second["hash"], proc.stderr)


def a_tampered_cache_file_is_refused_named_and_rebuilt(p):
    p.exec("exit_code", "0", code=0)
    files = [f for f in (p.root / "cache").rglob("*") if f.is_file()]
    expect(files, "there is a sealed file")
    for damage in (lambda b: b[:-1], lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:], lambda b: b[:len(b) // 2] + b"x" + b[len(b) // 2 + 1:],
                   lambda b: b"", lambda b: b"foreign" * 100):
        for f in files:
            f.chmod(0o600)
            f.write_bytes(damage(f.read_bytes()))
        proc, _ = p.exec("exit_code", "0", code=0)
        expect("refused" in proc.stderr, proc.stderr)
        proc, _ = p.exec("exit_code", "0", code=0)
        expect("refused" not in proc.stderr, proc.stderr)


def bad_limits_are_usage_errors(p):
    for flags in (("--wasm-fuel", "x"), ("--wasm-fuel", "-1"), ("--wasm-timeout", "0"), ("--wasm-timeout", "1e99"), ("--wasm-max-memory-size", "12monkeys"),
                  ("--map-dirs", "nonsense"), ("--map-dirs", "/nowhere-at-all::/x"), ("--map-dirs", f"{p.work}::relative"), ("--env-vars", "NOEQUALS"),
                  ("--no-such-flag",), ("--wasm-fuel",), ("--work-dir", "/nowhere-at-all"), ("--allowed-outbound-hosts", "no-scheme.example")):
        proc = p.run("exec", *flags, *((HOSTILE / "spin.wasm",) if flags != ("--wasm-fuel",) else ()))
        expect(proc.returncode == 2 and proc.stderr.startswith("boxagnts: "), flags, proc.returncode, proc.stderr)
        expect(len(proc.stderr.splitlines()) <= 3, proc.stderr)


main(behaves_like_the_program_itself, exit_code_of_the_guest_is_in_the_receipt, time_stops_a_loop_and_a_sleeper,
     a_blocked_read_of_stdin_ends_with_the_deadline, fuel_stops_a_loop, memory_is_capped, stack_is_capped, output_past_its_cap_is_counted_and_dropped,
     nothing_outside_the_mounts_exists, write_quotas_come_as_errno, a_read_only_mapping_refuses_every_change, what_is_not_a_module_is_named,
     receipts_hash_over_their_canonical_form, a_tampered_cache_file_is_refused_named_and_rebuilt, bad_limits_are_usage_errors)
