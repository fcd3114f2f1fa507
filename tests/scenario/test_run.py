#!/usr/bin/env python3
"""boxagnts run with scripted planners: output forms, limits, money, recovery, loop, refusals."""
import json
import time

from common import call, expect, main

DONE_KEYS = {"v", "session", "status", "stopped_by", "exit_code", "text", "turns", "usage", "cost_usd", "budget_usd", "calls"}


def a_task_is_done(p):
    (p.work / "a.txt").write_text("hello\n")
    model = p.script({"text": "look", "calls": [call("read", path="a.txt")], "usage": {"input_tokens": 10, "output_tokens": 5}},
                     {"expect": {"contains": "hello", "is_error": False}, "text": "It says hello.", "usage": {"input_tokens": 20, "output_tokens": 6}})
    done = p.run_json("--model", model, "task", code=0)
    expect(set(done) == DONE_KEYS, set(done) ^ DONE_KEYS)
    expect(done["status"] == "done" and done["stopped_by"] is None and done["text"] == "It says hello." and done["turns"] == 2, done)
    expect(done["usage"]["input_tokens"] == 30 and done["usage"]["output_tokens"] == 11 and done["cost_usd"] == 0, done)
    expect([(c["tool"], c["stopped_by"], c["is_error"]) for c in done["calls"]] == [("read", "exit", False)], done["calls"])
    p.verify()


def text_output_is_the_answer_alone(p):
    proc = p.run("run", "--model", p.script({"text": "The answer."}), "q", code=0)
    expect(proc.stdout == "The answer.\n", proc.stdout)
    expect("\x1b" not in proc.stderr, "no escapes without a terminal", proc.stderr)


def stream_json_is_one_object_a_line(p):
    (p.work / "a.txt").write_text("x")
    proc = p.run("run", "--output", "stream-json", "--model", p.script({"text": "t", "calls": [call("read", path="a.txt")]}, {"text": "end"}), "q", code=0)
    lines = [json.loads(line) for line in proc.stdout.splitlines()]
    types = [line["type"] for line in lines]
    expect(types[0] == "session" and types[-1] == "done", types)
    for kind in ("text", "call", "result", "receipt", "usage"):
        expect(kind in types, kind, types)
    expect(DONE_KEYS <= set(lines[-1]), lines[-1])


def an_expectation_that_does_not_hold_fails_the_run(p):
    (p.work / "a.txt").write_text("hello")
    model = p.script({"calls": [call("read", path="a.txt")]}, {"expect": {"contains": "goodbye"}, "text": "x"})
    done = p.run_json("--model", model, "q", code=1)
    expect(done["status"] == "failed", done)


def turns_and_calls_are_capped(p):
    (p.work / "a.txt").write_text("\n".join(map(str, range(100))))
    lines = [{"text": "t", "calls": [call("read", path="a.txt", offset=i + 1)]} for i in range(20)]
    done = p.run_json("--model", p.script(*lines), "--max-turns", "3", "q", code=5)
    expect(done["stopped_by"] == "turns" and done["status"] == "stopped" and done["turns"] == 3, done)
    done = p.run_json("--model", p.script(*lines), "--max-tool-calls", "4", "q", code=5)
    expect(done["stopped_by"] == "calls" and len(done["calls"]) == 4, done)


def time_is_capped_while_the_model_thinks_and_while_a_tool_runs(p):
    start = time.monotonic()
    done = p.run_json("--model", p.script({"delay_ms": 60000, "text": "late"}), "--timeout", "700ms", "q", code=5)
    expect(done["stopped_by"] == "time" and time.monotonic() - start < 30, done)


def money_never_passes_the_cap(p):
    price = {"script": 1, "price": {"input_per_mtok_usd": 3, "output_per_mtok_usd": 15}}
    (p.work / "a.txt").write_text("\n".join(map(str, range(1000))))
    lines = [{"text": "t", "calls": [call("read", path="a.txt", offset=i + 1)], "usage": {"input_tokens": 1000, "output_tokens": 400}} for i in range(50)]
    for budget in ("0.02", "0.05", "0.0951"):
        done = p.run_json("--model", p.script(price, *lines), "--total-budget-usd", budget, "q", code=4)
        expect(done["stopped_by"] == "budget" and done["cost_usd"] <= float(budget), done)
        expect(done["cost_usd"] > 0 and done["budget_usd"] == float(budget), done)
    done = p.run_json("--model", p.script(price, {"text": "t", "usage": {"input_tokens": 10000, "output_tokens": 1}}), "--total-budget-usd", "0.001", "q",
                      code=4)
    expect(done["cost_usd"] == 0 and done["turns"] == 0, "nothing was sent", done)
    p.verify()


def the_service_is_tried_three_times_more(p):
    done = p.run_json("--model", p.script({"error": {"kind": "overloaded", "times": 3}, "text": "at last"}), "q", code=0)
    expect(done["text"] == "at last" and done["turns"] == 1, done)
    for kind in ("overloaded", "rate_limit", "disconnect", "malformed"):
        done = p.run_json("--model", p.script({"error": {"kind": kind, "times": 4}, "text": "never"}), "q", code=6, timeout=120)
        expect(done["stopped_by"] == "model" and done["text"] == "", done)


def useless_answers_get_three_messages_then_a_stop(p):
    for line in ({"text": ""}, {"thinking": "hm"}, {"text": "cut", "stop": "max_tokens"}):
        done = p.run_json("--model", p.script(*[line] * 10), "q", code=5)
        expect(done["stopped_by"] == "recovery" and done["turns"] == 4, line, done)
    done = p.run_json("--model", p.script({"text": ""}, {"text": ""}, {"text": ""}, {"text": "better"}), "q", code=0)
    expect(done["text"] == "better", done)


def a_loop_is_seen(p):
    (p.work / "a.txt").write_text("same")
    lines = [{"text": "again", "calls": [call("read", path="a.txt")]}] * 10
    done = p.run_json("--model", p.script(*lines), "q", code=5)
    expect(done["stopped_by"] == "loop" and len(done["calls"]) == 3, done)


def refusals_are_results_and_the_run_goes_on(p):
    model = p.script({"calls": [call("write", path="x.txt", content="x"), call("nothing", a=1), call("read", path="../../etc/passwd"), call("read", wrong=1)]},
                     {"expect": {"is_error": True}, "text": "I understand."})
    done = p.run_json("--model", model, "q", code=0)
    expect([c["stopped_by"] for c in done["calls"]] == ["denied:policy", "schema", "denied:policy", "schema"], done["calls"])
    expect(all(c["is_error"] for c in done["calls"]) and not (p.work / "x.txt").exists(), done)
    p.verify()


def a_model_refusal_is_named(p):
    done = p.run_json("--model", p.script({"text": "no", "stop": "refusal"}), "q", code=1)
    expect(done["stopped_by"] == "refusal", done)


def malformed_arguments_are_answered_not_run(p):
    model = p.script({"calls": [{"tool": "read", "input": "{not json"}]}, {"expect": {"is_error": True}, "text": "sorry"})
    done = p.run_json("--model", model, "q", code=0)
    expect(done["calls"] == [] and done["text"] == "sorry", done)


def permission_modes(p):
    def wrote(*flags):
        (p.work / "x.txt").unlink(missing_ok=True)
        p.run_json("--model", p.script({"calls": [call("write", path="x.txt", content="x")]}, {"text": "end"}), *flags, "q")
        return (p.work / "x.txt").exists()

    expect(not wrote() and not wrote("--permission-mode", "plan") and not wrote("--permission-mode", "dontAsk"), "no question, no write")
    expect(wrote("--permission-mode", "acceptEdits") and wrote("--permission-mode", "bypass") and wrote("--yes-to", "Write(/x.txt)"), "allowed")
    expect(not wrote("--yes-to", "Write(/y.txt)") and not wrote("--permission-mode", "bypass", "--deny", "Write(/x.txt)"), "a deny wins")


def script_mistakes_are_config_errors_with_a_line(p):
    for line, word in (("{broken", ":2"), ('{"text":1}', ":2"), ('{"words":"x"}', "words"), ('{"calls":[{"input":{}}]}', "tool"), ('[]', ":2"),
                       ('{"stop":"never"}', "never"), ('{"error":{"kind":"flood"}}', "flood"), ('{"usage":{"input_tokens":-1}}', "input_tokens"),
                       ('{"text":"a","text":"b"}', ":2")):
        proc = p.run("run", "--model", p.script({"text": "fine"}, line), "q", code=2)
        expect(word in proc.stderr and "script.jsonl:2" in proc.stderr, line, proc.stderr)
    proc = p.run("run", "--model", "script:/nowhere.jsonl", "q", code=2)
    expect("/nowhere.jsonl" in proc.stderr, proc.stderr)
    p.run("run", "--model", "nonsense", "q", code=2)
    p.run("run", "--model", "nobody/x", "q", code=2)
    proc = p.run("run", "q", code=2)
    expect("ANTHROPIC_API_KEY" in proc.stderr, proc.stderr)


main(a_task_is_done, text_output_is_the_answer_alone, stream_json_is_one_object_a_line, an_expectation_that_does_not_hold_fails_the_run,
     turns_and_calls_are_capped, time_is_capped_while_the_model_thinks_and_while_a_tool_runs, money_never_passes_the_cap,
     the_service_is_tried_three_times_more, useless_answers_get_three_messages_then_a_stop, a_loop_is_seen, refusals_are_results_and_the_run_goes_on,
     a_model_refusal_is_named, malformed_arguments_are_answered_not_run, permission_modes, script_mistakes_are_config_errors_with_a_line)
