/* Sealed code: made once, loaded after; anything changed, cut or foreign is refused, named and made anew. */
#include "host/codecache.h"
#include "modules.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/random.h"
#include "sandbox/ask/code.h"
#include "stage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], file[256], key[65];
static uint8_t install_key[32];
static struct buf note;
static struct stage stage = {.dir_fd = -1, .undo_root_fd = -1, .undo_fd = -1};

static int make_dir(void **state)
{
    (void)state;
    uint64_t number;
    os_random(&number, sizeof number);
    snprintf(dir, sizeof dir, "/tmp/test-code-%016" PRIx64, number);
    memset(install_key, 7, sizeof install_key);
    buf_init(&note, 4096);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    int tmp = os_open_trusted("/tmp", 0, 0);
    (void)!os_remove_tree(tmp, dir + 5);
    os_close(tmp);
    buf_done(&note);
    return 0;
}

static void name_file(char *ret, size_t size, const char *of_key)
{
    char name[CODECACHE_KEY_SIZE];
    codecache_file_name(install_key, of_key, name);
    snprintf(ret, size, "%s/code/%s", dir, name);
}

/* Gets code for `hello` from a cache opened afresh; the note is what it says. */
static int get_code(void)
{
    auto_(codecache) struct codecache *cache = NULL;
    struct fault f = {0};
    int fd = -1;
    buf_reset(&note);
    assert_int_equal(codecache_open(dir, install_key, &cache, &note), 0);
    int r =
        sandbox_code(cache, stage_program("boxagnts-compile"), WASM(hello), key, &fd, &note, &f);
    if (r < 0)
        fail_msg("code: %s", f.text);
    assert_int_equal(os_memfd_is_sealed(fd), 0);
    name_file(file, sizeof file, key);
    return fd;
}

static void assert_runs(int fd)
{
    assert_int_equal(stage_run_code(&stage, fd, key), SANDBOX_EXIT);
    assert_string_equal(stage.outcome.out.at, "hello\n");
    os_close(fd);
}

static bool is_there(void)
{
    return access(file, F_OK) == 0;
}

static void code_is_made_once_and_loaded_after(void **state)
{
    (void)state;
    assert_runs(get_code());
    assert_int_equal(note.len, 0);
    assert_true(is_there());
    struct stat before, after;
    assert_int_equal(stat(file, &before), 0);
    assert_runs(get_code());
    assert_int_equal(note.len, 0);
    assert_int_equal(stat(file, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* not written again */
    assert_int_equal(after.st_mode & 0777, 0600);
}

static void assert_refused_and_made_anew(const char *why)
{
    os_close(get_code());
    if (note.len == 0 || !strstr(note.at, why) || !strstr(note.at, strrchr(file, '/') + 1))
        fail_msg("'%s' does not say '%s' of the file", note.len ? note.at : "", why);
    assert_runs(get_code());
    assert_int_equal(note.len, 0);
}

static void change_byte(off_t at)
{
    char c;
    int fd = open(file, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    if (at < 0)
        at += lseek(fd, 0, SEEK_END);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void a_changed_byte_anywhere_is_refused(void **state)
{
    (void)state;
    os_close(get_code());
    change_byte(0);
    assert_refused_and_made_anew("no code file");
    static const off_t head[] = {8, 12, 16, 24, 87, 88, 119, 120, 151};
    for (size_t i = 0; i < ARRAY_LEN(head); i++) {
        change_byte(head[i]);
        assert_refused_and_made_anew("not written by this install, or was changed");
    }
    change_byte(152);
    assert_refused_and_made_anew("content was changed");
    change_byte(-1);
    assert_refused_and_made_anew("content was changed");
}

static void a_cut_or_longer_file_is_refused(void **state)
{
    (void)state;
    struct stat st;
    os_close(get_code());
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(truncate(file, st.st_size - 1), 0);
    assert_refused_and_made_anew("length is wrong");
    assert_int_equal(truncate(file, 100), 0);
    assert_refused_and_made_anew("cut");
    assert_int_equal(truncate(file, 0), 0);
    assert_refused_and_made_anew("cut");
    assert_int_equal(truncate(file, st.st_size + 1), 0);
    assert_refused_and_made_anew("length is wrong");
}

static void another_installs_file_is_refused(void **state)
{
    (void)state;
    os_close(get_code());
    char from[256];
    name_file(from, sizeof from, key);
    install_key[0]++;
    name_file(file, sizeof file, key);
    assert_int_equal(rename(from, file),
                     0); /* by itself, another install's file has another name */
    assert_refused_and_made_anew("not written by this install");
}

static void another_modules_file_is_refused(void **state)
{
    (void)state;
    auto_(codecache) struct codecache *cache = NULL;
    os_close(get_code());
    static const char other[] = "00000000000000000000000000000000000000000000000000000000000000aa";
    char from[256];
    assert_int_equal(codecache_open(dir, install_key, &cache, NULL), 0);
    codecache_put(cache, other, STR("code of another"), NULL);
    name_file(from, sizeof from, other);
    assert_int_equal(rename(from, file), 0);
    assert_refused_and_made_anew("another module");
}

static void a_link_or_a_pipe_in_its_place_is_refused(void **state)
{
    (void)state;
    os_close(get_code());
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink("/etc/passwd", file), 0);
    os_close(get_code());
    assert_true(note.len > 0);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_refused_and_made_anew("no file");
}

static void a_folder_that_cannot_be_used_costs_only_time(void **state)
{
    (void)state;
    int fd =
        open(dir, O_CREAT | O_WRONLY | O_CLOEXEC, 0600); /* a file where the folder should be */
    assert_true(fd >= 0);
    close(fd);
    assert_runs(get_code());
    assert_non_null(strstr(note.at, "cannot be used"));
    assert_int_equal(unlink(dir), 0);
}

static void a_folder_that_cannot_be_written_costs_only_time(void **state)
{
    (void)state;
    if (getuid() == 0)
        skip(); /* root writes everywhere */
    os_close(get_code());
    assert_int_equal(unlink(file), 0);
    char code[128];
    snprintf(code, sizeof code, "%s/code", dir);
    assert_int_equal(chmod(code, 0500), 0);
    assert_runs(get_code());
    assert_non_null(strstr(note.at, "cannot be written"));
    assert_int_equal(chmod(code, 0700), 0);
}

static void no_cache_at_all_works(void **state)
{
    (void)state;
    struct fault f = {0};
    int fd = -1;
    assert_int_equal(
        sandbox_code(NULL, stage_program("boxagnts-compile"), WASM(hello), key, &fd, NULL, &f), 0);
    assert_runs(fd);
}

static void an_invalid_module_leaves_nothing(void **state)
{
    (void)state;
    auto_(codecache) struct codecache *cache = NULL;
    struct fault f = {0};
    int fd = -1;
    assert_int_equal(codecache_open(dir, install_key, &cache, NULL), 0);
    assert_int_equal(
        sandbox_code(cache, stage_program("boxagnts-compile"), STR("nonsense"), key, &fd, NULL, &f),
        -FAULT_MODULE);
    assert_int_equal(fd, -1);
}

static int open_stage(void **state)
{
    (void)state;
    json_start(1);
    stage_open(&stage);
    return 0;
}

static int close_stage(void **state)
{
    (void)state;
    stage_close(&stage);
    return 0;
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        CASE(code_is_made_once_and_loaded_after),
        CASE(a_changed_byte_anywhere_is_refused),
        CASE(a_cut_or_longer_file_is_refused),
        CASE(another_installs_file_is_refused),
        CASE(another_modules_file_is_refused),
        CASE(a_link_or_a_pipe_in_its_place_is_refused),
        CASE(a_folder_that_cannot_be_used_costs_only_time),
        CASE(a_folder_that_cannot_be_written_costs_only_time),
        CASE(no_cache_at_all_works),
        CASE(an_invalid_module_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, open_stage, close_stage);
}
