#!/usr/bin/env python3
"""A third party with an export and a public key: what it can check without BoxAgnts, and what `journal verify` names."""
import hashlib
import json
import os

from common import call, expect, main
from lib_ed25519 import verifies


def canonical(value):
    """RFC 8785 for what is in a journal: ASCII keys, integers, strings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def run_something(p, text="hello"):
    (p.work / "a.txt").write_text(text)
    model = p.script({"calls": [call("read", path="a.txt"), call("write", path="b.txt", content="x")]}, {"text": "end"})
    return p.run_json("--model", model, "--yes-to", "Write(/**)", "q", code=0)["session"]


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def text_of(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def problem(p, text, *flags, code=1):
    path = p.root / "export.jsonl"
    path.write_text(text)
    proc = p.run("journal", "verify", path, "--json", *flags, code=code)
    report = json.loads(proc.stdout)
    return report["first_bad"]["problem"] if report["first_bad"] else None


def an_export_is_checked_with_nothing_of_ours(p):
    session = run_something(p)
    key = bytes.fromhex(p.run("journal", "key", code=0).stdout.strip())
    for what in ([], [session]):
        rows = lines(p.run("journal", "export", *what, code=0).stdout)
        previous, receipt, shown = None, None, 0
        for row in rows[1:-1]:
            if not row.get("skipped"):
                shown += 1
                said = row["hash"]
                expect(hashlib.sha256(canonical({k: v for k, v in row.items() if k != "hash"})).hexdigest() == said, row)
                if row["kind"] == "receipt":
                    body = row["body"]
                    expect(receipt is None or body["prev"] == receipt, body)
                    receipt = body["hash"]
                    expect(hashlib.sha256(canonical({k: v for k, v in body.items() if k != "hash"})).hexdigest() == receipt, body)
                if row["kind"] == "head":
                    signed = row["body"]
                    expect(signed["seq"] == row["seq"] - 1 and signed["hash"] == row["prev"], row)
                    rest = canonical({k: v for k, v in signed.items() if k != "signature"})
                    expect(verifies(key, rest, bytes.fromhex(signed["signature"])), signed)
            expect(previous is None or row["prev"] == previous, row)
            previous = row["hash"]
        signed = rows[-1]["signed"]
        rest = canonical({k: v for k, v in signed.items() if k != "signature"})
        expect(verifies(key, rest, bytes.fromhex(signed["signature"])), signed)
        expect(not verifies(key, rest + b" ", bytes.fromhex(signed["signature"])), "the verifier verifies everything")
        expect(signed["last_hash"] == previous and signed["rows"] == shown and signed["why"] == "export", signed)
        expect(any(row.get("kind") == "receipt" for row in rows), "no receipt in it")
        expect(any(row.get("kind") == "head" and row["body"]["why"] == "end" for row in rows), "the session's end is not signed")


def the_key_is_private_and_printed_in_two_forms(p):
    hexadecimal = p.run("journal", "key", code=0).stdout.strip()
    pem = p.run("journal", "key", "--pem", code=0).stdout
    secret = p.root / "state/keys/sign.key"
    expect(os.stat(secret).st_mode & 0o7777 == 0o600 and os.stat(secret).st_size == 32, secret)
    expect(json.loads(p.run("journal", "key", "--json", code=0).stdout)["public_key"] == hexadecimal, hexadecimal)
    run_something(p)
    text = p.run("journal", "export", code=0).stdout
    expect(secret.read_bytes().hex() not in text, "the private key is in the export")
    (p.root / "key.pem").write_text(pem)
    (p.root / "key.hex").write_text(hexadecimal + "\n")
    for key in (hexadecimal, p.root / "key.pem", p.root / "key.hex"):
        expect(problem(p, text, "--key", key, code=0) is None, key)
        p.run("journal", "verify", "--key", key, code=0)  # and the store here
    # the verifier needs no state of its own
    expect(problem(p, text, "--key", hexadecimal, code=0) is None, "another home")


def each_forgery_is_named(p):
    run_something(p)
    session = run_something(p, "again")
    key = p.run("journal", "key", code=0).stdout.strip()
    with_key = ("--key", key)
    text = p.run("journal", "export", code=0).stdout
    rows = lines(text)
    receipt = next(i for i, row in enumerate(rows) if row.get("kind") == "receipt")

    def forged(change, source=text):
        copy = lines(source)
        change(copy)
        return problem(p, text_of(copy), *with_key)

    expect(problem(p, text, *with_key, code=0) is None, "untouched")
    expect(forged(lambda r: r[receipt]["body"].update(stopped_by="exit ")) == "changed", "a receipt")
    expect(forged(lambda r: r[receipt]["body"].update(exit_code=9)) == "changed", "a number")
    expect(forged(lambda r: r.pop(receipt)) == "missing", "a row gone")
    expect(forged(lambda r: r.__setitem__(slice(3, 5), [r[4], r[3]])) == "reordered", "two rows swapped")
    expect(forged(lambda r: r.pop(-1)) == "cut", "no head")
    expect(forged(lambda r: r.__delitem__(slice(-6, -1))) == "cut", "the tail")
    expect(forged(lambda r: r[-1].pop("signed")) == "unsigned", "no signature")
    expect(forged(lambda r: r[-1]["signed"].update(time_ms=1)) == "signature", "its time")
    foreign = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    expect(problem(p, text, "--key", foreign) == "foreign-key", "another key")

    def hide(r):
        row = r[-3]
        r[-3] = {"skipped": True, "seq": row["seq"], "prev": row["prev"], "hash": row["hash"]}

    expect(forged(hide, p.run("journal", "export", session, code=0).stdout) == "hidden", "a row hidden")


def an_older_export_is_named(p):
    run_something(p)
    key = p.run("journal", "key", code=0).stdout.strip()
    early = p.run("journal", "export", "--nonce", "monday", code=0).stdout
    head = p.run("journal", "head", code=0).stdout
    run_something(p, "again")
    late = p.run("journal", "export", "--nonce", "tuesday", code=0).stdout
    (p.root / "seen").write_text(late)
    (p.root / "head").write_text(head)
    expect(problem(p, early, "--key", key, "--seen", p.root / "seen") == "replay", "seen a newer one")
    expect(problem(p, early, "--key", key, "--nonce", "tuesday") == "replay", "another nonce")
    expect(problem(p, late, "--key", key, "--nonce", "tuesday", "--seen", p.root / "head", code=0) is None, "the newer one")
    swapped = lines(late)
    swapped[-1]["signed"] = lines(early)[-1]["signed"]
    expect(problem(p, text_of(swapped), "--key", key) == "replay", "the old head under new rows")
    # the same folder begun anew under the same key is another journal
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (p.root / "state" / name).unlink(missing_ok=True)
    run_something(p)
    anew = p.run("journal", "export", code=0).stdout
    expect(problem(p, anew, "--key", key, code=0) is None, "by itself it is fine")
    expect(problem(p, anew, "--key", key, "--seen", p.root / "head") in ("replay", "fork"), "begun anew")


def slips_of_the_verifier_are_sentences(p):
    text = p.run("journal", "export", code=0).stdout
    (p.root / "export.jsonl").write_text(text)
    (p.root / "no.key").write_text("no key")
    for flags in (["--key", "abc"], ["--key", p.root / "no.key"], ["--key", p.root / "missing"], ["--seen", p.root / "missing"],
                  ["--seen", p.root / "export.jsonl"]):  # without a key nothing that was seen can be trusted
        proc = p.run("journal", "verify", p.root / "export.jsonl", *flags, code=2)
        expect(proc.stderr.startswith("boxagnts: ") and not proc.stdout, proc.stderr)
    p.run("journal", "verify", p.root / "missing", code=2)
    p.run("journal", "verify", "--nonce", "x", code=2)
    p.run("journal", "verify", p.root / "no.key", code=2)


main(an_export_is_checked_with_nothing_of_ours, the_key_is_private_and_printed_in_two_forms, each_forgery_is_named,
     an_older_export_is_named, slips_of_the_verifier_are_sentences)
