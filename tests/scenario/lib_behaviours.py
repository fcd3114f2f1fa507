"""What a run does on every wire: one table of behaviours. A test file names its wire and adds what only that one has.

    class OpenAI(Behaviours, unittest.TestCase):
        wire = Chat("openai", "gpt-4.1", "/chat/completions", PRICE, lambda base: {...})
"""
import base64
import json
import os
import subprocess
import tempfile

from lib_model import Stub

BIN = os.environ.get("BOXAGNTS_BIN") or os.path.join(os.path.dirname(__file__), "../../build/release/bin")
KEY = "test-key-3141592653589793"
PATIENCE = 60
PNG = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154089963f8cfc000000301010018dd8db00000000049454e44ae426082")


class Behaviours:
    wire = None
    key_env = None # None: the service needs no key

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bx-wires-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.work = os.path.join(self.folder, "work")
        for name in ("work", "config", "config/boxagnts"):
            os.mkdir(os.path.join(self.folder, name))

    def write(self, name, content):
        with open(os.path.join(self.work, name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    def settings(self, base): # of this test's user; None = none
        return None

    def environment(self, base, **more):
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}
        settings = self.settings(base)
        if settings is not None:
            with open(os.path.join(self.folder, "config/boxagnts/settings.json"), "w", encoding="utf-8") as file:
                json.dump(settings, file)
        key = {self.key_env: KEY} if self.key_env else {}
        return {**keep, **key, **self.wire.environment(base), "BOXAGNTS_STATE": os.path.join(self.folder, "state"),
                "XDG_CACHE_HOME": os.path.join(self.folder, "cache"), "XDG_CONFIG_HOME": os.path.join(self.folder, "config"), **more}

    def run_at(self, base, *options, model=None, output="json", **environment):
        command = [f"{BIN}/boxagnts", "run", "--model", model or f"{self.wire.name}/{self.wire.model}", "--output", output, "--work-dir", self.work, *options,
                   "do the task"]
        return subprocess.run(command, env=self.environment(base, **environment), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                              check=False)

    def run_with(self, *answers, options=(), model=None, **environment):
        """A run to its end against these answers in turn, the last one again and again: (its object, the requests, all it printed). An
        answer is a list of events, or a function that gets the request."""
        def answer(_, ask):
            this = answers[min(ask.number, len(answers)) - 1]
            if callable(this):
                this(ask)
            else:
                ask.stream(this)
        with Stub(answer) as stub:
            done = self.run_at(stub.base, *options, model=model, **environment)
        self.assertEqual(stub.failures, [], f"the stub failed: {stub.failures}")
        self.assertTrue(done.stdout.strip(), f"nothing on stdout; stderr: {done.stderr}")
        result = json.loads(done.stdout)
        self.assertEqual(result["exit_code"], done.returncode)
        self.key_is_nowhere(done.stdout + done.stderr)
        return result, stub.asks, done.stdout + done.stderr

    def key_is_nowhere(self, printed):
        self.assertNotIn(KEY, printed)
        for root, _, names in os.walk(self.folder):
            for name in names:
                with open(os.path.join(root, name), "rb") as file:
                    self.assertNotIn(KEY.encode(), file.read(), f"the key is in {root}/{name}")

    def ends(self, result, code, stopped_by):
        self.assertEqual((result["exit_code"], result["stopped_by"]), (code, stopped_by), result)

    def refuse(self, status, message="why", kind="", headers=None):
        body = json.dumps(self.wire.error_body(status, message, kind)).encode()
        def answer(ask):
            ask.head(status, headers, "application/json", len(body))
            ask.send(body)
        return answer

    def text(self, *words, **more):
        return self.wire.answer([("text", *words)], **more)

    # --- answers ---

    def test_text_is_the_answer_and_its_cost_is_counted(self):
        result, asks, _ = self.run_with(self.text("hel", "lo", usage=(1000, 100, 500)))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], result["turns"], result["status"]), ("hello", 1, "done"))
        self.assertEqual(result["usage"], {"input_tokens": 1000, "output_tokens": 100, "cache_read_tokens": 500, "cache_write_tokens": 0})
        self.assertAlmostEqual(result["cost_usd"], self.wire.cost(1000, 100, 500), places=9)
        ask, = asks
        self.assertEqual((ask.method, ask.path), ("POST", self.wire.path))
        self.assertEqual(ask.headers.get(self.wire.key_header), self.wire.key_prefix + KEY if self.key_env else None)
        self.assertNotIn("key=", ask.path)
        sent = self.wire.sent(ask.json)
        self.assertIn(sent["model"], (self.wire.model, None))
        self.assertEqual((sent["max_tokens"], sent["stream"]), (16000, True))
        self.assertIn("read", sent["tools"])
        self.assertEqual(self.wire.prompt(ask.json), ["do the task"])

    def test_calls_run_and_their_results_go_back_in_order(self):
        for name in "abc":
            self.write(name, f"content of {name}\n")
        result, asks, _ = self.run_with(self.wire.answer([("text", "I read."), *[("call", f"call_{name}", "read", {"path": name}) for name in "abc"]]), self.text("done"))
        self.ends(result, 0, None)
        body = asks[1].json
        self.assertEqual(self.wire.calls(body), [(f"call_{name}", "read", {"path": name}) for name in "abc"])
        results = self.wire.results(body)
        self.assertEqual([row[0] for row in results], ["call_a", "call_b", "call_c"])
        for (_, said, is_error), name in zip(results, "abc"):
            self.assertIn(f"content of {name}", said)
            self.assertFalse(is_error)
        self.assertEqual([(call["tool"], call["is_error"]) for call in result["calls"]], [("read", False)] * 3)

    def test_the_stream_split_at_every_byte(self):
        self.write("\u00e9.txt", "found\n")
        first = self.wire.answer([("text", "Gr\u00fc\u00dfe"), ("call", "call_1", "read", {"path": "\u00e9.txt"})])
        result, asks, _ = self.run_with(lambda ask: ask.stream(first, 1), lambda ask: ask.stream(self.text("done \u00e9 \U0001f600"), 1))
        self.ends(result, 0, None)
        self.assertEqual(result["text"], "done \u00e9 \U0001f600")
        self.assertIn("found", self.wire.results(asks[1].json)[0][1])

    def test_arguments_split_at_every_byte(self):
        if not self.wire.has_pieces:
            self.skipTest("arguments of this wire come whole")
        self.write("\u00e9.txt", "found\n")
        words = json.dumps({"path": "\u00e9.txt", "limit": 7}, ensure_ascii=False)
        splits = [[words[:cut], words[cut:]] for cut in range(len(words) + 1)] + [list(words)]
        answer = self.wire.answer([("call", f"call_{i}", "read", pieces) for i, pieces in enumerate(splits)])
        result, asks, _ = self.run_with(answer, self.text("done"))
        self.ends(result, 0, None)
        self.assertEqual([row[2] for row in self.wire.results(asks[1].json)], [False] * len(splits))
        self.assertEqual({json.dumps(row[2]) for row in self.wire.calls(asks[1].json)}, {json.dumps({"path": "\u00e9.txt", "limit": 7})})

    def test_64_calls_in_one_answer(self):
        for i in range(64):
            self.write(f"f{i}", f"content {i}\n")
        result, asks, _ = self.run_with(self.wire.answer([("call", f"call_{i}", "read", {"path": f"f{i}"}) for i in range(64)]), self.text("done"))
        self.ends(result, 0, None)
        results = self.wire.results(asks[1].json)
        self.assertEqual([row[0] for row in results], [f"call_{i}" for i in range(64)])
        for i, (_, said, _) in enumerate(results):
            self.assertIn(f"content {i}\\n" if said.startswith(("{", "[")) else f"content {i}\n", said)

    def test_more_calls_than_are_kept_are_malformed(self):
        result, asks, _ = self.run_with(self.wire.answer([("call", f"call_{i}", "list", {}) for i in range(200)]), self.text("done"))
        self.ends(result, 0, None)
        self.assertEqual((result["calls"], len(asks)), ([], 2))

    def test_a_call_without_arguments_has_the_empty_object(self):
        result, asks, _ = self.run_with(self.wire.answer([("call", "call_1", "list", None if not self.wire.has_pieces else [])]), self.text("done"))
        self.ends(result, 0, None)
        self.assertEqual(self.wire.calls(asks[1].json), [("call_1", "list", {})])
        self.assertFalse(self.wire.results(asks[1].json)[0][2])

    def test_arguments_that_are_no_object_are_not_run_and_answered_as_an_error(self):
        bad = '{"path": "x", "content": ' if self.wire.has_pieces else ["x"]
        result, asks, _ = self.run_with(self.wire.answer([("call", "call_1", "write", bad)]), self.text("done"), options=("--yes-to", "Write(/**)"))
        self.ends(result, 0, None)
        self.assertTrue(self.wire.results(asks[1].json)[0][2])
        self.assertEqual((os.listdir(self.work), result["calls"]), ([], []))

    def test_a_tool_that_does_not_exist_is_an_error_result(self):
        result, asks, _ = self.run_with(self.wire.answer([("call", "call_1", "format_disk", {})]), self.text("done"))
        self.ends(result, 0, None)
        self.assertTrue(self.wire.results(asks[1].json)[0][2])

    def test_an_image_of_a_tool(self):
        self.write("a.png", PNG)
        result, asks, _ = self.run_with(self.wire.answer([("call", "call_1", "read", {"path": "a.png"})]), self.text("done"))
        self.ends(result, 0, None)
        self.check_image(asks[1].json, base64.b64encode(PNG).decode())

    def test_a_refusal_ends_the_run(self):
        for answer in (self.wire.answer([("text", "I wi")], stop="filter"), self.wire.answer([], stop="filter")):
            result, asks, _ = self.run_with(answer)
            self.ends(result, 1, "refusal")
            self.assertEqual(len(asks), 1)

    def test_an_answer_cut_at_its_limit_is_continued(self):
        result, asks, _ = self.run_with(self.text("first ", stop="length"), self.text("second"))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], len(asks)), ("first second", 2))

    def test_a_call_cut_at_the_limit_is_not_run(self):
        cut = self.wire.answer([("text", "x"), ("call", "call_1", "write", {"path": "x", "content": "x"})], stop="length")
        result, _, _ = self.run_with(cut, self.text("done"), options=("--yes-to", "Write(/**)"))
        self.ends(result, 0, None)
        self.assertEqual((os.listdir(self.work), result["calls"]), ([], []))

    def test_empty_answers_end_after_three_recovery_messages(self):
        result, asks, _ = self.run_with(self.wire.answer([]))
        self.ends(result, 5, "recovery")
        self.assertEqual(len(asks), 4)

    def test_bytes_of_any_kind_between_the_events(self):
        events = self.text("hello")
        result, _, _ = self.run_with([b"\xef\xbb\xbf: comment\n\n", *[b": ping\r\n" + event.replace(b"\n", b"\r\n") + b"id: 7\nretry: 1\n\n" for event in events]])
        self.ends(result, 0, None)
        self.assertEqual(result["text"], "hello")

    # --- failures of the service ---

    def test_a_rate_limit_is_waited_for(self):
        result, asks, _ = self.run_with(self.refuse(429, "slow", "rate_limit_exceeded", {"retry-after": "1.2"}), self.text("hello"))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], result["turns"], len(asks)), ("hello", 1, 2))
        self.assertGreaterEqual(asks[1].at - asks[0].at, 1.2)
        self.assertAlmostEqual(result["cost_usd"], self.wire.cost(10, 5), places=9)

    def test_failures_for_ever_are_four_requests_and_cost_nothing(self):
        for status in (500, 529):
            result, asks, _ = self.run_with(self.refuse(status))
            self.ends(result, 6, "model")
            self.assertEqual((len(asks), result["cost_usd"], result["text"]), (4, 0, ""))
            self.assertEqual(len({ask.body for ask in asks}), 1, "the same request, four times")

    def test_what_is_not_tried_again(self):
        for status, message, kind in ((400, "bad", "invalid_request_error"), (402, "pay", "billing"), (403, "no", "permission"), (404, "model", "model_not_found"),
                                      (429, "quota", "insufficient_quota")):
            result, asks, _ = self.run_with(self.refuse(status, message, kind))
            self.ends(result, 6, "model")
            self.assertEqual(len(asks), 1, (status, message))

    def test_a_wrong_key_names_its_variable_and_never_its_value(self):
        result, asks, printed = self.run_with(self.refuse(401, f"Incorrect API key provided: {KEY if self.key_env else 'none'}", "invalid_api_key"))
        self.ends(result, 6, "model")
        self.assertEqual(len(asks), 1)
        self.assertIn("401", printed)
        if self.key_env:
            self.assertIn(self.key_env, printed)

    def test_a_redirect_is_refused_and_the_key_goes_nowhere(self):
        with Stub(lambda stub, ask: ask.stream(self.text("caught"))) as other:
            result, asks, printed = self.run_with(lambda ask: ask.head(307, {"location": other.base + self.wire.path}, length=0))
            self.assertEqual(other.asks, [])
        self.ends(result, 6, "model")
        self.assertEqual(len(asks), 1)
        self.assertIn("redirect", printed)

    def test_a_stream_cut_behind_any_event_is_tried_again(self):
        """Not behind the last one, which ends it."""
        self.write("a", "x")
        whole = self.wire.answer([("text", "half an ", "answer"), ("call", "call_1", "write", {"path": "x", "content": "x"})])
        last = next(i for i, event in enumerate(whole) if self.is_end(event))
        for cut in range(last):
            result, asks, _ = self.run_with(whole[:cut], self.text("done"), options=("--yes-to", "Write(/**)"))
            self.ends(result, 0, None)
            self.assertEqual((result["text"], result["calls"], len(asks)), ("done", [], 2), f"cut behind {cut} events")
            self.assertEqual(os.listdir(self.work), ["a"])

    def is_end(self, event):
        return event == self.text("x")[-1]

    def test_cut_for_ever_is_four_requests(self):
        result, asks, _ = self.run_with(self.text("x")[:1])
        self.ends(result, 6, "model")
        self.assertEqual((len(asks), result["text"]), (4, ""))

    def test_malformed_events_are_four_requests(self):
        for bad in (b"data: {broken\n\n", b"data: 7\n\n", b"data: \xff\n\n"):
            result, asks, _ = self.run_with([bad, *self.text("x")])
            self.ends(result, 6, "model")
            self.assertEqual(len(asks), 4)

    def test_an_error_inside_of_a_stream(self):
        result, asks, _ = self.run_with(self.wire.failing("overloaded"), self.text("whole"))
        self.ends(result, 0, None)
        self.assertEqual((result["text"], len(asks)), ("whole", 2))
        result, asks, printed = self.run_with(self.wire.failing("bad"))
        self.ends(result, 6, "model")
        self.assertEqual(len(asks), 1)
        self.assertIn("why", printed)

    def test_an_answer_that_is_no_event_stream(self):
        def page(ask):
            ask.head(200, None, "application/json", 2)
            ask.send("{}")
        result, asks, _ = self.run_with(page)
        self.ends(result, 6, "model")
        self.assertEqual(len(asks), 4)

    def test_an_event_without_end_is_capped(self):
        def flood(ask):
            ask.head()
            ask.send("data: ")
            for _ in range(100):
                if not ask.send(b"x" * (1 << 20)):
                    return
        result, asks, _ = self.run_with(flood, self.text("done"))
        self.ends(result, 0, None)
        self.assertEqual(len(asks), 2)

    def test_nobody_there_is_exit_6(self):
        with Stub(None) as stub:
            pass
        result = json.loads(self.run_at(stub.base).stdout)
        self.ends(result, 6, "model")
        self.assertEqual(result["cost_usd"], 0)

    # --- money ---

    def test_an_answer_without_usage_costs_its_worst_case(self):
        result, asks, _ = self.run_with(self.text("hello", usage=None))
        self.ends(result, 0, None)
        least = self.wire.cost(len(asks[0].body) // 8, 16000)
        self.assertGreaterEqual(result["cost_usd"], least)
        self.assertTrue(least > 0 or result["cost_usd"] == 0)

    def test_no_more_is_spent_than_is_there(self):
        if self.wire.price[0] == 0:
            self.skipTest("this wire's models cost nothing")
        cap = 0.10
        def dear(ask):
            sent = self.wire.sent(ask.json)
            ask.stream(self.wire.answer([("call", f"call_{ask.number}", "list", {"depth": ask.number % 9 + 1})], usage=(len(ask.body), sent["max_tokens"], 0)))
        result, asks, _ = self.run_with(dear, options=("--total-budget-usd", str(cap)))
        self.ends(result, 4, "budget")
        self.assertGreater(len(asks), 0)
        spent = sum(self.wire.cost(len(ask.body), self.wire.sent(ask.json)["max_tokens"]) for ask in asks)
        self.assertLessEqual(spent, cap)
        self.assertAlmostEqual(result["cost_usd"], spent, places=9)

    # --- the operator's slips ---

    def test_a_missing_key_is_a_config_error_that_names_it(self):
        if not self.key_env:
            self.skipTest("this service needs no key")
        with Stub(None) as stub:
            done = self.run_at(stub.base, **{self.key_env: ""})
        self.assertEqual((done.returncode, stub.asks), (2, []))
        self.assertIn(self.key_env, done.stderr)

    def test_an_unknown_price_with_a_budget_is_a_config_error(self):
        if self.wire.price[0] == 0:
            self.skipTest("this wire's models cost nothing")
        with Stub(None) as stub:
            done = self.run_at(stub.base, model=f"{self.wire.name}/{self.wire.model}x")
        self.assertEqual((done.returncode, stub.asks), (2, []))
        self.assertIn("price", done.stderr)
        self.assertIn(f"did you mean {self.wire.model}?", done.stderr)

    def test_an_unknown_model_has_its_nearest_name(self):
        if self.wire.price[0] == 0:
            self.skipTest("local models are not in any table")
        result, _, printed = self.run_with(self.refuse(404, "no such model", "not_found"), model=f"{self.wire.name}/{self.wire.model}-99")
        self.ends(result, 6, "model")
        self.assertIn(f"did you mean {self.wire.name}/{self.wire.model}?", printed)

    def test_slashes_at_the_end_of_the_base_do_not_matter(self):
        with Stub(lambda stub, ask: ask.stream(self.text("hi"))) as stub:
            done = self.run_at(stub.base, **{name: value + "//" for name, value in self.wire.environment(stub.base).items()})
        self.assertEqual((done.returncode, [ask.path for ask in stub.asks]), (0, [self.wire.path]), done.stderr)

    # --- what is seen while it runs ---

    def test_stream_json_has_text_thinking_and_usage(self):
        parts = [("thinking", "hm", "c2ln"), ("text", "hel", "lo")]
        with Stub(lambda stub, ask: ask.stream(self.wire.answer(parts))) as stub:
            done = self.run_at(stub.base, output="stream-json")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual("".join(row["text"] for row in rows if row["type"] == "text"), "hello")
        self.assertEqual("".join(row["text"] for row in rows if row["type"] == "thinking"), "hm")
        self.assertEqual(rows[-1]["type"], "done")

    def test_a_silent_stream_ends_with_the_time_limit(self):
        def silent(stub, ask):
            ask.head()
            stub.hold()
        with Stub(silent) as stub:
            done = self.run_at(stub.base, "--timeout", "1.5s")
        self.ends(json.loads(done.stdout), 5, "time")


