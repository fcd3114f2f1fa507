"""A stub of a model service on loopback, and the words it says. Standard library only; every wait is bounded, and all of it
ends with the test.

    with Stub(lambda stub, ask: ask.stream(text("hello"))) as stub:
        ... stub.base, stub.asks ...
"""
import json
import socket
import threading
import time

LONGEST = 60 # seconds that any connection may live


class Ask:
    """One request, and the ways to answer it."""

    def __init__(self, connection, head, body):
        self.connection, self.body, self.at = connection, body, time.monotonic()
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.method, self.path = (lines[0].split(" ") + ["", ""])[:2]
        self.headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.raw_head = head

    @property
    def json(self):
        return json.loads(self.body)

    def send(self, data):
        try:
            self.connection.sendall(data if isinstance(data, bytes) else data.encode())
            return True
        except OSError:
            return False # the other side has hung up, as it may

    def head(self, status=200, headers=None, kind="text/event-stream", length=None):
        lines = [f"HTTP/1.1 {status} Word", f"content-type: {kind}", "connection: close"]
        lines += [f"content-length: {length}"] if length is not None else []
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        return self.send("\r\n".join(lines) + "\r\n\r\n")

    def stream(self, events, piece=0, pause=0.0):
        """Events as server-sent events, sent in pieces of so many bytes; 0 = at once."""
        data = b"".join(sse(event) for event in events)
        self.head()
        step = piece or len(data) or 1
        for at in range(0, len(data), step):
            if not self.send(data[at:at + step]):
                return
            if pause:
                time.sleep(pause)

    def error(self, status, message="", kind="invalid_request_error", headers=None, **more):
        body = json.dumps({"type": "error", "error": {"type": kind, "message": message, **more}}).encode()
        self.head(status, headers, "application/json", len(body))
        self.send(body)


class Stub:
    def __init__(self, answer, tls=None):
        self.tls = tls
        self.answer, self.asks, self.failures = answer, [], []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.settimeout(LONGEST)
        self.port = self.listener.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.lock, self.open, self.closing, self.over = threading.Lock(), [], False, threading.Event()

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def hold(self):
        """Says nothing more, as long as the test lasts."""
        self.over.wait(LONGEST)

    def __exit__(self, *_):
        self.closing = True
        self.over.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR) # also wakes who waits in accept(); closing alone does not
        except OSError:
            pass
        self.listener.close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        try:
            while not self.closing:
                connection, _ = self.listener.accept()
                connection.settimeout(LONGEST)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self.lock:
                    self.open.append(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()
        except OSError:
            pass

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            data = b""
            while b"\r\n\r\n" not in data:
                piece = connection.recv(65536)
                if not piece:
                    return
                data += piece
            head, body = data.split(b"\r\n\r\n", 1)
            ask = Ask(connection, head, body)
            length = int(ask.headers.get("content-length", 0))
            while len(ask.body) < length:
                ask.body += connection.recv(65536)
            with self.lock:
                ask.number = len(self.asks) + 1
                self.asks.append(ask)
            self.answer(self, ask)
        except OSError:
            pass
        except Exception as error: # told by the test
            self.failures.append(error)
        finally:
            connection.close()


def sse(event):
    if isinstance(event, bytes):
        return event
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def usage(input_tokens=10, output_tokens=5, **more):
    return {"input_tokens": input_tokens, "output_tokens": output_tokens, **more}


def message(blocks, stop="end_turn", input_tokens=10, output_tokens=5, **more):
    """An answer of the Messages API as events. A block is (content_block, [delta, ...])."""
    events = [{"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "content": [],
                                                    "usage": usage(input_tokens, 1, **more)}}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": output_tokens}})
    events.append({"type": "message_stop"})
    return events


def text_block(*pieces):
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]


def thinking_block(thought, signature):
    return {"type": "thinking", "thinking": "", "signature": ""}, [{"type": "thinking_delta", "thinking": thought},
                                                                   {"type": "signature_delta", "signature": signature}]


def call_block(identity, name, arguments, pieces=None):
    words = json.dumps(arguments) if not isinstance(arguments, str) else arguments
    pieces = pieces if pieces is not None else [words]
    return {"type": "tool_use", "id": identity, "name": name, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def text(words, **more):
    return message([text_block(words)], **more)
