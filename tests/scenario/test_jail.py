#!/usr/bin/env python3
"""boxagnts jail: native programs run as they are used to, see nothing but what is mapped, and end by a named stop with
everything that they started."""
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from common import BOXAGNTS, expect, main

PYTHON = "/usr/bin/python3"


def jail(p, *argv, flags=(), code=0, **kw):
    receipt = p.root / "receipt.json"
    receipt.unlink(missing_ok=True)
    proc = p.run("jail", "--receipt", receipt, *flags, "--", *argv, code=code, **kw)
    return proc, json.loads(receipt.read_text()) if receipt.exists() else None


def alive(token):
    """Processes of this machine that have the token among their words."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            if token.encode() in pathlib.Path(path).read_bytes() and int(path.split("/")[2]) != os.getpid():
                found.append(path)
        except OSError:
            pass
    return found


def wait_until(claim, what):
    end = time.monotonic() + 60
    while not claim():
        expect(time.monotonic() < end, what)
        time.sleep(0.01)


def behaves_like_the_program_itself(p):
    proc, receipt = jail(p, "sh", "-c", "cat; echo out; echo err >&2; env | sort", stdin="through\n", flags=("--env-vars", "NAME=a b"),
                         env={"SECRET_OF_THE_SHELL": "x"})
    expect(proc.stdout.startswith("through\nout\n") and proc.stderr == "err\n", proc)
    expect("NAME=a b\n" in proc.stdout and "SECRET" not in proc.stdout and "BOXAGNTS" not in proc.stdout, proc.stdout)
    expect(receipt["stopped_by"] == "exit" and receipt["exit_code"] == 0 and receipt["used"]["wall_us"] > 0, receipt)
    expect(receipt["used"]["output_bytes"] == len(proc.stdout) + len(proc.stderr) and receipt["used"]["peak_memory"] > 0, receipt)
    facets = {"fds_env", "namespaces", "rlimits", "no_new_privs", "capabilities", "landlock", "parent_death", "seccomp"}
    expect(set(receipt["confinement"]["facets"]) == facets, receipt["confinement"])
    keeper = receipt["confinement"]["keeper"]
    expect(set(keeper["facets"]) == facets and keeper["seccomp"].startswith("sha256:") and keeper["seccomp"] != receipt["confinement"]["seccomp"], keeper)
    expect("egress" not in receipt["confinement"], "nothing led out")
    p.verify()


def its_own_failure_is_told(p):
    proc, receipt = jail(p, "sh", "-c", "exit 3", code=8)
    expect(receipt["stopped_by"] == "exit" and receipt["exit_code"] == 3 and receipt["is_error"] and "code 3" in proc.stderr, receipt)
    _, receipt = jail(p, "sh", "-c", "kill -SEGV $$", code=8)
    expect(receipt["stopped_by"] == "crash" and receipt["exit_code"] == 139 and "signal 11" in receipt["detail"], receipt)
    proc, receipt = jail(p, "no-such-program", code=8)
    expect(receipt["exit_code"] == 127 and "no-such-program" in proc.stderr, receipt, proc.stderr)
    _, receipt = jail(p, "/etc", code=8)
    expect(receipt["exit_code"] == 126, receipt)
    p.run("jail", "--", code=2)
    p.run("jail", "--no-such-flag", "--", "true", code=2)
    _, receipt = jail(p, "pwd", flags=("--cwd", "/no/such"), code=8)
    expect(receipt["exit_code"] == 127 and "cannot enter" in receipt["detail"], receipt)


def only_what_is_mapped_is_there(p):
    (p.root / "beside").write_text("beside")
    (p.root / "lib").mkdir()
    (p.root / "lib/a").write_text("mapped")
    script = f"""
        pwd; cat {p.root}/beside; cat /etc/shadow; ls {os.path.expanduser('~')} /root /home /sys /boot /var/lib; cat /data/a;
        echo x > /data/b; echo x > /usr/b; echo x > /etc/b; echo x > /b; echo x > here; echo x > /tmp/t && ls -A / /etc"""
    proc, _ = jail(p, "sh", "-c", script, flags=("--map-dirs", f"{p.root}/lib::/data"))
    expect(proc.stdout.startswith(f"{p.work}\nmapped"), proc.stdout)
    expect("beside\n" not in proc.stdout and "shadow" not in proc.stdout.split("\n/:")[-1], proc.stdout)
    expect(proc.stderr.count("No such file") >= 6 and proc.stderr.count("Read-only file system") == 4, proc.stderr)
    expect((p.work / "here").read_text() == "x\n" and not (p.root / "lib/b").exists() and not pathlib.Path("/tmp/t").exists(), proc)
    proc, _ = jail(p, "sh", "-c", "echo x > /data/b", flags=("--map-dirs", f"{p.root}/lib::/data:rw"))
    expect((p.root / "lib/b").exists(), proc)


def the_work_folder_can_be_read_only(p):
    (p.work / "sub").mkdir()
    for flags in (("--read-only",), ("--map-dirs", f"{p.work}::/")):
        proc, receipt = jail(p, "sh", "-c", "pwd; echo x > x", flags=("--cwd", "/sub", *flags), code=8)
        expect("Read-only file system" in proc.stderr and proc.stdout == f"{p.work}/sub\n", proc, receipt)
    expect(os.listdir(p.work / "sub") == [], "nothing was written")


def a_work_folder_may_be_anywhere_of_its_own(p):
    for parent in ("/var/tmp", "/dev/shm", "/tmp"):
        if not os.access(parent, os.W_OK):
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bx jail ", dir=parent))
        try:
            (folder / "a").write_text("here\n")
            if parent == "/dev/shm":
                p.run("jail", "-C", folder, "--", "true", code=2)
                continue
            proc, _ = jail(p, "sh", "-c", "cat a; echo b > b; pwd", flags=("-C", folder))
            expect(proc.stdout == f"here\n{folder}\n" and (folder / "b").exists(), proc)
        finally:
            shutil.rmtree(folder)


def places_of_the_system_are_not_covered(p):
    (p.root / "x").mkdir()
    for place in ("/usr", "/usr/lib", "/etc", "/proc/self", "/dev/shm", "/tmp", "/bin"):
        proc = p.run("jail", "--map-dirs", f"{p.root}/x::{place}", "--", "true", code=2)
        expect("system's there" in proc.stderr or "cannot have" in proc.stderr, proc.stderr)
    for folder in ("/", "/proc", "/etc"):
        p.run("jail", "-C", folder, "--", "true", code=2)


def every_limit_has_its_stop(p):
    cases = [
        ("timeout", "command_timeout", ("--command-timeout", "0.3"), ("sleep", "1000")),
        ("timeout", "command_max_cpu", ("--command-max-cpu", "0.3"), ("sh", "-c", "while :; do :; done")),
        ("timeout", "command_max_cpu", ("--command-max-cpu", "0.3"), ("sh", "-c", "while :; do /bin/true; done")),
        ("memory", "command_max_memory", ("--command-max-memory", "64MiB"),
         (PYTHON, "-c", "x = []\nwhile 1: x.append(bytearray(b'x') * 1000000)")),
        ("memory", "command_max_memory", ("--command-max-memory", "96MiB"),
         (PYTHON, "-c", "import os, time\nfor _ in range(8): os.fork()\nx = bytearray(b'x') * 20000000\ntime.sleep(1000)")),
        ("memory", "command_max_memory", ("--command-max-memory", "48MiB"),
         ("sh", "-c", "head -c 100000000 /dev/zero > /tmp/large; sleep 1000")),
        ("quota", "max_write_bytes", ("--max-write-bytes", "1MiB"),
         ("sh", "-c", "i=0; while :; do head -c 100000 /dev/zero > f$i; i=$((i+1)); done")),
    ]
    cases.insert(0, ("quota", "max_created_files", ("--max-created-files", "300"),
                     ("sh", "-c", "mkdir -p a/b; i=0; while :; do i=$((i+1)); : > a/b/$i; done")))
    for stop, limit, flags, argv in cases:
        _, receipt = jail(p, *argv, flags=flags, code=5)
        expect(receipt["stopped_by"] == stop and receipt["limits_hit"] == [limit], argv, receipt)
    used = receipt["used"]
    expect(len(os.listdir(p.work / "a/b")) >= 298, "it was allowed so many")
    expect(used["written_bytes"] > 1 << 20 and sum(f.stat().st_size for f in p.work.iterdir()) < 64 << 20, used)


def what_the_kernel_limits_the_program_survives(p):
    _, receipt = jail(p, PYTHON, "-c", "import os\ntry: os.truncate(os.open('f', 65), 1 << 40)\nexcept OSError as e: raise SystemExit(e.errno)",
                      flags=("--max-write-bytes", "1MiB"), code=8)
    expect(receipt["exit_code"] == 27, "EFBIG", receipt)
    _, receipt = jail(p, PYTHON, "-c", "import os\ntry:\n while 1: os.dup(0)\nexcept OSError as e: raise SystemExit(e.errno)",
                      flags=("--max-open-files", "20"), code=8)
    expect(receipt["exit_code"] == 24, "EMFILE", receipt)
    script = "import os\ntry:\n for i in range(100): open(f'/tmp/{i}', 'x')\nexcept OSError as e: print(i); raise SystemExit(e.errno)"
    proc, receipt = jail(p, PYTHON, "-c", script, flags=("--max-created-files", "50"), code=8)
    expect(receipt["exit_code"] == 28 and proc.stdout == "50\n", "ENOSPC, exactly", proc, receipt)
    proc, _ = jail(p, "sh", "-c", "touch /tmp/x 2>/dev/null || echo none", flags=("--max-created-files", "0"))
    expect(proc.stdout == "none\n", "none at all", proc)
    _, receipt = jail(p, PYTHON, "-c", "for i in range(5): open(f'quick{i}', 'x')", flags=("--max-created-files", "4000"))
    expect(receipt["limits_hit"] == [] and receipt["limits"]["max_created_files"] == {"value": 4000, "by": "flag"}, receipt)
    _, receipt = jail(p, "sh", "-c", "head -c 1000000 /dev/zero > /tmp/f", flags=("--command-max-temporary", "64KiB"), code=8)
    expect(receipt["stopped_by"] == "exit", receipt)
    proc, receipt = jail(p, "sh", "-c", "yes | head -c 100000", flags=("--max-output-bytes", "10"))
    expect(proc.stdout == "y\n" * 5 and receipt["used"]["output_bytes"] == 100000 and receipt["limits_hit"] == ["max_output_bytes"], receipt)


def nothing_outlives_the_call(p):
    token = f"{os.getpid()}{time.monotonic_ns()}"
    daemon = f"(setsid sh -c 'trap \"\" TERM HUP INT; sleep 1{token} & sleep 2{token}' >/dev/null 2>&1 &); "
    jail(p, "sh", "-c", daemon + "exit 0")
    wait_until(lambda: not alive(token), "after its end")
    jail(p, "sh", "-c", daemon + "sleep 1000", flags=("--command-timeout", "0.5"), code=5)
    wait_until(lambda: not alive(token), "after a timeout")
    for number in (signal.SIGINT, signal.SIGKILL):
        proc = subprocess.Popen([BOXAGNTS, "jail", "--receipt", p.root / "r.json", "--", "sh", "-c", daemon + "echo on; sleep 3" + token],
                                env=p.env, cwd=p.work, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        expect(proc.stdout.readline() == b"on\n", "it runs")
        proc.send_signal(number)
        code = proc.wait(timeout=60)
        proc.stdout.close()
        expect(code == (130 if number == signal.SIGINT else -signal.SIGKILL), code)
        wait_until(lambda: not alive(token), f"after signal {number}")
    expect(json.loads((p.root / "r.json").read_text())["stopped_by"] == "cancel", "its receipt")
    p.verify()


def there_is_no_network_unless_it_is_its_own(p):
    script = """
import socket, sys
def can(*what):
    try: return bool(what[0](*what[1:]))
    except OSError: return False
def tcp():
    a = socket.socket(); a.bind(("127.0.0.1", 0)); a.listen()
    b = socket.socket(); b.connect(a.getsockname()); return True
def udp(host):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b"x", (host, 9)); return True
print(can(tcp), can(udp, "192.0.2.1"), can(udp, "127.0.0.1"), can(socket.socket, socket.AF_UNIX), can(socket.socketpair))
"""
    proc, _ = jail(p, PYTHON, "-c", script)
    expect(proc.stdout == "False False False False True\n", proc)
    proc, _ = jail(p, PYTHON, "-c", script, flags=("--loopback",))
    expect(proc.stdout == "True False True False True\n", proc)


def real_programs_work(p):
    (p.work / "Makefile").write_text("all: hello\n\t./hello\nhello: hello.c\n\tcc -o $@ $<\n")
    (p.work / "hello.c").write_text('#include <stdio.h>\nint main(void) { puts("hello"); }\n')
    if shutil.which("make", path="/usr/bin") and shutil.which("cc", path="/usr/bin"):
        proc, receipt = jail(p, "make", "-s", "-j4")
        expect(proc.stdout == "hello\n" and receipt["used"]["written_bytes"] > 0, proc, receipt)
    if shutil.which("git", path="/usr/bin"):
        script = "git init -q . && git add hello.c && git -c user.name=a -c user.email=a@b commit -qm x && git status --short"
        proc, _ = jail(p, "sh", "-c", script)
        expect("Makefile" in proc.stdout, proc)
    if shutil.which("node", path="/usr/bin"):
        proc, _ = jail(p, "node", "-e", "console.log(require('child_process').execSync('echo a').toString().trim())")
        expect(proc.stdout == "a\n", proc)
    if os.path.exists(PYTHON):
        proc, _ = jail(p, PYTHON, "-c", "import multiprocessing as m\nwith m.Pool(3) as p: print(sum(p.map(abs, range(100))))")
        expect(proc.stdout == "4950\n", proc)


def a_required_layer_that_is_missing_is_exit_7(p):
    """What a kernel without user namespaces gives: played by a monitor in a place where no more of them may be made."""
    limited = ["unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*limited, "true"], capture_output=True).returncode != 0:
        return
    receipt = p.root / "receipt.json"
    proc = subprocess.run([*limited, BOXAGNTS, "jail", "--receipt", receipt, "--", "true"], env=p.env, cwd=p.work, capture_output=True, text=True)
    expect(proc.returncode == 7 and "namespaces" in proc.stderr, proc)
    proc = subprocess.run([*limited, BOXAGNTS, "tool", "call", "--yes-to", "Exec", "command", '{"argv":["true"]}'], env=p.env, cwd=p.work, capture_output=True)
    expect(proc.returncode == 7, proc)
    proc = subprocess.run([*limited, BOXAGNTS, "doctor"], env=p.env, cwd=p.work, capture_output=True, text=True)
    expect("boxagnts-jail" in proc.stdout and "MISSING" in proc.stdout, proc.stdout)


def files_of_the_kernel_in_a_mapped_folder_are_not_shown(p):
    (p.work / "a b").mkdir()
    mounted = ["unshare", "-Urm", "sh", "-c", 'mount --rbind /proc "$0" && exec "$@"', str(p.work / "a b")]
    if not shutil.which("unshare") or subprocess.run([*mounted, "true"], capture_output=True).returncode != 0:
        return
    for flags in ((), ("--map-dirs", f"{p.work}/a b::/data"), ("--map-dirs", f"{p.work}/a b/sys::/data")):
        proc = subprocess.run([*mounted, BOXAGNTS, "jail", *flags, "--", "true"], env=p.env, cwd=p.work if not flags else p.root, capture_output=True,
                              text=True)
        expect(proc.returncode == 7 and "of the kernel" in proc.stderr, proc)


def command(p, *flags, code=0, **input_):
    proc = p.run("tool", "call", "--json", *flags, "command", json.dumps(input_), code=code)
    out = json.loads(proc.stdout)
    return [item["text"] for item in out["content"]], out


YES = ("--yes-to", "Exec")
YES_ALL = (*YES, "--yes-to", "Write(/**)")


def a_planner_gets_it_as_a_tool(p):
    (p.work / "sub").mkdir()
    text, out = command(p, *YES_ALL, argv=["sh", "-c", "cat; pwd; echo $X; echo e >&2; echo w > w; exit 3"], cwd="/sub", stdin="in\n", env={"X": "a b"}, code=1)
    expect(text[0] == f"in\n{p.work}/sub\na b\n" and text[1:3] == ["stderr:", "e\n"] and "exit code 3" in text[3], text)
    expect(out["structured"] == {"exit_code": 3, "stopped_by": "exit"} and (p.work / "sub/w").exists(), out)
    receipt = out["receipt"]
    expect(receipt["exit_code"] == 3 and receipt["is_error"] and "namespaces" in receipt["confinement"]["facets"], receipt)
    expect(receipt["limits"]["command_timeout"]["value"] == 120 and "wasm_fuel" not in receipt["limits"], receipt["limits"])
    text, out = command(p, *YES, argv=["pwd"], cwd=str(p.work / "sub"))
    expect(text[0] == f"{p.work}/sub\n", "an absolute path of the host inside the work folder", text)
    for wrong in ({}, {"argv": []}, {"argv": "ls"}, {"argv": ["ls"], "timeout": 0}, {"argv": ["ls"], "env": {"A=B": "x"}}, {"argv": ["ls"], "limit": 1},
                  {"argv": [""]}):
        _, out = command(p, *YES, code=2, **wrong)
        expect(out["receipt"]["stopped_by"] == "schema", wrong, out)
    _, out = command(p, *YES, argv=["ls"], cwd="/../..", code=3)
    _, out = command(p, *YES, argv=["sleep", "1000"], timeout=0.3, code=5)
    expect(out["receipt"]["stopped_by"] == "timeout" and out["receipt"]["limit"] == "command_timeout", out)
    text, _ = command(p, *YES, argv=["printf", "\\033]0;owned\\007\\n"])
    expect("\033" not in text[0] and "\u241b" in text[0], text)
    p.verify()


def what_it_may_do_is_decided_by_its_words(p):
    _, out = command(p, argv=["true"], code=3)
    expect(out["receipt"]["decision"] == {"verdict": "deny", "rule": "no-one-to-ask", "by": "policy"}, out)
    command(p, "--yes-to", "Exec(git *)", argv=["git", "--version"])
    # the environment is part of what is decided on: it may make another program of an allowed one
    command(p, "--yes-to", "Exec(git *)", argv=["git", "--version"], env={"GIT_EXEC_PATH": "/x"}, code=3)
    command(p, "--yes-to", "Exec(git *)", "--yes-to", "Exec(GIT_EXEC_PATH=* git *)", argv=["git", "--version"], env={"GIT_EXEC_PATH": "/x"})
    _, out = command(p, *YES, "--deny", "Exec(rm *)", argv=["rm", "-rf", "x"], env={"A": "b"}, code=3)
    expect(out["receipt"]["decision"]["rule"] == "Exec(rm *)", out)
    # a word with blanks is one word and cannot pass for two
    command(p, "--yes-to", "Exec(git status)", argv=["git status"], code=3)
    command(p, *YES, "--permission-mode", "plan", argv=["true"], code=3)


def writing_must_be_granted(p):
    text, out = command(p, *YES, argv=["touch", "w"], code=1)
    expect("read-only for this call" in text[-1] and not (p.work / "w").exists(), text)
    command(p, *YES, "--permission-mode", "acceptEdits", argv=["touch", "w"])
    expect((p.work / "w").exists(), "acceptEdits is a grant")
    text, _ = command(p, *YES_ALL, "--deny", "Write(/secret/**)", argv=["touch", "v"], code=1)
    expect("read-only for this call" in text[-1], "a denied part takes the whole grant back", text)
    text, _ = command(p, *YES_ALL, argv=["touch", "v"], read_only=True, code=1)
    expect(not (p.work / "v").exists(), text)
    # reading cannot be taken back for a part of a folder: the call is refused
    command(p, *YES_ALL, "--deny", "Read(/secret/**)", argv=["true"], code=3)


def a_run_uses_it_and_a_cancel_ends_it(p):
    token = f"{os.getpid()}{time.monotonic_ns()}"
    script = p.script({"calls": [{"tool": "command", "input": {"argv": ["sh", "-c", "echo made > made; echo said"]}}]},
                      {"text": "done", "expect": {"contains": "said", "is_error": False}})
    out = p.run_json("--model", script, *YES_ALL, "go", code=0)
    expect(out["status"] == "done" and (p.work / "made").exists() and out["calls"][0]["tool"] == "command", out)
    script = p.script({"calls": [{"tool": "command", "input": {"argv": ["sh", "-c", f"echo x > started; sleep 1{token} & sleep 2{token}"]}}]}, {"text": "done"})
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        (p.work / "started").unlink(missing_ok=True)
        proc = subprocess.Popen([BOXAGNTS, "run", "--model", script, *YES_ALL, "go"], env=p.env, cwd=p.work, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        wait_until(lambda: (p.work / "started").exists(), "it runs")
        proc.send_signal(number)
        expect(proc.wait(timeout=60) == code, proc.returncode)
        wait_until(lambda: not alive(token), f"after signal {number}")
    p.verify()


if __name__ == "__main__":
    if subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode != 0:
        print("skipped: this machine gives no user namespaces")
        sys.exit(77)
    main(behaves_like_the_program_itself, its_own_failure_is_told, only_what_is_mapped_is_there, the_work_folder_can_be_read_only,
         a_work_folder_may_be_anywhere_of_its_own,
         places_of_the_system_are_not_covered, every_limit_has_its_stop, what_the_kernel_limits_the_program_survives,
         nothing_outlives_the_call, there_is_no_network_unless_it_is_its_own, real_programs_work,
         a_required_layer_that_is_missing_is_exit_7, a_planner_gets_it_as_a_tool, what_it_may_do_is_decided_by_its_words,
         files_of_the_kernel_in_a_mapped_folder_are_not_shown, writing_must_be_granted, a_run_uses_it_and_a_cancel_ends_it)
