#!/usr/bin/env python3
"""Egress as the proxy of native commands: the test is the monitor, which gives it a listener, and the command, which connects to that one.
The whole way with a jail round it is test_jail_proxy.py."""
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
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_egress import PATIENCE
from lib_model import Stub
from test_http_guest import Canned, Guests, http, GRANT


class Proxy(Guests):
    def __init__(self, terms=None, **start):
        super().__init__(**start)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.at = self.listener.getsockname()
        terms = {"hosts": ["http://*:*", "https://*:*"], "seconds": PATIENCE, **(terms or {})}
        seconds = terms.pop("seconds")
        self.grants = 1
        self.send(GRANT, 1, {"proxy": True, "narrow": [], "block_networks": [], "block_url": [], "max_requests": 100, "max_bytes": 1 << 26, "secrets": [],
                             "deadline_ns": time.clock_gettime_ns(time.CLOCK_MONOTONIC) + int(seconds * 1e9), **terms,
                             "net": {"deny": [], "targets": [], "ask": [], "allow": [], "otherwise": True, **terms.get("net", {})}},
                  fds=[self.listener.fileno()])
        self.listener.close()

    def open(self, first=b""):
        s = socket.create_connection(self.at, PATIENCE)
        s.settimeout(PATIENCE)
        s.sendall(first)
        return s

    def say(self, first):
        """All that comes back, until the end of the connection."""
        with self.open(first) as s:
            return rest(s)

    def tunnel(self, target, early=b""):
        s = self.open(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode() + early)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = s.recv(1)
            if not piece:
                break
            head += piece
        return s, head


def rest(s):
    data = b""
    try:
        while piece := s.recv(65536):
            data += piece
    except ConnectionResetError:
        data += b"<reset>"
    return data


class Echo:
    """A server that speaks no HTTP: what comes goes back, and an end is answered with an end."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port, self.seen, self.open = self.listener.getsockname()[1], 0, []

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        try:
            while True:
                s, _ = self.listener.accept()
                self.seen += 1
                self.open.append(s)
                threading.Thread(target=self.serve, args=(s,), daemon=True).start()
        except OSError:
            pass

    def serve(self, s):
        try:
            while piece := s.recv(65536):
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for s in self.open:
            s.close()


class ProxyOfCommands(unittest.TestCase):
    def test_a_plain_request_goes_on_without_what_is_the_connections_own(self):
        with Canned(http(200, b"hello", "X-A: 1", "Connection: keep-alive", "Keep-Alive: x")) as server, Proxy() as egress:
            got = egress.say(f"GET {server.base}/a/../b?c=d HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nX-Mine: 1\r\nX-Hop: 1\r\n"
                             "Connection: close, x-hop\r\nProxy-Authorization: Basic eA==\r\nAccept-Encoding: gzip, br\r\n"
                             "Proxy-Connection: Keep-Alive\r\nTE: trailers\r\nUpgrade: h2c\r\nCookie: a=b\r\n\r\n".encode())
            used = egress.revoke()
        head, body = got.split(b"\r\n\r\n", 1)
        self.assertEqual((head.split(b" ")[1], body), (b"200", b"hello"), got)
        self.assertIn(b"connection: close", head)
        self.assertIn(b"x-a: 1", head)
        self.assertNotIn(b"eep-alive", head.lower())
        lines = [line.lower() for line in server.heads[0].decode().split("\r\n")]
        self.assertEqual(lines[0], "get /b?c=d http/1.1")
        self.assertTrue({"x-mine: 1", "cookie: a=b", "accept-encoding: identity"} <= set(lines), lines)
        self.assertFalse([line for line in lines if line.startswith(("x-hop", "proxy-", "te:", "upgrade", "connection", "via"))], lines)
        self.assertEqual((used["http_requests"], used["refused"]), (1, []))
        self.assertEqual(used["contacted"], [{"host": "127.0.0.1", "ip": "127.0.0.1", "port": server.port, "verdict": "allow"}])
        self.assertGreater(used["http_bytes"], len(body))

    def test_bodies_pass_both_ways_in_either_form(self):
        body = os.urandom(2 << 20)
        answers = {b"/known": lambda _, ask: (ask.head(200, length=len(ask.body)), ask.send(ask.body))}
        with Stub(answers[b"/known"]) as stub, Proxy() as egress:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{egress.at[1]}"}))
            with opener.open(urllib.request.Request(stub.base + "/known", data=body, headers={"Expect": "100-continue"})) as answer:
                self.assertTrue(answer.read() == body)
            used = egress.revoke()
            self.assertGreater(used["http_bytes"], 2 * len(body))
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
        with Canned(chunked, ends=b"0\r\n\r\n") as server, Proxy() as egress:
            for version, expected in (("1.1", b"\r\n7\r\nabcdefg\r\n0\r\n\r\n"), ("1.0", b"\r\n\r\nabcdefg")):
                got = egress.say(f"POST {server.base} HTTP/{version}\r\nContent-Length: 5\r\n\r\n0\r\n\r\n".encode())
                self.assertTrue(got.endswith(expected) or (version == "1.1" and got.endswith(b"\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")), got)
            got = egress.say(f"POST {server.base} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n".encode())
            self.assertTrue(got.startswith(b"HTTP/1.1 200"), got)
            self.assertIn(b"Transfer-Encoding: chunked", server.heads[-1])
            self.assertTrue(server.heads[-1].endswith(b"0\r\n\r\n") and b"hi" in server.heads[-1], server.heads)

    def test_an_answer_that_breaks_off_is_seen_to(self):
        with Canned(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n") as server, Proxy() as egress:
            got = egress.say(f"GET {server.base} HTTP/1.1\r\n\r\n".encode())
            self.assertTrue(got.startswith(b"HTTP/1.1 200") and not got.endswith(b"0\r\n\r\n"), got)
        with Canned(b"nonsense\r\n\r\n") as server, Proxy() as egress:
            got = egress.say(f"GET {server.base} HTTP/1.1\r\n\r\n".encode())
            self.assertTrue(got.startswith(b"HTTP/1.1 502"), got)
        with Canned(http()) as server:
            port = server.port
        with Proxy() as egress:
            self.assertTrue(egress.say(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n".encode()).startswith(b"HTTP/1.1 502"))
            s, head = egress.tunnel(f"127.0.0.1:{port}")
            s.close()
            self.assertTrue(head.startswith(b"HTTP/1.1 502"), head)

    def test_a_tunnel_carries_whatever_it_is_given_and_each_end_by_itself(self):
        data = os.urandom(3 << 20)
        with Echo() as server, Proxy() as egress:
            s, head = egress.tunnel(f"127.0.0.1:{server.port}", early=b"early ")
            self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
            sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
            sender.start()
            got = rest(s)
            sender.join(PATIENCE)
            s.close()
            used = egress.revoke()
        self.assertTrue(got == b"early " + data)
        self.assertEqual((used["http_requests"], used["http_bytes"]), (1, 2 * len(data) + len(b"early ")))
        self.assertEqual([c["verdict"] for c in used["contacted"]], ["allow"])

    def test_tls_in_a_tunnel_is_between_the_two_ends(self):
        with tempfile.TemporaryDirectory() as folder:
            key, cert = f"{folder}/key", f"{folder}/cert"
            try:
                subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key,
                                "-out", cert, "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            except FileNotFoundError:
                self.skipTest("no openssl program to make a certificate with")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            with Stub(lambda _, ask: (ask.head(200, length=2), ask.send("ok")), tls=context) as stub, Proxy() as egress:
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({"https": f"http://127.0.0.1:{egress.at[1]}"}),
                                                     urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=cert)))
                with opener.open(f"https://127.0.0.1:{stub.port}/x", timeout=PATIENCE) as answer:
                    self.assertEqual(answer.read(), b"ok")

    def test_what_is_not_granted_is_a_403_and_nothing_is_sent(self):
        cases = [
            ({"hosts": []}, b"allowed_outbound_hosts"),
            ({"hosts": ["http://*", "https://*"]}, b"allowed_outbound_hosts"),
            ({"block_networks": ["private"]}, b"block_networks (loopback)"),
            ({"net": {"otherwise": False}}, b"policy"),
            ({"net": {"deny": ["127.0.0.1"], "targets": ["127.0.0.1"]}}, b"policy"),
        ]
        for terms, word in cases:
            with Canned(http()) as server, Proxy(terms) as egress:
                got = egress.say(f"GET {server.base}/x HTTP/1.1\r\n\r\n".encode())
                self.assertTrue(got.startswith(b"HTTP/1.1 403 Forbidden\r\n") and word in got, (terms, got))
                s, head = egress.tunnel(f"127.0.0.1:{server.port}")
                self.assertTrue(head.startswith(b"HTTP/1.1 403 Forbidden\r\n") and word in rest(s), (terms, head))
                s.close()
                used = egress.revoke()
                self.assertEqual((server.heads, used["http_requests"], len(used["refused"])), ([], 0, 2), (terms, used))
                self.assertEqual({c["verdict"] for c in used["contacted"]}, {"deny"})
        with Canned(http()) as server, Proxy({"hosts": ["http://127.0.0.1:*"]}) as egress:  # a tunnel is as https
            s, head = egress.tunnel(f"127.0.0.1:{server.port}")
            s.close()
            self.assertTrue(head.startswith(b"HTTP/1.1 403"), head)
            self.assertTrue(egress.say(f"GET {server.base}/ HTTP/1.1\r\n\r\n".encode()).startswith(b"HTTP/1.1 200"))

    def test_a_name_is_judged_by_the_address_that_is_connected_to(self):
        with Canned(http()) as server, Proxy({"block_networks": ["private"], "hosts": ["http://localhost:*", "https://localhost:*"]}) as egress:
            got = egress.say(f"GET http://localhost:{server.port}/ HTTP/1.1\r\n\r\n".encode())
            self.assertTrue(got.startswith(b"HTTP/1.1 403") and b"loopback" in got, got)
            s, head = egress.tunnel(f"localhost:{server.port}")
            self.assertTrue(head.startswith(b"HTTP/1.1 403") and b"loopback" in rest(s), head)
            s.close()
            used = egress.revoke()
            self.assertEqual(server.heads, [])
            self.assertNotIn("allow", [c["verdict"] for c in used["contacted"]])
        with Proxy({"block_networks": ["private"]}) as egress:
            for host in ("169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0", "224.0.0.1"):
                for first in (f"CONNECT {host}:80 HTTP/1.1\r\n\r\n", f"GET http://{host}/ HTTP/1.1\r\n\r\n"):
                    self.assertTrue(egress.say(first.encode()).startswith(b"HTTP/1.1 403"), first)

    def test_closed_urls_close_the_tunnel_to_their_host(self):
        with Canned(http()) as server, Proxy({"block_url": [f"http://127.0.0.1:1/x", "https://closed.example/admin"]}) as egress:
            for target, status in (("closed.example:443", b"403"), ("127.0.0.1:1", b"403"), (f"127.0.0.1:{server.port}", b"200")):
                s, head = egress.tunnel(target)
                s.close()
                self.assertEqual(head.split(b" ")[1], status, (target, head))
        with Canned(http()) as server:
            with Proxy({"block_url": [server.base + "/admin"]}) as egress:
                for path, status in (("/%61dmin/x", b"403"), ("//admin", b"403"), ("/other", b"200")):
                    got = egress.say(f"GET {server.base}{path} HTTP/1.1\r\n\r\n".encode())
                    self.assertEqual(got.split(b" ")[1], status, (path, got))

    def test_requests_that_smuggle_are_refused(self):
        with Canned(http()) as server, Proxy() as egress:
            base, at = server.base, f"127.0.0.1:{server.port}"
            for first in ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", f"GET {base} HTTP/1.1\r\nHost: evil\r\n\r\n", f"GET https://{at}/ HTTP/1.1\r\n\r\n",
                          f"GET {base} HTTP/1.1\r\nHost: {at}\r\nHost: {at}\r\n\r\n", f"GET {base} HTTP/2.0\r\n\r\n", f"GET  {base} HTTP/1.1\r\n\r\n",
                          f"GET {base} HTTP/1.1\r\nA: b\nX: y\r\n\r\n", f"GET {base} HTTP/1.1\r\nA: b\rX: y\r\n\r\n", f"GET {base} HTTP/1.1\r\nA\0: b\r\n\r\n",
                          f"GET {base} HTTP/1.1\r\nA: b\r\n c\r\n\r\n", f"GET {base} HTTP/1.1\r\nA : b\r\n\r\n", f"GET {base} HTTP/1.1\r\n: b\r\n\r\n",
                          f"POST {base} HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
                          f"POST {base} HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                          f"POST {base} HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", f"POST {base} HTTP/1.1\r\nContent-Length: +1\r\n\r\nx",
                          f"POST {base} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", f"TRACE {base} HTTP/1.1\r\n\r\n",
                          f"GET http://user@{at}/ HTTP/1.1\r\n\r\n", f"CONNECT {at} HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
                          "CONNECT 127.0.0.1 HTTP/1.1\r\n\r\n", f"CONNECT http://{at}/ HTTP/1.1\r\n\r\n", f"CONNECT {at}/ HTTP/1.1\r\n\r\n",
                          f"CONNECT user@{at} HTTP/1.1\r\n\r\n", f"CONNECT {at} HTTP/1.1\r\nHost: evil:1\r\n\r\n", "CONNECT 2130706433:80 HTTP/1.1\r\n\r\n",
                          "\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\0\r\n\r\n", f"GET {base} HTTP/1.1\r\nExpect: x\r\n\r\n"):
                got = egress.say(first.encode("latin-1"))
                self.assertTrue(got.startswith(b"HTTP/1.1 400 Bad Request\r\n"), (first, got))
            long = f"GET {base} HTTP/1.1\r\nA: ".encode() + b"x" * (64 << 10)
            self.assertIn(b"64 KiB", egress.say(long))
            self.assertIn(b"too many", egress.say(f"GET {base} HTTP/1.1\r\n".encode() + b"A: b\r\n" * 65 + b"\r\n"))
            bad_chunks = f"POST {base} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            for chunks in (b"x\r\n", b"1\r\nab", b"1;a=b\r\na\r\n0\r\n\r\n", b"fffffffffffffffff\r\n", b"0\r\nTrailer: x\r\n\r\n", b"\r\n"):
                got = egress.say(bad_chunks + chunks)
                self.assertTrue(got.startswith(b"HTTP/1.1 400"), (chunks, got))
            self.assertEqual([h for h in server.heads if b"\r\n\r\n" in h and b"POST" not in h], [])

    def test_bytes_behind_a_request_are_nobodys(self):
        with Canned(http(200, b"one")) as server, Proxy() as egress:
            got = egress.say(f"POST {server.base}/a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET {server.base}/b HTTP/1.1\r\n\r\n".encode())
            self.assertTrue(got.endswith(b"one"), got)
            self.assertEqual(len(server.heads), 1)
            self.assertEqual(egress.revoke()["http_requests"], 1)

    def test_requests_and_bytes_have_their_limits(self):
        with Canned(http()) as server, Proxy({"max_requests": 2}) as egress:
            for status in (b"200", b"200", b"403"):
                got = egress.say(f"GET {server.base} HTTP/1.1\r\n\r\n".encode())
                self.assertEqual(got.split(b" ")[1], status, got)
            self.assertIn(b"max_http_requests", got)
            s, head = egress.tunnel(f"127.0.0.1:{server.port}")
            s.close()
            self.assertTrue(head.startswith(b"HTTP/1.1 403"), head)
            self.assertEqual((egress.revoke()["limits_hit"], len(server.heads)), (["max_http_requests"], 2))
        for extra, hit in ((0, []), (1, ["max_http_bytes"])):
            with Echo() as server, Proxy({"max_bytes": 20000}) as egress:
                s, _ = egress.tunnel(f"127.0.0.1:{server.port}")
                s.sendall(b"x" * (10000 + extra))
                s.shutdown(socket.SHUT_WR)
                got = rest(s)
                s.close()
                used = egress.revoke()
                self.assertEqual((used["limits_hit"], used["http_bytes"]), (hit, 20000), (extra, used))
                self.assertLessEqual(len(got.replace(b"<reset>", b"")), 10000)
        with Canned(http(200, b"x" * 100000)) as server, Proxy({"max_bytes": 50000}) as egress:
            got = egress.say(f"GET {server.base} HTTP/1.1\r\n\r\n".encode())
            self.assertLess(len(got), 50000)
            self.assertEqual(egress.revoke()["limits_hit"], ["max_http_bytes"])

    def test_so_many_at_once_and_the_others_wait(self):
        with Echo() as server, Proxy() as egress:
            first = [egress.tunnel(f"127.0.0.1:{server.port}")[0] for _ in range(64)]
            late = egress.open(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n\r\n".encode())
            for s in first:  # each of them works; none of the turns round the loop takes the late one in
                s.sendall(b"a")
                self.assertEqual(s.recv(1), b"a")
            late.setblocking(False)
            self.assertRaises(BlockingIOError, late.recv, 1)
            self.assertEqual(server.seen, 64)
            late.setblocking(True)
            late.settimeout(PATIENCE)
            first[0].close()
            self.assertEqual(late.recv(12), b"HTTP/1.1 200")
            for s in first + [late]:
                s.close()

    def test_silence_ends_what_is_open(self):
        with Echo() as server, Proxy(idle_ms=200) as egress:
            s, head = egress.tunnel(f"127.0.0.1:{server.port}")
            self.assertEqual(rest(s), b"")
            s.close()
            self.assertIn(b"408", egress.say(b"GET http"))
        with Canned(http(), ends=b"never") as server, Proxy(idle_ms=200) as egress:
            self.assertIn(b"408", egress.say(f"POST {server.base} HTTP/1.1\r\nContent-Length: 3\r\n\r\nab".encode()))
            self.assertIn(b"504", egress.say(f"GET {server.base} HTTP/1.1\r\n\r\n".encode()))

    def test_a_revoked_grant_and_a_deadline_break_everything_off(self):
        with Echo() as server, Proxy() as egress:
            s, _ = egress.tunnel(f"127.0.0.1:{server.port}")
            egress.revoke()
            self.assertIn(rest(s), (b"", b"<reset>"))
            s.close()
            self.assertRaises(OSError, egress.open)
        with Echo() as server, Proxy({"seconds": 0.5}) as egress:
            s, _ = egress.tunnel(f"127.0.0.1:{server.port}")
            self.assertIn(rest(s), (b"", b"<reset>"))
            s.close()

    def test_clients_that_leave_or_lie_harm_nobody_else(self):
        with Echo() as server, Proxy() as egress:
            for n in range(200):
                s = egress.open((b"", b"GET", f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n\r\n".encode())[n % 3])
                if n % 2:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is a reset
                s.close()
            s, head = egress.tunnel(f"127.0.0.1:{server.port}")
            s.sendall(b"still there")
            self.assertEqual(s.recv(11, socket.MSG_WAITALL), b"still there")
            s.close()
            egress.revoke()

    def test_no_secret_of_the_operator_goes_along(self):
        with Canned(http(200, b"secret-value-1")) as server:
            with Proxy() as egress:
                egress.secret("k", "secret-value-1", server.base)
                got = egress.say(f"GET {server.base} HTTP/1.1\r\n\r\n".encode())
            self.assertNotIn(b"secret-value", server.heads[0])
            self.assertTrue(got.endswith(b"secret-value-1"), got)  # what a server knows without us is not looked for


if __name__ == "__main__":
    unittest.main()
