#!/usr/bin/env python3
"""HTTP of guests, at egress itself: spoken to as the monitor does, and over the call's own socket as a worker does, an honest
one and an owned one. What may be reached, what goes out, what comes back, and what never does."""
import fcntl
import json
import os
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
from test_egress import Egress, PATIENCE
from lib_model import Stub

GUESTS, SECRET, GRANT, REVOKE, GRANT_END, FAULT = 70, 72, 74, 76, 71, 4
BEGIN, BODY, SENT, CLOSE, HEAD, PIECE, END = 96, 98, 100, 102, 97, 99, 101


def frame(kind, number, body=None, raw=b"", fds=0):
    words = json.dumps(body).encode() if isinstance(body, (dict, list)) else body or b""
    return struct.pack("<IHHIQ", len(words) + len(raw), kind, fds, len(words), number) + words + raw


class Worker:
    """The worker's end of a grant."""

    def __init__(self, sock):
        self.socket, self.pending, self.number = sock, bytearray(), 0
        self.socket.settimeout(PATIENCE)

    def send(self, kind, body=None, raw=b"", number=None):
        self.socket.sendall(frame(kind, self.number if number is None else number, body, raw))

    def take(self, size):
        while len(self.pending) < size:
            piece = self.socket.recv(1 << 16)
            if not piece:
                raise EOFError("egress has hung up")
            self.pending += piece
        data = bytes(self.pending[:size])
        del self.pending[:size]
        return data

    def receive(self):
        length, kind, _, words, number = struct.unpack("<IHHIQ", self.take(20))
        rest = self.take(length)
        return kind, number, json.loads(rest[:words]) if words else None, rest[words:]

    def begin(self, url, method="GET", headers=(), redirects=5, **more):
        self.number += 1
        self.send(BEGIN, {"method": method, "url": url, "headers": [list(h) for h in headers], "redirects": redirects, **more})

    def answer(self):
        """(head or None, body, end)"""
        head, data = None, bytearray()
        while True:
            kind, number, body, raw = self.receive()
            if number != self.number:
                continue
            if kind == HEAD:
                head = body
            elif kind == PIECE:
                data += raw
            elif kind == END:
                self.send(CLOSE)
                return head, bytes(data), body

    def get(self, url, body=None, **more):
        self.begin(url, **more)
        if body is not None:
            for at in range(0, len(body), 60000):
                self.send(BODY, raw=body[at:at + 60000])
            self.send(SENT)
        return self.answer()


class Guests(Egress):
    def __init__(self, *ports, arguments=(), **start):
        super().__init__(f"--connect={','.join(map(str, ports))}" if ports else "--connect=any", *arguments)
        self.grants, self.workers = 0, []
        self.send(GUESTS, 0, start)

    def secret(self, name, value, host, header="authorization", prefix="Bearer "):
        fd = os.memfd_create("secret", os.MFD_ALLOW_SEALING)
        os.write(fd, value.encode())
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, 0xF)
        self.send(SECRET, 0, {"name": name, "host": host, "header": header, "prefix": prefix}, fds=[fd])
        os.close(fd)

    def grant(self, hosts=("http://*:*",), narrow=(), block_networks=(), block_url=(), net=None, max_requests=100, max_bytes=1 << 26,
              seconds=PATIENCE, secrets=(), **more):
        ours, theirs = socket.socketpair()
        self.grants += 1
        self.send(GRANT, self.grants, {
            "hosts": list(hosts), "narrow": list(narrow), "block_networks": list(block_networks), "block_url": list(block_url),
            "net": {"deny": [], "targets": [], "ask": [], "allow": [], "otherwise": True, **(net or {})},
            "max_requests": max_requests, "max_bytes": max_bytes, "secrets": list(secrets),
            "deadline_ns": time.clock_gettime_ns(time.CLOCK_MONOTONIC) + int(seconds * 1e9), **more}, fds=[theirs.fileno()])
        theirs.close()
        self.workers.append(Worker(ours))
        return self.workers[-1]

    def __exit__(self, *why):
        for worker in self.workers:
            worker.socket.close()
        super().__exit__(*why)

    def revoke(self, number=1):
        self.send(REVOKE, number)
        kind, who, body, _ = self.receive()
        assert kind == GRANT_END and who == number, (kind, who, body)
        return body


class Canned:
    """A server that answers each connection with fixed bytes, whatever is asked, and then hangs up or waits."""

    def __init__(self, *answers, then_waits=False, ends=b"\r\n\r\n"):
        self.ends = ends
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.heads, self.held, self.then_waits = [], [], then_waits
        self.thread = threading.Thread(target=self.serve, args=(list(answers),), daemon=True)
        self.thread.start()

    def serve(self, answers):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            head = b""
            connection.settimeout(PATIENCE)
            try:
                while self.ends not in head:
                    piece = connection.recv(65536)
                    if not piece:
                        break
                    head += piece
                self.heads.append(head)
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                for part in answer if isinstance(answer, list) else [answer]:
                    connection.sendall(part)
            except OSError:
                pass
            if self.then_waits:
                self.held.append(connection)
            else:
                connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.held:
            connection.close()
        self.thread.join(PATIENCE)


def http(status=200, body=b"", *headers):
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class HttpOfGuests(unittest.TestCase):
    def one(self, answer, path="/", grant=None, **more):
        """One request to a canned answer: its answer and the heads that the server saw."""
        with Canned(answer) as server, Guests() as egress:
            worker = egress.grant(**(grant or {}))
            got = worker.get(server.base + path, **more)
            return *got, egress.revoke(), server.heads

    def test_a_request_and_its_answer_pass_and_are_counted(self):
        head, data, end, used, heads = self.one(http(200, b"hello", "X-A: 1", "X-A: 2"), "/a/../b?c=%64#e",
                                                headers=[("Accept", "text/html"), ("X-Empty", "")])
        self.assertEqual(end, {"outcome": "ok", "text": ""})
        self.assertEqual((head["status"], data), (200, b"hello"))
        self.assertEqual([v for n, v in head["headers"] if n == "x-a"], ["1", "2"])
        lines = heads[0].decode().split("\r\n")
        self.assertEqual(lines[0], "GET /b?c=d HTTP/1.1")
        self.assertIn("Accept: text/html", lines)
        self.assertIn("X-Empty:", lines)
        self.assertIn("accept-encoding: identity", lines)
        self.assertFalse([line for line in lines if line.lower().startswith(("expect", "user-agent", "cookie"))])
        self.assertEqual(used["http_requests"], 1)
        self.assertGreater(used["http_bytes"], len(heads[0]) // 2 + len(http(200, b"hello")))
        self.assertEqual([(c["ip"], c["verdict"]) for c in used["contacted"]], [("127.0.0.1", "allow")])
        self.assertEqual(used["limits_hit"], [])

    def test_bodies_stream_both_ways(self):
        body = os.urandom(3 << 20)
        with Stub(lambda _, ask: (ask.head(200, length=len(ask.body)), ask.send(ask.body))) as stub, Guests() as egress:
            head, data, end = egress.grant().get(stub.base + "/echo", method="PUT", body=body, body_size=len(body))
            self.assertEqual((head["status"], end["outcome"]), (200, "ok"), end)
            self.assertTrue(data == body)
            self.assertEqual(stub.asks[0].headers["content-length"], str(len(body)))

    def test_a_body_of_unknown_length_goes_out_in_chunks(self):
        with Canned(http(200, b"ok"), ends=b"0\r\n\r\n") as server, Guests() as egress:
            _, _, end = egress.grant().get(server.base, method="POST", body=b"abc", body_size=-1)
        self.assertEqual(end["outcome"], "ok")
        self.assertIn(b"Transfer-Encoding: chunked", server.heads[0])
        self.assertNotIn(b"ontent-Length", server.heads[0])

    def test_what_is_not_granted_is_refused_before_anything_is_sent(self):
        cases = [
            ({"hosts": []}, "allowed_outbound_hosts"),
            ({"hosts": ["http://*"]}, "allowed_outbound_hosts"),  # port 80 alone
            ({"hosts": ["https://*:*"]}, "allowed_outbound_hosts"),
            ({"hosts": ["http://localhost:*"]}, "allowed_outbound_hosts"),  # the name is not the address
            ({"block_networks": ["private"]}, "block_networks (loopback)"),
            ({"block_networks": ["127.0.0.0/8"]}, "block_networks"),
            ({"block_networks": ["::ffff:127.0.0.0/104"]}, "block_networks"),
            ({"net": {"otherwise": False}}, "policy"),
            ({"net": {"deny": ["127.0.0.1"]}}, "policy"),
            ({"net": {"deny": ["127.0.0.1"], "targets": ["127.0.0.1"]}}, "policy"),
            ({"net": {"ask": ["127.0.0.1"]}}, "policy"),
        ]
        for terms, word in cases:
            head, _, end, used, heads = self.one(http(), grant=terms)
            self.assertEqual((head, end["outcome"]), (None, "denied:net"), terms)
            self.assertIn(word, end["text"], terms)
            self.assertEqual(heads, [])
            self.assertEqual([c["verdict"] for c in used["contacted"]], ["deny"])
            self.assertEqual(used["refused"][0]["op"], "http")
            self.assertEqual(used["http_requests"], 0)
        for terms in ({"net": {"otherwise": False, "targets": ["127.0.0.1"]}}, {"net": {"otherwise": False, "allow": ["127.0.0.1"]}},
                      {"net": {"ask": ["127.0.0.1"], "targets": ["127.0.0.1"]}}):
            self.assertEqual(self.one(http(), grant=terms)[2]["outcome"], "ok", terms)

    def test_a_name_is_judged_by_the_address_that_is_connected_to(self):
        """localhost is a name that anybody's DNS could answer with 127.0.0.1."""
        with Canned(http()) as server, Guests() as egress:
            worker = egress.grant(hosts=["http://localhost:*"], block_networks=["private"])
            head, _, end = worker.get(f"http://localhost:{server.port}/")
            self.assertEqual((head, end["outcome"]), (None, "denied:net"), end)
            self.assertIn("loopback", end["text"])
            used = egress.revoke()
            self.assertEqual(server.heads, [])
            self.assertIn({"host": "localhost", "ip": "127.0.0.1", "port": server.port, "verdict": "deny"}, used["contacted"])
            self.assertNotIn("allow", [c["verdict"] for c in used["contacted"]])
        with Canned(http()) as server, Guests() as egress:
            worker = egress.grant(hosts=["http://localhost:*"])
            self.assertEqual(worker.get(f"http://localhost:{server.port}/")[2]["outcome"], "ok")

    def test_every_way_to_write_an_address_is_one_address_or_none(self):
        with Canned(http()) as server, Guests() as egress:
            worker = egress.grant(block_networks=["private"])
            for host in ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "[::]", "[::1]",
                         "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "[fe80::1]", "224.0.0.1", "255.255.255.255"):
                _, _, end = worker.get(f"http://{host}:{server.port}/")
                self.assertEqual(end["outcome"], "denied:net", (host, end))
            for host in ("127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0x7f000001", "[fe80::1%25lo]", "user@127.0.0.1", "127.0.0.1%00.a"):
                _, _, end = worker.get(f"http://{host}:{server.port}/")
                self.assertEqual(end["outcome"], "bad", (host, end))
            self.assertEqual(server.heads, [])
            open_worker = egress.grant()  # nothing is blocked, and nowhere is still nowhere
            for host in ("0.0.0.0", "[::]", "224.0.0.1", "[ff02::1]", "255.255.255.255"):
                _, _, end = open_worker.get(f"http://{host}:{server.port}/")
                self.assertEqual(end["outcome"], "denied:net", (host, end))

    def test_redirects_are_judged_at_each_hop_and_limited(self):
        with Canned(http(200, b"inside")) as inside:
            to = lambda where: http(302, b"moved", f"Location: {where}")
            with Canned(to("/b"), http(200, b"there")) as server, Guests() as egress:
                head, data, end = egress.grant().get(server.base + "/a")
                self.assertEqual((head["url"], data, end["outcome"]), (server.base + "/b", b"there", "ok"))
                self.assertEqual(egress.revoke()["http_requests"], 2)
            for where in (inside.base, f"http://localhost:{inside.port}/", f"//127.0.0.2:{inside.port}/"):
                with Canned(to(where)) as server, Guests() as egress:
                    _, _, end = egress.grant(hosts=[f"http://127.0.0.1:{server.port}"]).get(server.base + "/a")
                    self.assertEqual(end["outcome"], "denied:net", where)
            for where in ("file:///etc/passwd", "gopher://127.0.0.1/", "http://user@127.0.0.1/", "/a b"):
                with Canned(to(where)) as server, Guests() as egress:
                    self.assertEqual(egress.grant().get(server.base + "/a")[2]["outcome"], "failed", where)
            with Canned(to("/again")) as server, Guests() as egress:
                head, data, end = egress.grant().get(server.base + "/a", redirects=3)
                self.assertEqual((head["status"], data, end["outcome"]), (302, b"moved", "ok"))  # the last is the answer
                self.assertEqual(egress.revoke()["http_requests"], 4)
            with Canned(to("/again")) as server, Guests() as egress:
                _, _, end = egress.grant(max_requests=2).get(server.base + "/a")
                self.assertEqual(end["outcome"], "quota")
            self.assertEqual(inside.heads, [])

    def test_what_could_be_a_credential_stays_with_its_origin(self):
        with Canned(http(200, b"other")) as other:
            with Canned(http(302, b"", f"Location: {other.base}/x")) as server, Guests() as egress:
                _, _, end = egress.grant().get(server.base, headers=[("Authorization", "Bearer mine"), ("Cookie", "a=b"), ("X-Key", "k"),
                                                                     ("Accept", "text/html")])
                self.assertEqual(end["outcome"], "ok")
            sent = other.heads[0].decode().lower()
            self.assertIn("accept: text/html", sent)
            for word in ("authorization", "cookie", "x-key"):
                self.assertIn(word, server.heads[0].decode().lower())
                self.assertNotIn(word, sent)

    def test_a_redirect_after_a_post_asks_without_the_body(self):
        with Canned(http(303, b"", "Location: /done"), http(200, b"done")) as server, Guests() as egress:
            _, data, end = egress.grant().get(server.base, method="POST", body=b"abc", body_size=3, headers=[("content-type", "a/b")])
            self.assertEqual((data, end["outcome"]), (b"done", "ok"))
            self.assertTrue(server.heads[1].startswith(b"GET /done"))
            self.assertNotIn(b"ontent-", server.heads[1])
        with Canned(http(307, b"again", "Location: /done")) as server, Guests() as egress:
            head, data, end = egress.grant().get(server.base, method="POST", body=b"abc", body_size=3)
            self.assertEqual((head["status"], data, end["outcome"]), (307, b"again", "ok"))  # the body is gone: the guest decides

    def test_requests_that_smuggle_are_refused(self):
        with Canned(http()) as server, Guests() as egress:
            worker = egress.grant()
            for more in ({"headers": [("X", "a\r\nHost: evil")]}, {"headers": [("X\r\nY", "a")]}, {"headers": [("X", "a\nb")]},
                         {"headers": [("Host", "evil")]}, {"headers": [("Content-Length", "0")]}, {"headers": [("connection", "x")]},
                         {"headers": [("Transfer-Encoding", "chunked")]}, {"headers": [("Upgrade", "h2c")]}, {"headers": [("a b", "c")]},
                         {"headers": [("Proxy-Authorization", "x")]}, {"headers": [("Accept-Encoding", "gzip")]}, {"headers": [("", "x")]},
                         {"method": "CONNECT"}, {"method": "GET / HTTP/1.1\r\nX:"}, {"method": ""}, {"method": "TRACE"}):
                _, _, end = worker.get(server.base, **more)
                self.assertEqual(end["outcome"], "bad", more)
            for path in ("/a b", "/\r\nX: y", "/\n", "/%", "\\"):
                _, _, end = worker.get(server.base + path)
                self.assertEqual(end["outcome"], "bad", path)
            self.assertEqual(server.heads, [])

    def test_answers_that_can_be_read_in_two_ways_are_refused(self):
        for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
                       b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"hello", b"", b"HTTP/1.1 999999\r\n\r\n",
                       b"HTTP/1.1 302 x\r\nLocation: /a\r\nLocation: /b\r\n\r\n"):
            head, _, end, *_ = self.one(answer)
            self.assertEqual((head, end["outcome"]), (None, "failed"), (answer, end))

    def test_an_answer_that_breaks_off_says_so(self):
        head, data, end, *_ = self.one(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
        self.assertEqual((head["status"], data, end["outcome"]), (200, b"hello", "failed"))
        head, data, end, *_ = self.one(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        self.assertEqual((data, end["outcome"]), (b"hello", "failed"))

    def test_a_head_is_at_most_so_long(self):
        _, _, end, *_ = self.one(http(200, b"", *[f"X{i}: {'y' * 1000}" for i in range(70)]))
        self.assertEqual(end["outcome"], "failed")
        _, _, end, *_ = self.one([b"HTTP/1.1 200 OK\r\n"] + [b"x: y\r\n" * 300] + [b"\r\n"])
        self.assertEqual(end["outcome"], "failed")
        _, _, end, *_ = self.one([b"HTTP/1.1 103 Early\r\nx: y\r\n\r\n" * 5000, http()])  # interim answers without end
        self.assertEqual(end["outcome"], "failed")

    def test_the_quotas_hold_at_their_edge(self):
        with Canned(http(200, b"x")) as server, Guests() as egress:
            worker = egress.grant(max_requests=2)
            self.assertEqual([worker.get(server.base)[2]["outcome"] for _ in range(4)], ["ok", "ok", "quota", "quota"])
            used = egress.revoke()
            self.assertEqual((used["http_requests"], used["limits_hit"]), (2, ["max_http_requests"]))
            whole = used["http_bytes"] // 2
            for limit, outcome in ((whole, "ok"), (whole - 1, "quota"), (0, "quota")):
                worker = egress.grant(max_bytes=limit)
                self.assertEqual(worker.get(server.base)[2]["outcome"], outcome, limit)
                used = egress.revoke(egress.grants)
                self.assertEqual(used["limits_hit"], [] if outcome == "ok" else ["max_http_bytes"])
                self.assertLessEqual(used["http_bytes"], limit)

    def test_a_packed_answer_comes_as_it_is(self):
        """A decompression bomb bursts nowhere but in the guest's own memory, under the guest's own limits."""
        import gzip
        bomb = gzip.compress(bytes(50 << 20))
        head, data, end, used, _ = self.one(http(200, bomb, "Content-Encoding: gzip"))
        self.assertEqual((data == bomb, end["outcome"]), (True, "ok"))
        self.assertIn(["content-encoding", "gzip"], head["headers"])
        self.assertLess(used["http_bytes"], len(bomb) + 2000)

    def test_silence_and_the_deadline_end_a_request(self):
        with Canned(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", then_waits=True) as server:
            with Guests(idle_ms=50) as egress:
                _, data, end = egress.grant().get(server.base)
                self.assertIn(data, (b"", b"hello"))  # a busy machine may be later than that
                self.assertEqual(end["outcome"], "timeout")
            with Guests() as egress:
                worker = egress.grant(seconds=0.2)
                _, data, end = worker.get(server.base)
                self.assertIn(data, (b"", b"hello"))
                self.assertEqual(end["outcome"], "timeout")
                self.assertEqual(worker.get(server.base)[2]["outcome"], "timeout")  # and no later one begins
                self.assertLessEqual(egress.revoke()["http_requests"], 1)

    def test_a_guest_that_does_not_read_holds_the_server(self):
        sent = []

        def flood(_, ask):
            ask.head(200, length=64 << 20)
            ask.connection.settimeout(2)
            try:
                for _ in range(64):
                    ask.connection.sendall(bytes(1 << 20))
                    sent.append(1 << 20)
            except OSError:
                pass # nobody takes it: as it should be

        with Stub(flood) as stub, Guests() as egress:
            worker = egress.grant(max_bytes=1 << 30)
            worker.begin(stub.base + "/")
            self.assertEqual(worker.receive()[0], HEAD)
            stub.__exit__(None, None, None)  # waits for the flood to give up
            used = egress.revoke()
        self.assertLess(sum(sent), 32 << 20)
        self.assertLess(used["http_bytes"], 8 << 20)

    def test_tls_is_checked(self):
        with tempfile.TemporaryDirectory() as place:
            key, certificate = f"{place}/key.pem", f"{place}/cert.pem"
            try:
                subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key,
                                "-out", certificate, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                self.skipTest("no openssl program to make a certificate with")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            with Stub(lambda _, ask: (ask.head(200, length=2), ask.send("ok")), tls=context) as stub:
                for host, start, arguments, outcome in (("localhost", {"ca_file": certificate}, [f"--read={certificate}"], "ok"),
                                                        ("127.0.0.1", {"ca_file": certificate}, [f"--read={certificate}"], "failed"),
                                                        ("localhost", {}, [], "failed")):
                    with Guests(arguments=arguments, **start) as egress:
                        _, _, end = egress.grant(hosts=["https://*:*"]).get(f"https://{host}:{stub.port}/")
                        self.assertEqual(end["outcome"], outcome, (host, start, end))
                self.assertEqual(len(stub.asks), 1)

    def test_revoking_ends_everything_of_the_grant_and_of_no_other(self):
        with Canned(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", then_waits=True) as server, Guests() as egress:
            one, two = egress.grant(), egress.grant()
            for worker in (one, two):
                worker.begin(server.base)
                self.assertEqual(worker.receive()[0], HEAD)
                self.assertEqual(worker.receive()[0], PIECE)
            self.assertEqual(egress.revoke(1)["http_requests"], 1)
            with self.assertRaises(EOFError):
                one.receive()
            two.send(CLOSE)
            _, _, end = two.get(server.base + "/", redirects=0, method="HEAD")
            self.assertEqual(end["outcome"], "ok")

    def test_a_worker_that_lies_loses_its_own_grant_only(self):
        good = {"method": "GET", "url": "http://127.0.0.1:9/", "headers": [], "redirects": 0}
        lies = [frame(BEGIN, 2, good), frame(BEGIN, 0, good), frame(BEGIN, 1, {}), frame(BEGIN, 1, {**good, "redirects": 11}),
                frame(BEGIN, 1, {**good, "headers": [["a"]]}), frame(BEGIN, 1, {**good, "headers": [["a", "b"]] * 65}),
                frame(BEGIN, 1, {**good, "body_size": -2}), frame(BEGIN, 1, {**good, "url": 7}), frame(BEGIN, 1, b"[]"),
                frame(BEGIN, 1, good) + frame(BEGIN, 2, good), frame(BODY, 1, None, b"x"), frame(BEGIN, 1, good) + frame(BODY, 1, None, b"x"),
                frame(BEGIN, 1, {**good, "body_size": 1}) + frame(BODY, 1, None, b"xx"), frame(BEGIN, 1, {**good, "body_size": 1}) + frame(SENT, 1),
                frame(BEGIN, 1, good) + frame(SENT, 1), frame(HEAD, 1, {}), frame(GRANT, 1, {}), frame(BEGIN, 1, b"{" * 300), os.urandom(64),
                frame(BEGIN, 1, {**good, "url": "x" * (300 << 10)}), frame(BEGIN, 1, {**good, "url": "http://a/\0"})]
        with Canned(http(200, b"fine")) as server, Guests() as egress:
            honest = egress.grant()
            for lie in lies:
                liar = egress.grant()
                with self.assertRaises((EOFError, ConnectionError), msg=lie[:60]):
                    liar.socket.sendall(lie)
                    while True:
                        liar.receive()
                self.assertEqual(egress.revoke(egress.grants)["contacted"], [])
                self.assertEqual(honest.get(server.base)[1], b"fine")

    def test_a_monitor_that_breaks_the_protocol_ends_egress(self):
        with Guests() as egress, self.assertRaises(EOFError):
            egress.send(GUESTS, 1, {})  # not legal any more: nothing more is said over this channel
            egress.receive()
        for kind, body in ((GRANT, {}), (REVOKE, None), (66, {"path": "/", "wire": "anthropic"})):
            with Guests() as egress:
                egress.send(kind, 1, body)
                self.assertEqual(egress.receive()[0], FAULT)
        terms = {"hosts": ["example.org"]}, {"hosts": "x"}, {"hosts": [7]}, {"narrow": None}, {"narrow": [{"hosts": []}]}, {"narrow": [{"by": "tool", "hosts": ["x"]}]}, {"block_networks": ["10.0.0.1/8"]}, {"block_url": ["x"]}, {"net": 7}, \
            {"max_bytes": -1}, {"max_requests": None}, {"deadline_ns": "x"}, {"secrets": [1]}
        for bad in terms:
            with Guests() as egress:
                ours, theirs = socket.socketpair()
                egress.workers.append(Worker(ours))
                whole = {"hosts": [], "narrow": [], "block_networks": [], "block_url": [], "secrets": [], "max_requests": 1, "max_bytes": 1, "deadline_ns": 1,
                         "net": {"deny": [], "targets": [], "ask": [], "allow": [], "otherwise": True}, **bad}
                egress.send(GRANT, 99, whole, fds=[theirs.fileno()])
                theirs.close()
                kind, _, body, _ = egress.receive()
                self.assertEqual(kind, FAULT, bad)


class SecretsOfGuests(unittest.TestCase):
    VALUE = "s3cret/with+chars=31415926"

    def test_a_secret_goes_to_its_host_and_to_no_other(self):
        with Canned(http(200, b"a")) as one, Canned(http(200, b"b")) as two, Guests() as egress:
            egress.secret("key", self.VALUE, f"http://127.0.0.1:{one.port}")
            worker = egress.grant(secrets=["key"])
            worker.get(one.base, headers=[("Authorization", "Bearer guess"), ("X", "y")])
            worker.get(two.base)
            egress.grant().get(one.base)  # a call that may not use it
            with Canned(http(302, b"", f"Location: {two.base}/")) as redirecting:
                egress.secret("other", "another-secret-value", f"http://127.0.0.1:{redirecting.port}", "X-Key", "")
                egress.grant(secrets=["key", "other"]).get(redirecting.base)
                self.assertIn(b"X-Key: another-secret-value\r\n", redirecting.heads[0])
        self.assertEqual(one.heads[0].count(b"uthorization:"), 1)
        self.assertIn(f"authorization: Bearer {self.VALUE}\r\n".encode(), one.heads[0])
        for head in (*two.heads, one.heads[1]):
            self.assertNotIn(self.VALUE.encode(), head)
            self.assertNotIn(b"another-secret", head)
        self.assertEqual(len(two.heads), 2)

    def test_a_secret_does_not_come_back(self):
        import base64
        import urllib.parse
        forms = [self.VALUE, urllib.parse.quote(self.VALUE, safe=""), base64.b64encode(self.VALUE.encode()).decode()]
        for form in forms:
            text = f"you sent {form} {form[:9]} {form}"
            for cut in (0, len(text) // 2, len(text) // 3, 12, 15, len(text) - 3):
                body = text.encode()
                answer = [http(200, body, f"X-Echo: {form}", f"Set-Cookie: k={form}; a")[:-len(body)], body[:cut], body[cut:]]
                with Canned(answer) as server, Guests() as egress:
                    egress.secret("key", self.VALUE, f"http://127.0.0.1:{server.port}")
                    head, data, end = egress.grant(secrets=["key"]).get(server.base)
                    self.assertEqual(end["outcome"], "ok")
                    self.assertNotIn(form[:12].encode() if form != self.VALUE else b"s3cret/with+c", data)
                    self.assertEqual(data.count(b"[secret]"), 2, data)
                    self.assertNotIn(form, json.dumps(head))

    def test_a_secret_in_small_pieces_does_not_come_back(self):
        body = (self.VALUE * 3).encode()
        chunks = b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"
        parts = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] + [chunks[i:i + 6] for i in range(0, len(chunks), 6)]
        with Canned(parts) as server, Guests() as egress:
            egress.secret("key", self.VALUE, f"http://127.0.0.1:{server.port}")
            _, data, end = egress.grant(secrets=["key"]).get(server.base)
        self.assertEqual((data, end["outcome"]), (b"[secret]" * 3, "ok"))

    def test_a_beginning_of_a_secret_that_goes_on_otherwise_is_no_secret(self):
        text = (self.VALUE[:-1] + "X" + self.VALUE[:10]).encode()
        with Canned(http(200, text)) as server, Guests() as egress:
            egress.secret("key", self.VALUE, f"http://127.0.0.1:{server.port}")
            self.assertEqual(egress.grant(secrets=["key"]).get(server.base)[1], text)

    def test_ways_round_the_reader_are_closed(self):
        with Canned(http(200, b"x", "Content-Encoding: gzip")) as server, Guests() as egress:
            egress.secret("key", self.VALUE, f"http://127.0.0.1:{server.port}")
            self.assertEqual(egress.grant(secrets=["key"]).get(server.base)[2]["outcome"], "failed")
            self.assertEqual(egress.grant(secrets=["key"]).get(server.base, headers=[("Range", "bytes=0-3")])[2]["outcome"], "bad")
        with Canned(http(200, b"x")) as other, Canned(http(302, b"", f"Location: {other.base}/?k={self.VALUE}")) as server, Guests() as egress:
            egress.secret("key", self.VALUE, f"http://127.0.0.1:{server.port}")
            _, _, end = egress.grant(secrets=["key"]).get(server.base)
            self.assertEqual(end["outcome"], "denied:net")
            self.assertNotIn(self.VALUE, end["text"])
            self.assertEqual(other.heads, [])

    def test_secrets_that_are_none_end_egress_without_a_word_of_them(self):
        for value, host, header, prefix in (("short", "http://a", "x", ""), (self.VALUE, "http://*", "x", ""), (self.VALUE, "*://a", "x", ""),
                                            (self.VALUE, "http://10.0.0.0/8", "x", ""), (self.VALUE, "a", "x", ""), (self.VALUE, "http://a", "host", ""),
                                            (self.VALUE, "http://a", "x", "a\r\nb"), (self.VALUE + "\n", "http://a", "x", ""), ("x" * 5000, "http://a", "x", "")):
            with Guests() as egress:
                egress.secret("key", value, host, header, prefix)
                kind, _, body, _ = egress.receive()
                self.assertEqual(kind, FAULT, (host, header))
                self.assertNotIn(value, json.dumps(body))


if __name__ == "__main__":
    unittest.main()
