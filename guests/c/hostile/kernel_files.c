/* Hostile guest: files that are the kernel's, in a folder that was mapped or that lies in a mapped one. argv[1]: where
 * /proc is seen, argv[2]: where /sys is. The worker's own memory is the prize: who writes it runs there. */
#include "hostile.h"

#include <stdlib.h>

static int try_open(const char *top, const char *name, long long rights)
{
    char path[256], label[300];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", top, name);
    snprintf(label, sizeof(label), "%s.%s", name, rights == RIGHTS_READ ? "read" : "write");
    tell(label, open_path(ROOT_FD, path, 0, rights, &fd));
    return fd;
}

/* A mapping of the worker from its own list, read through its own memory file. */
static void take_memory(int maps, int memory)
{
    char line[32] = {0}, byte;
    __wasi_iovec_t part = {(uint8_t *)&byte, 1};
    __wasi_size_t done = 0;
    size_t n = 0;
    int error = 76;

    if (maps >= 0 && memory >= 0 && read_raw(maps, line, sizeof(line) - 1, &n) == 0 && n > 12)
        error = __wasi_fd_pread((__wasi_fd_t)memory, &part, 1, strtoull(line, NULL, 16), &done);
    tell("worker_memory", error == 0 && done == 1 ? 0 : error == 0 ? 76 : error);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"self/environ",
                                        "self/status",
                                        "self/mountinfo",
                                        "self/task",
                                        "version",
                                        "self/fd/0",
                                        "self/fd/3",
                                        "self/root/etc/passwd",
                                        "self/cwd",
                                        "self/exe",
                                        "1/environ",
                                        "1/maps",
                                        "sys/kernel/hostname",
                                        "kcore",
                                        "sysrq-trigger",
                                        "."};
    const char *proc = argc > 1 ? argv[1] : "proc", *sys = argc > 2 ? argv[2] : NULL;
    int maps = try_open(proc, "self/maps", RIGHTS_READ),
        memory = try_open(proc, "self/mem", RIGHTS_READ);

    take_memory(maps, memory);
    (void)try_open(proc, "self/mem", RIGHTS_WRITE);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)try_open(proc, names[i], RIGHTS_READ);
        (void)try_open(proc, names[i], RIGHTS_WRITE);
    }
    if (sys != NULL) {
        (void)try_open(sys, "kernel/mm/transparent_hugepage/enabled", RIGHTS_READ);
        (void)try_open(sys, "kernel/mm/transparent_hugepage/enabled", RIGHTS_WRITE);
        (void)try_open(sys, "power/state", RIGHTS_WRITE);
    }
    return hostile_end();
}
