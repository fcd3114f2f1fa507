#!/usr/bin/env python3
"""`boxagnts run` against a stub of OpenAI's Responses."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_behaviours import Behaviours
from lib_wires import Responses


class OpenAIResponses(Behaviours, unittest.TestCase):
    wire = Responses("openai-responses", "gpt-5.1", "/v1/responses", (1.25e-6, 10e-6, 0.125e-6), lambda base: {"OPENAI_BASE_URL": base + "/v1"})
    key_env = "OPENAI_API_KEY"

    def check_image(self, body, data):
        answer, = [item for item in body["input"] if item["type"] == "function_call_output"]
        self.assertIn({"type": "input_image", "image_url": f"data:image/png;base64,{data}"}, answer["output"])

    def test_nothing_is_stored_there_and_thoughts_come_encrypted(self):
        _, asks, _ = self.run_with(self.text("x"))
        body = asks[0].json
        self.assertEqual((body["store"], body["include"]), (False, ["reasoning.encrypted_content"]))
        self.assertIn("instructions", body)
        for tool in body["tools"]:
            self.assertEqual(set(tool), {"type", "name", "description", "parameters", "strict"})

    def test_thoughts_go_back_as_they_came_before_the_call_they_belong_to(self):
        self.write("a", "x\n")
        first = self.wire.answer([("thinking", "hm \u00e9", "Z0FBQUFB+/=="), ("call", "call_1", "read", {"path": "a"}), ("thinking", "", "c2Vjb25k"),
                                  ("call", "call_2", "list", {})])
        result, asks, _ = self.run_with(first, self.text("done"))
        self.ends(result, 0, None)
        items = asks[1].json["input"]
        self.assertEqual([item["type"] for item in items], ["message", "reasoning", "function_call", "reasoning", "function_call", "function_call_output",
                                                            "function_call_output"])
        self.assertEqual(items[1], {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm \u00e9"}], "encrypted_content": "Z0FBQUFB+/=="})
        self.assertEqual(items[3], {"type": "reasoning", "summary": [], "encrypted_content": "c2Vjb25k"})

    def test_a_refusal_in_its_own_part(self):
        result, _, _ = self.run_with(self.wire.answer([("refusal", "I cannot")]))
        self.ends(result, 1, "refusal")

    def test_an_error_event_at_the_top(self):
        result, asks, _ = self.run_with([self.wire.event("error", code="rate_limit_exceeded", message="m", param=None)], self.text("done"))
        self.ends(result, 0, None)
        self.assertEqual(len(asks), 2)


if __name__ == "__main__":
    unittest.main()
