#!/usr/bin/env python3
"""A worker that is not one: speaks frames on fd 3 and lies as its first mount's guest path tells it (/LIE)."""
import json, os, socket, struct, sys, time

lie = [a.split(":/", 1)[1] for a in sys.argv if a.startswith("--mount=")][0]
channel = socket.socket(fileno=3)
READY, FAULT, OUTPUT, RAN, LAND = 2, 4, 52, 53, 54


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
elif lie.startswith("land_"):
    good = {"stage": "stage-0123456789abcdef", "folder": "1:2", "new": False}
    bad = {"land_bad_stage": {"stage": "../../../etc/passwd"}, "land_short_stage": {"stage": "stage-0"}, "land_bad_folder": {"folder": "1"},
           "land_long_folder": {"folder": "1:" + "f" * 17}, "land_bad_new": {"new": 1}}.get(lie, {})
    path = {"land_nul": b"/a\0b", "land_long_path": b"/" + b"a" * 4096}.get(lie, b"/a")
    if lie == "land_flood":  # asks for ever and never listens
        while True:
            send(LAND, frame_id, good, path)
    send(LAND, frame_id, {**good, **bad}, path)
    head = channel.recv(65536)
    assert struct.unpack("<IHHIQ", head[:20])[1] == 55 and json.loads(head[20:]) == {"error": 18}, head  # EXDEV: this monitor lands nothing
    send(RAN, frame_id, outcome())
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
