#!/usr/bin/env python3
"""`boxagnts run` against stubs of local servers (Ollama, llama.cpp, vLLM) and of other services that speak OpenAI's wire, with what
they are known to do otherwise."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_behaviours import KEY, Behaviours
from lib_wires import Chat, sse


class Compatible(Chat):
    max_tokens = "max_tokens"


class Local(Behaviours, unittest.TestCase):
    wire = Compatible("ollama", "llama3.2:3b", "/v1/chat/completions", (0, 0, 0), lambda base: {})
    provider = "ollama"

    def settings(self, base):
        return {"providers": {self.provider: {"base_url": base + "/v1"}}}

    def check_image(self, body, data):
        answer, = [entry for entry in body["messages"] if entry["role"] == "tool"]
        self.assertIn("image/png", answer["content"])
        self.assertNotIn(data, json.dumps(body))

    def is_end(self, event):
        return b'"finish_reason": "tool_calls"' in event

    def test_slashes_at_the_end_of_the_base_do_not_matter(self):
        self.settings = lambda base: {"providers": {"ollama": {"base_url": base + "/v1//"}}}
        result, asks, _ = self.run_with(self.text("hi"))
        self.ends(result, 0, None)
        self.assertEqual(asks[0].path, self.wire.path)

    def test_each_local_provider_needs_no_key_and_costs_nothing(self):
        for name in ("ollama", "llamacpp", "vllm"):
            self.settings = lambda base, name=name: {"providers": {name: {"base_url": base + "/v1"}}}
            result, asks, _ = self.run_with(self.text("hi"), model=f"{name}/some/model:7b")
            self.ends(result, 0, None)
            self.assertEqual((result["cost_usd"], asks[0].json["model"]), (0, "some/model:7b"))
            self.assertNotIn("authorization", asks[0].headers)

    def test_a_key_and_headers_of_the_settings(self):
        self.settings = lambda base: {"providers": {"vllm": {"base_url": base + "/v1", "key_env": "MY_KEY", "headers": {"x-tenant": "t-12345678"}}}}
        result, asks, _ = self.run_with(self.text("hi"), model="vllm/m", MY_KEY=KEY)
        self.ends(result, 0, None)
        self.assertEqual((asks[0].headers["authorization"], asks[0].headers["x-tenant"]), (f"Bearer {KEY}", "t-12345678"))

    def test_a_price_of_the_settings_counts(self):
        price = {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2}
        self.settings = lambda base: {"providers": {"ollama": {"base_url": base + "/v1", "price": price, "models": {"dear": {"price": {**price, "input_per_mtok_usd": 10}}}}}}
        result, _, _ = self.run_with(self.text("hi", usage=(1000, 100, 0)))
        self.assertAlmostEqual(result["cost_usd"], 1000e-6 + 200e-6, places=9)
        result, _, _ = self.run_with(self.text("hi", usage=(1000, 100, 0)), model="ollama/dear")
        self.assertAlmostEqual(result["cost_usd"], 10000e-6 + 200e-6, places=9)

    def test_a_provider_of_the_settings(self):
        self.settings = lambda base: {"providers": {"mine": {"wire": "openai", "base_url": base + "/v1", "key_env": "MY_KEY",
                                                             "price": {"input_per_mtok_usd": 1, "output_per_mtok_usd": 2}}}}
        result, asks, _ = self.run_with(self.text("hi", usage=(1000, 100, 0)), model="mine/m", MY_KEY=KEY)
        self.ends(result, 0, None)
        self.assertEqual((asks[0].headers["authorization"], asks[0].json["max_tokens"]), (f"Bearer {KEY}", 16000))
        self.assertAlmostEqual(result["cost_usd"], 1200e-6, places=9)

    def test_a_provider_of_the_settings_without_a_price_is_a_config_error(self):
        self.settings = lambda base: {"providers": {"mine": {"wire": "openai", "base_url": base + "/v1"}}}
        done = self.run_at("http://127.0.0.1:9", model="mine/m")
        self.assertEqual(done.returncode, 2)
        self.assertIn("providers.mine.price", done.stderr)

    def test_providers_that_are_none(self):
        self.settings = lambda base: {"providers": {"mine": {"base_url": base + "/v1"}, "yours": {"wire": "gemini"}}}
        for model, words in (("olama/x", "did you mean ollama?"), ("telegraph/x", "known: anthropic"), ("mine/x", "providers.mine.wire"), ("yours/x", "providers.yours.base_url")):
            done = self.run_at("http://127.0.0.1:9", model=model)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(words, done.stderr)

    # --- what they do otherwise ---

    def quirk(self, calls, reason="tool_calls", tail=(sse("[DONE]"),)):
        for name in "ab":
            self.write(name, f"content of {name}\n")
        first = [*[self.wire.chunk({"tool_calls": batch}) for batch in calls], self.wire.chunk({}, reason), *tail]
        result, asks, _ = self.run_with(first, self.text("done"))
        self.ends(result, 0, None)
        body = asks[1].json
        self.assertEqual([(name, arguments) for _, name, arguments in self.wire.calls(body)], [("read", {"path": "a"}), ("read", {"path": "b"})])
        results = self.wire.results(body)
        self.assertEqual([row[0] for row in results], [row[0] for row in self.wire.calls(body)])
        self.assertEqual(len({row[0] for row in results}), 2, "each has an id of its own")
        for (_, said, _), name in zip(results, "ab"):
            self.assertIn(f"content of {name}", said)

    def function(self, name, **more):
        return {"type": "function", "function": {"name": "read", "arguments": json.dumps({"path": name})}, **more}

    def test_arguments_that_are_an_object(self):
        self.quirk([[{"index": i, "id": f"c{i}", "function": {"name": "read", "arguments": {"path": name}}} for i, name in enumerate("ab")]])

    def test_calls_without_ids(self):
        self.quirk([[self.function("a", index=0)], [self.function("b", index=1)]])
        self.quirk([[self.function("a", index=0, id=""), self.function("b", index=1, id=None)]])

    def test_calls_without_indexes(self):
        self.quirk([[self.function("a"), self.function("b")]])
        self.quirk([[self.function("a", id="x")], [self.function("b", id="y")]])

    def test_one_index_or_one_id_for_all_calls(self):
        self.quirk([[self.function("a", index=0, id="x")], [self.function("b", index=0, id="y")]])
        self.quirk([[self.function("a", index=0, id="x")], [self.function("b", index=1, id="x")]])

    def test_stop_as_the_reason_for_calls_and_no_last_word(self):
        self.quirk([[self.function("a", index=0, id="x"), self.function("b", index=1, id="y")]], reason="stop", tail=())

    def test_empty_choices_no_usage_and_counts_in_every_event(self):
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        result, _, _ = self.run_with([sse({"choices": []}), self.wire.chunk({"content": "hi"}, usage=usage), self.wire.chunk({}, "stop", usage=usage), sse("[DONE]")])
        self.ends(result, 0, None)
        self.assertEqual((result["usage"]["input_tokens"], result["usage"]["output_tokens"]), (10, 5))
        result, _, _ = self.run_with([sse({}), self.wire.chunk({"content": "hi"}), self.wire.chunk({}, "stop"), sse("[DONE]")])
        self.ends(result, 0, None)
        self.assertEqual((result["text"], result["usage"]["output_tokens"]), ("hi", 0))

    def test_thinking_goes_back_in_the_member_it_came_in(self):
        self.write("a", "x\n")
        for key in ("reasoning_content", "reasoning"):
            first = [self.wire.chunk({key: "hm"}), self.wire.chunk({key: " so"}), *self.wire.answer([("call", "c", "read", {"path": "a"})])]
            result, asks, _ = self.run_with(first, self.text("done"))
            self.ends(result, 0, None)
            message, = [entry for entry in asks[1].json["messages"] if entry["role"] == "assistant"]
            self.assertEqual({name: message.get(name) for name in ("reasoning_content", "reasoning")}, {"reasoning_content": None, "reasoning": None, key: "hm so"})

    def test_errors_in_their_forms(self):
        for error in ({"error": "it broke"}, {"error": {"code": 500, "message": "it broke", "type": "server_error"}}, {"object": "error", "message": "it broke", "code": 500}):
            result, asks, _ = self.run_with([self.wire.chunk({"content": "half"}), sse(error)], self.text("done"))
            self.ends(result, 0, None)
            self.assertEqual((result["text"], len(asks)), ("done", 2))


if __name__ == "__main__":
    unittest.main()
