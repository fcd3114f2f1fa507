"""An agent that is not one: speaks frames on fd 3, and its prompt says how it lies. lib_liar.py puts it beside copies of the other
programs under the agent's name."""
import json
import os
import socket
import struct
import sys
import time

READY, FAULT, MODEL, CALL, SAY, DONE = 2, 4, 16, 18, 20, 22
START, DATA, END, RESULT, CANCEL = 32, 33, 35, 37, 38
HEAD = "<IHHIQ"
channel = socket.socket(fileno=3)


def send(kind, frame_id, body=None, raw=b""):
    text = json.dumps(body).encode() if body is not None else b""
    channel.sendall(struct.pack(HEAD, len(text) + len(raw), kind, 0, len(text), frame_id) + text + raw)


def receive():
    head = b""
    while len(head) < 20:
        piece = channel.recv(20 - len(head))
        if not piece:
            sys.exit(0)
        head += piece
    length, kind, _, json_length, frame_id = struct.unpack(HEAD, head)
    rest = b""
    while len(rest) < length:
        rest += channel.recv(length - len(rest))
    return kind, frame_id, json.loads(rest[:json_length] or b"{}"), rest[json_length:]


def wait(*kinds):
    while True:
        frame = receive()
        if frame[0] in kinds:
            return frame


def model(turn):
    send(MODEL, turn, {"wire": "script", "max_tokens": 100}, b"{}")


def turn(number):
    model(number)
    return wait(END)[2]


def call(number, tool="write", **arguments):
    send(CALL, number, {"tool": tool, "turn": 1}, json.dumps(arguments).encode())


def done(status="done", stopped_by="", text=b"", **more):
    send(DONE, 0, {"status": status, "stopped_by": stopped_by, "detail": "as it says", **more}, text)


send(READY, 0, {"engine": "lies"})
_, _, start, raw = wait(START)
lie, _, argument = raw.decode().partition(" ")

if lie == "honest":
    turn(1)
    call(1, path="/a.txt", content="a")
    wait(RESULT)
    done(text=b"said")
elif lie == "claims":  # a status and a stop that do not belong together, or that it cannot know
    done(*json.loads(argument))
elif lie == "model_while_busy":
    model(1)
    model(2)
elif lie == "model_skips":
    turn(1)
    turn(2**63 + 5)
elif lie == "model_zero":
    model(0)
elif lie == "turns":
    for number in range(1, 100):
        for _ in range(4):  # each number is tried four times, as after an incident
            turn(number)
elif lie == "after_budget":
    for number in range(1, 100):
        turn(number)
elif lie == "flood":
    for number in range(1, 10001):
        call(number, path=f"/f{number}.txt", content="x")
elif lie == "calls":
    for number in range(1, 10001):
        call(number, "list", path="/")
        wait(RESULT)
elif lie == "done_twice":
    text = json.dumps({"status": "done", "stopped_by": "", "detail": ""}).encode()
    one = struct.pack(HEAD, len(text) + 5, DONE, 0, len(text), 0) + text + b"first"
    two = struct.pack(HEAD, len(text) + 6, DONE, 0, len(text), 0) + text + b"second"
    channel.sendall(one + two)
elif lie == "call_after_done":
    text = json.dumps({"status": "done", "stopped_by": "", "detail": ""}).encode()
    tool, raw = json.dumps({"tool": "write"}).encode(), b'{"path":"/late.txt","content":"x"}'
    channel.sendall(struct.pack(HEAD, len(text), DONE, 0, len(text), 0) + text +
                    struct.pack(HEAD, len(tool) + len(raw), CALL, 0, len(tool), 9) + tool + raw)
elif lie == "done_with_calls_open":
    for number in range(1, 6):
        call(number, path=f"/f{number}.txt", content="x")
    done()
elif lie == "done_in_mid_turn":
    model(1)
    done()
elif lie == "dies_with_calls_open":
    for number in range(1, 6):
        call(number, path=f"/f{number}.txt", content="x")
    sys.exit(9)
elif lie == "too_long":
    channel.sendall(struct.pack(HEAD, 0xffffffff, CALL, 0, 2, 1) + b"{}")
elif lie == "unknown_type":
    send(999, 1, {})
elif lie == "workers_frame":
    send(53, 1, {"stop": "exit"})
elif lie == "ready_again":
    send(READY, 0, {})
elif lie == "not_json":
    channel.sendall(struct.pack(HEAD, 4, CALL, 0, 4, 1) + b"{]}{")
elif lie == "no_tool":
    send(CALL, 1, {}, b"{}")
elif lie == "fds":
    import array
    rest = json.dumps({"tool": "read"}).encode()
    channel.sendmsg([struct.pack(HEAD, len(rest), CALL, 1, len(rest), 1) + rest],
                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [3]))])
elif lie == "huge_numbers":
    call(2**64 - 1, "read", path="/a.txt", offset=9223372036854775807, limit=9223372036854775807)
    wait(RESULT)
    call(2**64 - 1, "read", path="/a.txt", offset=1e308)
    wait(RESULT)
    send(CALL, 1, {"tool": "read"}, b'{"path":"/a.txt","offset":' + b"9" * 400 + b"}")
    wait(RESULT)
    done()
elif lie == "long_name":
    send(CALL, 1, {"tool": "read" + "\u00e9" * (1 << 20)}, b"{}")
    wait(RESULT)
    done()
elif lie == "nul":
    send(CALL, 1, {"tool": "list"}, b'{"path":"/"}\0{"path":"/etc"}')
    wait(RESULT)
    done()
elif lie == "terminal":
    try:
        for fd in (0, 1, 2):
            os.write(fd, b"\x1b[2Jowned")
    except OSError:
        pass
    send(SAY, 0, {"type": "recovery"}, "\x1b[2J\u009b31m\u202ebad".encode())
    done(text="\x1b[2J".encode(), detail="x")
elif lie == "say_unknown":
    send(SAY, 0, {"type": "receipt"}, b"{}")
elif lie == "silent":
    pass
elif lie == "deaf_to_cancel":
    call(1, path="/a.txt", content="a")
elif lie == "gives_up":
    send(FAULT, 0, {"code": 1, "text": "I \x1b[31mgive up", "next": ""})
time.sleep(60)
