#!/usr/bin/env python3
"""Money on the command line: caps for a session, a day and a month that outlive sessions and are shared by processes."""
import json
import subprocess
import time
from decimal import Decimal

from common import BOXAGNTS, call, expect, main
from lib_model import Stub, text

PRICE = {"script": 1, "price": {"input_per_mtok_usd": 3, "output_per_mtok_usd": 15}}
TURN = {"usage": {"input_tokens": 1000, "output_tokens": 400}}  # costs 0.003 + 0.006
COST = Decimal("0.009")


def turns(p, count, name="script.jsonl"):
    (p.work / "a.txt").write_text("\n".join(map(str, range(1000))))
    return p.script(PRICE, *[{**TURN, "text": "t", "calls": [call("read", path="a.txt", offset=i + 1)]} for i in range(count)], {"text": "end"}, name=name)


def show(p, *args):
    return json.loads(p.run("budget", "show", "--json", *args, code=0).stdout)


def a_day_and_a_month_stop_the_run_that_would_pass_them(p):
    for cap, sentence in (("day", "today"), ("month", "this month"), ("session", "a session may spend")):
        before = Decimal(show(p)["caps"][cap].get("spent_usd", "0"))
        p.run("budget", "set", cap, before + Decimal("0.05"), code=0)
        proc = p.run("run", "--output", "json", "--model", turns(p, 40), "q", code=4)
        done = json.loads(proc.stdout)
        expect(done["stopped_by"] == "budget" and 0 < done["cost_usd"] <= 0.05, cap, done)
        expect(sentence in proc.stderr, cap, proc.stderr)
        p.run("budget", "set", cap, "none", code=0)
        if cap != "session":
            p.run("budget", "set", cap, "0", code=0)
            done = p.run_json("--model", turns(p, 2), "q", code=4)
            expect(done["cost_usd"] == 0 and done["turns"] == 0, "nothing is sent", done)
            p.run("budget", "set", cap, "none", code=0)
    expect(p.run_json("--model", turns(p, 3), "q", code=0)["cost_usd"] > 0, "without caps it goes on")
    p.verify()


def a_cap_of_the_day_is_shared_by_processes(p):
    """Twelve runs at once: together they never pass it by one pico-dollar."""
    p.run("budget", "set", "day", "0.2", code=0)
    model = turns(p, 40)
    runs = [subprocess.Popen([BOXAGNTS, "run", "--output", "json", "--model", model, "q"], cwd=p.work, env=p.env, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True) for _ in range(12)]
    done = [json.loads(run.communicate(timeout=120)[0]) for run in runs]
    expect(all(d["exit_code"] == 4 for d in done), done)
    day = show(p)["caps"]["day"]
    spent = sum(Decimal(str(d["cost_usd"])) for d in done)
    expect(Decimal(day["spent_usd"]) == spent <= Decimal("0.2") and Decimal(day["reserved_usd"]) == 0, day, spent)
    expect(spent % COST == 0 and spent > Decimal("0.1"), spent)
    p.verify()


def marks_are_told_once_and_journalled(p):
    p.run("budget", "set", "day", "0.10", code=0)
    proc = p.run("run", "--model", turns(p, 6), "--total-budget-usd", "1", "q", code=0)
    expect(proc.stderr.count("50 % of today's budget is spent") == 1 and "80 %" not in proc.stderr, proc.stderr)
    proc = p.run("run", "--output", "json", "--model", turns(p, 3), "--total-budget-usd", "1", "q", code=0)
    expect(proc.stderr.count("80 % of today's budget is spent") == 1 and "50 %" not in proc.stderr, proc.stderr)
    rows = [json.loads(line)["body"] for line in p.run("journal", "export", code=0).stdout.splitlines() if '"kind":"money"' in line]
    told = [(row["of"], row["percent"]) for row in rows if row["what"] == "warning"]
    expect(told == [("today's budget", 50), ("today's budget", 80)], told)
    expect([row["pico_usd"] for row in rows if row["what"] == "cap"] == [100000000000], rows)
    p.run("budget", "set", "day", "none", code=0)
    proc = p.run("run", "--model", turns(p, 4), "--total-budget-usd", "0.03", "q", code=4)
    expect("50 % of the session's budget is spent" in proc.stderr, proc.stderr)


def a_stream_that_breaks_costs_its_worst(p):
    broken = {"error": {"kind": "disconnect", "times": 1}, "usage": {"input_tokens": 1000, "output_tokens": 400}, "text": "t"}
    done = p.run_json("--model", p.script(PRICE, broken), "q", code=0)
    # 1000 tokens in and 32000 out at the worst, and then what the second try cost
    expect(Decimal(str(done["cost_usd"])) == Decimal("0.483") + COST, done)
    busy = {**broken, "error": {"kind": "overloaded", "times": 1}}
    done = p.run_json("--model", p.script(PRICE, busy), "q", code=0)
    expect(Decimal(str(done["cost_usd"])) == COST, "a service that is too busy charges nothing", done)
    p.verify()


def a_service_that_reports_more_than_it_can_charge_passes_no_cap(p):
    p.run("budget", "set", "day", "0.30", code=0)
    with Stub(lambda stub, ask: ask.stream(text("x", input_tokens=10**9, output_tokens=10**12))) as stub:
        env = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": stub.base}
        done = p.run_json("--model", "anthropic/claude-sonnet-4-5", "--total-budget-usd", "0.20", "q", env=env, code=0)
    expect(0 < done["cost_usd"] <= 0.20, done)
    rows = [json.loads(line)["body"] for line in p.run("journal", "export", code=0).stdout.splitlines() if '"kind":"money"' in line]
    amount = {row["what"]: row["pico_usd"] for row in rows if "pico_usd" in row}
    expect(amount["over"] > 10**18 and amount["settle"] == amount["reserve"], "the lie is in the journal, the worst case in the books", amount)
    expect(Decimal(show(p)["caps"]["day"]["spent_usd"]) == Decimal(str(done["cost_usd"])), show(p))
    p.verify()


def a_killed_run_counts_at_its_worst(p):
    p.run("budget", "set", "day", "0.6", code=0)
    slow = p.script(PRICE, {**TURN, "delay_ms": 600000, "text": "late"})
    run = subprocess.Popen([BOXAGNTS, "run", "--model", slow, "q"], cwd=p.work, env=p.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        worst, end = "0.00", time.monotonic() + 60
        while worst == "0.00" and time.monotonic() < end:
            worst = show(p)["caps"]["day"]["reserved_usd"]
        expect(worst == "0.483", "1000 tokens in, 32000 out", worst)
        done = p.run_json("--model", turns(p, 40, "other.jsonl"), "q", code=4)  # what is reserved is not free for another
        expect(Decimal(str(done["cost_usd"])) <= Decimal("0.6") - Decimal(worst), done)
    finally:
        run.kill()
        run.wait()
    day = show(p)["caps"]["day"]
    expect(day["reserved_usd"] == "0.00" and Decimal(day["spent_usd"]) == Decimal(worst) + Decimal(str(done["cost_usd"])), day)
    p.verify()


def amounts_are_exact_or_refused(p):
    for text in ("5.00", "0.1", "0.000000000001", "1e-12", "999999.99", "0"):
        p.run("budget", "set", "day", text, code=0)
        expect(Decimal(show(p)["caps"]["day"]["cap_usd"]) == Decimal(text), text)
    for text in ("", "x", "5,00", "0.0000000000001", "1000001", "1e400", "nan", "0x10", " 5", "$5", "5 ", "+5"):
        proc = p.run("budget", "set", "day", text, code=2)
        expect("budget set" in proc.stderr, proc.stderr)
    for args in (["budget", "set"], ["budget", "set", "day"], ["budget", "set", "year", "1"], ["budget", "set", "day", "1", "2"]):
        p.run(*args, code=2)
    expect(show(p)["caps"]["day"]["cap_usd"] == "0.00", "a refused amount changes nothing")
    p.run("budget", "set", "day", "none", code=0)
    for text in ("0.29", "5.00", "123.456789012"):
        session = p.run_json("--model", p.script({"text": "x"}), "--total-budget-usd", text, "q", code=0)["session"]
        expect(Decimal(show(p, session)["budget_usd"]) == Decimal(text), text)
    for text in ("0.1234567890123", "123456.1234567891", "5x", "-1", "1e-13"):
        p.run("run", "--model", p.script({"text": "x"}), "--total-budget-usd", text, "q", code=2)


def what_is_printed_is_the_decimal_that_was_spent(p):
    model = p.script({"script": 1, "price": {"input_per_mtok_usd": 0.1, "output_per_mtok_usd": 0.2}},
                     {"text": "a", "calls": [call("list")], "usage": {"input_tokens": 1, "output_tokens": 1}}, {"text": "b", "usage": {"input_tokens": 123457, "output_tokens": 3}})
    proc = p.run("run", "--model", model, "--output", "stream-json", "--total-budget-usd", "1234.000000000003", "q", code=2)
    expect("15 in all" in proc.stderr, proc.stderr)
    proc = p.run("run", "--model", model, "--output", "stream-json", "--total-budget-usd", "234.000000000003", "q", code=0)
    expect('"cost_usd":0.0000003,' in proc.stdout, "0.1 and 0.2 are 0.3", proc.stdout)
    done = json.loads(proc.stdout.splitlines()[-1], parse_float=Decimal)
    expect(done["cost_usd"] == Decimal("0.0000003") + Decimal("123457") * Decimal("0.0000001") + Decimal("0.0000006"), done["cost_usd"])
    expect('"budget_usd":234.000000000003' in proc.stdout, proc.stdout.splitlines()[-1])
    (p.root / "s.json").write_text('{"total_budget_usd": 1234.000000000003}')
    err = p.run("run", "--settings", p.root / "s.json", "--model", model, "q", code=2).stderr
    expect("total_budget_usd" in err and "at most 15" in err, err)


def an_unknown_price_says_how_to_set_one(p):
    env = {"ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    for budget in ([], ["--total-budget-usd", "0"]):
        proc = p.run("run", "--model", "anthropic/claude-of-tomorrow", *budget, "q", env=env, code=2)
        expect("price" in proc.stderr and "input_per_mtok_usd" in proc.stderr, proc.stderr)


def the_caps_are_shown_before_there_is_a_session(p):
    shown = show(p)
    expect(shown["caps"]["day"] == {"cap_usd": None, "spent_usd": "0.00", "reserved_usd": "0.00"} and "session" not in shown, shown)
    p.run("budget", "set", "month", "12.5", code=0)
    text = p.run("budget", "show", code=0).stdout
    expect("this month: spent $0.00, reserved $0.00, at most $12.50" in text and "today: " in text, text)


main(a_day_and_a_month_stop_the_run_that_would_pass_them, a_cap_of_the_day_is_shared_by_processes, marks_are_told_once_and_journalled,
     a_stream_that_breaks_costs_its_worst, a_service_that_reports_more_than_it_can_charge_passes_no_cap, a_killed_run_counts_at_its_worst, amounts_are_exact_or_refused, what_is_printed_is_the_decimal_that_was_spent, an_unknown_price_says_how_to_set_one,
     the_caps_are_shown_before_there_is_a_session)
