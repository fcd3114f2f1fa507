#!/usr/bin/env python3
"""`boxagnts run` against a stub of the Anthropic Messages API: every way an answer can come, and what the run makes of it."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_model import Stub, call_block, message, sse, text, text_block, thinking_block

BIN = os.environ.get("BOXAGNTS_BIN") or os.path.join(os.path.dirname(__file__), "../../build/release/bin")
KEY = "test-key-3141592653589793"
MODEL = "anthropic/claude-sonnet-4-5"
INPUT_USD, OUTPUT_USD = 3e-6, 15e-6
PATIENCE = 60
MARK = {"type": "ephemeral"}


class Runs(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="bx-model-")
        self.addCleanup(self.folder.cleanup)
        self.work = os.path.join(self.folder.name, "work")
        os.mkdir(self.work)

    def write(self, name, content):
        with open(os.path.join(self.work, name), "w", encoding="utf-8") as file:
            file.write(content)

    def environment(self, stub, **more):
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}
        return {**keep, "ANTHROPIC_BASE_URL": stub.base, "ANTHROPIC_API_KEY": KEY, "BOXAGNTS_STATE": os.path.join(self.folder.name, "state"),
                "XDG_CACHE_HOME": os.path.join(self.folder.name, "cache"), "XDG_CONFIG_HOME": os.path.join(self.folder.name, "config"), **more}

    def command(self, *options, model=MODEL):
        return [f"{BIN}/boxagnts", "run", "--model", model, "--output", "json", "--work-dir", self.work, *options, "do the task"]

    def run_with(self, answer, *options, environment=None, model=MODEL):
        """One run to its end: (its object, the stub, all it printed)."""
        with Stub(answer) as stub:
            done = subprocess.run(self.command(*options, model=model), env=self.environment(stub, **(environment or {})), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(stub.failures, [], f"the stub failed: {stub.failures}")
        printed = done.stdout + done.stderr
        self.assertTrue(done.stdout.strip(), f"nothing on stdout; stderr: {done.stderr}")
        result = json.loads(done.stdout)
        self.assertEqual(result["exit_code"], done.returncode)
        self.assertNotIn(KEY, printed)
        self.key_is_nowhere()
        return result, stub, printed

    def key_is_nowhere(self):
        for root, _, names in os.walk(self.folder.name):
            for name in names:
                with open(os.path.join(root, name), "rb") as file:
                    self.assertNotIn(KEY.encode(), file.read(), f"the key is in {root}/{name}")

    def ends(self, result, code, stopped_by):
        self.assertEqual((result["exit_code"], result["stopped_by"]), (code, stopped_by), result)

    def script(self, *answers):
        """An answer function that gives these in turn: lists are streams, functions get the ask; the last one repeats."""
        def answer(stub, ask):
            this = answers[min(ask.number, len(answers)) - 1]
            if callable(this):
                this(ask)
            else:
                ask.stream(this)
        return answer

    # --- answers ---

    def test_text_is_the_answer_and_its_cost_is_counted(self):
        result, stub, _ = self.run_with(self.script(text("hello", input_tokens=1000, output_tokens=100)))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], result["turns"], result["status"]), ("hello", 1, "done"))
        self.assertEqual(result["usage"], {"input_tokens": 1000, "output_tokens": 100, "cache_read_tokens": 0, "cache_write_tokens": 0})
        self.assertAlmostEqual(result["cost_usd"], 1000 * INPUT_USD + 100 * OUTPUT_USD, places=9)
        ask, = stub.asks
        self.assertEqual(ask.path, "/v1/messages")
        self.assertEqual(ask.headers["x-api-key"], KEY)
        self.assertEqual(ask.json["model"], "claude-sonnet-4-5")
        self.assertTrue(ask.json["stream"])
        self.assertEqual(ask.json["messages"], [{"role": "user", "content": [{"type": "text", "text": "do the task", "cache_control": MARK}]}])
        self.assertEqual([block["cache_control"] for block in ask.json["system"]], [MARK])
        self.assertIn("read", [tool["name"] for tool in ask.json["tools"]])
        for tool in ask.json["tools"]:
            self.assertEqual(set(tool), {"name", "description", "input_schema"})

    def test_thinking_goes_back_unchanged_with_its_signature(self):
        self.write("a.txt", "content of a\n")
        thought, signature = "hm \u00e9 \U0001f600 \"quoted\"\n", "c2lnbmF0dXJl+/=="
        redacted = ({"type": "redacted_thinking", "data": "b3BhcXVl"}, [])
        first = message([thinking_block(thought, signature), redacted, text_block("reading"), call_block("toolu_1", "read", {"path": "a.txt"})], stop="tool_use")
        result, stub, _ = self.run_with(self.script(first, text("done")))
        self.ends(result, 0, None)
        back = stub.asks[1].json["messages"]
        self.assertEqual([entry["role"] for entry in back], ["user", "assistant", "user"])
        self.assertEqual(back[1]["content"], [{"type": "thinking", "thinking": thought, "signature": signature}, {"type": "redacted_thinking", "data": "b3BhcXVl"},
                                              {"type": "text", "text": "reading"},
                                              {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a.txt"}}])
        answer, = back[2]["content"]
        self.assertEqual((answer["type"], answer["tool_use_id"], answer["is_error"]), ("tool_result", "toolu_1", False))
        self.assertIn("content of a", json.dumps(answer["content"]))

    def test_a_call_split_at_every_byte(self):
        self.write("\u00e9.txt", "found\n")
        words = json.dumps({"path": "\u00e9.txt", "limit": 7}, ensure_ascii=False)
        splits = [[words[:cut], words[cut:]] for cut in range(len(words) + 1)] + [list(words)]
        answers = [message([call_block(f"toolu_{i}", "read", None, pieces)], stop="tool_use") for i, pieces in enumerate(splits)]
        # a different answer between, so that the loop is not taken for one that turns in a circle
        blocks = []
        for i, _ in enumerate(splits):
            blocks += [answers[i], message([call_block(f"other_{i}", "list", {"depth": i % 9 + 1})], stop="tool_use")]
        result, stub, _ = self.run_with(self.script(*blocks, text("done")), "--max-turns", "200")
        self.ends(result, 0, None)
        reads = [call for call in result["calls"] if call["tool"] == "read"]
        self.assertEqual(len(reads), len(splits))
        self.assertFalse([call for call in reads if call["is_error"]])

    def test_the_stream_split_at_every_byte(self):
        self.write("a.txt", "x\n")
        events = message([text_block("Gr\u00fc\u00dfe"), call_block("toolu_1", "read", {"path": "a.txt"})], stop="tool_use")
        result, _, _ = self.run_with(self.script(lambda ask: ask.stream(events, 1), lambda ask: ask.stream(text("done \u00e9"), 1)))
        self.ends(result, 0, None)
        self.assertEqual(result["text"], "done \u00e9")

    def test_parallel_calls_all_run_and_answer_in_order(self):
        for name in "abc":
            self.write(name, f"content of {name}\n")
        calls = [call_block(f"toolu_{name}", "read", {"path": name}) for name in "abc"]
        result, stub, _ = self.run_with(self.script(message(calls, stop="tool_use"), text("done")))
        self.ends(result, 0, None)
        answers = stub.asks[1].json["messages"][2]["content"]
        self.assertEqual([answer["tool_use_id"] for answer in answers], ["toolu_a", "toolu_b", "toolu_c"])
        for answer in answers:
            self.assertIn(f"content of {answer['tool_use_id'][-1]}", json.dumps(answer))
        self.assertEqual(len(result["calls"]), 3)

    def test_a_call_without_arguments_has_the_empty_object(self):
        result, stub, _ = self.run_with(self.script(message([call_block("toolu_1", "list", None, [])], stop="tool_use"), text("done")))
        self.ends(result, 0, None)
        self.assertEqual(stub.asks[1].json["messages"][1]["content"][0]["input"], {})

    def test_a_call_whose_arguments_are_no_json_is_not_run_and_answered_as_an_error(self):
        result, stub, _ = self.run_with(self.script(message([call_block("toolu_1", "write", '{"path": "x", "content": ')], stop="tool_use"), text("done")))
        self.ends(result, 0, None)
        self.assertTrue(stub.asks[1].json["messages"][2]["content"][0]["is_error"])
        self.assertEqual(os.listdir(self.work), [])

    def test_a_tool_that_does_not_exist_is_an_error_result(self):
        result, stub, _ = self.run_with(self.script(message([call_block("toolu_1", "format_disk", {})], stop="tool_use"), text("done")))
        self.ends(result, 0, None)
        self.assertTrue(stub.asks[1].json["messages"][2]["content"][0]["is_error"])

    def test_an_image_goes_to_the_service(self):
        png = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154089963f8cfc000000301010018dd8db00000000049454e44ae426082")
        with open(os.path.join(self.work, "a.png"), "wb") as file:
            file.write(png)
        result, stub, _ = self.run_with(self.script(message([call_block("toolu_1", "read", {"path": "a.png"})], stop="tool_use"), text("done")))
        self.ends(result, 0, None)
        content = stub.asks[1].json["messages"][2]["content"][0]["content"]
        image, = [block for block in content if block["type"] == "image"]
        self.assertEqual((image["source"]["type"], image["source"]["media_type"]), ("base64", "image/png"))

    def test_a_refusal_ends_the_run(self):
        result, stub, _ = self.run_with(self.script(text("no", stop="refusal")))
        self.ends(result, 1, "refusal")
        self.assertEqual(len(stub.asks), 1)

    def test_an_answer_cut_at_its_limit_is_continued(self):
        result, stub, _ = self.run_with(self.script(text("first ", stop="max_tokens"), text("second")))
        self.ends(result, 0, None)
        self.assertEqual(result["text"], "first second")
        self.assertEqual([entry["role"] for entry in stub.asks[1].json["messages"]], ["user", "assistant", "user"])

    def test_empty_answers_end_after_three_recovery_messages(self):
        result, stub, _ = self.run_with(self.script(message([])))
        self.ends(result, 5, "recovery")
        self.assertEqual(len(stub.asks), 4)

    # --- failures of the service ---

    def test_a_rate_limit_is_waited_for(self):
        result, stub, _ = self.run_with(self.script(lambda ask: ask.error(429, "slow", "rate_limit_error", {"retry-after": "1.2"}), text("hello")))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], result["turns"], len(stub.asks)), ("hello", 1, 2))
        self.assertGreaterEqual(stub.asks[1].at - stub.asks[0].at, 1.2)
        self.assertAlmostEqual(result["cost_usd"], 10 * INPUT_USD + 5 * OUTPUT_USD, places=9)

    def test_a_wait_past_the_time_limit_stops_at_once(self):
        result, stub, _ = self.run_with(self.script(lambda ask: ask.error(429, "slow", "rate_limit_error", {"retry-after": "3600"})), "--timeout", "600")
        self.ends(result, 5, "time")
        self.assertEqual(len(stub.asks), 1)

    def test_overloaded_for_ever_is_four_requests(self):
        result, stub, _ = self.run_with(self.script(lambda ask: ask.error(529, "Overloaded", "overloaded_error")))
        self.ends(result, 6, "model")
        self.assertEqual(len(stub.asks), 4)
        self.assertEqual(result["cost_usd"], 0)
        self.assertEqual(result["text"], "")
        bodies = {ask.body for ask in stub.asks}
        self.assertEqual(len(bodies), 1, "the same request, four times")

    def test_classes_that_are_tried_again_and_those_that_are_not(self):
        for status, kind, words, tries in ((500, "api_error", "x", 4), (503, "", "", 4), (400, "invalid_request_error", "bad", 1), (402, "billing_error", "pay", 1),
                                           (403, "permission_error", "no", 1), (404, "not_found_error", "model", 1), (413, "request_too_large", "big", 1),
                                           (400, "invalid_request_error", "prompt is too long: 9 > 8", 1), (429, "insufficient_quota", "quota", 1)):
            result, stub, _ = self.run_with(self.script(lambda ask, s=status, k=kind, w=words: ask.error(s, w, k)))
            self.ends(result, 6, "model")
            self.assertEqual(len(stub.asks), tries, (status, words))

    def test_a_wrong_key_is_not_tried_again_and_never_shown(self):
        result, stub, printed = self.run_with(self.script(lambda ask: ask.error(401, f"invalid x-api-key {KEY}", "authentication_error")))
        self.ends(result, 6, "model")
        self.assertEqual(len(stub.asks), 1)
        self.assertIn("401", printed)

    def test_a_redirect_is_refused_and_the_key_goes_nowhere(self):
        with Stub(self.script(text("caught"))) as other:
            result, stub, printed = self.run_with(self.script(lambda ask: ask.head(307, {"location": other.base + "/v1/messages"}, length=0)))
            self.assertEqual(other.asks, [])
        self.ends(result, 6, "model")
        self.assertEqual(len(stub.asks), 1)
        self.assertIn("redirect", printed)

    def test_a_cut_stream_is_tried_again_and_its_text_is_gone(self):
        events = text("half an answer")
        result, stub, _ = self.run_with(self.script(events[:4], text("whole")))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], len(stub.asks)), ("whole", 2))

    def test_a_call_of_a_cut_stream_is_never_run(self):
        events = message([call_block("toolu_1", "write", {"path": "x.txt", "content": "x"})], stop="tool_use")
        result, stub, _ = self.run_with(self.script(events[:-2], events[:-1], text("done")), "--yes-to", "Write(/**)")
        self.ends(result, 0, None)
        self.assertEqual((os.listdir(self.work), result["calls"], len(stub.asks)), ([], [], 3))

    def test_cut_for_ever_is_four_requests(self):
        result, stub, _ = self.run_with(self.script(text("x")[:3]))
        self.ends(result, 6, "model")
        self.assertEqual((len(stub.asks), result["text"]), (4, ""))

    def test_malformed_streams_are_four_requests(self):
        for bad in (b"data: {broken\n\n", b"data: 7\n\n"):
            result, stub, _ = self.run_with(self.script([*text("x")[:3], bad, *text("x")[3:]]))
            self.ends(result, 6, "model")
            self.assertEqual(len(stub.asks), 4)

    def test_deltas_that_fit_no_block_are_malformed(self):
        stray = {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}}
        result, stub, _ = self.run_with(self.script([stray, *text("x")]))
        self.ends(result, 6, "model")
        self.assertEqual(len(stub.asks), 4)

    def test_a_failed_stream_that_goes_on_does_not_break_the_run(self):
        def endless(ask):
            ask.head()
            ask.send(sse({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}}))
            while ask.send(sse({"type": "ping"})):
                time.sleep(0.01)
        # the stream would go on for ever: the run breaks it off
        result, stub, _ = self.run_with(self.script(endless, text("done")))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], len(stub.asks)), ("done", 2))

    def test_an_error_event_inside_of_a_stream(self):
        def failing(kind):
            return [*text("half")[:4], {"type": "error", "error": {"type": kind, "message": "why"}}]
        result, stub, _ = self.run_with(self.script(failing("overloaded_error"), text("whole")))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], len(stub.asks)), ("whole", 2))
        result, stub, _ = self.run_with(self.script(failing("invalid_request_error")))
        self.ends(result, 6, "model")
        self.assertEqual(len(stub.asks), 1)

    def test_an_event_of_100_mb_is_capped_and_memory_with_it(self):
        def flood(ask):
            ask.head()
            ask.send("event: content_block_delta\ndata: ")
            for _ in range(100):
                if not ask.send(b"x" * (1 << 20)):
                    return
        result, stub, _ = self.run_with(self.script(flood, text("done")))
        self.ends(result, 0, None)
        self.assertEqual(len(stub.asks), 2)

    def test_an_answer_larger_than_any_that_is_kept_is_malformed(self):
        big = message([text_block(*["y" * 500_000] * 18)])
        result, stub, _ = self.run_with(self.script(big, text("done")))
        self.ends(result, 0, None)
        self.assertEqual(result["text"], "done")

    def test_more_calls_in_one_answer_than_are_kept_are_malformed(self):
        many = message([call_block(f"t{i}", "list", {}) for i in range(200)], stop="tool_use")
        result, stub, _ = self.run_with(self.script(many, text("done")))
        self.ends(result, 0, None)
        self.assertEqual(result["calls"], [])

    def test_nobody_there_is_exit_6(self):
        with Stub(None) as stub:
            pass
        done = subprocess.run(self.command(), env=self.environment(stub), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
        result = json.loads(done.stdout)
        self.ends(result, 6, "model")
        self.assertEqual(result["cost_usd"], 0)

    def test_a_missing_key_and_a_bad_base_are_config_errors(self):
        with Stub(None) as stub:
            for change in ({"ANTHROPIC_API_KEY": ""}, {"ANTHROPIC_BASE_URL": "ftp://x"}, {"ANTHROPIC_BASE_URL": "http://127.0.0.1:99999"}):
                done = subprocess.run(self.command(), env=self.environment(stub, **change), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                      timeout=PATIENCE, check=False)
                self.assertEqual(done.returncode, 2, (change, done.stdout, done.stderr))

    def test_a_base_with_slashes_at_its_end(self):
        with Stub(self.script(text("hi"))) as stub:
            done = subprocess.run(self.command(), env=self.environment(stub, ANTHROPIC_BASE_URL=stub.base + "//"), stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, stub.asks[0].path), (0, "/v1/messages"))

    # --- limits ---

    def test_money_is_bounded_exactly_and_max_tokens_is_lowered_to_it(self):
        cap = 0.10
        def dear(ask):
            body = ask.json
            worst = len(ask.body) # a token is at least a byte
            ask.stream(message([call_block(f"t{ask.number}", "list", {"depth": ask.number % 9 + 1})], stop="tool_use", input_tokens=worst, output_tokens=body["max_tokens"]))
        result, stub, _ = self.run_with(self.script(dear), "--total-budget-usd", str(cap))
        self.ends(result, 4, "budget")
        self.assertGreater(len(stub.asks), 0)
        self.assertLessEqual(result["cost_usd"], cap)
        spent = sum(len(ask.body) * INPUT_USD + ask.json["max_tokens"] * OUTPUT_USD for ask in stub.asks)
        self.assertLessEqual(spent, cap)
        for ask in stub.asks:
            self.assertGreaterEqual(ask.json["max_tokens"], 256)
        self.assertLess(stub.asks[0].json["max_tokens"], 16000)

    def test_a_budget_for_nothing_sends_nothing(self):
        result, stub, _ = self.run_with(self.script(text("x")), "--total-budget-usd", "0.001")
        self.ends(result, 4, "budget")
        self.assertEqual((len(stub.asks), result["cost_usd"]), (0, 0))

    def test_a_cut_stream_costs_its_worst_case_and_stays_in_the_budget(self):
        result, stub, _ = self.run_with(self.script(text("x")[:3]), "--total-budget-usd", "0.20")
        self.assertIn(result["stopped_by"], ("budget", "model"))
        self.assertGreater(result["cost_usd"], 0)
        self.assertLessEqual(result["cost_usd"], 0.20)

    def test_the_turn_limit(self):
        def more(ask):
            ask.stream(message([call_block(f"t{ask.number}", "list", {"depth": ask.number % 9 + 1})], stop="tool_use"))
        result, stub, _ = self.run_with(self.script(more), "--max-turns", "3")
        self.ends(result, 5, "turns")
        self.assertEqual((len(stub.asks), result["turns"]), (3, 3))

    def test_the_time_limit_ends_a_silent_stream(self):
        def silent(stub, ask):
            ask.head()
            stub.hold()
        result, _, _ = self.run_with(silent, "--timeout", "1.5s")
        self.ends(result, 5, "time")

    def test_the_same_call_three_times_is_a_loop(self):
        result, stub, _ = self.run_with(self.script(message([call_block("t", "list", {})], stop="tool_use")))
        self.ends(result, 5, "loop")
        self.assertEqual(len(stub.asks), 3)

    # --- cancel ---

    def processes(self):
        """Every process that has the folder of this test in its environment, or is a child of one: by the session's programs."""
        mark, found = self.folder.name.encode(), []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as file:
                        if b"boxagnts" in file.read().split(b"\0")[0]:
                            with open(f"/proc/{entry}/stat", encoding="ascii") as stat:
                                found.append((int(entry), int(stat.read().rsplit(")", 1)[1].split()[1])))
                except OSError:
                    pass
        return found, mark

    def family(self, pid):
        rows, _ = self.processes()
        members, grew = {pid}, True
        while grew:
            grew = False
            for child, parent in rows:
                if parent in members and child not in members:
                    members.add(child)
                    grew = True
        return members - {pid}

    def cancel(self, answer, when, signals=1):
        with Stub(answer) as stub:
            process = subprocess.Popen(self.command(), env=self.environment(stub), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                until = time.monotonic() + PATIENCE
                while not (when(stub) and len(self.family(process.pid)) >= 3) and time.monotonic() < until:
                    time.sleep(0.01)
                family = self.family(process.pid)
                self.assertGreaterEqual(len(family), 3, "agent, worker and egress")
                for _ in range(signals):
                    process.send_signal(signal.SIGINT)
                out, _ = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
                process.wait()
        self.assertEqual(process.returncode, 130)
        result = json.loads(out)
        self.assertEqual((result["status"], result["stopped_by"]), ("cancelled", "cancel"))
        until = time.monotonic() + PATIENCE
        left = family
        while left and time.monotonic() < until:
            left = {pid for pid in family if os.path.exists(f"/proc/{pid}")}
            time.sleep(0.01)
        self.assertEqual(left, set(), "processes are left")
        self.key_is_nowhere()
        return result, stub

    def test_cancel_during_a_slow_stream(self):
        def slow(_, ask):
            ask.head()
            for event in text("never whole")[:4]:
                ask.send(sse(event))
            while ask.send(sse({"type": "ping"})):
                time.sleep(0.05)
        result, _ = self.cancel(slow, lambda stub: stub.asks)
        self.assertEqual(result["text"], "")
        self.assertGreater(result["cost_usd"], 0) # what was sent is owed at its worst

    def test_cancel_before_the_service_answers(self):
        self.cancel(lambda stub, ask: stub.hold(), lambda stub: stub.asks)

    def test_cancel_in_the_wait_before_a_retry(self):
        def answer(_, ask):
            ask.error(429, "slow", "rate_limit_error", {"retry-after": "30"})
        result, stub = self.cancel(answer, lambda stub: stub.asks)
        self.assertEqual(len(stub.asks), 1)
        self.assertEqual(result["cost_usd"], 0)

    def test_two_signals_at_once_end_it_too(self):
        self.cancel(lambda stub, ask: stub.hold(), lambda stub: stub.asks, signals=2)

    def test_the_journal_verifies_after_all_of_this(self):
        with Stub(self.script(lambda ask: ask.error(529, "x", "overloaded_error"), text("x")[:3], text("done"))) as stub:
            subprocess.run(self.command(), env=self.environment(stub), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
            done = subprocess.run([f"{BIN}/boxagnts", "journal", "verify"], env=self.environment(stub), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
