#!/usr/bin/env python3
"""The shape of the house, checked: floors, includes, banned calls, faces, the symbols of each program, and that what must
be named or fuzzed is. Run by ctest, or by hand after `make all`:  python3 tests/shape/test_shape.py

What a program may not contain is proved from its symbols, never from the build files. Each such check also looks for a
symbol that must be there, so that a stripped or wrong file cannot pass.
"""
import concurrent.futures
import functools
import glob
import hashlib
import json
import os
import re
import subprocess
import tempfile
import unittest

ROOT = os.environ.get("BOXAGNTS_SRC") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BOXAGNTS_BUILD") or os.path.join(ROOT, "build/release")
BIN = os.environ.get("BOXAGNTS_BIN") or os.path.join(BUILD, "bin")

# Per program: names that must not be there (undefined or defined), and names of which each must be. Rooms that a program
# does not link are checked besides, from the plan; this table is about everything that is not ours.
NO_ENGINE = r"wasmtime_|wasm_(engine|store|config|module)_|.*cranelift"
NO_STORE = r"sqlite3_"
NO_HTTP = r"curl_|SSL_|TLS_|BIO_"
NO_SOCKET = r"(socket|connect|bind|listen|accept4?|getaddrinfo|gethostbyname)$"
NO_STD_NET = r".*3std(3sys)?3net\d" # sockets of the engine's own standard library
NO_KEYS = r"EVP_|HMAC|RSA_|X509_"
NO_START = r"(fork|vfork|execve|execv|execvp|execvpe|fexecve|execveat|posix_spawnp?|system|popen)$"
PROGRAMS = {
    "boxagnts": {
        "never": [NO_ENGINE, NO_HTTP],
        "must": [r"sqlite3_open_v2$", r"policy_decide$"],
    },
    "boxagnts-agent": {
        "never": [NO_ENGINE, NO_STORE, NO_HTTP, NO_SOCKET, NO_KEYS, NO_START, r"policy_decide$"],
        "must": [r"query_step$"],
    },
    "boxagnts-worker": {
        "never": [r".*(cranelift_(codegen|frontend|native)|winch_codegen|internal_(cranelift|winch))", r"wasmtime_module_new$", NO_STORE, NO_HTTP, NO_SOCKET, NO_STD_NET, NO_KEYS, NO_START, r"policy_decide$"],
        "must": [r"bx_module_from_fd$", r"wasmtime_func_call"],
    },
    "boxagnts-egress": {
        "never": [NO_ENGINE, NO_STORE, NO_START, r"policy_decide$", r"(open|open64|openat|openat64|fopen|fopen64|creat)$"],
        "must": [r"curl_multi_perform$|curl_multi_socket_action$"],
        # The jail opens what it then names in its rules and mounts; after it the filter refuses every way to write.
        "lockdown": {"os_open_trusted", "os_read_file_trusted", "os_mount_alone", "os_mount_empty_root", "make_place", "write_file",
                     "os_namespace_map_self"},
    },
    "boxagnts-jail": {
        "never": [NO_ENGINE, NO_STORE, NO_HTTP, NO_KEYS, r"policy_decide$"],
        "must": [r"execvp$", r"watch_command$"],
    },
    "boxagnts-compile": {
        "never": [NO_STORE, NO_HTTP, NO_SOCKET, NO_STD_NET, NO_KEYS, NO_START, r"policy_decide$"],
        "must": [r"wasmtime_module_new$", r".*cranelift_codegen"],
    },
}

# Functions that try a forbidden thing, to measure whether it is refused. They are in programs that never do it otherwise,
# so a name that must never be there may be, as long as nothing but these refers to it.
TRIALS = {"os_landlock_refuses_root", "os_landlock_refuses_random", "os_landlock_refuses_bind", "os_landlock_refuses_connect", "os_landlock_scope_trial",
          "os_landlock_refuses_peer", "os_network_is_unreachable", "os_root_is_empty"}

# Calls nobody may make, and calls that belong to lib/os. A room may be excused from the second list, with the reason.
BANNED_EVERYWHERE = """sprintf vsprintf strcpy strcat strncat stpcpy gets strtok alloca atoi atol atoll atof strtol strtoul
    strtoll strtoull strtoimax sscanf scanf fscanf tmpnam tempnam mktemp rand srand setjmp longjmp""".split()
BANNED_OUTSIDE_OS = """read write close pread pwrite preadv pwritev lseek dup dup2 dup3 pipe pipe2 fsync fdatasync ftruncate access
    faccessat readlink readlinkat getpid getppid getuid geteuid setuid setgid setgroups chroot
    isatty sysconf sleep usleep nanosleep alarm readdir closedir open open64 openat openat2 creat fcntl stat lstat fstat fstatat chmod fchmod fchmodat utimensat fopen freopen fdopen opendir fdopendir socket socketpair connect bind listen
    accept accept4 send recv sendto recvfrom sendmsg recvmsg fork vfork clone clone3 execv execve execvp execvpe execl execlp fexecve
    execveat posix_spawn posix_spawnp system popen getenv secure_getenv setenv putenv unsetenv clearenv kill
    waitpid wait4 waitid signal sigaction sigprocmask raise ptrace mount umount2 pivot_root unshare setns prctl syscall ioctl epoll_wait poll select
    pthread_create timer_create unlink unlinkat rename renameat renameat2 mkdir mkdirat symlink symlinkat link linkat chdir fchdir
    mmap mprotect memfd_create getrandom clock_gettime gettimeofday time""".split()
# sys/stat.h, fcntl.h, unistd.h, dirent.h and signal.h are let in for their types and constants (S_IFDIR, O_RDONLY, SEEK_END,
# DT_LNK, SIGINT); the calls in them are banned by name above.
KERNEL_HEADERS = re.compile(r"(linux|asm|netinet|arpa|net)/|sys/(?!types\.h|stat\.h|uio\.h|queue\.h|cdefs\.h)|"
                            r"(sched|poll|spawn|pwd|grp|netdb|pthread|termios|mqueue)\.h$")
EXCUSED_FROM_OS = {
    "jail": "each facet is a system call and the argument why it is right",
}
# Headers of third-party libraries, and the LIBS name that allows them.
LIB_HEADERS = [(r"jansson\.h", "jansson"), (r"sqlite3\.h", "sqlite"), (r"curl/", "curl"), (r"openssl/", "crypto"),
               (r"seccomp\.h", "seccomp"), (r"pcre2\.h", "pcre2"), (r"(editline|histedit)", "edit"),
               (r"(wasm|wasmtime)\.h|wasmtime/", "engine")]


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


@functools.cache
def plan():
    """The rooms and programs of cmake/floors.cmake, as dictionaries of their words."""
    rooms, programs = {}, {}
    for kind, words in re.findall(r"^(room|program)\(([^)]*)\)", read(f"{ROOT}/cmake/floors.cmake"), re.M):
        name, *rest = words.split()
        entry, key = {"USES": [], "LIBS": []}, None
        for word in rest:
            if word in ("FLOOR", "DIR", "SOURCE", "USES", "LIBS"):
                key = word
            elif word == "WHOLE": # a flag
                key = None
            elif key in ("USES", "LIBS"):
                entry[key].append(word)
            else:
                entry[key] = word
        (rooms if kind == "room" else programs)[name] = entry
    return rooms, programs


def below(names):
    """The rooms linked when these are: themselves and all they use."""
    rooms, seen, todo = plan()[0], set(), list(names)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += rooms[name]["USES"]
    return seen


def spelled(room):
    return re.sub(r"^(lib|src)/", "", plan()[0][room]["DIR"])


def files_of(room, *kinds):
    folder = f"{ROOT}/{plan()[0][room]['DIR']}"
    return sorted(path for kind in kinds for path in glob.glob(f"{folder}/*.{kind}"))


def code_only(text):
    """The text without comments and without what is inside quotes; line numbers stay."""
    def blank(match):
        token = match.group(0)
        return re.sub(r"[^\n]", " ", token) if token[0] == "/" else token[0] + token[0]
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


@functools.cache
def symbols(path):
    """All names in a program or archive: defined ones and those it takes from shared libraries."""
    names = set()
    for options in (["-P"], ["-P", "-D"]) if not path.endswith(".a") else (["-P", "-g", "--defined-only"],):
        output = subprocess.run(["nm", *options, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                check=False).stdout
        names.update(line.split(" ", 1)[0].split("@", 1)[0] for line in output.splitlines())
    return names


__unittest = True # unittest leaves the frames of such a module out of its reports: the sentence is enough


class House(unittest.TestCase):
    longMessage = False

    def none(self, wrong):
        self.assertFalse(wrong, "\n  " + "\n  ".join(wrong))


@functools.cache
def users(archive):
    """For each name that is not defined where it is used: the functions of the archive that refer to it. Functions are
    compiled into sections of their own, so the relocations tell."""
    table, function = {}, None
    output = subprocess.run(["objdump", "-r", archive], stdout=subprocess.PIPE, text=True, check=False).stdout
    for line in output.splitlines():
        if line.startswith("RELOCATION RECORDS FOR ["):
            section = line[line.index("[") + 1:line.index("]")]
            match = re.match(r"\.text\.(?:unlikely\.|hot\.|startup\.)?(\w+)", section)
            function = match and match.group(1)
        elif function and (match := re.match(r"\S+ R_\S+ +([\w.]+)", line)):
            table.setdefault(match.group(1), set()).add(function)
    return table


class Floors(House):
    """The plan is kept by configure itself."""

    def check_plan(self, change=lambda text: text):
        with tempfile.NamedTemporaryFile("w", suffix=".cmake") as copy:
            copy.write(change(read(f"{ROOT}/cmake/floors.cmake")))
            copy.flush()
            return run("cmake", f"-DPLAN={copy.name}", "-P", f"{ROOT}/cmake/rooms.cmake")

    def stops(self, room, use, change):
        result = self.check_plan(change)
        sentence = " ".join(result.stdout.split())
        self.assertNotEqual(result.returncode, 0, f"configure let room '{room}' use '{use}'")
        for name in (room, use):
            self.assertIn(f"'{name}'", sentence, f"configure stopped without naming '{name}': {sentence}")

    def test_the_plan_as_it_is_passes(self):
        result = self.check_plan()
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_an_upward_use_stops_configure_and_names_both(self):
        self.stops("os", "tools", lambda text: re.sub(r"(room\(os .*USES base)", r"\1 tools", text))

    def test_a_use_on_the_same_floor_stops_configure_and_names_both(self):
        self.stops("net", "wire", lambda text: re.sub(r"(room\(net .*USES base)", r"\1 wire", text))

    def test_a_use_of_no_room_stops_configure_and_names_both(self):
        self.stops("net", "cellar", lambda text: re.sub(r"(room\(net .*USES base)", r"\1 cellar", text))

    def test_an_undeclared_include_does_not_compile(self):
        roots = [f"-I{BUILD}/inc/{name}" for name in ("os", "base")]
        def compiles(header):
            return run("gcc", "-fsyntax-only", "-xc", "-", *roots, input=f'#include "{header}"\n').returncode == 0
        self.assertTrue(compiles("base/base.h"), "a declared include must compile")
        self.assertTrue(os.path.exists(f"{ROOT}/lib/wire/frame.h"))
        self.assertFalse(compiles("wire/frame.h"), "room os sees wire without naming it")

    def test_each_room_is_compiled_with_the_include_roots_it_names_and_no_others(self):
        rooms = plan()[0]
        folders = {f"{ROOT}/{entry['DIR']}": name for name, entry in rooms.items()}
        for command in json.loads(read(f"{BUILD}/compile_commands.json")):
            room = folders.get(os.path.dirname(command["file"]))
            if room:
                seen = set(re.findall(r"-I\S*/inc/(\w+)", command["command"]))
                self.assertEqual(seen, {room, *rooms[room]["USES"]}, f"{command['file']} is compiled with {sorted(seen)}")

    def test_every_folder_with_code_is_a_room_and_every_room_has_code(self):
        rooms = plan()[0]
        folders = {entry["DIR"] for entry in rooms.values()}
        wrong = [f"room '{name}' is empty: {entry['DIR']}" for name, entry in rooms.items() if not files_of(name, "c", "h")]
        for top in ("lib", "src", "edge"):
            for folder, _, files in os.walk(f"{ROOT}/{top}"):
                folder = os.path.relpath(folder, ROOT)
                if any(name.endswith((".c", ".h")) for name in files) and folder not in folders:
                    wrong.append(f"{folder} has code, but no line of cmake/floors.cmake makes it a room")
        self.none(wrong)


class Sources(House):
    """What a room's text may say."""

    def test_includes_are_of_rooms_that_are_named(self):
        rooms, wrong = plan()[0], []
        for room, entry in rooms.items():
            seen = {spelled(other) for other in (room, *entry["USES"])}
            for path in files_of(room, "c", "h"):
                for header in re.findall(r'^\s*#\s*include\s+"([^"]+)"', read(path), re.M):
                    folder = os.path.dirname(header)
                    if ".." in header or (folder and folder not in seen):
                        wrong.append(f"{os.path.relpath(path, ROOT)}: room '{room}' does not name the room of {header}")
        self.none(wrong)

    def test_libraries_are_included_by_rooms_that_name_them(self):
        wrong = []
        for room, entry in plan()[0].items():
            for path in files_of(room, "c", "h"):
                for header in re.findall(r"^\s*#\s*include\s+<([^>]+)>", read(path), re.M):
                    for pattern, lib in LIB_HEADERS:
                        if re.match(pattern, header) and not any(name.startswith(lib) for name in entry["LIBS"]):
                            wrong.append(f"{os.path.relpath(path, ROOT)}: room '{room}' does not name {lib} for <{header}>")
        self.none(wrong)

    def test_kernel_headers_are_included_by_os_only(self):
        wrong = []
        for room in plan()[0]:
            if room == "os" or room in EXCUSED_FROM_OS:
                continue
            for path in files_of(room, "c", "h"):
                for header in re.findall(r"^\s*#\s*include\s+<([^>]+)>", read(path), re.M):
                    if KERNEL_HEADERS.match(header):
                        wrong.append(f"{os.path.relpath(path, ROOT)} includes <{header}>; lib/os is the only door")
        self.none(wrong)

    def test_banned_calls_are_not_made(self):
        everywhere, outside = set(BANNED_EVERYWHERE), set(BANNED_OUTSIDE_OS)
        # A call: the bare name and a parenthesis, not a member, not a declaration of a like-named function.
        call = re.compile(r"(?<![\w.>])(" + "|".join(everywhere | outside) + r")\s*\(")
        places = [(room, path) for room in plan()[0] for path in files_of(room, "c", "h")]
        places += [("apps", path) for path in glob.glob(f"{ROOT}/apps/*.c")]
        wrong = []
        for room, path in places:
            banned = everywhere if room == "os" or room in EXCUSED_FROM_OS else everywhere | outside
            text = code_only(read(path))
            for match in call.finditer(text):
                if match.group(1) in banned:
                    line = text.count("\n", 0, match.start()) + 1
                    wrong.append(f"{os.path.relpath(path, ROOT)}:{line}: {match.group(1)}() is banned in room '{room}'")
        self.none(wrong)

    def test_each_face_compiles_alone(self):
        headers = [(room, path) for room in plan()[0] for path in files_of(room, "h")]
        digest = hashlib.sha256()
        for _, path in headers:
            digest.update(path.encode() + read(path).encode())
        digest.update(read(f"{ROOT}/cmake/floors.cmake").encode())
        stamp = f"{BUILD}/shape-faces"
        if os.path.exists(stamp) and read(stamp) == digest.hexdigest():
            return # the same faces passed before
        outside = sorted(set(re.findall(r"-isystem (\S+)", read(f"{BUILD}/compile_commands.json"))))
        outside = [folder for folder in outside if not folder.endswith("engine-compile")] # its headers are the same

        def complaint(entry):
            room, path = entry
            roots = [f"-I{BUILD}/inc/{name}" for name in (room, *plan()[0][room]["USES"])]
            result = run("gcc", "-std=gnu17", "-D_GNU_SOURCE=", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *roots,
                         *[f"-isystem{folder}" for folder in outside], "-xc", "-",
                         input=f'#include "{spelled(room)}/{os.path.basename(path)}"\n')
            errors = re.findall(r"^.*error: .*$", result.stdout, re.M) or [result.stdout]
            return errors[0].replace(f"{BUILD}/inc/{room}/", "") if result.returncode else ""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            wrong = sorted({text for text in pool.map(complaint, headers) if text})
        self.none(wrong)
        with open(stamp, "w", encoding="ascii") as file:
            file.write(digest.hexdigest())


class Programs(House):
    """What a program contains, read from its symbols."""

    def test_the_table_here_covers_every_program_of_the_plan(self):
        self.assertEqual(set(PROGRAMS), set(plan()[1]))

    def check_program(self, name):
        path = f"{BIN}/{name}"
        self.assertTrue(os.path.exists(path), f"program {name} is not built: {path}")
        names, rules = symbols(path), PROGRAMS[name]
        for wanted in rules["must"]:
            self.assertTrue(any(re.match(wanted, symbol) for symbol in names), f"{name} has no symbol like {wanted}")
        never = re.compile("|".join(f"(?:{pattern})" for pattern in rules["never"]))
        linked = below(plan()[1][name]["USES"])
        tables = [users(path) for room in linked if os.path.exists(path := f"{BUILD}/libbx_{room}.a")]
        wrong = []
        for symbol in sorted(filter(never.match, names)):
            by = {user for table in tables for user in table.get(symbol, ()) if user in names}
            by_others = by - TRIALS - rules.get("lockdown", set())
            if not by or by_others:
                wrong.append(f"{name} contains {symbol}" + (f", used by {', '.join(sorted(by_others))}" if by else ""))
        self.none(wrong[:10])
        for room in set(plan()[0]) - linked:
            archive = f"{BUILD}/libbx_{room}.a"
            if os.path.exists(archive):
                self.none([f"{name} contains {symbol} of room '{room}', which it does not link"
                           for symbol in sorted(symbols(archive) & names)[:10]])

    def test_monitor_has_no_engine_and_no_tls(self):
        self.check_program("boxagnts")

    def test_agent_has_no_socket_no_store_no_keys(self):
        self.check_program("boxagnts-agent")

    def test_worker_has_no_compiler_no_policy_no_outbound_network(self):
        self.check_program("boxagnts-worker")

    def test_egress_has_no_engine_and_opens_no_files(self):
        self.check_program("boxagnts-egress")

    def test_jail_starts_programs_and_has_no_engine_no_keys_no_policy(self):
        self.check_program("boxagnts-jail")

    def test_compile_has_the_compiler_and_no_network(self):
        self.check_program("boxagnts-compile")


class Named(House):
    """What must be written down, is."""

    def test_every_room_and_program_is_named_in_the_architecture(self):
        text = read(f"{ROOT}/ARCHITECTURE.md")
        rooms, programs = plan()
        names = [entry["DIR"] for entry in rooms.values()] + list(programs)
        self.none([f"ARCHITECTURE.md does not name {name}" for name in names
                   if not re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w-])", text)])
        self.assertLessEqual(text.count("\n"), 200, "ARCHITECTURE.md is to be read in one sitting: 200 lines")

    def test_every_parser_of_wire_and_every_receiver_has_a_fuzz_target(self):
        targets = "\n".join(read(path) for path in glob.glob(f"{ROOT}/tests/fuzz/fuzz_*.c"))
        parsers = [f"wire/{os.path.basename(path)}" for path in files_of("wire", "h")]
        receivers = re.findall(r"channel_permits (permits_\w+);", read(f"{ROOT}/src/host/ask/protocol.h"))
        self.assertTrue(parsers and receivers, "found no parser or no receiver to ask for")
        self.none([f"no fuzz target includes {name}" for name in parsers if f'#include "{name}"' not in targets] +
                  [f"no fuzz target uses {name}" for name in receivers if not re.search(rf"\b{name}\b", targets)])


if __name__ == "__main__":
    unittest.main(verbosity=1)
