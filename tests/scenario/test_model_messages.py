#!/usr/bin/env python3
"""`boxagnts run` against a stub of the Anthropic Messages API: the behaviours of all wires. What only this one has is in
test_model_anthropic.py."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_behaviours import Behaviours
from lib_wires import Messages


class AnthropicMessages(Behaviours, unittest.TestCase):
    wire = Messages("anthropic", "claude-sonnet-4-6", "/v1/messages", (3e-6, 15e-6, 0.3e-6), lambda base: {"ANTHROPIC_BASE_URL": base})
    key_env = "ANTHROPIC_API_KEY"

    def check_image(self, body, data):
        answer, = self.wire.blocks(body, "tool_result")
        self.assertIn({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}, answer["content"])


if __name__ == "__main__":
    unittest.main()
