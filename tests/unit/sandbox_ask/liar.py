#!/usr/bin/env python3
"""A worker that is not one: speaks frames on fd 3 and lies as its first mount's guest path tells it (/LIE)."""
import json, os, socket, struct, sys, time

lie = [a.split(":/", 1)[1] for a in sys.argv if a.startswith("--mount=")][0]
channel = socket.socket(fileno=3)
READY, FAULT, OUTPUT, RAN = 2, 4, 52, 53


def send(kind, frame_id, body, raw=b""):
    text = json.dumps(body).encode()
    channel.sendall(struct.pack("<IHHIQ", len(text) + len(raw), kind, 0, len(text), frame_id) + text + raw)


def outcome(**changes):
    used = dict.fromkeys(("fuel", "wall_us", "cpu_us", "peak_memory", "output_bytes", "read_bytes", "written_bytes",
                          "created_files"), changes.pop("use", 1))
    body = {"stop": "exit", "exit_code": 0, "detail": "fine", "used": used, "touched": [], "refused": [],
            "limits_hit": "", "ended_by": "", "out": 0, "err": 0, "cut": False}
    body.update(changes)
    return body


if lie == "no_jail":
    send(FAULT, 0, {"code": "sandbox", "text": "facet landlock is missing", "next": "a newer kernel"})
    sys.exit(7)
if lie == "not_ready":
    sys.exit(3)
send(READY, 0, {"engine": "lies"})
if lie == "ready_twice":
    send(READY, 0, {})
head = channel.recv(65536)
frame_id = struct.unpack("<IHHIQ", head[:20])[4]

if lie == "greedy":
    send(RAN, frame_id, outcome(use=2**62))
elif lie == "paths":
    send(RAN, frame_id, outcome(touched=[[0, "/a/../../../etc/passwd", None, -1]]))
elif lie == "relative_path":
    send(RAN, frame_id, outcome(touched=[[0, "../etc/passwd", None, -1]]))
elif lie == "garbage":
    channel.sendall(b"\xff" * 64)
elif lie == "wrong_id":
    send(RAN, frame_id + 1, outcome())
elif lie == "no_body":
    channel.sendall(struct.pack("<IHHIQ", 0, RAN, 0, 0, frame_id))
elif lie == "claims_crash":
    send(RAN, frame_id, outcome(stop="crash"))
elif lie == "claims_cancel":
    send(RAN, frame_id, outcome(stop="cancel"))
elif lie == "too_much_output":
    for _ in range(4):
        send(OUTPUT, frame_id, {"stream": 1}, b"x" * 400)
elif lie == "third_stream":
    send(OUTPUT, frame_id, {"stream": 3}, b"x")
elif lie == "long_out":
    send(RAN, frame_id, outcome(out=1001), b"x" * 1001)
elif lie == "twice":
    send(RAN, frame_id, outcome())
    send(RAN, frame_id, outcome())
elif lie == "dies":
    os.kill(os.getpid(), 9) if os.getpid() != 1 else sys.exit(9)
elif lie == "gives_up":
    send(FAULT, frame_id, {"code": "enomem", "text": "no \x1b[31mmemory", "next": ""})
elif lie == "half_frame":
    channel.sendall(struct.pack("<IHHIQ", 100, RAN, 0, 100, frame_id) + b"{")
    sys.exit(0)
time.sleep(60)
