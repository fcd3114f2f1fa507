"""Attacks by a native program, one function each. Run as `native_attacks.py NAME ARG...`, with and without the jail around it. The last line
is REACHED when the attack got what it is after, else what refused it; nothing is destroyed when it does. Standard library only; system
calls by number, so that no C library stands in the way."""
import ctypes
import errno
import os
import platform
import resource
import signal
import socket
import struct
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"
CALLS = {  # name: x86-64, aarch64
    "ptrace": (101, 117), "mount": (165, 40), "unshare": (272, 97), "setns": (308, 268), "keyctl": (250, 219), "add_key": (248, 217), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "clone": (56, 220), "clone3": (435, 435),
    "memfd_create": (319, 279), "fallocate": (285, 47), "shmget": (29, 194), "mq_open": (240, 180), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "mknodat": (259, 33), "pivot_root": (155, 41), "process_vm_readv": (310, 270), "kcmp": (312, 272),
    "fsopen": (430, 430), "prctl": (157, 167), "execveat": (322, 281), "seccomp": (317, 277), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
}
NEWUSER, NEWNS = 0x10000000, 0x00020000


def call(name, *args):
    """The kernel's answer; a refusal is an OSError."""
    libc.syscall.restype = ctypes.c_long
    r = libc.syscall(ctypes.c_long(CALLS[name][0 if X86 else 1]), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    if r < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)
    return r


class Refused(Exception):
    pass


def need(claim, why):
    if not claim:
        raise Refused(why)


# --- more of the kernel


def ptrace_child():
    pid = os.fork()
    if pid == 0:
        time.sleep(1000)
    try:
        call("ptrace", 16, pid, 0, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


def ptrace_traceme():
    call("ptrace", 0, 0, 0, 0)


def read_memory_of_child():
    pid = os.fork()
    if pid == 0:
        time.sleep(1000)
    target = ctypes.create_string_buffer(8)
    local, remote = (ctypes.c_ulong * 2)(ctypes.addressof(target), 8), (ctypes.c_ulong * 2)(ctypes.addressof(target), 8)
    try:
        call("process_vm_readv", pid, local, 1, remote, 1, 0)
    finally:
        os.kill(pid, signal.SIGKILL)


def io_uring():
    call("io_uring_setup", 1, ctypes.create_string_buffer(120))


def userns_unshare():
    call("unshare", NEWUSER)


def userns_clone():
    pid = call("clone", NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def userns_clone3():
    args = (ctypes.c_uint64 * 8)(NEWUSER, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = call("clone3", args, 64)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def own_mount():
    pid = os.fork()
    if pid == 0:
        try:
            call("unshare", NEWUSER | NEWNS)
            call("mount", b"none", b"/", 0, 1 << 18 | 1 << 14, 0)
            call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, 0)
            os._exit(0)
        except OSError as e:
            os._exit(e.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    need(code == 0, os.strerror(code))


def mount_here():
    call("mount", b"tmpfs", os.getcwd().encode(), b"tmpfs", 0, 0)
    libc.umount2(os.getcwd().encode(), 2)


def new_mount_api():
    os.close(call("fsopen", b"tmpfs", 0))


def keys():
    call("add_key", b"user", b"boxagnts-escape", b"x", 1, -3)


def keys_joined():
    call("keyctl", 1, 0)


def bpf():
    os.close(call("bpf", 0, (ctypes.c_uint32 * 16)(2, 4, 4, 1), 64))


def perf():
    attr = ctypes.create_string_buffer(struct.pack("=IIQ", 1, 112, 0) + bytes(96), 112)
    os.close(call("perf_event_open", attr, 0, -1, -1, 0))


def userfault():
    os.close(call("userfaultfd", 1))


def handle():
    mount_id = ctypes.c_int()
    where = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0) + bytes(128))
    call("name_to_handle_at", -100, b".", where, ctypes.byref(mount_id), 0)
    fd = os.open(".", os.O_RDONLY)
    os.close(call("open_by_handle_at", fd, where, 0))


def other_namespace(pid):
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    call("setns", fd, 0)


def fd_of_another(pid):
    os.close(call("pidfd_getfd", call("pidfd_open", int(pid), 0), 0, 0))


def compare_processes():
    call("kcmp", os.getpid(), os.getpid(), 0, 0, 1)


def change_root():
    os.chroot(".")


def shared_memory_that_stays():
    need(call("shmget", 0, 4096, 0o1600) >= 0, "shmget")


def message_queue():
    os.close(call("mq_open", b"boxagnts-escape", 0o102, 0o600, 0))


def netlink():
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)


def packet():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)


def raw_socket():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def vsock():
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)


def kernel_crypto():
    socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)


def cannot_be_looked_at():
    call("prctl", 4, 0, 0, 0, 0)


def typed_into_terminal(tty):
    if os.fork() != 0:
        need(os.waitstatus_to_exitcode(os.wait()[1]) == 0, "refused")
        return
    code = 1
    try:
        os.setsid()
        fd = os.open(tty, os.O_RDWR) if os.path.exists(tty) else 0
        import fcntl
        if fd:
            fcntl.ioctl(fd, 0x540E, 0)
        fcntl.ioctl(fd, 0x5412, b"x")
        code = 0
    finally:
        os._exit(code)


def hidden_writer(size):
    """A program that may not be read cannot be looked at, whatever the filter says: what it writes would not be counted."""
    import shutil
    shutil.copy("/bin/dd", "hidden")
    os.chmod("hidden", 0o111)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 2)
    need(os.spawnv(os.P_WAIT, "hidden", ["hidden", "if=/dev/zero", "of=written", f"count={int(size) >> 18}", "bs=262144", "oflag=dsync"]) == 0, "not executed")
    time.sleep(0.5)


# --- programs


def memory_file_executed():
    fd = call("memfd_create", b"x", 0)
    os.write(fd, open("/bin/true", "rb").read())
    need(os.spawnv(os.P_WAIT, f"/proc/self/fd/{fd}", ["true"]) == 0, "not executed")


def deleted_file_of_another(pid, fd):
    need(os.spawnv(os.P_WAIT, f"/proc/{pid}/fd/{fd}", ["true"]) == 0, "not executed")


def set_id_program():
    """Any set-id program of this machine: whether it gets another user while it runs."""
    pid = os.fork()
    if pid == 0:
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.execv("./suid", ["suid", "1000"])
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            status = open(f"/proc/{pid}/status").read()
            if "Name:\tsuid" in status:
                need(status.split("Uid:\t")[1].split()[1] != str(os.getuid()), "it runs as this user")
                return
    finally:
        os.kill(pid, signal.SIGKILL)
    raise Refused("it does not run")


# --- out of here


def connect_file_socket(path):
    socket.socket(socket.AF_UNIX).connect(path)


def connect_abstract(name):
    socket.socket(socket.AF_UNIX).connect("\0" + name)


def connect_tcp(port):
    socket.create_connection(("127.0.0.1", int(port)), 10)


def by_proxy(target):
    """Through the proxy of its environment, if there is one."""
    host, port = os.environ.get("https_proxy", "http://" + target).split("//")[1].split(":")
    s = socket.create_connection((host, int(port)), 10)
    if "https_proxy" in os.environ:
        s.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        answer = s.makefile("rb").readline()
        need(b" 200 " in answer, answer.decode().strip())


def take_port(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("127.0.0.1", int(port)))
    s.listen()


def send_udp(port):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(port)))


def signal_another(pid):
    os.kill(int(pid), 0)


def read_file(path):
    need("secret" in open(path).read(), "another content")


def read_any(*paths):
    why = "none"
    for path in paths:
        try:
            if "secret" in open(path, errors="replace").read():
                return
        except OSError as e:
            why = str(e)
    raise Refused(why)


def open_to_read(path):
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


def open_to_write(path):
    os.close(os.open(path, os.O_WRONLY))


def write_file(path):
    with open(path, "w") as f:
        f.write("owned")


def environment():
    need("secret" in os.environ.get("SECRET", ""), "not there")


def environment_of_another(pid):
    need(b"SECRET=secret" in open(f"/proc/{pid}/environ", "rb").read(), "not there")


def leaked_descriptor():
    for fd in range(3, 256):
        for reach in (lambda: os.pread(fd, 64, 0), lambda: open(f"/proc/self/fd/{fd}", "rb").read(64)):
            try:
                if b"secret" in reach():
                    return
            except OSError:
                pass
    raise Refused("none holds it")


def root_of_parent(path):
    read_any(f"/proc/1/root{path}", f"/proc/{os.getppid() or 1}/root{path}", f"/proc/1/cwd/{path}")


def memory_of_parent():
    os.close(os.open(f"/proc/{os.getppid() or 1}/mem", os.O_RDWR))


def program_of_parent():
    os.close(os.open(f"/proc/{os.getppid() or 1}/exe", os.O_RDONLY))


def device_file():
    os.mknod("device", 0o20666, os.makedev(1, 5))
    os.close(os.open("device", os.O_RDONLY))


def fifo():
    os.mkfifo("fifo")


def socket_file():
    s = socket.socket(socket.AF_UNIX)
    s.bind("socket")


def hard_link(path):
    os.link(path, "hard")
    open("hard", "a").write("owned")


def set_mode_that_stays():
    with open("set", "w"):
        pass
    os.chmod("set", 0o4755)
    need(os.statvfs(".").f_flag & os.ST_NOSUID == 0, "the folder is nosuid")


# --- too much


def bomb(count, one):
    made = 0
    while made < count:
        one()
        made += 1


def fork_bomb(count):
    def one():
        if os.fork() == 0:
            time.sleep(1000)
            os._exit(0)
    try:
        bomb(int(count), one)
    finally:
        time.sleep(0.5)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


def thread_bomb(count):
    try:
        bomb(int(count), lambda: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start())
    finally:
        time.sleep(0.5)


def memory_bomb(size):
    keep = []
    for _ in range(int(size) >> 20):
        keep.append(bytearray(b"x") * (1 << 20))
    time.sleep(0.5)


def memory_of_many(size):
    for _ in range(7):
        if os.fork() == 0:
            keep = bytearray(b"x") * (int(size) // 8)
            time.sleep(1000)
    keep = bytearray(b"x") * (int(size) // 8)
    time.sleep(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(0, signal.SIGTERM)
    return keep


def memory_file(size):
    fd = call("memfd_create", b"x", 0)
    for _ in range(int(size) >> 20):
        os.write(fd, bytes(1 << 20))


def fill(path, size):
    try:
        with open(path, "wb", buffering=0) as f:
            for _ in range(int(size) >> 18):
                f.write(bytes(1 << 18))
                time.sleep(0.002)
        time.sleep(0.5)
    finally:
        os.unlink(path)


def fill_by_many(size):
    """Small files, by processes that live shortly."""
    for i in range(int(size) >> 20):
        pid = os.fork()
        if pid == 0:
            with open(f"piece{i}", "wb", buffering=0) as f:
                f.write(bytes(1 << 20))
            os._exit(0)
        os.waitpid(pid, 0)
    time.sleep(0.5)


def sparse(size):
    with open("sparse", "wb") as f:
        f.truncate(int(size))


def reserved(size):
    fd = os.open("reserved", os.O_RDWR | os.O_CREAT)
    call("fallocate", fd, 0, 0, int(size))


def open_many(count):
    bomb(int(count), lambda: os.dup(0))


def processor(seconds):
    end = time.process_time() + float(seconds)
    while time.process_time() < end:
        pass


def sleep(seconds):
    time.sleep(float(seconds))


def flood(size):
    for _ in range(int(size) >> 16):
        sys.stdout.write("x" * (1 << 16))
    sys.stdout.write("\n")
    sys.stdout.flush()


def escapes():
    sys.stdout.write("\x1b]0;owned\x07\x1b[2J\x9b31m\n")
    sys.stdout.flush()


def daemon(path):
    """Double fork, a session of its own, deaf: writes when the one that started it is long gone."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(s, signal.SIG_IGN)
            null = os.open("/dev/null", os.O_RDWR)
            for fd in range(3):
                os.dup2(null, fd)
            time.sleep(1)
            open(path, "w").write("alive")
        os._exit(0)
    os.wait()


def core_dump():
    if os.fork() == 0:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        os.abort()
    need(os.WCOREDUMP(os.wait()[1]), "no core was written")


def main():
    try:
        globals()[sys.argv[1]](*sys.argv[2:])
        print("REACHED", flush=True)
        return 0
    except (OSError, Refused, MemoryError, RuntimeError) as e:
        name = errno.errorcode.get(e.errno, "") if isinstance(e, OSError) and e.errno else type(e).__name__
        print(f"refused: {name} {e}", flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
