#!/usr/bin/env python3
"""A guest's HTTP: one request and its answer of 1 KiB, through worker and egress to a server on loopback, and the same from a plain
program that asks directly, in the same run. Prints JSON lines for run.py: bench_http.py BUILD_DIR [REQUESTS]."""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

build = pathlib.Path(sys.argv[1]).resolve()
requests = int(sys.argv[2]) if len(sys.argv) > 2 else 500
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\nConnection: close\r\n\r\n" + b"x" * 1024


def serve(listener):
    while True:
        connection, _ = listener.accept()
        with connection:
            head = b""
            while b"\r\n\r\n" not in head and (piece := connection.recv(4096)):
                head += piece
            if head:
                connection.sendall(ANSWER)


def plainly(port):
    start = time.perf_counter()
    c = http.client.HTTPConnection("127.0.0.1", port)
    c.request("GET", "/")
    c.getresponse().read()
    c.close()
    return (time.perf_counter() - start) * 1e6


def by_guest(port, count, home):
    """One call that asks so many times."""
    env = {**os.environ, "BOXAGNTS_STATE": str(home / "state"), "HOME": str(home)}
    start = time.perf_counter()
    out = subprocess.run([build / "bin/boxagnts", "exec", "--allowed-outbound-hosts", "http://127.0.0.1:*", "--block-networks", "", "--max-http-requests", "1000000",
                          build / "share/boxagnts/hostile/asks_http.wasm", "--", "-n", str(count), f"http://127.0.0.1:{port}/"], env=env, cwd=home, capture_output=True, text=True)
    spent = (time.perf_counter() - start) * 1e6
    if out.stdout.count("200 ") != count:
        sys.exit(f"not all were answered: {out.stdout[-200:]} {out.stderr[-200:]}")
    return spent


def row(name, values, goal="", **more):
    values = sorted(values)
    at = lambda q: round(values[min(len(values) - 1, int(len(values) * q))], 1)
    print(json.dumps({"name": name, "unit": "us", "p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "n": len(values), "goal": goal, **more}), flush=True)
    return at(0.5)


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        by_guest(port, 1, home)
        plain = row("HTTP request of a plain program (reference)", [plainly(port) for _ in range(requests)])
        # what a call costs besides is taken off: the same call with one request
        each = []
        for _ in range(9):
            one = by_guest(port, 1, home)
            each.append((by_guest(port, requests // 5 + 1, home) - one) / (requests // 5))
        middle = sorted(each)[len(each) // 2]
        row("HTTP request of a guest, worker to egress to server", each, ratio_to="plain program", ratio=round(middle / plain, 2))


main()
