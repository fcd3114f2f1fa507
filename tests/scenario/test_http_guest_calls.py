#!/usr/bin/env python3
"""A guest's HTTP through the whole runtime: flags and settings in, worker, egress, receipt. Servers are on loopback, so block_networks
is emptied where something is to be reached, as an operator would do it."""
import json
import os
import pathlib
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from common import BOXAGNTS, HOSTILE, expect, main
from test_http_guest import Canned, http

OPEN = ("--block-networks", "")


def ask(place, *args, flags=(), code=None, **more):
    return place.exec("asks_http", *args, flags=flags, code=code, **more)


def a_guest_without_a_grant_reaches_nothing(place):
    with Canned(http(200, b"x")) as server:
        for flags in ((), OPEN, ("--allowed-outbound-hosts", "")):
            p, receipt = ask(place, server.base, flags=flags, code=8)
            expect("no host is granted" in p.stdout, p.stdout)
            expect(receipt["used"]["http_requests"] == 0 and receipt["contacted"] == [], receipt)
        expect(server.heads == [], server.heads)


def a_granted_request_is_in_the_receipt(place):
    with Canned(http(200, b"hello")) as server:
        p, receipt = ask(place, server.base + "/a", flags=("--allowed-outbound-hosts", server.base, *OPEN), code=0)
        expect(p.stdout.split()[0] == "200" and "hello" in p.stdout, p.stdout)
        expect(receipt["used"]["http_requests"] == 1 and receipt["used"]["http_bytes"] > 80, receipt)
        expect(receipt["contacted"] == [{"host": "127.0.0.1", "ip": "127.0.0.1", "port": server.port, "verdict": "allow"}], receipt)
        inside, outward = receipt["confinement"], receipt["confinement"]["egress"]
        expect("seccomp" in outward["facets"] and outward["seccomp"] != inside["seccomp"] and "net" not in outward["namespaces"], receipt["confinement"])
        expect(receipt["stopped_by"] == "exit" and receipt["refused"] == [] and receipt["limits_hit"] == [], receipt)
        journal = place.run("journal", "show", "--json", code=0).stdout
        expect(f'{{"effect":"Net","target":"{server.base}"}}' in journal, journal)
    place.verify()


def private_networks_are_closed_unless_the_operator_opens_them(place):
    with Canned(http(200, b"x")) as server:
        for host in ("127.0.0.1", "localhost"):
            p, receipt = ask(place, f"http://{host}:{server.port}/", flags=("--allowed-outbound-hosts", "http://*:*"), code=8)
            expect("block_networks (loopback)" in p.stdout, p.stdout)
            expect(receipt["contacted"][0]["verdict"] == "deny" and receipt["contacted"][0]["ip"] == "127.0.0.1", receipt)
            expect(receipt["refused"][0]["op"] == "http" and "loopback" in receipt["refused"][0]["why"], receipt)
            expect(receipt["stopped_by"] == "exit", receipt)
        expect(server.heads == [], server.heads)
        ask(place, server.base, flags=("--allowed-outbound-hosts", "http://*:*", "--block-networks", "10.0.0.0/8"), code=0)
        p, _ = ask(place, server.base, flags=("--allowed-outbound-hosts", "http://*:*", "--block-networks", "127.0.0.0/8"), code=8)
        expect("block_networks" in p.stdout, p.stdout)


def closed_urls_stay_closed_however_they_are_written(place):
    with Canned(http(200, b"x")) as server:
        flags = ("--allowed-outbound-hosts", server.base, "--block-url", server.base + "/admin", *OPEN)
        for path in ("/admin", "/%61dmin/x", "//admin", "/a/../admin", "/a/%2e%2e/admin?q"):
            p, _ = ask(place, server.base + path, flags=flags, code=8)
            expect("block_url" in p.stdout, path, p.stdout)
        expect(server.heads == [], server.heads)
        ask(place, server.base + "/other", flags=flags, code=0)


def the_quotas_come_to_the_guest_and_to_the_receipt(place):
    with Canned(http(200, b"x" * 1000)) as server:
        flags = ("--allowed-outbound-hosts", server.base, *OPEN)
        p, receipt = ask(place, "-n", "3", server.base, flags=(*flags, "--max-http-requests", "2"), code=8)
        expect(p.stdout.count("200 ") == 2 and "max_http_requests (2)" in p.stdout, p.stdout)
        expect(receipt["used"]["http_requests"] == 2 and receipt["limits_hit"] == ["max_http_requests"], receipt)
        p, receipt = ask(place, "-n", "3", server.base, flags=(*flags, "--max-http-bytes", "3000"), code=8)
        expect("max_http_bytes" in p.stdout and receipt["limits_hit"] == ["max_http_bytes"], p.stdout, receipt)
        expect(receipt["used"]["http_bytes"] <= 3000, receipt)
        expect(receipt["limits"]["max_http_bytes"] == {"value": 3000, "by": "flag"}, receipt["limits"])


def a_workspace_can_only_tighten(place):
    (place.work / ".boxagnts").mkdir()
    settings = place.work / ".boxagnts/settings.json"
    with Canned(http(200, b"x")) as server:
        settings.write_text(json.dumps({"allowed_outbound_hosts": [server.base]}))
        ask(place, server.base, code=2)
        settings.write_text(json.dumps({"block_url": [server.base + "/a"], "max_http_requests": 1, "block_networks": []}))
        flags = ("--allowed-outbound-hosts", server.base)
        p, _ = ask(place, server.base + "/b", flags=flags, code=8)
        expect("loopback" in p.stdout, p.stdout)  # it cannot empty the list
        p, _ = ask(place, server.base + "/a", flags=(*flags, *OPEN), code=8)
        expect("block_url" in p.stdout, p.stdout)
        p, _ = ask(place, "-n", "2", server.base + "/b", flags=(*flags, *OPEN), code=8)
        expect("max_http_requests (1)" in p.stdout, p.stdout)
        expect(len(server.heads) == 1, server.heads)


def a_bad_entry_is_named(place):
    for flag, value in (("--allowed-outbound-hosts", "example.org"), ("--allowed-outbound-hosts", "https://a,https://127.1"),
                        ("--block-networks", "10.0.0.1/8"), ("--block-url", "/admin"), ("--max-http-requests", "-1")):
        p, _ = ask(place, "http://a/", flags=(flag, value), code=2)
        expect(value.split(",")[-1] in p.stderr, p.stderr)


def bodies_go_out_whole(place):
    with Canned(http(200, b"ok"), ends=b"x" * 300000) as server:
        p, receipt = ask(place, "-X", "POST", "-d", "300000", server.base, flags=("--allowed-outbound-hosts", server.base, *OPEN), code=0)
        expect("200 " in p.stdout and receipt["used"]["http_bytes"] > 300000, p.stdout, receipt)
        expect(b"Content-Length: 300000\r\n" in server.heads[0], server.heads[0][:300])


def a_secret_is_added_and_never_seen(place):
    value = "tok-3141592653589793"
    echo = http(200, f"got {value}".encode(), f"X-Echo: {value}")
    with Canned(echo) as server, Canned(echo) as other:
        (place.root / "secret").write_text(value + "\n")
        for where in ({"env": "MY_TOKEN"}, {"file": str(place.root / "secret")}):
            settings = place.root / "settings.json"
            settings.write_text(json.dumps({"allowed_outbound_hosts": [server.base, other.base], "block_networks": [],
                                            "secrets": [{"name": "token", "host": server.base, "header": "Authorization", "prefix": "Bearer ", **where}]}))
            p, receipt = ask(place, server.base, other.base, flags=("--settings", settings), env={"MY_TOKEN": value}, code=0)
            expect(p.stdout.count("got [secret]") == 2, p.stdout)
            expect(value not in p.stdout + p.stderr + json.dumps(receipt), p.stdout, receipt)
            expect(f"Authorization: Bearer {value}\r\n".encode() in server.heads[-1], server.heads)
            expect(value.encode() not in other.heads[-1], other.heads)
        expect(value not in place.run("journal", "export", code=0).stdout, "it is in the journal")
        p, _ = ask(place, server.base, flags=("--settings", settings), code=0)
        (place.root / "settings.json").write_text(json.dumps({"allowed_outbound_hosts": [server.base], "secrets": [
            {"name": "token", "host": server.base, "header": "x", "env": "NOT_SET_ANYWHERE"}]}))
        p, _ = ask(place, server.base, flags=("--settings", settings), code=2)
        expect("NOT_SET_ANYWHERE" in p.stderr, p.stderr)


def secrets_that_are_none_are_config_errors(place):
    good = {"name": "a", "env": "A", "host": "https://a.example", "header": "x"}
    settings = place.root / "settings.json"
    for bad in ({"host": "https://*"}, {"host": "a.example"}, {"host": "*://a.example"}, {"host": "https://10.0.0.0/8"}, {"header": "host"}, {"header": "a b"},
                {"prefix": "a\r\nb"}, {"file": "/x"}, {"name": "a b"}, {"extra": 1}, {"env": None}):
        settings.write_text(json.dumps({"secrets": [{**good, **bad}]}))
        p, _ = ask(place, "http://a/", flags=("--settings", settings), code=2)
        expect("secrets[0]" in p.stderr, bad, p.stderr)
    (place.work / ".boxagnts").mkdir()
    (place.work / ".boxagnts/settings.json").write_text(json.dumps({"secrets": [good]}))
    p, _ = ask(place, "http://a/", code=2)
    expect("workspace" in p.stderr, p.stderr)


def a_silent_server_does_not_hold_a_call(place):
    with Canned(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", then_waits=True) as server:
        flags = ("--allowed-outbound-hosts", server.base, *OPEN)
        _, receipt = ask(place, server.base, flags=(*flags, "--wasm-timeout", "3"), code=5)
        expect(receipt["stopped_by"] == "timeout" and receipt["used"]["http_requests"] == 1, receipt)
        expect(receipt["contacted"][0]["verdict"] == "allow", receipt)
        # ... and a cancel ends it at once
        receipt = place.root / "cancelled.json"
        process = subprocess.Popen([BOXAGNTS, "exec", "--receipt", receipt, *flags, HOSTILE / "asks_http.wasm", server.base], env=place.env,
                                   cwd=place.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while len(server.held) < 2:
            expect(process.poll() is None, process.returncode)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        receipt = json.loads(receipt.read_text())
        expect(process.returncode == 130 and receipt["stopped_by"] == "cancel" and receipt["used"]["http_requests"] == 1, receipt)


def an_egress_that_dies_leaves_a_receipt_that_says_so(place):
    with Canned(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", then_waits=True) as server:
        receipt = place.root / "died.json"
        process = subprocess.Popen([BOXAGNTS, "exec", "--receipt", receipt, "--allowed-outbound-hosts", server.base, *OPEN, HOSTILE / "asks_http.wasm",
                                    server.base], env=place.env, cwd=place.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not server.held:
            expect(process.poll() is None, process.returncode)
        for child in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "boxagnts-egress":
                os.kill(int(child), signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
        receipt = json.loads(receipt.read_text())
        expect(process.returncode == 8 and b"errno" in out, process.returncode, out)
        expect(receipt["refused"][-1]["target"] == "boxagnts-egress" and receipt["contacted"] == [], receipt)
    place.verify()


def tool(place, name="reach"):
    """asks_http as a tool whose one argument is a URL and whose effect is Net."""
    tools = place.root / "data/boxagnts/tools"
    tools.mkdir(parents=True, exist_ok=True)
    (tools / f"{name}.wasm").write_bytes((HOSTILE / "asks_http.wasm").read_bytes())
    (tools / f"{name}.tool.json").write_text(json.dumps({
        "name": name, "version": "1", "description": "asks", "invoke": "argv", "annotations": {"open_world": True},
        "input_schema": {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"], "additionalProperties": False},
        "effects": [{"effect": "Net", "arg": "url"}]}))


def a_tool_call_is_decided_by_its_target(place):
    tool(place)
    with Canned(http(200, b"x")) as server:
        call = lambda *flags, code: json.loads(place.run("tool", "call", "--json", *flags, "reach", json.dumps({"url": server.base + "/"}), code=code).stdout)
        hosts = ("--allowed-outbound-hosts", server.base, *OPEN)
        # nobody said yes
        got = call(*hosts, code=3)
        expect(got["receipt"]["stopped_by"] == "denied:policy" and got["receipt"]["decision"]["rule"] == "no-one-to-ask", got)
        # a yes of the policy does not open what the sandbox has closed
        got = call("--yes-to", f"Net(127.0.0.1:{server.port})", code=3)
        expect(got["receipt"]["stopped_by"] == "denied:net" and "allowed_outbound_hosts" in json.dumps(got["content"]), got)
        got = call("--permission-mode", "default", "--yes-to", "Net(*)", "--allowed-outbound-hosts", "http://elsewhere.example", code=3)
        expect(got["receipt"]["stopped_by"] == "denied:net", got)
        expect(server.heads == [], server.heads)
        # a denied host stays denied
        got = call("--yes-to", "Net(*)", "--deny", "Net(127.0.0.1)", *hosts, code=3)
        expect(got["receipt"]["stopped_by"] == "denied:policy", got)
        expect(server.heads == [], server.heads)
        # said yes to, and open: it goes out, and the journal has its intent before
        got = call("--yes-to", f"Net(127.0.0.1:{server.port})", *hosts, code=0)
        expect("200 " in json.dumps(got["content"]) and got["receipt"]["used"]["http_requests"] == 1, got)
        expect(len(server.heads) == 1, server.heads)
        # the policy goes with the call: a redirect to a host that it would ask about is refused, one that it allows is followed
        with Canned(http(302, b"", f"Location: http://localhost:{server.port}/b")) as away:
            hosts = ("--allowed-outbound-hosts", "http://*:*", *OPEN)
            whole = lambda *flags: json.loads(place.run("tool", "call", "--json", *flags, *hosts, "reach", json.dumps({"url": away.base})).stdout)
            got = whole("--yes-to", f"Net(127.0.0.1:{away.port})")
            expect("policy does not allow Net(localhost" in json.dumps(got["content"]), got)
            expect(got["receipt"]["contacted"][-1]["verdict"] == "deny" and len(server.heads) == 1, got["receipt"])
            got = whole("--yes-to", f"Net(127.0.0.1:{away.port})", "--yes-to", "Net(localhost)")
            expect("200 " in json.dumps(got["content"]) and len(server.heads) == 2, got)
            got = whole("--yes-to", "Net(*)", "--deny", "Net(localhost)")
            expect("policy does not allow Net(localhost" in json.dumps(got["content"]) and len(server.heads) == 2, got)
    place.verify()


def a_tool_without_a_net_effect_has_no_way_out(place):
    tool(place)
    sidecar = place.root / "data/boxagnts/tools/reach.tool.json"
    sidecar.write_text(sidecar.read_text().replace('"effects": [{"effect": "Net", "arg": "url"}]', '"effects": [{"effect": "Tool", "target": "x"}]'))
    with Canned(http(200, b"x")) as server:
        place.run("tool", "call", "--permission-mode", "default", "--yes-to", "Tool(*)", "--allowed-outbound-hosts", server.base, *OPEN, "reach",
                  json.dumps({"url": server.base}))
        expect(server.heads == [], server.heads)


main(a_guest_without_a_grant_reaches_nothing, a_granted_request_is_in_the_receipt, private_networks_are_closed_unless_the_operator_opens_them,
     closed_urls_stay_closed_however_they_are_written, the_quotas_come_to_the_guest_and_to_the_receipt, a_workspace_can_only_tighten,
     a_bad_entry_is_named, bodies_go_out_whole, a_secret_is_added_and_never_seen, secrets_that_are_none_are_config_errors,
     a_silent_server_does_not_hold_a_call, an_egress_that_dies_leaves_a_receipt_that_says_so, a_tool_call_is_decided_by_its_target, a_tool_without_a_net_effect_has_no_way_out)
