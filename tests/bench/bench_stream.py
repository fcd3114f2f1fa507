#!/usr/bin/env python3
"""How much later than from the socket itself an event of a model's stream is seen through the whole tree of programs: a stub writes
events that are the time of their sending, and the reader of `run --output stream-json` compares. Prints JSON lines.

usage: bench_stream.py BUILD_DIR [EVENTS]
"""
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time

PAUSE = 0.002 # between events, so that each is alone on its way


def chunk(delta, reason=None):
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': reason}]})}\n\n".encode()


def serve(listener, events):
    for _ in range(2): # one for the reference, one for the run
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while len(body) < sum(lengths):
            body += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for _ in range(events):
            time.sleep(PAUSE)
            connection.sendall(chunk({"content": f"{time.monotonic_ns()} "}))
        connection.sendall(chunk({}, "stop") + b"data: [DONE]\n\n")
        connection.close()


def delays_of(lines, text_of):
    found = []
    for line in lines:
        now, text = time.monotonic_ns(), text_of(line)
        if text and text.strip().isdigit():
            found.append((now - int(text)) / 1e3)
    return found


def text_of_event(line):
    if not line.startswith(b"data: {"):
        return None
    return json.loads(line[6:])["choices"][0]["delta"].get("content")


def text_of_row(line):
    row = json.loads(line)
    return row["text"] if row["type"] == "text" else None


def print_row(name, values, **more):
    values = sorted(values)
    at = lambda q: values[min(len(values) - 1, int(len(values) * q))]
    print(json.dumps({"name": name, "unit": "us", "p50": round(at(0.5), 1), "p95": round(at(0.95), 1), "p99": round(at(0.99), 1), "n": len(values), **more}))
    return at(0.5)


def main():
    build, events = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    with tempfile.TemporaryDirectory(prefix="bx-stream-") as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        stub = multiprocessing.get_context("fork").Process(target=serve, args=(listener, events), daemon=True)
        stub.start()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            bare = delays_of(connection.makefile("rb"), text_of_event)
        os.makedirs(os.path.join(folder, "config/boxagnts"))
        with open(os.path.join(folder, "config/boxagnts/settings.json"), "w", encoding="utf-8") as file:
            json.dump({"providers": {"vllm": {"base_url": f"http://127.0.0.1:{port}/v1"}}}, file)
        environment = {**os.environ, "BOXAGNTS_STATE": os.path.join(folder, "state"), "XDG_CONFIG_HOME": os.path.join(folder, "config")}
        command = [os.path.join(build, "bin/boxagnts"), "run", "--model", "vllm/m", "--output", "stream-json", "--work-dir", folder, "x"]
        with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            through = delays_of(run.stdout, text_of_row)
        stub.join(10)
    if len(bare) != events or len(through) != events:
        sys.exit(f"bench_stream: {len(bare)} and {len(through)} of {events} events came")
    reference = print_row("streamed event, from the socket itself (reference)", bare)
    print_row("streamed event, added by the tree of programs", [value - reference for value in through], goal="<= 100")


main()
