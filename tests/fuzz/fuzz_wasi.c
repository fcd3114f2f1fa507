/* rooms: wasi base os */
/* A hostile guest made of bytes: its memory, then a sequence of calls. The first bytes choose the run
 * (undo folder, staged writes, a read-only or nested mount). Whatever it does, the memory's edges hold
 * (the sanitizer watches a heap block of exact size), the file beside the mount keeps its bytes, and no
 * name but its own files appears in the mount after the end. */
#include "base/base.h"
#include "os/clock.h"
#include "os/file.h"
#include "sandbox/wasi/wasi.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MEMORY = 8192, CALLS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char root[64];
static int root_fd = -1;
static pid_t owner;

static void clean(void)
{
    if (getpid() != owner)
        return;
    (void)!os_remove_tree(root_fd, "w");
    (void)!os_remove_tree(root_fd, "u");
    unlinkat(root_fd, "secret", 0);
    rmdir(root);
}

static void put_file(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void make_root(void)
{
    if (root_fd >= 0)
        return;
    strcpy(root, "/tmp/fuzz-wasi-XXXXXX");
    must(mkdtemp(root) != NULL);
    root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    owner = getpid();
    put_file(root_fd, "secret", "secret");
    atexit(clean);
}

struct bytes {
    const uint8_t *at;
    size_t left;
};

static uint64_t take_bytes(struct bytes *b, size_t n)
{
    uint64_t v = 0;
    for (; n > 0 && b->left > 0; n--, b->left--)
        v = v << 8 | *b->at++;
    return v;
}

static uint64_t take_argument(struct bytes *b, char type)
{
    static const uint64_t values[] = {MEMORY - 8, MEMORY - 1, MEMORY,     0x7fffffff,
                                      UINT32_MAX, INT64_MAX,  UINT64_MAX, 0x3fffffff,
                                      0x0ffffffd, 512,        1024,       4096};
    uint8_t how = (uint8_t)take_bytes(b, 1);
    uint64_t v = how;
    if (how >= 240)
        v = take_bytes(b, type == 'i' ? 4 : 8);
    else if (how >= 228)
        v = values[how - 228];
    else if (how >= 128)
        v = (uint64_t)(how - 128) * 64; /* places in memory */
    return type == 'i' ? v & UINT32_MAX : v;
}

static int on_output(int stream, struct str bytes, void *arg)
{
    uint64_t *sum = arg;
    (void)stream;
    for (size_t i = 0; i < bytes.len; i++)
        *sum += (uint8_t)bytes.at[i];
    return 0;
}

/* Names in memory at multiples of 64, so that most calls find one. */
static void fill_memory(uint8_t *memory, struct bytes *b)
{
    static const char *const names[] = {"a",         "d",           "d/b", "l",    "n", "d/n",
                                        "../secret", "up",          ".",   "d/..", "m", "m/x",
                                        "l/b",       "d/up/secret", "n/",  "/a"};
    for (size_t i = 0; i < MEMORY / 64; i++) {
        uint8_t *at = memory + i * 64;
        memset(at, 0, 64);
        strcpy((char *)at, names[i % ARRAY_LEN(names)]);
        if (i < 16) { /* lists of buffers */
            uint32_t pair[2] = {(uint32_t)i * 97 % MEMORY, (uint32_t)i * 31};
            memcpy(at + 32, pair, 8);
        }
    }
    for (size_t n = take_bytes(b, 1) % 16; n > 0 && b->left > 0; n--) {
        size_t at = take_bytes(b, 2) % (MEMORY - 8);
        uint64_t v = take_bytes(b, 8);
        memcpy(memory + at, &v, 8);
    }
}

static void make_tree(void)
{
    must(mkdirat(root_fd, "w", 0755) == 0 && mkdirat(root_fd, "u", 0755) == 0);
    must(mkdirat(root_fd, "w/d", 0755) == 0 && mkdirat(root_fd, "w/m", 0755) == 0);
    put_file(root_fd, "w/a", "alpha");
    put_file(root_fd, "w/d/b", "beta");
    must(symlinkat("d", root_fd, "w/l") == 0 && symlinkat("..", root_fd, "w/up") == 0);
    must(symlinkat("../..", root_fd, "w/d/up") == 0);
}

static int no_stage(const char *name, unsigned char type unused_, void *arg unused_)
{
    must(strncmp(name, "stage-", 6) != 0);
    return 0;
}

static void check_after(void)
{
    char text[16] = {0};
    int fd = openat(root_fd, "secret", O_RDONLY | O_CLOEXEC);
    must(fd >= 0 && read(fd, text, sizeof(text)) == 6 && strcmp(text, "secret") == 0);
    close(fd);
    fd = openat(root_fd, "u", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(fd >= 0 && os_list_dir(fd, 10000, no_stage, NULL) == 0);
    close(fd);
    struct stat st;
    must(fstat(root_fd, &st) == 0 && st.st_nlink == 4); /* no folder was made beside ours */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes b = {data, size};
    uint64_t sum = 0;
    make_root();
    make_tree();
    uint8_t how = (uint8_t)take_bytes(&b, 1);
    int w_fd = openat(root_fd, "w", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int m_fd = openat(root_fd, "w/d", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int u_fd = openat(root_fd, "u", O_PATH | O_DIRECTORY | O_CLOEXEC);
    static const char *const argv[] = {"guest", "x"}, *const env[] = {"A=B"};
    struct wasi_mount mounts[] = {{"/", w_fd, (how & 1) == 0}, {"/m", m_fd, (how & 2) != 0}};
    struct wasi_config config = {.argv = argv,
                                 .argc = 2,
                                 .env = env,
                                 .env_count = 1,
                                 .mounts = mounts,
                                 .mount_count = (how & 4) ? 2 : 1,
                                 .quota = {1000, 10000, 8, 6, 40},
                                 .deadline_ns = os_now_mono_ns() + 2 * OS_NS_PER_MS,
                                 .cancel_fd = -1,
                                 .record_reads = (how & 8) != 0,
                                 .atomic_writes = (how & 16) != 0,
                                 .stdin_fd = -1,
                                 .stdin_bytes = STR("input"),
                                 .on_output = on_output,
                                 .pass_all_output = (how & 32) != 0,
                                 .undo_fd = (how & 64) ? u_fd : -1,
                                 .arg = &sum};
    uint8_t *memory = malloc(MEMORY);
    struct wasi *w = NULL;
    must(memory != NULL && wasi_new(&config, &w) == 0);
    fill_memory(memory, &b);
    for (int calls = 0; calls < CALLS_MAX && b.left > 0; calls++) {
        const struct wasi_function *f = &wasi_functions[take_bytes(&b, 1) % wasi_function_count];
        uint64_t args[10] = {0};
        uint32_t error = 0;
        for (size_t i = 0; f->params[i] != '\0'; i++)
            args[i] = take_argument(&b, f->params[i]);
        int stop = f->call(w, (struct wasi_memory){memory, MEMORY}, args, &error);
        must(error <= 76 && stop >= 0 && stop <= WASI_STOP_CANCEL);
    }
    must(wasi_used(w)->written_bytes <= 10000 && wasi_used(w)->created_files <= 6 &&
         wasi_used(w)->open_peak <= 8);
    wasi_end(w, (how & 128) != 0);
    wasi_free(w);
    free(memory);
    close(w_fd);
    close(m_fd);
    close(u_fd);
    check_after();
    must(os_remove_tree(root_fd, "w") == 0 && os_remove_tree(root_fd, "u") == 0);
    return 0;
}
