#!/usr/bin/env python3
"""Attacks by native programs (native_attacks.py) on the process jail. Each runs twice: as it is, where it must get what it is after, or the
case is void on this machine and said to be; and by `boxagnts jail`, where it must not, and the receipt must name the layer that the
table names. Run some: test_native.py NAME...; the table for docs/escape.md: test_native.py --table."""
import json
import os
import pathlib
import pty
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "scenario"))
from common import BOXAGNTS, Place, expect  # noqa: E402

PYTHON = "/usr/bin/python3"
MIB = 1 << 20
ATTACKS = pathlib.Path(__file__).with_name("native_attacks.py")

GRANTED, CLOSED = ("--allowed-outbound-hosts", "http://127.0.0.1:*,https://127.0.0.1:*"), ("--block-networks", "")

# name: (attack and its words, flags of the jail, what holds: a facet, or the limit that the receipt must name, who can do it at all)
ANY, ROOT = "anybody", "root"
CASES = {
    "ptrace_child": ("ptrace_child", (), "seccomp", ANY),
    "ptrace_traceme": ("ptrace_traceme", (), "seccomp", ANY),
    "read_memory_of_child": ("read_memory_of_child", (), "seccomp", ANY),
    "io_uring": ("io_uring", (), "seccomp", ANY),
    "userns_unshare": ("userns_unshare", (), "seccomp", ANY),
    "userns_clone": ("userns_clone", (), "seccomp", ANY),
    "userns_clone3": ("userns_clone3", (), "seccomp", ANY),
    "mount_in_own_userns": ("own_mount", (), "seccomp", ANY),
    "mount_in_work_folder": ("mount_here", (), "seccomp", ROOT),
    "mount_new_api": ("new_mount_api", (), "seccomp", ROOT),
    "keys_added": ("keys", (), "seccomp", ANY),
    "keys_joined": ("keys_joined", (), "seccomp", ANY),
    "bpf": ("bpf", (), "seccomp", ROOT),
    "perf": ("perf", (), "seccomp", ROOT),
    "userfaultfd": ("userfault", (), "seccomp", ANY),
    "open_by_handle": ("handle", (), "seccomp", ROOT),
    "setns": ("other_namespace {pid}", (), "namespaces", ROOT),
    "pidfd_getfd": ("fd_of_another {pid}", (), "namespaces", ANY),
    "kcmp": ("compare_processes", (), "seccomp", ANY),
    "chroot": ("change_root", (), "seccomp", ROOT),
    "shared_memory_that_stays": ("shared_memory_that_stays", (), "seccomp", ANY),
    "message_queue_that_stays": ("message_queue", (), "seccomp", ANY),
    "socket_netlink": ("netlink", (), "seccomp", ANY),
    "socket_packet": ("packet", (), "seccomp", ROOT),
    "socket_raw": ("raw_socket", (), "seccomp", ROOT),
    "socket_vsock": ("vsock", (), "seccomp", ANY),
    "socket_alg": ("kernel_crypto", (), "seccomp", ANY),
    "not_dumpable": ("cannot_be_looked_at", (), "seccomp", ANY),
    "tiocsti": ("typed_into_terminal {tty}", (), "seccomp", ANY),
    "memfd_exec": ("memory_file_executed", (), "seccomp", ANY),
    "exec_of_deleted_file": ("deleted_file_of_another {pid} {deleted}", (), "namespaces", ANY),
    "suid": ("set_id_program", (), "no_new_privs", ROOT),
    "unix_socket": ("connect_file_socket outside.sock", (), "seccomp", ANY),
    "abstract_socket": ("connect_abstract {abstract}", (), "namespaces", ANY),
    "tcp_to_this_machine": ("connect_tcp {tcp}", (), "namespaces", ANY),
    "tcp_to_this_machine_with_loopback": ("connect_tcp {tcp}", ("--loopback",), "namespaces", ANY),
    "tcp_round_the_proxy": ("connect_tcp {tcp}", (*GRANTED, *CLOSED), "landlock", ANY),
    "proxy_to_a_closed_network": ("by_proxy 127.0.0.1:{tcp}", GRANTED, "block_networks", ANY),
    "proxy_to_a_name_in_a_closed_network": ("by_proxy localhost:{tcp}", ("--allowed-outbound-hosts", "https://localhost:*"), "block_networks", ANY),
    "proxy_to_a_host_not_granted": ("by_proxy localhost:{tcp}", (*GRANTED, *CLOSED), "allowed_outbound_hosts", ANY),
    "proxy_stood_in_for": ("take_port 1008", (*GRANTED, *CLOSED), "landlock", ROOT),
    "udp_to_this_machine": ("send_udp {tcp}", (), "namespaces", ANY),
    "signal_to_parent": ("signal_another {pid}", (), "namespaces", ANY),
    "file_beside": ("read_file {out}/secret", (), "namespaces", ANY),
    "file_by_link": ("read_file link", (), "namespaces", ANY),
    "home": ("read_file {home}/.ssh/id", (), "namespaces", ANY),
    "shadow": ("open_to_read /etc/shadow", (), "namespaces", ROOT),
    "disk": ("open_to_read {disk}", (), "namespaces", ROOT),
    "kmsg": ("open_to_read /dev/kmsg", (), "namespaces", ROOT),
    "kcore": ("open_to_read /proc/kcore", (), "namespaces", ROOT),
    "sysrq": ("open_to_write /proc/sysrq-trigger", (), "namespaces", ROOT),
    "core_pattern": ("open_to_write /proc/sys/kernel/core_pattern", (), "namespaces", ROOT),
    "own_oom_score": ("open_to_write /proc/self/oom_score_adj", (), "namespaces", ANY),
    "cgroup_tree": ("open_to_read /sys/fs/cgroup", (), "namespaces", ANY),
    "environment": ("environment", (), "fds_env", ANY),
    "environment_of_another": ("environment_of_another {helper}", (), "namespaces", ANY),
    "fd_guessing": ("leaked_descriptor", (), "fds_env", ANY),
    "proc_root": ("root_of_parent {out}/secret", (), "namespaces", ANY),
    "memory_of_parent": ("memory_of_parent", (), "fds_env", ANY),
    "program_of_parent": ("program_of_parent", (), "fds_env", ANY),
    "device_file": ("device_file", (), "seccomp", ROOT),
    "fifo_in_work_folder": ("fifo", (), "landlock", ANY),
    "socket_file_in_work_folder": ("socket_file", (), "landlock", ANY),
    "set_id_file_left_behind": ("set_mode_that_stays", (), "namespaces", ANY),
    "hard_link_to_read_only": ("hard_link {out}/secret", ("--map-dirs", "{out}::{out}"), "namespaces", ANY),
    "write_read_only": ("write_file {out}/new", ("--map-dirs", "{out}::{out}"), "namespaces", ANY),
    "write_work_folder_read_only": ("write_file new", ("--read-only",), "namespaces", ANY),
    "fork_bomb": ("fork_bomb 400", ("--command-max-processes", "40"), "command_max_processes", ANY),
    "thread_bomb": ("thread_bomb 400", ("--command-max-processes", "40"), "command_max_processes", ANY),
    "memory_bomb": (f"memory_bomb {512 * MIB}", ("--command-max-memory", "64MiB"), "command_max_memory", ANY),
    "memory_of_many": (f"memory_of_many {256 * MIB}", ("--command-max-memory", "128MiB"), "command_max_memory", ANY),
    "memory_file": (f"memory_file {64 * MIB}", (), "seccomp", ANY),
    "tmp_flood": (f"fill /tmp/bx-escape-flood {16 * MIB}", ("--command-max-temporary", "1MiB"), "namespaces", ANY),
    "shared_memory_flood": (f"fill /dev/shm/bx-escape-flood {80 * MIB}", (), "namespaces", ANY),
    "memory_by_tmp": (f"fill /tmp/bx-escape-flood {128 * MIB}", ("--command-max-memory", "48MiB"), "command_max_memory", ANY),
    "disk_flood": (f"fill flood {64 * MIB}", ("--max-write-bytes", "2MiB"), "rlimits", ANY),
    "disk_flood_by_many": (f"fill_by_many {96 * MIB}", ("--max-write-bytes", "4MiB"), "max_write_bytes", ANY),
    "disk_flood_by_unreadable_program": (f"hidden_writer {64 * MIB}", ("--max-write-bytes", "80MiB"), "max_write_bytes", "user"),
    "disk_sparse": (f"sparse {1 << 36}", (), "rlimits", ANY),
    "disk_reserved": (f"reserved {64 * MIB}", ("--max-write-bytes", "128MiB"), "seccomp", ANY),
    "descriptors": ("open_many 500", (), "rlimits", ANY),
    "processor": ("processor 2", ("--command-max-cpu", "0.3"), "command_max_cpu", ANY),
    "time": ("sleep 2", ("--command-timeout", "0.3"), "command_timeout", ANY),
}


class Void(Exception):
    """The attack does not work here even without the jail."""


class Outside:
    """What an attack may be after: made anew for each case, gone after it."""

    def __init__(self, place):
        self.place = place
        self.out = place.root / "outside"
        self.out.mkdir()
        (self.out / "secret").write_text("secret\n")
        (place.root / ".ssh").mkdir()
        (place.root / ".ssh/id").write_text("secret\n")
        self.unix, self.abstract, self.tcp = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX), socket.socket()
        self.abstract_name = f"bx-escape-{os.getpid()}-{time.monotonic_ns()}"
        self.abstract.bind("\0" + self.abstract_name)
        self.tcp.bind(("127.0.0.1", 0))
        for s in (self.abstract, self.tcp):
            s.listen()
        self.leaked = os.open(self.out / "secret", os.O_RDONLY)
        shutil.copy("/bin/true", self.out / "program")
        os.chmod(self.out / "program", 0o755)
        self.deleted = os.open(self.out / "program", os.O_RDONLY)
        os.unlink(self.out / "program")
        self.tty = os.openpty()
        self.helper = subprocess.Popen(["sleep", "1000"], env={**place.env, "SECRET": "secret"})
        self.words = {"pid": os.getpid(), "out": self.out, "home": place.root, "abstract": self.abstract_name, "tcp": self.tcp.getsockname()[1],
                      "deleted": self.deleted, "helper": self.helper.pid, "tty": os.ttyname(self.tty[1]),
                      "disk": next((str(d) for d in pathlib.Path("/dev").iterdir() if d.is_block_device()), "/dev/none")}

    def fill(self, work):
        """A fresh work folder."""
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        shutil.copy(ATTACKS, work / "attacks.py")
        (work / "link").symlink_to(self.out / "secret")
        self.unix.close()
        self.unix = socket.socket(socket.AF_UNIX)
        here = os.getcwd()
        os.chdir(work)  # names of sockets are short
        self.unix.bind("outside.sock")
        os.chdir(here)
        self.unix.listen()
        if os.geteuid() == 0:
            shutil.copy(shutil.which("sleep"), work / "suid")
            os.chmod(work / "suid", 0o4755)
            os.chmod(work, 0o777)

    def close(self):
        self.helper.kill()
        self.helper.wait()
        for s in (self.unix, self.abstract, self.tcp):
            s.close()
        for fd in (self.leaked, self.deleted, *self.tty):
            os.close(fd)

    def options(self):
        return {"cwd": self.place.work, "env": {**self.place.env, "SECRET": "secret"}, "pass_fds": (self.leaked,), "timeout": 120,
                "stdin": subprocess.DEVNULL}


def jail(place, flags, *argv):
    return [BOXAGNTS, "jail", "--receipt", str(place.root / "receipt.json"), *flags, "--", *map(str, argv)]


def receipt_of(place):
    return json.loads((place.root / "receipt.json").read_text())


def names_the_layer(receipt, layer):
    facets = receipt["confinement"]["facets"]
    return layer in facets or layer in receipt["limits_hit"] or layer == receipt["limit"] or any(layer in r["why"] for r in receipt["refused"])


def twice(place, name):
    attack, flags, layer, who = CASES[name]
    if who == ROOT and os.geteuid() != 0:
        raise Void("only root can do it")
    if who == "user" and os.geteuid() == 0:
        raise Void("root reads everything")
    outside = Outside(place)
    try:
        words = [w.format(**outside.words) for w in attack.split()]
        flags = [f.format(**outside.words) for f in flags]
        other = {} if name != "suid" else {"user": 12321, "group": 12321, "extra_groups": []}
        if other:
            os.chmod(place.root, 0o777)
        outside.fill(place.work)
        free = subprocess.run([PYTHON, "attacks.py", *words], capture_output=True, text=True, errors="replace", start_new_session=True,
                              **outside.options(), **other)
        if not free.stdout.endswith("REACHED\n"):
            raise Void(f"{free.stdout.strip()[-120:]} {free.stderr.strip()[-120:]}")
        outside.fill(place.work)
        held = subprocess.run(jail(place, flags, PYTHON, "attacks.py", *words), capture_output=True, text=True, errors="replace",
                              **outside.options(), **other)
        receipt = receipt_of(place)
        expect("REACHED" not in held.stdout, f"{name}: it got what it was after", held.stdout, held.stderr)
        expect(names_the_layer(receipt, layer), f"{name}: the receipt names {layer}", receipt)
        expect("refused: " in held.stdout or receipt["stopped_by"] != "exit", f"{name}: refused or stopped", held, receipt)
        return layer if layer in receipt["confinement"]["facets"] else f"{receipt['stopped_by']} ({layer})"
    finally:
        outside.close()


# --- attacks that need a hand of the runner: name -> function(place), gives what held


def with_outside(fn):
    def run(place):
        outside = Outside(place)
        try:
            outside.fill(place.work)
            return fn(place, outside)
        finally:
            outside.close()
    return run


def race(place, outside, swap):
    """A second process outside swaps a folder that is about to be entered for a link to where the secret is."""
    (place.work / "d").mkdir()
    (place.work / "d/secret").write_text("own\n")
    (place.work / "away").symlink_to(outside.out)
    over = threading.Event()

    def swapping():
        while not over.is_set():
            swap(place.work)
    thread = threading.Thread(target=swapping)
    thread.start()
    try:
        found = False
        for _ in range(2000):
            try:
                found = found or (place.work / "d/secret").read_text() == "secret\n"
            except OSError:
                pass
        if not found:
            raise Void("the race was never lost")
        for _ in range(40):
            p = subprocess.run(jail(place, ("--cwd", "/d"), "cat", "secret", str(place.work / "d/secret")), capture_output=True, text=True, **outside.options())
            expect("secret\n" not in p.stdout, "it read outside", p)
            expect(p.returncode in (0, 8), "a named end", p)
    finally:
        over.set()
        thread.join()
    expect("namespaces" in receipt_of(place)["confinement"]["facets"], "named")
    return "namespaces"


def swap_by_link(work):
    try:
        os.rename(work / "d", work / "kept")
        os.symlink("away", work / "d")
        os.unlink(work / "d")
        os.rename(work / "kept", work / "d")
    except OSError:
        pass


def swap_by_exchange(work):
    import ctypes
    libc = ctypes.CDLL(None)
    libc.renameat2(-100, bytes(work / "d"), -100, bytes(work / "away"), 2)


@with_outside
def stdout_flood(place, outside):
    free = subprocess.run([PYTHON, "attacks.py", "flood", str(8 * MIB)], capture_output=True, **outside.options())
    expect(len(free.stdout) > 8 * MIB, "it floods")
    held = subprocess.run(jail(place, ("--max-output-bytes", "64KiB"), PYTHON, "attacks.py", "flood", 8 * MIB), capture_output=True, **outside.options())
    receipt = receipt_of(place)
    expect(len(held.stdout) == 65536 and receipt["used"]["output_bytes"] > 8 * MIB and "max_output_bytes" in receipt["limits_hit"], receipt)
    return "monitor (max_output_bytes)"


def on_a_terminal(argv, outside):
    ours, theirs = pty.openpty()
    options = {k: v for k, v in outside.options().items() if k != "timeout"}
    proc = subprocess.Popen(argv, stdout=theirs, stderr=theirs, **options)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:
        pass
    os.close(ours)
    proc.wait(timeout=60)
    return seen


@with_outside
def terminal_escapes(place, outside):
    expect(b"\x1b]0;owned\x07" in on_a_terminal([PYTHON, "attacks.py", "escapes"], outside), "they arrive")
    seen = on_a_terminal(jail(place, (), PYTHON, "attacks.py", "escapes"), outside)
    expect(b"owned" in seen and b"\x1b" not in seen and b"\x07" not in seen and b"\x9b" not in seen, seen)
    return "monitor (what a terminal is shown)"


@with_outside
def background_daemon(place, outside):
    mark = place.work / "mark"
    subprocess.run([PYTHON, "attacks.py", "daemon", mark], capture_output=True, **outside.options())
    end = time.monotonic() + 60
    while not mark.exists():
        expect(time.monotonic() < end, "without the jail it outlives its caller")
        time.sleep(0.01)
    mark.unlink()
    subprocess.run(jail(place, (), PYTHON, "attacks.py", "daemon", mark), capture_output=True, check=True, **outside.options())
    left = [p for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if str(mark).encode() in read_quietly(p)]
    expect(not left and not mark.exists(), "nothing is left when the call has ended", left)
    return "namespaces"


def read_quietly(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


@with_outside
def core_dump(place, outside):
    def no_limit():
        import resource
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    free = subprocess.run([PYTHON, "attacks.py", "core_dump"], capture_output=True, text=True, preexec_fn=no_limit, **outside.options())
    if "REACHED" not in free.stdout:
        raise Void(free.stdout.strip())
    held = subprocess.run(jail(place, (), PYTHON, "attacks.py", "core_dump"), capture_output=True, text=True, preexec_fn=no_limit, **outside.options())
    expect("refused" in held.stdout and "rlimits" in receipt_of(place)["confinement"]["facets"], held)
    return "rlimits"


@with_outside
def ld_preload(place, outside):
    """The planner makes another program of one that may be run without asking."""
    compiler = shutil.which("cc")
    if not compiler or not os.path.exists("/usr/bin/env"):
        raise Void("no compiler")
    (place.work / "evil.c").write_text('#include <stdio.h>\n__attribute__((constructor)) static void run(void) { puts("owned"); }\n')
    subprocess.run([compiler, "-shared", "-fPIC", "-o", place.work / "evil.so", place.work / "evil.c"], check=True)
    evil = str(place.work / "evil.so")
    free = subprocess.run(["/bin/true"], capture_output=True, text=True, env={**place.env, "LD_PRELOAD": evil})
    expect("owned" in free.stdout, "it is loaded")
    call = json.dumps({"argv": ["true"], "env": {"LD_PRELOAD": evil}})
    granted = ["tool", "call", "--json", "--yes-to", "Exec(true)"]
    place.run(*granted, "command", json.dumps({"argv": ["true"]}), code=0)
    held = place.run(*granted, "command", call, code=3)
    receipt = json.loads(held.stdout)["receipt"]
    expect("owned" not in held.stdout and receipt["stopped_by"] == "denied:policy" and receipt["decision"]["verdict"] == "deny", receipt)
    # and what the caller of boxagnts itself has set reaches no program of ours nor the command
    held = place.run("jail", "--", "true", code=0, env={"LD_PRELOAD_FOR_NOBODY": evil})
    expect("owned" not in held.stdout, held)
    return "policy (Exec of the words with their environment)"


@with_outside
def monitor_killed(place, outside):
    """The one that watches is killed: nothing goes on without it."""
    token = f"{os.getpid()}{time.monotonic_ns()}"
    options = {k: v for k, v in outside.options().items() if k != "timeout"}
    proc = subprocess.Popen(jail(place, (), "sh", "-c", f"echo on; sleep 1{token}"), stdout=subprocess.PIPE, **options)
    expect(proc.stdout.readline() == b"on\n", "it runs")
    proc.send_signal(signal.SIGKILL)
    proc.wait(timeout=60)
    end = time.monotonic() + 60
    while any(token.encode() in read_quietly(p) for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")):
        expect(time.monotonic() < end, "it goes on")
        time.sleep(0.01)
    proc.stdout.close()
    return "parent_death, namespaces"


SPECIAL = {
    "symlink_race": with_outside(lambda place, outside: race(place, outside, swap_by_link)),
    "rename_race": with_outside(lambda place, outside: race(place, outside, swap_by_exchange)),
    "stdout_flood": stdout_flood,
    "terminal_escapes": terminal_escapes,
    "background_daemon": background_daemon,
    "core_dump": core_dump,
    "ld_preload": ld_preload,
    "monitor_killed": monitor_killed,
}


def main():
    if "--table" in sys.argv:
        for name, (_, _, layer, who) in CASES.items():
            print(f"| native_{name} | {layer} | {'root' if who == ROOT else ''} |")
        for name in SPECIAL:
            print(f"| native_{name} | see test_native.py | |")
        return 0
    if not os.path.exists(PYTHON) or subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode != 0:
        print(f"skipped: no {PYTHON}, or this machine gives no user namespaces")
        return 77
    wanted = sys.argv[1:] or [*CASES, *SPECIAL]
    failed, void = 0, 0
    for name in wanted:
        place = Place()
        try:
            print(f"ok   native_{name}: {SPECIAL[name](place) if name in SPECIAL else twice(place, name)}", flush=True)
        except Void as why:
            void += 1
            print(f"void native_{name}: {why}", flush=True)
        except Exception as why:  # noqa: BLE001 - every failure is reported and the next case still runs
            failed += 1
            print(f"FAIL native_{name}: {type(why).__name__}: {why}\n  again: {sys.argv[0]} {name}", flush=True)
        finally:
            place.close()
    print(f"native escapes: {len(wanted) - failed - void}/{len(wanted) - void} held, {void} void here")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
