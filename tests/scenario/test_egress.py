#!/usr/bin/env python3
"""boxagnts-egress alone, spoken to in frames as the monitor does: what goes out, what comes back, what never does."""
import array
import fcntl
import json
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib_model import Stub, call_block, message, sse, text, text_block

BIN = os.environ.get("BOXAGNTS_BIN") or os.path.join(os.path.dirname(__file__), "../../build/release/bin")
READY, FAULT, START, MODEL, CANCEL, DATA, END = 2, 4, 64, 66, 68, 67, 69
KEY = "test-key-3141592653589793"
PATIENCE = 60 # seconds; reached only when something is broken


class Egress:
    def __init__(self, *arguments, base=None, key=KEY, auth="x-api-key", **start):
        ours, theirs = socket.socketpair()
        port = (base or "http://x:80").rsplit(":", 1)[1].split("/")[0]
        ports = [port] if port.isdigit() and not any(a.startswith("--connect") for a in arguments) else []
        launch = "import os, sys; os.dup2(int(sys.argv[1]), 3, True); os.execve(sys.argv[2], ['boxagnts-egress', *sys.argv[3:]], {})"
        self.process = subprocess.Popen([sys.executable, "-c", launch, str(theirs.fileno()), f"{BIN}/boxagnts-egress",
                                         *[f"--connect={','.join(ports)}" for _ in ports[:1]], *arguments],
                                        pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self.socket, self.pending = ours, bytearray()
        self.ready = self.receive()
        if base:
            self.start(base, key, auth, **start)

    def start(self, base, key, auth, **more):
        fd = os.memfd_create("key", os.MFD_ALLOW_SEALING)
        os.write(fd, key.encode())
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, 0xF)
        self.send(START, 0, {"provider": "test", "base_url": base, "auth": auth, **more}, fds=[fd])
        os.close(fd)

    def send(self, kind, number, body=None, raw=b"", fds=()):
        words = json.dumps(body).encode() if body is not None else b""
        data = struct.pack("<IHHIQ", len(words) + len(raw), kind, len(fds), len(words), number) + words + raw
        sent = self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
        if sent < len(data):
            self.socket.sendall(data[sent:])

    def take(self, size, until):
        while len(self.pending) < size:
            if not select.select([self.socket], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("egress says nothing")
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise EOFError("egress has ended")
            self.pending += piece
        data = bytes(self.pending[:size])
        del self.pending[:size]
        return data

    def receive(self, patience=PATIENCE):
        until = time.monotonic() + patience
        length, kind, _, words, number = struct.unpack("<IHHIQ", self.take(20, until))
        rest = self.take(length, until)
        return kind, number, json.loads(rest[:words]) if words else None, rest[words:]

    def model(self, number=1, body=b"{}", path="/v1/messages", wire="anthropic"):
        self.send(MODEL, number, {"path": path, "wire": wire}, body)

    def turn(self, number=1, **more):
        """The whole of one turn: what was streamed, and its END."""
        self.model(number, **more)
        data, until = bytearray(), time.monotonic() + 2 * PATIENCE
        while time.monotonic() < until:
            kind, who, body, raw = self.receive()
            if kind == FAULT:
                raise AssertionError(f"egress gave up: {body}")
            assert who == number
            if kind == END:
                return bytes(data), body
            data += raw
        raise TimeoutError("a turn that does not end")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def resident(egress):
    """Bytes of memory that it holds."""
    with open(f"/proc/{egress.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Egresses(unittest.TestCase):
    def turn(self, answer, **more):
        with Stub(answer) as stub, Egress(base=stub.base) as egress:
            data, end = egress.turn(**more)
        self.assertEqual(stub.failures, [])
        return data, end, stub.asks

    def refused(self, status, message_text="why", kind="invalid_request_error", headers=None, **more):
        _, end, _ = self.turn(lambda _, ask: ask.error(status, message_text, kind, headers, **more))
        self.assertEqual(end["outcome"], "error")
        self.assertEqual(end["status"], status)
        return end

    def test_locks_itself_down_before_it_reads(self):
        with Egress() as egress:
            kind, _, body, _ = egress.ready
            self.assertEqual(kind, READY)
            for facet in ("no_new_privs", "landlock", "seccomp", "capabilities", "rlimits", "fds_env", "parent_death"):
                self.assertIn(facet, body["facets"])

    def test_streams_an_answer_unchanged_and_reads_its_usage(self):
        events = text("hello", input_tokens=12, output_tokens=7, cache_read_input_tokens=3, cache_creation_input_tokens=2)
        data, end, asks = self.turn(lambda _, ask: ask.stream(events), body=b'{"a":1}')
        self.assertEqual(data, b"".join(sse(event) for event in events))
        self.assertEqual(end["outcome"], "ok")
        self.assertEqual(end["usage"], {"input_tokens": 12, "output_tokens": 7, "cache_read_tokens": 3, "cache_write_tokens": 2})
        self.assertEqual(end["status"], 200)
        self.assertTrue(end["sent"])
        self.assertGreater(end["bytes_in"], len(data))
        self.assertGreater(end["bytes_out"], 7)
        ask, = asks
        self.assertEqual(end["contacted"], [{"host": "127.0.0.1", "ip": "127.0.0.1", "port": end["contacted"][0]["port"], "verdict": "allow"}])
        self.assertEqual((ask.line, ask.body), ("POST /v1/messages HTTP/1.1", b'{"a":1}'))
        self.assertEqual(ask.headers["x-api-key"], KEY)
        self.assertEqual(ask.headers["anthropic-version"], "2023-06-01")
        self.assertEqual(ask.headers["content-type"], "application/json")
        self.assertNotIn("expect", ask.headers)
        self.assertNotIn("cookie", ask.headers)

    def test_any_split_of_the_stream_has_the_same_usage(self):
        events = text("hi", input_tokens=12, output_tokens=7)
        for piece in (1, 7, 1000):
            _, end, _ = self.turn(lambda _, ask, piece=piece: ask.stream(events, piece))
            self.assertEqual(end["usage"]["output_tokens"], 7)

    def test_an_answer_is_over_at_its_end_event_though_the_connection_stays(self):
        def answer(stub, ask):
            ask.stream(text("hi"))
            stub.hold()
        _, end, _ = self.turn(answer)
        self.assertEqual(end["outcome"], "ok")

    def test_a_large_request_goes_out_whole_and_without_expect(self):
        body = b'{"x":"' + b"y" * (3 << 20) + b'"}'
        _, end, asks = self.turn(lambda _, ask: ask.stream(text("hi")), body=body)
        self.assertEqual(end["outcome"], "ok")
        self.assertEqual(asks[0].body, body)
        self.assertGreater(end["bytes_out"], len(body))

    def test_a_large_answer_waits_for_a_slow_monitor(self):
        words = "z" * 100_000
        events = message([text_block(*[words] * 400)])
        with Stub(lambda _, ask: ask.stream(events)) as stub, Egress(base=stub.base) as egress:
            before = resident(egress)
            egress.model()
            total, kind, most = 0, DATA, 0
            while kind == DATA:
                kind, _, body, raw = egress.receive()
                total += len(raw)
                most = max(most, resident(egress) - before) if kind == DATA else most
            self.assertLess(most, 32 << 20)
        self.assertEqual(body["outcome"], "ok")
        self.assertEqual(total, sum(len(sse(event)) for event in events))

    def test_several_turns_at_once(self):
        def answer(stub, ask):
            while len(stub.asks) < 3:
                time.sleep(0.01)
            ask.stream(text(ask.body.decode()))
        with Stub(answer) as stub, Egress(base=stub.base) as egress:
            for number in (1, 2, 3):
                egress.model(number, body=str(number).encode())
            data, ended = {1: b"", 2: b"", 3: b""}, set()
            while len(ended) < 3:
                kind, who, body, raw = egress.receive()
                data[who] += raw
                if kind == END:
                    self.assertEqual(body["outcome"], "ok")
                    ended.add(who)
        for number, stream in data.items():
            self.assertIn(f'"text": "{number}"'.encode(), stream)

    def test_statuses_become_classes(self):
        for status, kind, words, expected in (
                (400, "invalid_request_error", "bad", "bad_request"),
                (400, "invalid_request_error", "prompt is too long: 300000 tokens > 200000 maximum", "context_too_long"),
                (400, "invalid_request_error", "This model's maximum context length is 8192 tokens", "context_too_long"),
                (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API", "quota"),
                (401, "authentication_error", "invalid x-api-key", "auth"), (402, "billing_error", "pay", "quota"),
                (403, "permission_error", "no", "auth"), (404, "not_found_error", "model: claude-x", "bad_request"),
                (413, "request_too_large", "big", "context_too_long"), (429, "rate_limit_error", "slow", "rate_limit"),
                (429, "insufficient_quota", "You exceeded your current quota", "quota"), (500, "api_error", "oh", "server"),
                (502, "", "", "server"), (503, "", "", "overloaded"), (529, "overloaded_error", "Overloaded", "overloaded")):
            end = self.refused(status, words, kind)
            self.assertEqual(end["error"]["class"], expected, (status, words))
            self.assertIn(f"HTTP {status}", end["error"]["text"])
            self.assertIn(words, end["error"]["text"])
            self.assertEqual(end["usage"]["input_tokens"], 0, "nothing is owed for a refusal")
        self.assertIn("model", self.refused(404, "x")["error"]["text"])

    def test_a_refusal_is_no_data(self):
        data, end, _ = self.turn(lambda _, ask: ask.error(500, "secret plans"))
        self.assertEqual(data, b"")
        self.assertEqual(end["outcome"], "error")

    def test_a_refusal_without_a_body_and_one_that_is_no_json(self):
        _, end, _ = self.turn(lambda _, ask: ask.head(503, length=0))
        self.assertEqual(end["error"]["class"], "overloaded")
        def page(_, ask):
            ask.head(502, kind="text/html", length=20)
            ask.send("<html>bad gate</html>"[:20])
        _, end, _ = self.turn(page)
        self.assertEqual((end["error"]["class"], end["error"]["text"]), ("server", "HTTP 502"))

    def test_retry_after_in_all_its_forms(self):
        later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
        for headers, least, most in (({"retry-after": "2"}, 2000, 2000), ({"Retry-After": "1.5"}, 1500, 1500), ({"retry-after-ms": "250", "retry-after": "9"}, 250, 250),
                                     ({"retry-after": later}, 25000, 31000), ({"retry-after": "soon"}, 0, 0), ({"retry-after": "-5"}, 0, 0),
                                     ({"retry-after": "99999999999999999999"}, 0, 1 << 31), ({}, 0, 0)):
            end = self.refused(429, headers=headers)
            self.assertTrue(least <= end["error"]["retry_after_ms"] <= most, (headers, end))

    def test_the_key_is_in_no_error_even_when_the_service_repeats_it(self):
        for words in (f"your key {KEY} is wrong", KEY * 20, "x" * 290 + KEY):
            end = self.refused(401, words, "authentication_error")
            self.assertNotIn(KEY, json.dumps(end))
            self.assertNotIn(KEY[:12], json.dumps(end))
        self.assertIn("[key]", self.refused(401, f"your key {KEY} is wrong")["error"]["text"])

    def test_error_text_is_cut_and_of_one_line(self):
        end = self.refused(400, "a\n\x1b[31mb\u0085c\u00e9" + "\u00e9" * 500)
        self.assertLessEqual(len(end["error"]["text"].encode()), 300)
        self.assertTrue(end["error"]["text"].isprintable())

    def test_a_redirect_is_refused_and_the_key_goes_nowhere(self):
        for status in (301, 302, 303, 307, 308):
            with Stub(lambda _, ask: ask.stream(text("caught"))) as other:
                data, end, asks = self.turn(lambda _, ask, to=other.base, status=status: ask.head(status, {"location": f"{to}/v1/messages"}, length=0))
                self.assertEqual(other.asks, [])
            self.assertEqual((data, end["error"]["class"], len(asks)), (b"", "bad_request", 1))
            self.assertIn("redirect refused", end["error"]["text"])

    def test_an_answer_that_is_no_event_stream_is_malformed(self):
        def answer(_, ask):
            ask.head(200, kind="application/json", length=2)
            ask.send("{}")
        data, end, _ = self.turn(answer)
        self.assertEqual((data, end["error"]["class"]), (b"", "malformed"))
        self.assertNotIn("usage", end)

    def test_a_stream_that_is_cut_is_a_disconnect_without_usage(self):
        events = text("hello")
        for count in range(len(events)):
            _, end, _ = self.turn(lambda _, ask, count=count: ask.stream(events[:count]) if count else ask.head())
            self.assertEqual(end["error"]["class"], "disconnect", count)
            self.assertNotIn("usage", end)
            self.assertTrue(end["sent"])

    def test_a_chunked_body_that_breaks_off_is_a_disconnect(self):
        def answer(_, ask):
            ask.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            ask.send("400\r\nevent: ping\n")
        _, end, _ = self.turn(answer)
        self.assertEqual(end["error"]["class"], "disconnect")

    def test_a_connection_closed_without_a_word_is_a_disconnect(self):
        _, end, _ = self.turn(lambda _, ask: None)
        self.assertEqual(end["error"]["class"], "disconnect")
        self.assertTrue(end["sent"])

    def test_nothing_that_is_not_http_is_taken(self):
        for words in ("SSH-2.0-OpenSSH\r\n", "\x00\x01\x02\x03" * 10, "event: message_stop\ndata: {}\n\n"):
            data, end, _ = self.turn(lambda _, ask, words=words: ask.send(words))
            self.assertEqual(data, b"")
            self.assertIn(end["error"]["class"], ("malformed", "disconnect"))

    def test_events_that_are_no_json_are_malformed(self):
        for bad in (b"data: {broken\n\n", b"data: [1]\n\n", b"data: {\"type\":\"x\",\"type\":\"y\"}\n\n", b"data: \xff\xfe\n\n"):
            _, end, _ = self.turn(lambda _, ask, bad=bad: ask.stream([bad, *text("x")]))
            self.assertEqual(end["error"]["class"], "malformed", bad)

    def test_an_error_event_in_the_stream_is_a_failure_of_its_class(self):
        for kind, expected in (("overloaded_error", "overloaded"), ("rate_limit_error", "rate_limit"), ("api_error", "server"), ("x", "server")):
            events = [*text("half")[:4], {"type": "error", "error": {"type": kind, "message": f"says {KEY}"}}]
            _, end, _ = self.turn(lambda _, ask, events=events: ask.stream(events))
            self.assertEqual(end["error"]["class"], expected)
            self.assertNotIn(KEY, json.dumps(end))
            self.assertNotIn("usage", end)

    def test_one_event_of_100_mb_is_cut_off_at_its_cap(self):
        taken = []
        def answer(_, ask):
            ask.head()
            ask.send("event: content_block_delta\ndata: ")
            for _ in range(100):
                if not ask.send(b"x" * (1 << 20)):
                    break
                taken.append(1)
        _, end, _ = self.turn(answer)
        self.assertEqual(end["error"]["class"], "malformed")
        self.assertLess(len(taken), 40)

    def test_an_answer_without_end_is_cut_off_at_its_cap(self):
        piece = sse({"type": "ping", "x": "y" * 500_000})
        def answer(_, ask):
            ask.head()
            while ask.send(piece):
                pass
        _, end, _ = self.turn(answer)
        self.assertEqual(end["error"]["class"], "malformed")
        self.assertLess(end["bytes_in"], 80 << 20)

    def test_a_head_without_end_is_cut_off(self):
        def answer(_, ask):
            ask.send("HTTP/1.1 200 OK\r\n")
            while ask.send("x-filler: " + "y" * 1000 + "\r\n"):
                pass
        _, end, _ = self.turn(answer)
        self.assertEqual(end["error"]["class"], "malformed")
        self.assertLess(end["bytes_in"], 70_000)

    def test_silence_ends_after_the_idle_time(self):
        def answer(stub, ask):
            ask.stream(text("x")[:3])
            stub.hold()
        with Stub(answer) as stub, Egress(base=stub.base, idle_ms=300) as egress:
            _, end = egress.turn()
        self.assertEqual(end["error"]["class"], "disconnect")

    def test_nobody_there_is_unreachable_and_nothing_was_sent(self):
        with Stub(None) as stub:
            port = stub.port
        with Egress(base=f"http://127.0.0.1:{port}") as egress:
            _, end = egress.turn()
        self.assertEqual((end["error"]["class"], end["sent"], end["bytes_out"]), ("unreachable", False, 0))
        self.assertNotIn("status", end)

    def test_a_name_is_looked_up_inside_the_jail(self):
        with Stub(lambda _, ask: ask.stream(text("hi"))) as stub, Egress(base=f"http://localhost:{stub.port}") as egress:
            _, end = egress.turn()
        self.assertEqual(end["outcome"], "ok")
        self.assertEqual(end["contacted"][-1]["host"], "localhost")
        self.assertEqual(end["contacted"][-1]["ip"], "127.0.0.1")

    def test_a_name_that_does_not_exist_is_unreachable(self):
        with Egress(base="http://no-such-host.invalid:80") as egress:
            _, end = egress.turn()
        self.assertEqual((end["error"]["class"], end["sent"]), ("unreachable", False))

    def test_a_certificate_is_believed_only_when_the_operator_named_it(self):
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = f"{folder}/key.pem", f"{folder}/cert.pem"
            try:
                subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key,
                                "-out", certificate, "-subj", "/CN=stub", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                self.skipTest("no openssl program to make a certificate with")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            with Stub(lambda _, ask: ask.stream(text("hi")), context) as stub:
                base = f"https://127.0.0.1:{stub.port}"
                with Egress(base=base) as egress:
                    _, end = egress.turn()
                self.assertEqual(stub.asks, [])
                self.assertEqual((end["error"]["class"], end["sent"]), ("unreachable", False))
                self.assertIn("certificate", end["error"]["text"])
                with Egress(f"--read={certificate}", base=base, ca_file=certificate) as egress:
                    _, end = egress.turn()
                self.assertEqual((end["outcome"], len(stub.asks)), ("ok", 1))
                # the right authority, the wrong name
                with Egress(f"--read={certificate}", base=f"https://localhost:{stub.port}", ca_file=certificate) as egress:
                    _, end = egress.turn()
                self.assertEqual((end["error"]["class"], len(stub.asks)), ("unreachable", 1))

    def test_cancel_stops_at_once(self):
        gone = threading.Event()
        def answer(_, ask):
            if ask.number == 2:
                return ask.stream(text("hi"))
            ask.head()
            while ask.send(sse({"type": "ping"})):
                time.sleep(0.02)
            gone.set()
        with Stub(answer) as stub, Egress(base=stub.base) as egress:
            egress.model()
            self.assertEqual(egress.receive()[0], DATA)
            egress.send(CANCEL, 1)
            kind = DATA
            while kind == DATA:
                kind, _, end, _ = egress.receive()
            self.assertEqual((kind, end["outcome"], end["sent"]), (END, "error", True))
            self.assertNotIn("usage", end)
            self.assertTrue(gone.wait(PATIENCE), "the connection was closed")
            egress.send(CANCEL, 1) # one that crossed the end: nothing
            _, end = egress.turn(2)
            self.assertEqual(end["outcome"], "ok")

    def test_cancel_during_a_name_lookup_does_not_wait_for_it(self):
        with Egress(base="http://no-such-host.invalid:80") as egress:
            egress.model()
            egress.send(CANCEL, 1)
            self.assertEqual(egress.receive()[0], END)

    def test_ends_when_the_monitor_hangs_up(self):
        def answer(_, ask):
            ask.head()
            while ask.send(sse({"type": "ping"})):
                time.sleep(0.02)
        with Stub(answer) as stub:
            egress = Egress(base=stub.base)
            egress.model()
            egress.receive()
            egress.socket.close()
            self.assertEqual(egress.process.wait(PATIENCE), 0)

    def gives_up(self, egress):
        """Its word, and that it has ended."""
        with egress:
            kind, _, body, _ = egress.receive()
            self.assertEqual(kind, FAULT)
            self.assertNotEqual(egress.process.wait(PATIENCE), 0)
            self.assertNotIn(KEY, json.dumps(body))
            return body["text"]

    def test_starts_that_are_wrong_are_refused_with_a_sentence(self):
        for wrong in ({"base": "ftp://127.0.0.1:1"}, {"base": "http://user:pw@127.0.0.1:1"}, {"base": "http://127.0.0.1:1/?q=1"}, {"base": "file:///etc/passwd"},
                      {"auth": "password"}, {"key": KEY + "\n"}, {"key": KEY + "\r\nx-other: 1"}, {"key": "x" * 9000},
                      {"headers": {"host": "other"}}, {"headers": {"a b": "c"}}, {"headers": {"a": "b\nc"}}, {"headers": {"a": 1}}, {"headers": {f"a{i}": "b" for i in range(40)}},
                      {"idle_ms": 0}, {"proxy": "socks5://127.0.0.1:1"}):
            self.assertTrue(self.gives_up(Egress(**{"base": "http://127.0.0.1:1", **wrong})), wrong)

    def test_requests_that_are_wrong_end_it(self):
        for wrong in ({"path": "v1/messages"}, {"path": "/../x"}, {"path": "/a b"}, {"path": "/a\r\nx: y"}, {"path": ""}, {"wire": "telegraph"}, {"number": 0}):
            egress = Egress(base="http://127.0.0.1:1")
            egress.model(**wrong)
            self.assertTrue(self.gives_up(egress), wrong)

    def test_frames_out_of_state_end_it(self):
        with Egress() as egress:
            egress.model()
            self.assertNotEqual(egress.process.wait(PATIENCE), 0)
        with Egress(base="http://127.0.0.1:1") as egress:
            egress.start("http://127.0.0.1:1", KEY, "x-api-key")
            self.assertNotEqual(egress.process.wait(PATIENCE), 0)
        with Egress() as egress:
            egress.socket.sendall(b"\xff" * 64)
            self.assertNotEqual(egress.process.wait(PATIENCE), 0)

    def test_a_turn_number_is_used_once_at_a_time(self):
        with Stub(lambda stub, ask: stub.hold()) as stub:
            egress = Egress(base=stub.base)
            egress.model(7)
            egress.model(7)
            self.gives_up(egress)

    def test_headers_of_the_operator_are_sent_and_redacted(self):
        with Stub(lambda _, ask: ask.error(400, "you said sesame-open-up")) as stub, \
                Egress(base=stub.base, headers={"x-door": "sesame-open-up", "Anthropic-Version": "2099-01-01"}) as egress:
            _, end = egress.turn()
        self.assertEqual(stub.asks[0].headers["x-door"], "sesame-open-up")
        self.assertEqual(stub.asks[0].headers["anthropic-version"], "2099-01-01")
        self.assertNotIn("sesame", json.dumps(end))

    def test_other_ways_to_authenticate(self):
        for auth, name, value in (("bearer", "authorization", f"Bearer {KEY}"), ("x-goog-api-key", "x-goog-api-key", KEY), ("none", "x-api-key", None)):
            with Stub(lambda _, ask: ask.stream(text("hi"))) as stub, Egress(base=stub.base + "/base/", auth=auth) as egress:
                egress.turn()
            self.assertEqual(stub.asks[0].headers.get(name), value)
            self.assertEqual(stub.asks[0].path, "/base/v1/messages")
        with Stub(lambda _, ask: ask.stream(text("hi"))) as stub, Egress(base=stub.base, key="") as egress:
            egress.turn()
        self.assertNotIn("x-api-key", stub.asks[0].headers)

    def test_a_proxy_is_asked_for_a_tunnel_and_does_not_see_the_key(self):
        def answer(_, ask):
            ask.send("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        with Stub(answer) as proxy, Egress(f"--connect={proxy.port}", base="https://service.invalid", proxy=f"http://me:pw@127.0.0.1:{proxy.port}") as egress:
            _, end = egress.turn()
        self.assertEqual(proxy.asks[0].line, "CONNECT service.invalid:443 HTTP/1.1")
        self.assertNotIn("x-api-key", proxy.asks[0].headers)
        self.assertIn("proxy-authorization", proxy.asks[0].headers)
        self.assertEqual((end["error"]["class"], end["sent"]), ("unreachable", False))

    def test_another_port_cannot_be_connected_to(self):
        with Stub(lambda _, ask: ask.stream(text("hi"))) as stub, Egress("--connect=1", base=None) as egress:
            egress.start(stub.base, KEY, "x-api-key")
            _, end = egress.turn()
            self.assertEqual(stub.asks, [])
        self.assertEqual(end["error"]["class"], "unreachable")


if __name__ == "__main__":
    unittest.main()
