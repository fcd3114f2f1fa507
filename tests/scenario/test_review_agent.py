#!/usr/bin/env python3
"""The agent is owned: whatever it sends, in whatever order, it is ended and journalled, every cap holds, every call has a receipt, and
status, stopped_by and exit code say one thing."""
import json

from common import expect, main
from lib_liar import Liar

PRICED = {"script": 1, "price": {"input_per_mtok_usd": 3, "output_per_mtok_usd": 15}}


def settled(liar, o, p):
    """What holds after any end."""
    receipts = liar.rows_of("receipt")
    expect(p.returncode == o["exit_code"], p.returncode, o)
    expect((o["stopped_by"] is None) == (o["status"] == "done"), o)
    expect(len(o["calls"]) == len(receipts), "a call without a receipt", o["calls"], receipts)
    expect(liar.run("journal", "verify").returncode == 0, "journal")
    verdict = json.loads(liar.run("journal", "verify", "--json").stdout)
    expect(verdict["unknown"] == [], verdict)
    expect(liar.run("budget", "show", "--check").returncode == 0, "ledger")


def ended(liar, prompt, *flags, **kw):
    """A breach: failed by error, exit 1, journalled as a peer's end."""
    p, o = liar.lie(prompt, *flags, **kw)
    expect(p.returncode == 1 and o["status"] == "failed" and o["stopped_by"] == "error", prompt, p.returncode, o, p.stderr)
    peers = liar.rows_of("peer")
    expect(peers and peers[-1]["program"] == "agent", prompt, peers)
    settled(liar, {**o, "calls": liar.rows_of("receipt")}, p)
    return o


def an_honest_stand_in_is_believed(p):
    liar = Liar(p)
    r, o = liar.lie("honest")
    expect(r.returncode == 0 and o["text"] == "said" and o["turns"] == 1 and len(o["calls"]) == 1, r.stderr, o)
    settled(liar, o, r)


def a_breach_ends_the_agent(p):
    liar = Liar(p)
    for lie in ("model_skips", "model_zero", "too_long", "unknown_type", "workers_frame", "ready_again", "not_json", "no_tool",
                "fds", "say_unknown", "gives_up"):
        ended(liar, lie)


def a_turn_under_way_is_waited_for(p):
    liar = Liar(p)
    for lie in ("model_while_busy", "done_in_mid_turn"):  # the answer is far away: it cannot come in between
        ended(liar, lie, model=p.script({"delay_ms": 30000, "text": "late"}))


def a_claim_about_the_end_is_checked(p):
    liar = Liar(p)
    for claim in (["done", "cancel"], ["done", "sandbox"], ["failed", ""], ["failed", "sandbox"], ["stopped", "policy"], ["cancelled", "cancel"],
                  ["stopped", "budget"], ["stopped", "time"], ["winning", ""], ["done", "turns"]):
        ended(liar, "claims " + json.dumps(claim))
    for claim, code in ((["stopped", "model"], 6), (["stopped", "loop"], 5), (["stopped", "refusal"], 1), (["failed", "error"], 1)):
        r, o = liar.lie("claims " + json.dumps(claim))
        expect(r.returncode == code and [o["status"], o["stopped_by"]] == claim, claim, r.returncode, o)


def turns_are_counted_by_the_monitor(p):
    liar = Liar(p)
    model = p.script(PRICED, *[{"text": "t", "usage": {"input_tokens": 1, "output_tokens": 1}}] * 200)
    r, o = liar.lie("turns", "--max-turns", 3, model=model)
    expect(r.returncode == 5 and o["stopped_by"] == "turns" and o["turns"] == 3, r.returncode, o)
    reserves = [m for m in liar.rows_of("money") if m["what"] == "reserve"]
    expect(len(reserves) == 12, "three turns, four requests for each, not one more", len(reserves))
    expect(liar.rows_of("peer"), "the agent was not ended")
    settled(liar, o, r)


def nothing_is_sent_after_the_money_is_out(p):
    liar = Liar(p)
    model = p.script(PRICED, *[{"text": "t", "usage": {"input_tokens": 1000, "output_tokens": 1000}}] * 200)
    r, o = liar.lie("after_budget", "--total-budget-usd", "0.1", model=model)
    expect(r.returncode == 4 and o["stopped_by"] == "budget" and o["cost_usd"] <= 0.1, r.returncode, o, r.stderr)
    expect(liar.rows_of("peer"), "the agent went on asking and was not ended")
    settled(liar, o, r)


def calls_are_counted_by_the_monitor(p):
    liar = Liar(p)
    r, o = liar.lie("calls", "--max-tool-calls", 7)
    expect(r.returncode == 5 and o["stopped_by"] == "calls" and len(o["calls"]) == 7, r.returncode, o)
    settled(liar, o, r)


def ten_thousand_calls_at_once_end_it(p):
    liar = Liar(p)
    r, o = liar.lie("flood", "--max-tool-calls", 100000)
    expect(r.returncode == 1 and o["stopped_by"] == "error", r.returncode, o["status"], r.stderr)
    expect(len(o["calls"]) < 10000 and liar.rows_of("peer"), len(o["calls"]))
    settled(liar, o, r)


def after_done_nothing_counts(p):
    liar = Liar(p)
    r, o = liar.lie("done_twice")
    expect(r.returncode == 0 and o["text"] == "first", r.returncode, o)
    r, o = liar.lie("call_after_done")
    expect(r.returncode == 0 and o["calls"] == [], r.returncode, o)
    expect(not (p.work / "late.txt").exists() and not liar.rows_of("intent"), "a call after the end")
    expect(len(liar.rows_of("peer")) == 2, liar.rows_of("peer"))


def calls_that_are_open_at_the_end_get_their_receipts(p):
    liar = Liar(p)
    for lie in ("done_with_calls_open", "dies_with_calls_open"):
        before = len(liar.rows_of("receipt"))
        r, o = liar.lie(lie)
        expect(r.returncode == 1 and o["status"] == "failed", lie, r.returncode, o)
        expect(len(o["calls"]) == 5 and len(liar.rows_of("receipt")) == before + 5, lie, o["calls"])
        verdict = json.loads(liar.run("journal", "verify", "--json").stdout)
        expect(verdict["ok"] and verdict["unknown"] == [], verdict)


def hostile_arguments_are_data(p):
    (p.work / "a.txt").write_text("a\n")
    liar = Liar(p)
    r, o = liar.lie("huge_numbers")
    expect(r.returncode == 0 and len(o["calls"]) == 3, r.returncode, o, r.stderr)
    expect([c["stopped_by"] for c in o["calls"]][1:] == ["schema", "schema"], o["calls"])
    settled(liar, o, r)
    r, o = liar.lie("nul")
    expect([c["stopped_by"] for c in o["calls"]] == ["schema"], "what follows a NUL was not looked at", o)
    r, o = liar.lie("long_name")
    expect(r.returncode == 0 and o["calls"][0]["stopped_by"] == "schema" and len(o["calls"][0]["tool"]) < 300, str(o)[:300])
    expect(max(len(json.dumps(row)) for row in liar.rows_of("decision")) < 4096, "the journal takes a name of 2 MiB")


def it_has_nobodys_terminal(p):
    liar = Liar(p)
    r, _ = liar.lie("terminal", output="text")
    expect("\x1b" not in r.stderr and "owned" not in r.stderr + r.stdout, repr(r.stderr))
    expect("\u009b" not in r.stderr and "\u202e" not in r.stderr, repr(r.stderr))


def a_silent_one_is_ended_by_the_clock(p):
    liar = Liar(p)
    r, o = liar.lie("silent", "--timeout", "700ms")
    expect(r.returncode == 5 and o["stopped_by"] == "time", r.returncode, o)
    r, o = liar.lie("deaf_to_cancel", "--timeout", "1s")
    expect(r.returncode == 5 and o["stopped_by"] == "time" and len(o["calls"]) == 1, r.returncode, o)


def a_missing_or_dying_program_is_the_sandbox(p):
    liar = Liar(p, agent=None)
    for name in ("boxagnts-agent", "boxagnts-worker"):
        kept = (liar.bin / name).read_bytes()
        for text in (None, "#!/bin/false\n"):
            (liar.bin / name).unlink(missing_ok=True)
            if text:
                (liar.bin / name).write_text(text)
                (liar.bin / name).chmod(0o755)
            r, o = liar.lie("x")
            expect(r.returncode == 7 and o and o["exit_code"] == 7 and o["stopped_by"] == "sandbox" and o["status"] == "failed", name, text,
                   r.returncode, o, r.stderr)
            expect(text or "installed whole" in r.stderr, r.stderr)
            if name == "boxagnts-worker":
                r = liar.run("tool", "call", "list", "{}")
                expect(r.returncode == 7 and (text or "installed whole" in r.stderr), r.returncode, r.stderr)
        (liar.bin / name).write_bytes(kept)
        (liar.bin / name).chmod(0o755)


main(an_honest_stand_in_is_believed, a_breach_ends_the_agent, a_turn_under_way_is_waited_for, a_claim_about_the_end_is_checked, turns_are_counted_by_the_monitor,
     nothing_is_sent_after_the_money_is_out, calls_are_counted_by_the_monitor, ten_thousand_calls_at_once_end_it, after_done_nothing_counts,
     calls_that_are_open_at_the_end_get_their_receipts, hostile_arguments_are_data, it_has_nobodys_terminal, a_silent_one_is_ended_by_the_clock,
     a_missing_or_dying_program_is_the_sandbox)
