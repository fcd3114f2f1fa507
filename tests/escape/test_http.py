#!/usr/bin/env python3
"""Attacks of a guest on the network, through `boxagnts exec`: each runs with the confinement off, where it must get what it is after, and
on, where it must not, and the receipt must name what held. All of it in a network namespace of its own, in which the loopback has the
addresses of a metadata service, of a private network and of a public host, and the only name server is ours: nothing leaves the machine.
Run some: test_http.py NAME...; the table for docs/escape.md: test_http.py --table."""
import gzip
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))
from common import Place, expect  # noqa: E402
from test_http_guest import Canned, http  # noqa: E402

PUBLIC, PRIVATE, METADATA = "93.184.216.34", "10.1.2.3", "169.254.169.254"  # all of them on our own loopback
ALL = ("--allowed-outbound-hosts", "http://*:*")
OPEN = ("--block-networks", "")
SECRET = b"what nobody may read"


def at(address, *answers, **more):
    """Canned makes its socket itself: it is put at the address while it does."""
    real = socket.create_server
    socket.create_server = lambda where, **options: real((address, where[1]), **options)
    try:
        server = Canned(*answers, **more)
    finally:
        socket.create_server = real
    server.base = f"http://{address}:{server.port}"
    return server


class Names:
    """A name server: each name has a list of answers, each a list of addresses, given one after the other; the last one stays."""

    def __init__(self, **answers):
        self.answers = {k.replace("_", "."): list(v) for k, v in answers.items()}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            query, whom = self.socket.recvfrom(512)
            if not query:
                return
            at_, labels = 12, []
            while query[at_]:
                labels.append(query[at_ + 1:at_ + 1 + query[at_]].decode())
                at_ += 1 + query[at_]
            question = query[12:at_ + 5]
            rows = self.answers.get(".".join(labels).lower(), [[]])
            is_a = question[-4:-2] == b"\0\1"
            addresses = (rows.pop(0) if len(rows) > 1 else rows[0]) if is_a else []
            body = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(a) for a in addresses)
            self.socket.sendto(query[:2] + b"\x84\0" + struct.pack(">HHHH", 1, len(addresses), 0, 0) + question + body, whom)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


def ask(place, *args, flags=()):
    p, receipt = place.exec("asks_http", *args, flags=flags)
    expect(receipt is not None, "no receipt", p.stderr)
    return p.stdout, receipt


def is_refused(receipt, why):
    return any(r["op"] == "http" and why in r["why"] for r in receipt["refused"])


def by_flags(place, server, args, off, on, why, got=SECRET.decode()):
    """The same request with the confinement off and on."""
    out, _ = ask(place, *args, flags=off)
    expect(got in out, "void: it does not work with confinement off", out)
    seen = len(server.heads)
    out, receipt = ask(place, *args, flags=on)
    expect(got not in out, "it got through", out)
    expect(is_refused(receipt, why), "the receipt does not say", why, receipt["refused"], out)
    expect(len(server.heads) == seen, "it was asked all the same", server.heads[seen:])


def to_address(address, host=None, why=None):
    def attack(place):
        with at(address, http(200, SECRET)) as server:
            by_flags(place, server, [f"http://{host or address}:{server.port}/"], (*ALL, *OPEN), ALL, why or "block_networks")
    return attack


def other_writings(place):
    """A plain program's resolver takes them all for 127.0.0.1."""
    with at("127.0.0.1", http(200, SECRET)) as server:
        for host in ("2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0"):
            url = f"http://{host}:{server.port}/"
            expect(urllib.request.urlopen(url, timeout=20).read() == SECRET, "void", host)
            seen = len(server.heads)
            out, receipt = ask(place, url, flags=(*ALL, *OPEN))
            expect(SECRET.decode() not in out and len(server.heads) == seen and receipt["refused"], host, out, receipt)


def two_readings(place):
    """Who looks for the host in front of the @ sees another than who connects."""
    with at("127.0.0.1", http(200, SECRET)) as server:
        for form in ("http://allowed.test@127.0.0.1:{}/", "http://allowed.test\\@127.0.0.1:{}/", "http://127.0.0.1:{}\\@allowed.test/", "http://%31%32%37.0.0.1:{}/"):
            url = form.format(server.port)
            out, receipt = ask(place, url, flags=(*ALL, *OPEN))
            expect(SECRET.decode() not in out and server.heads == [] and receipt["refused"], form, out, receipt)
        expect(ask(place, server.base, flags=(*ALL, *OPEN))[0].startswith("200"), "void: nothing can be asked at all")


def redirect_to_blocked(place):
    with at("127.0.0.1", http(200, SECRET)) as inner, at(PUBLIC, http(302, b"", f"Location: {inner.base}/")) as outer:
        by_flags(place, inner, [outer.base], (*ALL, *OPEN), ALL, "block_networks")


def redirect_to_another(place):
    with at(PUBLIC, http(200, SECRET)) as inner, at(PUBLIC, http(302, b"", f"Location: {inner.base}/")) as outer:
        by_flags(place, inner, [outer.base], ("--allowed-outbound-hosts", f"{outer.base},{inner.base}"), ("--allowed-outbound-hosts", outer.base),
                 "allowed_outbound_hosts")


def rebinding(place):
    """The name is a public host when it is looked at and this machine when it is connected to."""
    flags = ("--allowed-outbound-hosts", "http://rebind.test:*")
    with at("127.0.0.1", http(200, SECRET)) as server:
        url = f"http://rebind.test:{server.port}/"
        with Names(rebind_test=[[PUBLIC], ["127.0.0.1"]]):
            expect(socket.gethostbyname("rebind.test") == PUBLIC and urllib.request.urlopen(url, timeout=20).read() == SECRET, "void: a plain program is not fooled")
        with Names(rebind_test=[["127.0.0.1"]]):
            expect(SECRET.decode() in ask(place, url, flags=(*flags, *OPEN))[0], "void")
        seen = len(server.heads)
        for _ in range(3):
            with Names(rebind_test=[[PUBLIC], ["127.0.0.1"]]):
                for _ in range(2):
                    out, receipt = ask(place, "-n", "2", url, flags=flags)
                    expect(SECRET.decode() not in out and len(server.heads) == seen, out)
            expect(is_refused(receipt, "block_networks"), out, receipt["refused"])


def second_address(place):
    """A public address that does not answer, and this machine behind it."""
    with at("127.0.0.1", http(200, SECRET)) as server, Names(two_test=[[PUBLIC, "127.0.0.1"]]):
        by_flags(place, server, [f"http://two.test:{server.port}/"], ("--allowed-outbound-hosts", "http://two.test:*", *OPEN), ("--allowed-outbound-hosts", "http://two.test:*"),
                 "block_networks")


def raw(server, head):
    with socket.create_connection(("127.0.0.1", server.port), 20) as s:
        s.sendall(head)
        while s.recv(65536):
            pass


def smuggled_header(place):
    with at("127.0.0.1", http(200, b"x")) as server:
        raw(server, b"GET / HTTP/1.1\r\nX: a\r\nX-Evil: 1\r\n\r\n")
        expect(b"\r\nX-Evil: 1" in server.heads.pop(), "void")
        for args in (("-H", "X: a\r\rX-Evil: 1"), ("-H", "X: a\x0bX-Evil: 1"), ("-H", "X-Evil : 1"), ("-X", "GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET"),
                     ("-H", "Transfer-Encoding: chunked"), ("-H", "Content-Length: 5")):
            out, receipt = ask(place, *args, server.base, flags=(*ALL, *OPEN))
            # what is no line of a header is refused in the worker already, and has reached nobody
            expect(out.startswith("errno 28") and server.heads == [] and receipt["contacted"] == [], args, out, receipt, server.heads)
            expect(out.startswith("errno 28: request") or is_refused(receipt, ""), args, out, receipt["refused"])
        out, _ = ask(place, server.base + "/%0d%0aX-Evil:%201", flags=(*ALL, *OPEN))
        expect(all(b"\r\nX-Evil" not in h for h in server.heads), server.heads)


def another_host_header(place):
    """One server, several sites: the name in the head decides whose."""
    with at("127.0.0.1", http(200, b"x")) as server:
        raw(server, b"GET / HTTP/1.1\r\nHost: internal.test\r\n\r\n")
        expect(b"internal.test" in server.heads.pop(), "void")
        out, receipt = ask(place, "-H", "Host: internal.test", server.base, flags=(*ALL, *OPEN))
        expect(out.startswith("errno") and server.heads == [] and receipt["refused"], out, receipt)


def tunnel(place):
    with at("127.0.0.1", http(200, b"x")) as server:
        raw(server, b"CONNECT 10.1.2.3:22 HTTP/1.1\r\n\r\n")
        expect(server.heads.pop().startswith(b"CONNECT"), "void")
        for method in ("CONNECT", "TRACE", "TRACK"):
            out, receipt = ask(place, "-X", method, server.base, flags=(*ALL, *OPEN))
            expect(out.startswith("errno") and server.heads == [] and receipt["refused"], out, receipt)


def by_limit(key, narrow, wide, args=(), body=b"x" * 100000):
    def attack(place):
        name = f"--{key.replace('_', '-')}"
        used = {"max_http_requests": "http_requests", "max_http_bytes": "http_bytes"}[key]
        with at("127.0.0.1", http(200, body), ends=b"\r\n\r\n") as server:
            _, receipt = ask(place, *args, server.base, flags=(*ALL, *OPEN, name, wide))
            expect(receipt["used"][used] > narrow, "void", receipt["used"])
            _, receipt = ask(place, *args, server.base, flags=(*ALL, *OPEN, name, narrow))
            expect(receipt["used"][used] <= narrow and receipt["limits_hit"] == [key], receipt["used"], receipt["limits_hit"])
            expect(receipt["limits"][key] == {"value": narrow, "by": "flag"}, receipt["limits"])
    return attack


def decompression_bomb(place):
    packed = gzip.compress(bytes(20 << 20))
    with at("127.0.0.1", http(200, packed, "Content-Encoding: gzip")) as server:
        expect(len(gzip.decompress(urllib.request.urlopen(server.base, timeout=20).read())) == 20 << 20, "void")
        out, receipt = ask(place, server.base, flags=(*ALL, *OPEN, "--max-http-bytes", str(1 << 20)))
        status, _, length = out.split()[:3]
        expect((status, int(length)) == ("200", len(packed)) and receipt["used"]["http_bytes"] < len(packed) + 4000, out[:100], receipt["used"])


def slow_body(place):
    with at("127.0.0.1", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nh", then_waits=True) as server:
        for seconds in ("0.9", "0.25"):
            _, receipt = ask(place, server.base, flags=(*ALL, *OPEN, "--wasm-timeout", seconds))
            expect(receipt["stopped_by"] == "timeout" and receipt["limit"] == "wasm_timeout", receipt)
            expect(receipt["used"]["wall_us"] >= float(seconds) * 950000, "void: it ends by itself", receipt["used"])


def endless_head(place):
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(4000)) + b"Content-Length: 0\r\n\r\n"
    with at("127.0.0.1", head) as server:
        with socket.create_connection(("127.0.0.1", server.port), 20) as s:
            s.sendall(b"GET / HTTP/1.1\r\n\r\n")
            total = 0
            while piece := s.recv(1 << 20):
                total += len(piece)
        expect(total == len(head), "void", total)
        out, receipt = ask(place, server.base, flags=(*ALL, *OPEN))
        expect(out.startswith("errno") and receipt["used"]["http_bytes"] < 2 << 20 and receipt["stopped_by"] == "exit", out, receipt["used"])


def closed_url(place):
    with at("127.0.0.1", http(200, SECRET)) as server:
        for path in ("/admin", "/%61dmin/x", "//admin", "/a/../admin", "/a/%2e%2e/admin?q", "/%2561dmin"):
            by_flags(place, server, [server.base + path], (*ALL, *OPEN), (*ALL, *OPEN, "--block-url", server.base + "/admin"), "block_url")


def secret_to_another(place):
    """The operator's secret for one host, asked out of it: by another host, by a redirect to one, by an answer that gives it back."""
    value = "tok-3141592653589793"
    settings = place.root / "settings.json"
    with at("127.0.0.1", http(200, value.encode())) as other, at("127.0.0.1", http(302, value.encode(), f"Location: {other.base}/")) as own:
        settings.write_text(json.dumps({"allowed_outbound_hosts": ["http://*:*"], "block_networks": [], "secrets": [
            {"name": "token", "host": own.base, "header": "Authorization", "prefix": "Bearer ", "env": "MY_TOKEN"}]}))
        os.environ["MY_TOKEN"] = place.env["MY_TOKEN"] = value
        out, receipt = ask(place, "-H", "X-Mine: 1", own.base, other.base, flags=("--settings", str(settings)))
        expect(value.encode() in own.heads[0], "void: its own host does not get it", own.heads)
        expect(len(other.heads) == 2 and not [h for h in other.heads if value.encode() in h], other.heads)
        expect(value not in out + json.dumps(receipt) and "[secret]" in out, out)
        expect(value not in place.run("journal", "export", code=0).stdout, "it is in the journal")


def nothing_granted(place):
    with at(PUBLIC, http(200, SECRET)) as server:
        by_flags(place, server, [server.base], ALL, (), "no host is granted")


CASES = {
    "nothing_granted": ("no grant, no channel", nothing_granted),
    "loopback": ("egress: block_networks", to_address("127.0.0.1")),
    "loopback_by_name": ("egress: block_networks, of the address connected to", to_address("127.0.0.1", "localhost")),
    "loopback_in_ipv6": ("egress: block_networks, IPv4 inside of IPv6", to_address("127.0.0.1", "[::ffff:127.0.0.1]")),
    "metadata_service": ("egress: block_networks", to_address(METADATA)),
    "private_network": ("egress: block_networks", to_address(PRIVATE)),
    "address_in_other_writings": ("egress: one form of an address", other_writings),
    "url_with_two_readings": ("egress: one reading of a URL", two_readings),
    "redirect_to_blocked": ("egress: each hop", redirect_to_blocked),
    "redirect_to_another_host": ("egress: each hop", redirect_to_another),
    "dns_rebinding": ("egress: the address connected to", rebinding),
    "dns_second_address": ("egress: the address connected to", second_address),
    "crlf_smuggling": ("egress: headers", smuggled_header),
    "another_host_header": ("egress: headers of the connection", another_host_header),
    "tunnel": ("egress: methods", tunnel),
    "request_flood": ("egress: max_http_requests", by_limit("max_http_requests", 2, 100, ["-n", "5"])),
    "answer_too_long": ("egress: max_http_bytes", by_limit("max_http_bytes", 3000, 1 << 26)),
    "upload_too_long": ("egress: max_http_bytes", by_limit("max_http_bytes", 3000, 1 << 26, ["-X", "POST", "-d", "300000"], b"ok")),
    "decompression_bomb": ("egress: nothing is unpacked", decompression_bomb),
    "slow_body": ("worker: deadline", slow_body),
    "endless_head": ("egress: cap of a head", endless_head),
    "closed_url_in_disguise": ("egress: block_url", closed_url),
    "secret_to_another_host": ("egress: secrets of a host", secret_to_another),
}


def enter_namespace():
    """This program again, in namespaces of its own; inside, the addresses and the name server."""
    if os.environ.get("BX_HTTP_INSIDE") != "1":
        p = subprocess.run(["unshare", "-Urnm", "true"], capture_output=True, text=True)
        if p.returncode != 0:
            print(f"no namespaces of its own can be had here: {p.stderr.strip()}")
            sys.exit(77)
        os.environ["BX_HTTP_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-Urnm", sys.executable, *sys.argv])
    for words in (["link", "set", "lo", "up"], *(["addr", "add", f"{a}/32", "dev", "lo"] for a in (PUBLIC, PRIVATE, METADATA))):
        p = subprocess.run(["ip", *words], capture_output=True, text=True)
        if p.returncode != 0:
            print(f"ip {' '.join(words)}: {p.stderr.strip()}")
            sys.exit(77)
    resolv = pathlib.Path(f"/tmp/bx-resolv-{os.getpid()}")
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:2\n")
    p = subprocess.run(["mount", "--bind", str(resolv), os.path.realpath("/etc/resolv.conf")], capture_output=True, text=True)
    resolv.unlink()
    if p.returncode != 0:
        print(f"/etc/resolv.conf cannot be replaced: {p.stderr.strip()}")
        sys.exit(77)


def main():
    if "--table" in sys.argv:
        for name, (layer, _) in CASES.items():
            print(f"| http_{name} | {layer} |")
        return 0
    enter_namespace()
    wanted, failed = sys.argv[1:] or list(CASES), 0
    for name in wanted:
        place = Place()
        try:
            CASES[name][1](place)
            print(f"ok   http_{name}", flush=True)
        except Exception as why:  # noqa: BLE001 - every failure is reported and the next case still runs
            failed += 1
            print(f"FAIL http_{name}: {type(why).__name__}: {why}\n  again: {sys.argv[0]} {name}", flush=True)
        finally:
            place.close()
    print(f"http escapes: {len(wanted) - failed}/{len(wanted)}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
