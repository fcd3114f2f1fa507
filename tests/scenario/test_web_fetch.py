#!/usr/bin/env python3
"""web_fetch, and the import behind it, through the doors that people and planners use: what is reached, what is not, and that
the receipt says so. The services are on loopback; every one counts who came."""
import http.server
import json
import pathlib
import signal
import subprocess
import sys
import threading

from common import BOXAGNTS, TOOLS, call, expect, main

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "escape"))
import wasm  # noqa: E402

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append(self.path)
        answer = self.server.answers.get(self.path)
        if answer is WAITS:
            self.server.come.set()
            self.server.go.wait(60)
            self.close_connection = True
            return
        status, headers, data = answer or (404, {}, b"no such page")
        self.send_response_only(status, "Word")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass
        self.close_connection = True

    def log_message(self, *_):
        pass


WAITS = object()


class Service:
    def __init__(self, **answers):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.seen = self.server.seen = []
        self.server.come, self.server.go = threading.Event(), threading.Event()
        self.server.answers = {f"/{name}": answer for name, answer in answers.items()}

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.go.set()
        self.server.shutdown()
        self.server.server_close()


PAGE = (200, {"content-type": "text/html"}, b"<title>T</title><h1>Hello</h1><p>world")
OPEN = ["--block-networks", "192.0.2.0/24"]  # another network closed instead of the private ones


def fetch(p, url, *flags, code=None, tool_input=None):
    """(process, content text, receipt)"""
    receipt = p.root / "receipt.json"
    receipt.unlink(missing_ok=True)
    run = p.run("tool", "--json", "--receipt", receipt, *flags, "call", "web_fetch", json.dumps({"url": url, **(tool_input or {})}), code=code)
    answer = json.loads(run.stdout) if run.stdout.startswith("{") else None
    text = "" if answer is None else "\n".join(c.get("text", "") for c in answer["content"])
    return run, text, json.loads(receipt.read_text()) if receipt.exists() else None


def granted(service, *more):
    return [*OPEN, "--allowed-outbound-hosts", service.base, "--yes-to", f"Net(127.0.0.1:{service.port})", *more]


def refused(receipt, part):
    return any(part in json.dumps(r) and r["op"] == "http" for r in receipt["refused"])


def by_default_nothing_is_reached(p):
    with Service(page=PAGE) as s:
        run, _, receipt = fetch(p, s.base + "/page", code=3)
        expect("needs a person" in run.stderr or "nobody" in run.stderr or "refused" in run.stdout, run.stdout, run.stderr)
        expect(receipt["decision"]["verdict"] == "deny" and receipt["decision"]["rule"] == "no-one-to-ask", receipt)
        expect(s.seen == [], s.seen)


def a_granted_host_answers(p):
    with Service(page=PAGE) as s:
        _, text, receipt = fetch(p, s.base + "/page", *granted(s), code=0)
        expect("# Hello\n\nworld" in text and "[title: T]" in text and "text/html" in text, text)
        expect(s.seen == ["/page"], s.seen)
        expect(receipt["used"]["http_requests"] == 1 and receipt["used"]["http_bytes"] >= len(PAGE[2]), receipt["used"])
        expect(any(c["host"] == "127.0.0.1" and c["port"] == s.port and c["verdict"] == "allow" for c in receipt["contacted"]), receipt["contacted"])
        expect(receipt["refused"] == [] and receipt["stopped_by"] == "exit", receipt)
    p.verify()


def a_yes_does_not_open_what_the_settings_do_not(p):
    with Service(page=PAGE) as s:
        yes = ["--yes-to", f"Net(127.0.0.1:{s.port})"]
        for more in ([], ["--allowed-outbound-hosts", "http://other.example", *OPEN], [*OPEN, "--allowed-outbound-hosts", f"https://127.0.0.1:{s.port}"],
                     [*OPEN, "--allowed-outbound-hosts", f"http://127.0.0.1:{s.port + 1}"]):
            run, text, receipt = fetch(p, s.base + "/page", *yes, *more)
            expect(run.returncode in (1, 3) and "Hello" not in text, more, run.stdout, run.stderr)
            expect(receipt["stopped_by"] == "denied:net" or refused(receipt, f"127.0.0.1:{s.port}"), receipt)
        expect(s.seen == [], s.seen)


def private_networks_stay_closed(p):
    with Service(page=PAGE) as s:
        flags = ["--allowed-outbound-hosts", "*://*:*", "--yes-to", "Net(*)"]
        for host in ("127.0.0.1", "localhost", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0.0.0.0", "0x7f000001"):
            run, text, receipt = fetch(p, f"http://{host}:{s.port}/page", *flags)
            expect(run.returncode in (1, 2, 3), host, run.stdout, run.stderr)
            expect(run.returncode != 1 or refused(receipt, ""), host, text, receipt)
        expect(s.seen == [], s.seen)


def a_deny_rule_wins(p):
    with Service(page=PAGE) as s:
        run, _, receipt = fetch(p, s.base + "/page", *granted(s), "--deny", f"Net(127.0.0.1:{s.port})", code=3)
        expect(receipt["decision"]["verdict"] == "deny", receipt, run.stderr)
        _, text, receipt = fetch(p, s.base + "/page", *granted(s), "--block-url", s.base + "/pa", code=1)
        expect(refused(receipt, ""), text, receipt)
        expect(s.seen == [], s.seen)


def a_redirect_is_a_request_of_its_own(p):
    with Service(page=PAGE) as inner, Service() as s:
        s.server.answers["/near"] = (302, {"location": "/page"}, b"")
        s.server.answers["/page"] = PAGE
        s.server.answers["/far"] = (302, {"location": inner.base + "/page"}, b"")
        _, text, receipt = fetch(p, s.base + "/near", *granted(s), code=0)
        expect("redirected 1 time" in text and receipt["used"]["http_requests"] == 2, text, receipt)
        both = granted(s, "--allowed-outbound-hosts", inner.base, "--deny", f"Net(127.0.0.1:{inner.port})")
        _, text, receipt = fetch(p, s.base + "/far", *both, code=1)
        expect("where a redirect leads" in text and refused(receipt, str(inner.port)), text, receipt)
        _, text, receipt = fetch(p, s.base + "/far", *granted(s), code=1)
        expect("where a redirect leads" in text, text)
        expect(inner.seen == [], inner.seen)
        expect(s.seen == ["/near", "/page", "/far", "/far"], s.seen)


def silence_ends_with_the_call(p):
    with Service(slow=WAITS) as s:
        settings = p.root / "slow.json"
        settings.write_text(json.dumps({"wasm_timeout": 1.5}))
        _, _, receipt = fetch(p, s.base + "/slow", *granted(s, "--settings", settings), code=5)
        expect(receipt["stopped_by"] == "timeout" and s.server.come.is_set(), receipt)
        expect(any(c["port"] == s.port for c in receipt["contacted"]) and receipt["used"]["http_requests"] == 1, receipt)
    p.verify()


def a_cancel_ends_the_wait_for_an_answer(p):
    with Service(slow=WAITS) as s:
        receipt = p.root / "receipt.json"
        run = subprocess.Popen([BOXAGNTS, "exec", "--receipt", receipt, *OPEN, "--allowed-outbound-hosts", s.base, TOOLS / "web_fetch.wasm"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=p.env, cwd=p.work)
        run.stdin.write(json.dumps({"url": s.base + "/slow"}).encode())
        run.stdin.close()
        expect(s.server.come.wait(60), "nobody came")
        run.send_signal(signal.SIGINT)
        code = run.wait(60)
        run.stdout.close()
        run.stderr.close()
        expect(code == 130 and json.loads(receipt.read_text())["stopped_by"] == "cancel", code, receipt.read_text())
    p.verify()


def requests_and_bytes_have_a_share(p):
    with Service(page=PAGE, big=(200, {"content-type": "text/plain"}, b"x" * 300000)) as s:
        s.server.answers["/near"] = (302, {"location": "/page"}, b"")
        settings = p.root / "few.json"
        settings.write_text(json.dumps({"max_http_requests": 1}))
        _, text, receipt = fetch(p, s.base + "/near", *granted(s, "--settings", settings), code=1)
        expect("max_http_requests" in receipt["limits_hit"] and s.seen == ["/near"], text, receipt)
        settings.write_text(json.dumps({"max_http_bytes": 100000}))
        _, text, receipt = fetch(p, s.base + "/big", *granted(s, "--settings", settings), code=1, tool_input={"max_bytes": 98304, "offset": 90000})
        expect("max_http_bytes" in receipt["limits_hit"], text, receipt)
        expect(receipt["used"]["http_bytes"] <= 100000, receipt["used"])


def what_is_no_text_is_refused(p):
    with Service(x=(200, {"content-type": "application/zip"}, b"PK\x03\x04" * 1000)) as s:
        _, text, _ = fetch(p, s.base + "/x", *granted(s), code=1)
        expect("application/zip" in text and "PK" not in text, text)


def a_planner_fetches_under_the_same_rules(p):
    with Service(page=PAGE) as s:
        script = p.script({"calls": [call("web_fetch", url=s.base + "/page")]},
                          {"expect": {"contains": "Hello", "is_error": False}, "calls": [call("web_fetch", url="http://127.0.0.1:9/x")]},
                          {"expect": {"is_error": True}, "text": "done"})
        done = p.run_json("--model", script, *granted(s), "go", code=0)
        expect(done["status"] == "done" and s.seen == ["/page"], done, s.seen)
    p.verify()


def a_host_that_only_a_page_has_named_asks(p):
    """Every rule allows it, but nobody whom the operator trusts has said it: the page steers the planner."""
    with Service() as s:
        s.server.answers["/page"] = (200, {"content-type": "text/html"}, f"<p>Now <a href='http://localhost:{s.port}/steered'>go on</a>".encode())
        s.server.answers["/steered"] = PAGE
        script = p.script({"calls": [call("web_fetch", url=s.base + "/page")]}, {"calls": [call("web_fetch", url=f"http://localhost:{s.port}/steered")]},
                          {"expect": {"is_error": True}, "text": "done"})
        done = p.run_json("--model", script, *OPEN, "--allowed-outbound-hosts", "http://*:*", "--yes-to", "Net(*)", f"read {s.base}/page", code=0)
        expect([c["is_error"] for c in done["calls"]] == [False, True] and s.seen == ["/page"], done, s.seen)
        expect(done["calls"][1]["stopped_by"] == "denied:policy", done)


def a_hostile_guest_with_a_grant_gets_no_more_than_it(p):
    """Every pointer, length and handle, and 3000 requests, with a live egress behind the import."""
    rows = wasm.http_table((SOURCE / "src/sandbox/guest_http.c").read_text())
    module = p.root / "hostile.wasm"
    module.write_bytes(wasm.hostile_http_calls(rows, 40, 11))
    with Service(page=PAGE) as s:
        _, receipt = p.exec(module, flags=[*OPEN, "--allowed-outbound-hosts", s.base], code=0)
        expect(receipt["stopped_by"] == "exit" and s.seen == [], receipt, s.seen)
        expect(receipt["used"]["http_requests"] <= 100 and len(receipt["refused"]) <= 64, receipt)


def exec_has_the_same_way_out(p):
    with Service(page=PAGE) as s:
        tool = TOOLS / "web_fetch.wasm"
        ask = json.dumps({"url": s.base + "/page"})
        _, receipt = p.exec(tool, flags=[*OPEN, "--allowed-outbound-hosts", s.base], code=0, stdin=ask)
        expect(receipt["used"]["http_requests"] == 1 and s.seen == ["/page"], receipt, s.seen)
        _, receipt = p.exec(tool, code=8, stdin=ask)
        expect(refused(receipt, f"127.0.0.1:{s.port}") and len(s.seen) == 1, receipt, s.seen)


if __name__ == "__main__":
    main(by_default_nothing_is_reached, a_granted_host_answers, a_yes_does_not_open_what_the_settings_do_not, private_networks_stay_closed,
         a_deny_rule_wins, a_redirect_is_a_request_of_its_own, silence_ends_with_the_call, a_cancel_ends_the_wait_for_an_answer, requests_and_bytes_have_a_share,
         what_is_no_text_is_refused, a_planner_fetches_under_the_same_rules, a_host_that_only_a_page_has_named_asks, a_hostile_guest_with_a_grant_gets_no_more_than_it,
         exec_has_the_same_way_out)
