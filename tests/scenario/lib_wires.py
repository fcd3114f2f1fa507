"""The wires of model services, as a stub speaks them: one neutral answer, written in each of their ways.

    CHAT.answer([("text", "hello")])                    -> server-sent events
    CHAT.answer([("call", "id", "read", {"path": "a"})])

Parts: ("text", piece, ...), ("thinking", text, signature), ("call", id, tool, arguments). Arguments that are a string are sent as they
are; a list is sent in these pieces where the wire has pieces.
"""
import json


def sse(event, name=None):
    words = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    return ((f"event: {name}\n" if name else "") + f"data: {words}\n\n").encode()


def in_pieces(arguments):
    if isinstance(arguments, list):
        return arguments
    return [arguments if isinstance(arguments, str) else json.dumps(arguments)]


class Wire:
    """key_header: where the key is; price: dollars per token of input, output and cache read."""
    key_prefix = ""
    has_pieces = True # arguments of calls come in pieces

    def __init__(self, name, model, path, price, environment):
        self.name, self.model, self.path, self.price, self.environment = name, model, path, price, environment

    def cost(self, input_tokens, output_tokens, cached=0):
        return input_tokens * self.price[0] + output_tokens * self.price[1] + cached * self.price[2]

    def error_body(self, status, message, kind):
        return {"error": {"message": message, "type": kind, "code": kind}}


class Messages(Wire):
    key_header = "x-api-key"
    stops = {"end": "end_turn", "calls": "tool_use", "length": "max_tokens", "filter": "refusal"}

    def event(self, kind, **members):
        return sse({"type": kind, **members}, kind)

    def part(self, index, part):
        if part[0] == "text":
            block, deltas = {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in part[1:]]
        elif part[0] == "thinking":
            block = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": part[1]}, {"type": "signature_delta", "signature": part[2]}]
        else:
            block = {"type": "tool_use", "id": part[1], "name": part[2], "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in in_pieces(part[3])]
        return [self.event("content_block_start", index=index, content_block=block), *[self.event("content_block_delta", index=index, delta=delta) for delta in deltas],
                self.event("content_block_stop", index=index)]

    def answer(self, parts, stop=None, usage=(10, 5, 0), end=True):
        counts = {"usage": {"input_tokens": usage[0], "output_tokens": 1, "cache_read_input_tokens": usage[2]}} if usage else {}
        events = [self.event("message_start", message={"id": "msg_1", "role": "assistant", "content": [], **counts})]
        for index, part in enumerate(parts):
            events += self.part(index, part)
        reason = self.stops[stop or ("calls" if any(part[0] == "call" for part in parts) else "end")]
        events.append(self.event("message_delta", delta={"stop_reason": reason}, **({"usage": {"output_tokens": usage[1]}} if usage else {})))
        return events + ([self.event("message_stop")] if end else [])

    def failing(self, kind):
        code = {"overloaded": "overloaded_error", "bad": "invalid_request_error"}[kind]
        return self.answer([("text", "half")])[:3] + [self.event("error", error={"type": code, "message": "why"})]

    def sent(self, body):
        return {"model": body["model"], "max_tokens": body["max_tokens"], "stream": body["stream"], "tools": [tool["name"] for tool in body["tools"]]}

    def blocks(self, body, kind):
        return [block for entry in body["messages"] for block in entry["content"] if block["type"] == kind]

    def prompt(self, body):
        return [block["text"] for entry in body["messages"] if entry["role"] == "user" for block in entry["content"] if block["type"] == "text"]

    def calls(self, body):
        return [(block["id"], block["name"], block["input"]) for block in self.blocks(body, "tool_use")]

    def results(self, body):
        return [(block["tool_use_id"], "\n".join(piece.get("text", "") for piece in block["content"]), block["is_error"]) for block in self.blocks(body, "tool_result")]


class Chat(Wire):
    key_header, key_prefix = "authorization", "Bearer "
    max_tokens = "max_completion_tokens"
    stops = {"end": "stop", "calls": "tool_calls", "length": "length", "filter": "content_filter"}

    def chunk(self, delta, reason=None, **more):
        return sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more})

    def part(self, part, calls):
        if part[0] == "text":
            return [self.chunk({"content": piece}) for piece in part[1:]]
        if part[0] == "refusal":
            return [self.chunk({"refusal": part[1]})]
        if part[0] == "thinking":
            return [self.chunk({"reasoning_content": part[1]})]
        _, identity, tool, arguments = part
        head = {"index": calls, "id": identity, "type": "function", "function": {"name": tool, "arguments": ""}}
        return [self.chunk({"tool_calls": [head]})] + [self.chunk({"tool_calls": [{"index": calls, "function": {"arguments": piece}}]})
                                                       for piece in in_pieces(arguments)]

    def usage(self, input_tokens, output_tokens, cached):
        return sse({"choices": [], "usage": {"prompt_tokens": input_tokens + cached, "completion_tokens": output_tokens,
                                             "total_tokens": input_tokens + cached + output_tokens, "prompt_tokens_details": {"cached_tokens": cached}}})

    def answer(self, parts, stop=None, usage=(10, 5, 0), end=True):
        events, calls = [self.chunk({"role": "assistant", "content": ""})], 0
        for part in parts:
            events += self.part(part, calls)
            calls += part[0] == "call"
        events.append(self.chunk({}, self.stops[stop or ("calls" if calls else "end")]))
        events += [self.usage(*usage)] if usage else []
        return events + ([sse("[DONE]")] if end else [])

    def failing(self, kind):
        code = {"overloaded": "server_is_overloaded", "bad": "invalid_prompt"}[kind]
        return self.answer([("text", "half")])[:2] + [sse({"error": {"message": "why", "type": code, "code": code}})]

    def sent(self, body):
        return {"model": body["model"], "max_tokens": body[self.max_tokens], "stream": body["stream"],
                "tools": [tool["function"]["name"] for tool in body["tools"]]}

    def prompt(self, body):
        return [entry["content"] for entry in body["messages"] if entry["role"] == "user"]

    def calls(self, body):
        return [(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
                for entry in body["messages"] for call in entry.get("tool_calls", [])]

    def results(self, body):
        """(id, text, is an error)"""
        return [(entry["tool_call_id"], entry["content"], entry["content"].startswith("Error: ")) for entry in body["messages"] if entry["role"] == "tool"]


class Responses(Wire):
    key_header, key_prefix = "authorization", "Bearer "
    max_tokens = "max_output_tokens"

    def event(self, kind, **members):
        return sse({"type": kind, "sequence_number": 1, **members}, kind)

    def item(self, index, item, events):
        return [self.event("response.output_item.added", output_index=index, item={**item, "arguments": ""} if "arguments" in item else item), *events,
                self.event("response.output_item.done", output_index=index, item=item)]

    def part(self, index, part):
        if part[0] in ("text", "refusal"):
            kind, key = ("output_text", "text") if part[0] == "text" else ("refusal", "refusal")
            done = {"type": "message", "role": "assistant", "content": [{"type": kind, key: "".join(part[1:])}]}
            return self.item(index, done, [self.event(f"response.{kind}.delta", output_index=index, delta=piece) for piece in part[1:]])
        if part[0] == "thinking":
            done = {"type": "reasoning", "id": f"rs_{index}", "summary": [], "encrypted_content": part[2]}
            return self.item(index, done, [self.event("response.reasoning_summary_text.delta", delta=part[1])] if part[1] else [])
        _, identity, tool, arguments = part
        done = {"type": "function_call", "id": f"fc_{index}", "call_id": identity, "name": tool, "arguments": "".join(in_pieces(arguments))}
        return self.item(index, done, [self.event("response.function_call_arguments.delta", output_index=index, delta=piece) for piece in in_pieces(arguments)])

    def answer(self, parts, stop=None, usage=(10, 5, 0), end=True):
        events = [self.event("response.created", response={"status": "in_progress"})]
        for index, part in enumerate(parts):
            events += self.part(index, part)
        response = {"status": "completed"}
        if usage:
            response["usage"] = {"input_tokens": usage[0] + usage[2], "input_tokens_details": {"cached_tokens": usage[2]}, "output_tokens": usage[1],
                                 "total_tokens": sum(usage)}
        kind = "response.completed"
        if stop in ("length", "filter"):
            kind = "response.incomplete"
            response |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens" if stop == "length" else "content_filter"}}
        return events + ([self.event(kind, response=response)] if end else [])

    def failing(self, kind):
        code = {"overloaded": "server_is_overloaded", "bad": "invalid_prompt"}[kind]
        return self.answer([("text", "half")])[:3] + [self.event("response.failed", response={"status": "failed", "error": {"code": code, "message": "why"}})]

    def sent(self, body):
        return {"model": body["model"], "max_tokens": body[self.max_tokens], "stream": body["stream"], "tools": [tool["name"] for tool in body["tools"]]}

    def prompt(self, body):
        return [part["text"] for item in body["input"] if item["type"] == "message" and item["role"] == "user" for part in item["content"]]

    def calls(self, body):
        return [(item["call_id"], item["name"], json.loads(item["arguments"])) for item in body["input"] if item["type"] == "function_call"]

    def results(self, body):
        texts = [(item["call_id"], item["output"] if isinstance(item["output"], str) else json.dumps(item["output"]))
                 for item in body["input"] if item["type"] == "function_call_output"]
        return [(identity, text, text.startswith("Error: ")) for identity, text in texts]


class Gemini(Wire):
    key_header = "x-goog-api-key"
    has_pieces = False # arguments are a value, never broken
    stops = {"end": "STOP", "calls": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}

    def chunk(self, parts, reason=None, **more):
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **({"finishReason": reason} if reason else {})}
        return sse({"candidates": [candidate], "modelVersion": "m", **more})

    def parts(self, part):
        if part[0] in ("text", "refusal"):
            return [[{"text": piece}] for piece in part[1:]]
        if part[0] == "thinking":
            return [[{"text": part[1], "thought": True, **({"thoughtSignature": part[2]} if part[2] else {})}]]
        _, identity, tool, arguments = part
        call = {"name": tool, **({"id": identity} if identity else {}), **({"args": arguments} if arguments is not None else {})}
        return [[{"functionCall": call}]]

    def answer(self, parts, stop=None, usage=(10, 5, 0), end=True):
        events = [self.chunk(piece, usageMetadata={"promptTokenCount": 1, "totalTokenCount": 1}) for part in parts for piece in self.parts(part)]
        counts = {"usageMetadata": {"promptTokenCount": usage[0] + usage[2], "cachedContentTokenCount": usage[2], "candidatesTokenCount": usage[1],
                                    "totalTokenCount": sum(usage)}} if usage else {}
        return events + ([self.chunk([{"text": ""}], self.stops[stop or "end"], **counts)] if end else [])

    def failing(self, kind):
        status = {"overloaded": (503, "UNAVAILABLE"), "bad": (400, "INVALID_ARGUMENT")}[kind]
        return self.answer([("text", "half")])[:1] + [sse({"error": {"code": status[0], "status": status[1], "message": "why"}})]

    def error_body(self, status, message, kind):
        return {"error": {"code": status, "message": message, "status": kind}}

    def sent(self, body):
        return {"model": None, "max_tokens": body["generationConfig"]["maxOutputTokens"], "stream": True,
                "tools": [tool["name"] for tool in body["tools"][0]["functionDeclarations"]]}

    def prompt(self, body):
        return [part["text"] for entry in body["contents"] if entry["role"] == "user" for part in entry["parts"] if "text" in part]

    def calls(self, body):
        return [(part["functionCall"].get("id", ""), part["functionCall"]["name"], part["functionCall"]["args"])
                for entry in body["contents"] for part in entry["parts"] if "functionCall" in part]

    def results(self, body):
        answers = [part["functionResponse"] for entry in body["contents"] for part in entry["parts"] if "functionResponse" in part]
        return [(answer.get("id", ""), json.dumps(answer["response"], ensure_ascii=False), "error" in answer["response"]) for answer in answers]
