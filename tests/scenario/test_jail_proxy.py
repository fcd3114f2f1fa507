#!/usr/bin/env python3
"""The way out of native commands: a proxy inside the jail, which leads to what is granted and to nothing else."""
import os
import shutil
import subprocess
import sys

from common import BOXAGNTS, expect, main
from lib_model import Stub
from test_http_guest import Canned, http
from test_egress_proxy import Echo
from test_jail import PYTHON, alive, command, jail, wait_until

OPEN = ("--block-networks", "")
ENV = "HTTP_PROXY http_proxy HTTPS_PROXY https_proxy ALL_PROXY all_proxy".split()
FETCH = """
import sys, urllib.request, urllib.error
for url in sys.argv[1:]:
    try: print(urllib.request.urlopen(url, timeout=50).read().decode())
    except urllib.error.HTTPError as e: print(e.code, e.read().decode().strip())
    except OSError as e: print("no way", e)
"""
# CONNECT, then what the words say goes through as it is
TUNNEL = """
import os, socket, sys
host, port = os.environ["https_proxy"].split("//")[1].split(":")
s = socket.create_connection((host, int(port)), 50)
s.sendall(b"CONNECT %s HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n" % (sys.argv[1].encode(), sys.argv[1].encode()))
head = b""
while b"\\r\\n\\r\\n" not in head:
    piece = s.recv(1)
    if not piece: break
    head += piece
print(head.decode().split("\\r\\n")[0], flush=True)
s.sendall(sys.argv[2].encode())
print(s.recv(100).decode(), flush=True)
"""


def hosts(*patterns):
    return ("--allowed-outbound-hosts", ",".join(patterns))


def what_is_granted_is_reached_by_the_proxy(p):
    with Canned(http(200, b"hello")) as server, Echo() as echo:
        grant = (*hosts(server.base, f"https://127.0.0.1:{echo.port}"), *OPEN)
        # certificates in a folder that egress shows anyway take nothing from its root
        p.env["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt" if os.path.exists("/etc/ssl/certs/ca-certificates.crt") else ""
        p.env = {k: v for k, v in p.env.items() if v}
        proc, receipt = jail(p, "sh", "-c", f'env | sort; exec {PYTHON} -c "$0" {server.base}/a?b=c', FETCH, flags=grant)
        expect(proc.stdout.endswith("hello\n") and all(f"{name}=http://127.0.0.1:1008\n" in proc.stdout for name in ENV), proc)
        expect("no_proxy" not in proc.stdout.lower() and server.heads[0].startswith(b"GET /a?b=c HTTP/1.1\r\n"), server.heads)
        expect(receipt["contacted"] == [{"host": "127.0.0.1", "ip": "127.0.0.1", "port": server.port, "verdict": "allow"}], receipt)
        expect(receipt["used"]["http_requests"] == 1 and receipt["used"]["http_bytes"] > 50 and receipt["refused"] == [], receipt)
        egress = receipt["confinement"]["egress"]
        expect({"seccomp", "landlock", "namespaces"} <= set(egress["facets"]) and "mnt" in egress["namespaces"] and "net" not in egress["namespaces"], egress)
        expect("net" in receipt["confinement"]["namespaces"] and egress["seccomp"] != receipt["confinement"]["seccomp"], receipt["confinement"])
        proc, receipt = jail(p, PYTHON, "-c", TUNNEL, f"127.0.0.1:{echo.port}", "through", flags=grant)
        expect(proc.stdout == "HTTP/1.1 200 Connection established\nthrough\n" and receipt["used"]["http_bytes"] == 14, proc, receipt)
        if shutil.which("curl", path="/usr/bin"):
            with Stub(lambda _, ask: (ask.head(200, length=len(ask.body)), ask.send(ask.body))) as stub:
                proc, _ = jail(p, "curl", "-sS", stub.base, "-d", "@-", flags=(*hosts(stub.base), *OPEN), stdin="x" * 100000)
                expect(proc.stdout == "x" * 100000, proc)
        expect("http_requests" not in jail(p, "true", flags=grant)[1]["limits_hit"], "nothing asked")
    p.verify()


def what_is_not_granted_is_refused_and_told(p):
    with Canned(http()) as server, Canned(http()) as other:
        proc, receipt = jail(p, PYTHON, "-c", FETCH, other.base, "http://169.254.169.254/latest", "http://no-such.invalid/", flags=(*hosts(server.base), *OPEN))
        lines = proc.stdout.splitlines()
        expect(len(lines) == 3 and all(line.startswith("403 boxagnts: http://") and "allowed_outbound_hosts" in line for line in lines), proc)
        expect(receipt["stopped_by"] == "exit" and receipt["exit_code"] == 0 and len(receipt["refused"]) == 3, receipt)
        expect([c["verdict"] for c in receipt["contacted"]] == ["deny"] * 3 and receipt["used"]["http_requests"] == 0, receipt)
        # granted by name, and the networks are closed: addresses of this machine, of the cloud, and a name that turns to one
        for base in (server.base, "http://169.254.169.254", f"http://localhost:{server.port}"):
            proc, receipt = jail(p, PYTHON, "-c", FETCH, base, flags=hosts("http://*:*"))
            expect(proc.stdout.startswith("403 boxagnts: ") and "block_networks" in proc.stdout and "block_networks" in receipt["refused"][0]["why"], proc)
        proc, receipt = jail(p, PYTHON, "-c", TUNNEL, f"localhost:{server.port}", "x", flags=hosts("https://*:*"))
        expect(proc.stdout.startswith("HTTP/1.1 403 Forbidden\n"), proc)
        expect(server.heads == other.heads == [], server.heads, other.heads)


def nothing_granted_is_no_proxy(p):
    script = "import os, socket\nprint([n for n in os.environ if 'proxy' in n.lower()], socket.socket().connect_ex(('127.0.0.1', 1008)))"
    proc, _ = jail(p, PYTHON, "-c", script)
    expect(proc.stdout in ("[] 13\n", "[] 101\n"), "no rule of Landlock, no network", proc)
    proc, _ = jail(p, PYTHON, "-c", script, flags=("--loopback",))
    expect(proc.stdout == "[] 111\n", "nobody listens there", proc)


def the_proxy_is_the_only_way(p):
    script = """
import os, socket
def can(what, *words):
    try: what(*words); return True
    except OSError: return False
def udp(host):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"x", (host, 53))
def listen(port):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1); s.bind(("127.0.0.1", port)); s.listen()
def reach(port): socket.create_connection(("127.0.0.1", port), 5)
print(can(reach, 1008), can(reach, OTHER), can(udp, "192.0.2.1"), can(listen, 1008), can(listen, 0), can(socket.getaddrinfo, "example.com", 80))
"""
    with Canned(http()) as server:
        grant = (*hosts("http://127.0.0.1:*"), *OPEN)
        proc, _ = jail(p, PYTHON, "-c", script.replace("OTHER", str(server.port)), flags=grant)
        expect(proc.stdout == "True False False False False False\n", proc)
        proc, _ = jail(p, "sh", "-c", f'env | grep no_proxy; exec {PYTHON} -c "$0"', script.replace("OTHER", str(server.port)), flags=(*grant, "--loopback"))
        expect(proc.stdout == "no_proxy=localhost,127.0.0.1,::1\nTrue False False False True False\n", proc)


def requests_and_bytes_have_their_limits(p):
    with Canned(http(200, b"x" * 1000)) as server:
        grant = (*hosts(server.base), *OPEN)
        proc, receipt = jail(p, PYTHON, "-c", FETCH, server.base, server.base, server.base, flags=(*grant, "--max-http-requests", "2"))
        expect(proc.stdout.count("x" * 1000) == 2 and "403 boxagnts: max_http_requests (2) is used up" in proc.stdout, proc)
        expect(receipt["limits_hit"] == ["max_http_requests"] and receipt["used"]["http_requests"] == 2 and receipt["stopped_by"] == "exit", receipt)
        expect(receipt["limits"]["max_http_requests"] == {"value": 2, "by": "flag"}, receipt["limits"])
        proc, receipt = jail(p, PYTHON, "-c", FETCH, server.base, flags=(*grant, "--max-http-bytes", "500"), code=None)
        expect("x" * 500 not in proc.stdout and receipt["limits_hit"] == ["max_http_bytes"] and receipt["used"]["http_bytes"] <= 500, receipt)


def the_end_of_the_command_is_the_end_of_its_tunnels(p):
    token = f"{os.getpid()}tunnel"
    with Echo() as echo:
        grant = (*hosts(f"https://127.0.0.1:{echo.port}"), *OPEN)
        for end in ("kill", "timeout"):
            proc = subprocess.Popen([BOXAGNTS, "jail", *grant, *(("--command-timeout", "2") if end == "timeout" else ()), "--", PYTHON, "-c",
                                     TUNNEL + "while 1: s.recv(1)", f"127.0.0.1:{echo.port}", "on", token], env=p.env, cwd=p.work, stdout=subprocess.PIPE,
                                    stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            expect(proc.stdout.readline().startswith(b"HTTP/1.1 200") and proc.stdout.readline() == b"on\n", "it is open")
            if end == "kill":
                proc.kill()
            code = proc.wait(timeout=60)
            proc.stdout.close()
            expect(code == (-9 if end == "kill" else 5), end, code)
            wait_until(lambda: not alive(token), end)
        for s in echo.open:
            s.settimeout(60)
            try:
                expect(s.recv(1) == b"", "the server sees the end")
            except OSError:
                pass  # its thread has closed it already


def a_planner_names_the_hosts_and_each_is_decided_on(p):
    yes = ("--yes-to", "Exec")
    fetch = lambda url, *names: {"argv": [PYTHON, "-c", FETCH, url], "hosts": list(names)}
    with Canned(http(200, b"hello")) as server:
        at = f"127.0.0.1:{server.port}"
        grant = (*yes, *hosts(server.base), *OPEN)
        text, out = command(p, *grant, "--yes-to", f"Net({at})", **fetch(server.base, at))
        expect(text[0] == "hello\n" and out["receipt"]["used"]["http_requests"] == 1, out)
        expect(out["receipt"]["contacted"][0]["verdict"] == "allow" and out["receipt"]["limits"]["max_http_requests"]["value"] == 100, out)
        _, out = command(p, *grant, **fetch(server.base, at), code=3)
        expect(out["receipt"]["decision"]["rule"] == "no-one-to-ask", "not decided by Exec alone", out)
        _, out = command(p, *grant, "--deny", f"Net({at})", "--yes-to", "Net", **fetch(server.base, at), code=3)
        expect(out["receipt"]["decision"]["verdict"] == "deny", out)
        _, out = command(p, *yes, "--yes-to", "Net", **fetch(server.base, at), code=3)
        expect(out["receipt"]["stopped_by"] == "denied:net", "in no allowed host", out)
        # without names there is no proxy, whatever is allowed
        text, out = command(p, *grant, "--yes-to", "Net", argv=["sh", "-c", "env | grep -ci proxy; true"])
        expect(text[0] == "0\n" and out["receipt"]["contacted"] == [], out)
        # one name is no way to another host
        with Canned(http()) as other:
            both = (*yes, *hosts(server.base, other.base), *OPEN, "--yes-to", f"Net({at})")
            text, out = command(p, *both, **fetch(other.base, at))
            expect(text[0].startswith("403 boxagnts: the policy does not allow") and other.heads == [], out)
        command(p, *grant, "--yes-to", "Net", argv=["true"], hosts=["*:80"], code=3)
    p.verify()


def without_egress_it_does_not_run(p):
    folder = p.root / "programs"
    shutil.copytree(os.path.dirname(BOXAGNTS), folder)
    os.unlink(folder / "boxagnts-egress")
    proc = subprocess.run([folder / "boxagnts", "jail", *hosts("http://a.example"), "--", "touch", "made"], env=p.env, cwd=p.work, capture_output=True, text=True)
    expect(proc.returncode == 7 and not (p.work / "made").exists(), proc)


if __name__ == "__main__":
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode != 0:
        print("skipped: this machine gives no user namespaces")
        sys.exit(77)
    main(what_is_granted_is_reached_by_the_proxy, what_is_not_granted_is_refused_and_told, nothing_granted_is_no_proxy, the_proxy_is_the_only_way,
         requests_and_bytes_have_their_limits, the_end_of_the_command_is_the_end_of_its_tunnels, a_planner_names_the_hosts_and_each_is_decided_on,
         without_egress_it_does_not_run)
