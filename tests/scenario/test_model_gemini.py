#!/usr/bin/env python3
"""`boxagnts run` against a stub of Gemini's streamGenerateContent."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_behaviours import Behaviours
from lib_wires import Gemini, sse


class GeminiRuns(Behaviours, unittest.TestCase):
    wire = Gemini("gemini", "gemini-2.5-flash", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", (0.3e-6, 2.5e-6, 0.03e-6),
                  lambda base: {"GEMINI_BASE_URL": base})
    key_env = "GEMINI_API_KEY"

    def check_image(self, body, data):
        parts = body["contents"][-1]["parts"]
        self.assertIn("functionResponse", parts[0])
        self.assertEqual(parts[1:], [{"inlineData": {"mimeType": "image/png", "data": data}}])

    def is_end(self, event):
        return b"finishReason" in event

    def test_its_options(self):
        _, asks, _ = self.run_with(self.text("x"))
        body = asks[0].json
        self.assertEqual(body["generationConfig"], {"maxOutputTokens": 16000})
        self.assertIn("text", body["systemInstruction"]["parts"][0])
        self.assertNotIn("x-api-key", asks[0].headers)
        self.assertNotIn("authorization", asks[0].headers)

    def test_calls_without_ids_are_matched_by_their_order(self):
        for name in "ab":
            self.write(name, f"content of {name}\n")
        result, asks, _ = self.run_with(self.wire.answer([("call", "", "read", {"path": "a"}), ("call", "", "read", {"path": "b"})]), self.text("done"))
        self.ends(result, 0, None)
        answers = [part["functionResponse"] for part in asks[1].json["contents"][-1]["parts"]]
        self.assertEqual([(answer["name"], "id" in answer) for answer in answers], [("read", False)] * 2)
        for answer, name in zip(answers, "ab"):
            self.assertIn(f"content of {name}", answer["response"]["output"])

    def test_signatures_go_back_at_the_parts_they_came_with(self):
        self.write("a", "x\n")
        parts = [{"text": "hm", "thought": True, "thoughtSignature": "c2lnMA=="}, {"text": "I "}, {"text": "read", "thoughtSignature": "c2lnMQ=="},
                 {"functionCall": {"name": "read", "args": {"path": "a"}}, "thoughtSignature": "c2lnMg=="}, {"functionCall": {"name": "list", "args": {}}}]
        result, asks, _ = self.run_with([self.wire.chunk([part]) for part in parts] + self.wire.answer([("text", "")]), self.text("done"))
        self.ends(result, 0, None)
        self.assertEqual(asks[1].json["contents"][1], {"role": "model", "parts": parts})

    def test_a_refused_prompt(self):
        result, asks, _ = self.run_with([sse({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}})])
        self.ends(result, 1, "refusal")
        self.assertEqual((len(asks), result["usage"]["input_tokens"]), (1, 9))

    def test_a_call_that_the_service_could_not_read_is_tried_again(self):
        result, asks, _ = self.run_with([self.wire.chunk([], "MALFORMED_FUNCTION_CALL")], self.text("done"))
        self.ends(result, 0, None)
        self.assertEqual(len(asks), 2)

    def test_a_wait_that_is_said_in_the_body(self):
        body = json.dumps([{"error": {"code": 429, "message": "You exceeded your current quota, please check your plan and billing details.",
                                      "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.2s"}]}}]).encode()
        def slow(ask):
            ask.head(429, None, "application/json", len(body))
            ask.send(body)
        result, asks, _ = self.run_with(slow, self.text("done"))
        self.ends(result, 0, None)
        self.assertGreaterEqual(asks[1].at - asks[0].at, 1.2)

    def test_a_wrong_key_is_a_400_here(self):
        result, asks, printed = self.run_with(self.refuse(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT"))
        self.ends(result, 6, "model")
        self.assertEqual(len(asks), 1)
        self.assertIn("GEMINI_API_KEY", printed)

    def test_a_model_that_is_no_name(self):
        done = self.run_at("http://127.0.0.1:9", "--total-budget-usd", "0", model="gemini/x?key=1")
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("127.0.0.1", done.stdout)


if __name__ == "__main__":
    unittest.main()
