#!/usr/bin/env python3
"""Models that go on when the service of the one before fails for good: fallback_models of the settings."""
import json

from common import expect, main
from lib_model import Stub
from lib_wires import Chat, Gemini, Messages

MESSAGES, CHAT, GEMINI = Messages("anthropic", "", "", (), ""), Chat("openai", "", "", (), ""), Gemini("gemini", "", "", (), "")
FIRST, SECOND, THIRD = "anthropic/claude-sonnet-4-5", "openai/gpt-4.1", "gemini/gemini-2.5-flash"
KEYS = {"ANTHROPIC_API_KEY": "key-a", "OPENAI_API_KEY": "key-o", "GEMINI_API_KEY": "key-g"}
LONG = {"retry-after": "1000"} # longer than anybody waits: no time is lost in tests


def settings(p, **values):
    path = p.root / "settings.json"
    path.write_text(json.dumps(values))
    return ("--settings", path)


def bases(a, o=None, g=None):
    env = {**KEYS, "ANTHROPIC_BASE_URL": a.base}
    if o:
        env["OPENAI_BASE_URL"] = o.base + "/v1"
    if g:
        env["GEMINI_BASE_URL"] = g.base
    return env


def busy(stub, ask):
    ask.error(429, "slow down", "rate_limit_error", LONG)


def steps(wire, *answers):
    """Each request the next answer; a function answers by itself."""
    def answer(stub, ask):
        this = answers[min(len(stub.asks), len(answers)) - 1]
        this(stub, ask) if callable(this) else ask.stream(wire.answer(this))
    return answer


def run(p, *args, code=0, env=None):
    proc = p.run("run", "--model", FIRST, "--output", "stream-json", *args, "the task", env=env, code=code)
    return [json.loads(line) for line in proc.stdout.splitlines()], proc.stderr


def another_wire_goes_on_with_the_same_conversation(p):
    """Thinking stays with its model, calls get names that every service takes, what is paid is the price of who answered."""
    (p.work / "a.txt").write_text("HELLO")
    think = [("thinking", "private thought", "SIGNED"), ("text", "I look."), ("call", "strange.id:0", "read", {"path": "a.txt"})]
    with Stub(steps(MESSAGES, think, busy)) as a, Stub(steps(CHAT, [("call", "call_9", "list", {"path": "/"})], [("text", "It says HELLO.")])) as o:
        events, err = run(p, *settings(p, fallback_models=[SECOND]), env=bases(a, o))
        first, second = o.asks[0].json, o.asks[1].json
    done = events[-1]
    expect(done["text"] == "It says HELLO." and done["turns"] == 3, done)
    expect([e["text"] for e in events if e["type"] == "recovery"] == [f"model service: rate_limit; {SECOND} goes on"], events)
    expect([e["model"] for e in events if e["type"] == "usage"] == [FIRST, FIRST, SECOND, SECOND], events)
    words = json.dumps(first["messages"])
    expect("private thought" not in words and "SIGNED" not in words and "strange" not in words and "HELLO" in words, words)
    calls, results = CHAT.calls(first), CHAT.results(first)
    expect(calls[0][1:] == ("read", {"path": "a.txt"}) and results[0][0] == calls[0][0] and calls[0][0].replace("-", "").isalnum(), calls, results)
    expect(CHAT.calls(second)[1][0] == "call_9" and CHAT.results(second)[1][0] == "call_9", "its own calls keep their names", second)
    cost = (10 * 3 + 5 * 15 + 2 * (10 * 2 + 5 * 8)) / 1e6
    expect(abs(done["cost_usd"] - cost) < 1e-9, done["cost_usd"], cost)
    journal = p.run("journal", "show", "last", "--json", code=0).stdout
    expect('"fallback"' in journal and "key-" not in journal + err + json.dumps(events), "told in the journal, and no key")
    story = p.run("replay", "last", code=0).stdout
    expect(f"model {FIRST}\n" in story and f"model {SECOND}\n" in story, story)
    p.verify()


def each_is_asked_four_times_and_the_last_word_is_the_last_ones(p):
    with Stub(lambda stub, ask: ask.error(529, "busy", "overloaded_error")) as a, Stub(lambda stub, ask: ask.error(500, "broken")) as o:
        proc = p.run("run", "--model", FIRST, "--output", "json", *settings(p, fallback_models=[SECOND]), "q", env=bases(a, o), code=6)
        asks = len(a.asks), len(o.asks)
    done = json.loads(proc.stdout)
    expect(asks == (4, 4) and done["stopped_by"] == "model" and done["turns"] == 1 and done["cost_usd"] == 0, asks, done)
    expect(SECOND in proc.stderr and "broken" in proc.stderr, proc.stderr)


def keys_bills_refusals_and_bad_requests_move_nothing(p):
    for status, kind, code in ((401, "authentication_error", 6), (402, "billing_error", 6), (403, "permission_error", 6), (400, "invalid_request_error", 6),
                               (429, "insufficient_quota", 6), (200, "refusal", 1)):
        def answer(stub, ask, status=status, kind=kind):
            if status == 200:
                return ask.stream(MESSAGES.answer([("text", "No.")], stop="filter"))
            ask.error(status, "You exceeded your current quota" if kind == "insufficient_quota" else "no", kind, code=kind)
        with Stub(answer) as a, Stub(steps(CHAT, [("text", "never")])) as o:
            events, _ = run(p, *settings(p, fallback_models=[SECOND]), env=bases(a, o), code=code)
            expect((len(a.asks), len(o.asks)) == (1, 0), status, kind, len(a.asks), len(o.asks), events[-1])


def what_is_wrong_with_the_list_is_told_before_anything_is_sent(p):
    with Stub(steps(MESSAGES, [("text", "never")])) as a:
        env = bases(a)
        for models, words in (([SECOND, "openai/gpt-99"], ("fallback_models[1]", "price", "gpt-99")), (["nobody/x"], ("fallback_models[0]", "nobody")),
                              (["gpt"], ("fallback_models[0]", "PROVIDER/NAME")), (["script:x"], ("PROVIDER/NAME",)), ([SECOND] * 9, ("8 models",)),
                              (SECOND, ("a list",)), ([7], ("PROVIDER/NAME",))):
            _, err = run(p, *settings(p, fallback_models=models), env=env, code=2)
            expect(all(word in err for word in words), models, err)
        proc = p.run("run", "--model", FIRST, *settings(p, fallback_models=[SECOND]), "q", env={**env, "OPENAI_API_KEY": ""}, code=2)
        expect("OPENAI_API_KEY" in proc.stderr, proc.stderr)
        expect(not a.asks, a.asks)
    (p.work / ".boxagnts").mkdir()
    (p.work / ".boxagnts/settings.json").write_text(json.dumps({"fallback_models": [SECOND]}))
    proc = p.run("run", "--model", p.script({"text": "x"}), "q", code=2)
    expect("fallback_models" in proc.stderr and "may only narrow" in proc.stderr, proc.stderr)


def a_script_needs_none_of_them(p):
    proc = p.run("run", "--model", p.script({"text": "x"}), *settings(p, fallback_models=[SECOND]), "q", code=0)
    expect("x" in proc.stdout, proc.stdout)


def the_budget_holds_for_who_goes_on(p):
    with Stub(busy) as a, Stub(steps(CHAT, [("text", "never")])) as o:
        dear = {"openai": {"models": {"gpt-4.1": {"price": {"input_per_mtok_usd": 900, "output_per_mtok_usd": 900}}}}}
        events, _ = run(p, *settings(p, fallback_models=[SECOND], providers=dear), "--total-budget-usd", "0.5", env=bases(a, o), code=4)
        expect(len(o.asks) == 0 and events[-1]["stopped_by"] == "budget", len(o.asks), events[-1])
    p.verify()


def a_wait_past_the_time_limit_is_not_waited_for(p):
    wait = lambda stub, ask: ask.error(429, "slow", "rate_limit_error", {"retry-after": "600"})
    with Stub(wait) as a, Stub(steps(CHAT, [("text", "here")])) as o:
        events, _ = run(p, *settings(p, fallback_models=[SECOND]), "--timeout", "50", env=bases(a, o))
        expect(events[-1]["text"] == "here" and len(a.asks) == 1, events[-1])
        _, err = run(p, "--timeout", "50", env=bases(a), code=5)
        expect("past the time limit" in err, err)


def a_session_knows_who_said_what(p):
    """It goes on with the first one again, which gets back its own thinking, and none of the other's."""
    (p.work / "a.txt").write_text("HELLO")
    mine = [("thinking", "mine", "SIG-A"), ("text", "I look."), ("call", "t1", "read", {"path": "a.txt"})]
    theirs = [("thinking", "theirs", "SIG-G"), ("text", "Looked."), ("call", "", "list", {"path": "/"})]
    with Stub(steps(MESSAGES, mine, busy, [("text", "again me")])) as a, Stub(steps(GEMINI, theirs, [("text", "over")])) as g:
        env = bases(a, g=g)
        events, _ = run(p, *settings(p, fallback_models=[THIRD]), env=env)
        expect(events[-1]["text"] == "over" and "SIG-A" not in g.asks[0].body.decode(), events[-1])
        expect("SIG-G" in g.asks[1].body.decode() or "theirs" in g.asks[1].body.decode(), "its own thinking goes back to it", g.asks[1].body)
        session = events[0]["session"]
        p.run("session", "resume", session, "go on", env=env, code=0)
        sent = a.asks[-1].json
    words = json.dumps(sent["messages"])
    expect("SIG-A" in words and "SIG-G" not in words and "theirs" not in words and "Looked." in words, words)
    identities = [identity for identity, _, _ in MESSAGES.calls(sent)]
    expect(identities[0] == "t1" and len(set(identities)) == 2 and [r[0] for r in MESSAGES.results(sent)] == identities, identities)


def a_replay_plays_every_wire(p):
    (p.work / "a.txt").write_text("HELLO")
    with Stub(steps(MESSAGES, [("text", "I look."), ("call", "t1", "read", {"path": "a.txt"})], busy)) as a, \
            Stub(steps(CHAT, [("call", "c1", "list", {"path": "/"})], busy)) as o, Stub(steps(GEMINI, [("text", "the third says so")])) as g:
        events, _ = run(p, *settings(p, fallback_models=[SECOND, THIRD]), env=bases(a, o, g))
    expect(events[-1]["text"] == "the third says so" and len(events[-1]["calls"]) == 2, events[-1])
    proc = p.run("run", "--model", f"replay:{events[0]['session']}", "--output", "json", "again", code=0)
    done = json.loads(proc.stdout)
    expect(done["text"] == "the third says so" and len(done["calls"]) == 2 and done["cost_usd"] == 0, done, proc.stderr)


main(another_wire_goes_on_with_the_same_conversation, each_is_asked_four_times_and_the_last_word_is_the_last_ones, keys_bills_refusals_and_bad_requests_move_nothing,
     what_is_wrong_with_the_list_is_told_before_anything_is_sent, a_script_needs_none_of_them, the_budget_holds_for_who_goes_on,
     a_wait_past_the_time_limit_is_not_waited_for, a_session_knows_who_said_what, a_replay_plays_every_wire)
