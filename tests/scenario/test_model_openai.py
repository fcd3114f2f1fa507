#!/usr/bin/env python3
"""`boxagnts run` against a stub of OpenAI's Chat Completions."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_behaviours import BIN, PATIENCE, Behaviours
from lib_model import Stub
from lib_wires import Chat


class OpenAI(Behaviours, unittest.TestCase):
    wire = Chat("openai", "gpt-4.1", "/v1/chat/completions", (2e-6, 8e-6, 0.5e-6), lambda base: {"OPENAI_BASE_URL": base + "/v1"})
    key_env = "OPENAI_API_KEY"

    def check_image(self, body, data):
        last = body["messages"][-1]
        self.assertEqual(last["role"], "user")
        self.assertIn({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}, last["content"])
        self.assertEqual([entry["role"] for entry in body["messages"]], ["system", "user", "assistant", "tool", "user"])

    def test_its_options(self):
        _, asks, _ = self.run_with(self.text("x"))
        body = asks[0].json
        self.assertEqual(body["stream_options"], {"include_usage": True})
        self.assertNotIn("max_tokens", body)
        self.assertEqual(body["messages"][0]["role"], "system")
        for tool in body["tools"]:
            self.assertEqual((tool["type"], set(tool["function"])), ("function", {"name", "description", "parameters"}))

    def test_a_refusal_in_its_own_member(self):
        result, _, _ = self.run_with(self.wire.answer([("refusal", "I cannot")]))
        self.ends(result, 1, "refusal")

    def test_calls_whose_pieces_are_mixed(self):
        for name in "ab":
            self.write(name, f"content of {name}\n")
        def piece(index, words, **more):
            return self.wire.chunk({"tool_calls": [{"index": index, "function": {"arguments": words, **more}}]})
        first = [piece(0, '{"pa', name="read"), piece(1, "", name="read"), piece(1, '{"path"'), piece(0, 'th":"a"}'), piece(1, ':"b"}'), *self.wire.answer([])[1:]]
        result, asks, _ = self.run_with(first, self.text("done"))
        self.ends(result, 0, None)
        self.assertEqual(self.wire.calls(asks[1].json), [("call_0", "read", {"path": "a"}), ("call_1", "read", {"path": "b"})])

    def test_a_stream_without_its_last_word_is_a_disconnect(self):
        result, asks, _ = self.run_with(self.text("x", end=False))
        self.ends(result, 6, "model")
        self.assertEqual(len(asks), 4)

    def test_without_a_model_the_key_that_is_there_chooses(self):
        with Stub(lambda stub, ask: ask.stream(self.text("hi"))) as stub:
            done = subprocess.run([f"{BIN}/boxagnts", "run", "--output", "json", "--work-dir", self.work, "do it"], env=self.environment(stub.base),
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual((done.returncode, [ask.path for ask in stub.asks]), (0, [self.wire.path]), done.stderr)


if __name__ == "__main__":
    unittest.main()
