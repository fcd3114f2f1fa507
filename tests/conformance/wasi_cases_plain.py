"""Preview 1 without files: arguments, environment, clocks, random bytes, ending, yielding, signals, sockets, waiting."""
import time

from wasi_guest import *  # noqa: F403


def lists(g, name, values):
    """args or environ: sizes, pointers and texts, and what lies at the edges of memory."""
    sizes, text = g.slot(8), g.slot(4096)
    pointers = g.slot(4 * (len(values) + 1))
    whole = b"".join(v.encode() + b"\0" for v in values)
    g.call(f"{name}_sizes_get", sizes, sizes + 4)
    g.look_u32(sizes, len(values), "count")
    g.look_u32(sizes + 4, len(whole), "bytes")
    g.call(f"{name}_get", pointers, text)
    if values:
        g.look(text, len(whole), whole, "texts")
    at = 0
    for i, v in enumerate(values):
        g.look_u32(pointers + 4 * i, text + at, f"pointer {i}")
        at += len(v.encode()) + 1
    g.call(f"{name}_sizes_get", MEMORY - 3, sizes, want=E.FAULT)
    g.call(f"{name}_sizes_get", sizes, 0xFFFFFFFF, want=E.FAULT)
    if values:
        g.call(f"{name}_get", pointers, MEMORY - len(whole))
        g.call(f"{name}_get", pointers, MEMORY - len(whole) + 1, want=E.FAULT)
        g.call(f"{name}_get", MEMORY - 4 * len(values) + 1, text, want=E.FAULT)
        g.call(f"{name}_get", 0xFFFFFFFC, text, want=E.FAULT)


@case("args")
def several_odd_arguments(g):
    g.args = ["", "two words", 'the "third"', "ünï", "-x", "--", "a=b", "x" * 1000]
    lists(g, "args", ["guest.wasm", *g.args])


@case("args")
def only_its_name(g):
    lists(g, "args", ["guest.wasm"])


@case("environ")
def several_variables(g):
    values = ["A=text", 'B=escap " ing', "C=new\nline", "D=", "E=a=b", "F=ünï"]
    for v in values:
        g.flags += ["--env-vars", v]
    lists(g, "environ", values)


@case("environ")
def nothing_is_inherited(g):
    lists(g, "environ", [])


@case("clock")
def resolutions(g):
    out = g.slot()
    for clock in range(4):
        g.call("clock_res_get", clock, out)
        g.look_u64(out, lambda v: 0 < v <= 10**9, f"resolution of clock {clock}")
    for clock in (4, 5, 0x80000000, 0xFFFFFFFF):
        g.call("clock_res_get", clock, out, want=E.INVAL)
        g.call("clock_time_get", clock, 0, out, want=E.INVAL)
    g.call("clock_res_get", 0, MEMORY - 7, want=E.FAULT)
    g.call("clock_time_get", 0, 0, MEMORY - 7, want=E.FAULT)
    g.call("clock_time_get", 0, 0, MEMORY - 8)


@case("clock")
def time_goes_on(g):
    for clock in range(4):
        out = g.slot(24)
        for i in range(3):
            g.call("clock_time_get", clock, (0, 1, (1 << 64) - 1)[i], out + 8 * i)
        g.look(out, 24, lambda b: list(struct.unpack("<3Q", b)) == sorted(struct.unpack("<3Q", b)), f"clock {clock} goes back")
        if clock == 0:
            began = time.time_ns()
            g.look_u64(out, lambda v: began - 10**9 <= v <= time.time_ns() + 10**9, "time of day")
        if clock >= 2:
            g.look_u64(out + 16, lambda v: v < 60 * 10**9, "processor time is this guest's own")


@case("random")
def random_bytes(g):
    a, b = 2 << 20, (2 << 20) + 64
    g.call("random_get", SLOTS - 4096, 0)
    g.call("random_get", 0xFFFFFFFF, 0, want=E.FAULT)
    g.call("random_get", MEMORY, 0)
    g.call("random_get", a, 64)
    g.call("random_get", b, 64)
    g.look(a, 128, lambda m: m[:64] != m[64:] and len(set(m[:64])) > 20, "random bytes")
    g.call("random_get", a, MEMORY - a)
    g.call("random_get", MEMORY - 8, 9, want=E.FAULT)
    g.call("random_get", 16, 0xFFFFFFFF, want=E.FAULT)


def exits(code):
    def run(g):
        g.file("mark", "")
        fd = g.open("mark", rights=BOTH)
        g.write(fd, "before")
        g.call("proc_exit", code)
        g.call("proc_raise", 6)  # never reached
        g.write(fd, "after")
        g.exit_code, g.is_last_exit = code, True
        g.after("what was written before the end is there, nothing of after", lambda: (g.work / "mark").read_bytes() == b"before")
    run.__name__ = f"proc_exit_{code}"
    return run


for n in (0, 1, 33, 125, 126, 127, 255, 256, 0x7FFFFFFF, 0xFFFFFFFF):
    case("proc_exit")(exits(n))


@case("sched_yield")
def yields(g):
    for _ in range(3):
        g.call("sched_yield")


@case("proc_raise")
def signals_do_not_exist(g):
    for n in (0, 2, 6, 9, 11, 15, 31, 255, 0xFFFFFFFF):
        g.call("proc_raise", n, want=E.NOSYS)


@case("sock")
def sockets_do_not_exist(g):
    g.file("f", "x")
    f = g.open("f", rights=BOTH)
    out = g.slot(16)
    iov = g.iovecs((out, 8))
    for fd in (0, 1, 2, 3, f):
        g.call("sock_accept", fd, 0, out, want=E.NOTSOCK)
        g.call("sock_recv", fd, iov, 1, 0, out, out + 8, want=E.NOTSOCK)
        g.call("sock_send", fd, iov, 1, 0, out, want=E.NOTSOCK)
        for how in (0, 1, 2, 3, 255):
            g.call("sock_shutdown", fd, how, want={E.NOTSOCK, E.BADF})
    for fd in (7, 1000, 0x80000000, 0xFFFFFFFF):
        g.call("sock_accept", fd, 0, out, want=E.BADF)
        g.call("sock_recv", fd, iov, 1, 0, out, out + 8, want=E.BADF)
        g.call("sock_send", fd, iov, 1, 0, out, want=E.BADF)
        g.call("sock_shutdown", fd, 2, want=E.BADF)


# --- poll_oneoff ---

def sub_clock(user, clock, timeout, flags=0):
    return struct.pack("<QB7xIxxxxQQH6x", user, 0, clock, timeout, 0, flags)


def sub_fd(user, kind, fd):
    return struct.pack("<QB7xI28x", user, kind, fd)


def poll(g, subs, want=0, count=None, check=None):
    text = b"".join(subs)
    out, n = g.slot(32 * max(len(subs), 1)), g.slot()
    g.call("poll_oneoff", g.const(text), out, len(subs), n, want=want)
    if count is not None:
        g.look_u32(n, count, "events")
    if check is not None:
        g.look(out, 32 * (count or 1), check, "events")


def event(data, i=0):
    user, error, kind = struct.unpack("<QHB", data[32 * i:32 * i + 11])
    return user, error, kind, *struct.unpack("<QH", data[32 * i + 16:32 * i + 26])


@case("poll")
def clocks_are_waited_for(g):
    for clock in (0, 1):
        poll(g, [sub_clock(77, clock, 2_000_000)], count=1, check=lambda b: event(b)[:3] == (77, 0, 0))
        poll(g, [sub_clock(78, clock, 0)], count=1, check=lambda b: event(b)[:3] == (78, 0, 0))
        poll(g, [sub_clock(79, clock, 1, flags=1)], count=1, check=lambda b: event(b)[:3] == (79, 0, 0))
        poll(g, [sub_clock(80, clock, 3_000_000), sub_clock(81, clock, 3600 * 10**9)], count=1, check=lambda b: event(b)[0] == 80)
    a = g.slot(16)
    g.call("clock_time_get", 1, 0, a)
    poll(g, [sub_clock(1, 1, 20_000_000)], count=1)
    g.call("clock_time_get", 1, 0, a + 8)
    g.look(a, 16, lambda b: struct.unpack("<QQ", b)[1] - struct.unpack("<QQ", b)[0] >= 20_000_000, "it really waited")


@case("poll")
def odd_subscriptions(g):
    out, n = g.slot(64), g.slot()
    one = g.const(sub_clock(1, 1, 0))
    g.call("poll_oneoff", one, out, 0, n, want=E.INVAL)
    g.call("poll_oneoff", MEMORY - 47, out, 1, n, want=E.FAULT)
    g.call("poll_oneoff", one, MEMORY - 31, 1, n, want=E.FAULT)
    g.call("poll_oneoff", one, out, 1, MEMORY - 3, want=E.FAULT)
    g.call("poll_oneoff", one, out, 0xFFFFFFFF, n, want=E.INVAL)
    g.call("poll_oneoff", one, out, 0x10000000, n, want=E.INVAL)
    poll(g, [sub_clock(5, 9, 0)], count=1, check=lambda b: event(b)[:2] == (5, E.INVAL))
    poll(g, [sub_clock(6, 1, 0, flags=2)], count=1, check=lambda b: event(b)[:2] == (6, E.INVAL))
    poll(g, [sub_clock(6, 2, 0)], count=1, check=lambda b: event(b)[:2] == (6, E.NOTSUP))
    poll(g, [sub_fd(7, 1, 99)], count=1, check=lambda b: event(b)[:3] == (7, E.BADF, 1))
    poll(g, [sub_fd(8, 9, 1)], count=1, check=lambda b: event(b)[:2] == (8, E.INVAL))
    poll(g, [sub_fd(9, 1, 99), sub_clock(10, 1, 3600 * 10**9)], count=1, check=lambda b: event(b)[0] == 9)


@case("poll")
def files_and_streams_are_ready(g):
    g.stdin = b"hello"
    g.file("f", "0123456789")
    f = g.open("f", rights=BOTH)
    g.read(f, 3, "012")
    g.look_u32(int(f), 4, "first free number")
    poll(g, [sub_fd(21, 1, 4)], count=1, check=lambda b: event(b)[:4] == (21, 0, 1, 7))
    poll(g, [sub_fd(22, 2, 4)], count=1, check=lambda b: event(b)[:3] == (22, 0, 2))
    poll(g, [sub_fd(23, 2, 1), sub_fd(24, 2, 2)], count=2, check=lambda b: [event(b, i)[:3] for i in (0, 1)] == [(23, 0, 2), (24, 0, 2)])
    poll(g, [sub_fd(25, 1, 0)], count=1, check=lambda b: event(b)[:3] == (25, 0, 1))
    poll(g, [sub_fd(26, 1, 1)], count=1, check=lambda b: event(b)[:2] == (26, E.BADF))
    poll(g, [sub_fd(27, 1, 3)], count=1, check=lambda b: event(b)[:2] == (27, E.BADF))
