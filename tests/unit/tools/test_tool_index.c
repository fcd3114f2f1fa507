/* What is known of modules from before: by the very state of a file, under this install's key, and never of a file that just changed. */
#include "check.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "tools/registry.h"
#include "tools/tool_index.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
static const uint8_t key[32] = {1, 2, 3}, other_key[32] = {9};
static const uint8_t sha[32] = {0xab, 0xcd};
static const struct file_mark mark = {1, 2, 3, 4 * SECOND, 5 * SECOND};

struct place {
    char path[64];
    int dir;
};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->path, sizeof p->path, "/tmp/boxagnts-index-XXXXXX");
    assert_non_null(mkdtemp(p->path));
    p->dir = os_open_trusted(p->path, O_RDONLY | O_DIRECTORY, 0);
    assert_true(p->dir >= 0);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    int tmp = os_open_trusted("/tmp", O_RDONLY | O_DIRECTORY, 0);
    assert_int_equal(os_remove_tree(tmp, strrchr(p->path, '/') + 1), 0);
    os_close(tmp);
    os_close(p->dir);
    free(p);
    return 0;
}

static struct tool_index *open_index(const struct place *p, const uint8_t with[32])
{
    struct tool_index *x = NULL;
    assert_int_equal(tool_index_open(p->path, with, &x), 0);
    return x;
}

static void add(struct tool_index *x, const char *path, int64_t now_ns)
{
    const struct tool_known known = {STR("n"), STR("1"), STR("d"), str_of(path), sha};
    tool_index_add(x, path, &mark, &known, now_ns);
}

static bool has(const struct tool_index *x, const char *path, const struct file_mark *m)
{
    struct tool_known known;
    if (!tool_index_find(x, path, m, &known))
        return false;
    assert_true(str_is(known.name, "n") && str_is(known.manifest, path));
    assert_memory_equal(known.sha256, sha, sizeof sha);
    return true;
}

static void what_was_added_is_found_by_path_and_mark(void **state)
{
    struct place *p = *state;
    auto_(tool_index) struct tool_index *x = open_index(p, key);
    add(x, "/b", 100 * SECOND);
    add(x, "/a", 100 * SECOND);
    add(x, "/a", 100 * SECOND);
    add(x, "/fresh", 6 * SECOND); /* changed one second before */
    tool_index_save(x);
    auto_(tool_index) struct tool_index *y = open_index(p, key);
    assert_true(has(y, "/a", &mark) && has(y, "/b", &mark));
    assert_false(has(y, "/fresh", &mark));
    assert_false(has(y, "/c", &mark));
    for (int i = 0; i < 5; i++) {
        struct file_mark m = mark;
        *(i == 0   ? (int64_t *)&m.device
          : i == 1 ? (int64_t *)&m.inode
          : i == 2 ? &m.size
          : i == 3 ? &m.changed_ns
                   : &m.written_ns) += 1;
        assert_false(has(y, "/a", &m));
    }
    /* more is added, the old stays */
    add(y, "/0", 100 * SECOND);
    tool_index_save(y);
    auto_(tool_index) struct tool_index *z = open_index(p, key);
    assert_true(has(z, "/0", &mark) && has(z, "/a", &mark) && has(z, "/b", &mark));
}

static void what_is_not_ours_whole_is_as_nothing(void **state)
{
    struct place *p = *state;
    auto_(tool_index) struct tool_index *x = open_index(p, key);
    auto_done(buf) struct buf bytes;
    buf_init(&bytes, 1 << 20);
    add(x, "/a", 100 * SECOND);
    tool_index_save(x);
    auto_(tool_index) struct tool_index *theirs = open_index(p, other_key);
    assert_false(has(theirs, "/a", &mark));
    assert_int_equal(os_read_file_at(p->dir, "tools.index", &bytes), 0);
    for (size_t i = 0; i < bytes.len; i += 7) {
        bytes.at[i] ^= 1;
        assert_int_equal(os_write_file_at(p->dir, "tools.index", buf_str(&bytes), 0600, false), 0);
        auto_(tool_index) struct tool_index *y = open_index(p, key);
        assert_true(!has(y, "/a", &mark) ||
                    (i >= 12 && i < 16)); /* a reserved word means nothing */
        bytes.at[i] ^= 1;
    }
    for (size_t len = 0; len < bytes.len; len += 5) {
        assert_int_equal(
            os_write_file_at(p->dir, "tools.index", (struct str){bytes.at, len}, 0600, false), 0);
        auto_(tool_index) struct tool_index *y = open_index(p, key);
        assert_false(has(y, "/a", &mark));
    }
}

/* A module with a manifest in it, old enough to be remembered. */
static void write_tool(const struct place *p, const char *version)
{
    char manifest[200], module[400] = "\0asm\x01\0\0\0";
    int n = snprintf(
        manifest, sizeof manifest,
        "{\"name\":\"t\",\"version\":\"%s\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}",
        version);
    size_t at = 8, content = 1 + 13 + (size_t)n;
    module[at++] = 0;
    module[at++] = (char)(0x80 | (content & 0x7f));
    module[at++] = (char)(content >> 7);
    module[at++] = 13;
    memcpy(module + at, "boxagnts.tool", 13);
    memcpy(module + at + 13, manifest, (size_t)n);
    at += 13 + (size_t)n;
    assert_int_equal(os_write_file_at(p->dir, "t.wasm", (struct str){module, at}, 0644, false), 0);
}

static struct registry *open_registry(const struct place *p, struct tool_index *x)
{
    struct registry *r = NULL;
    assert_int_equal(registry_new(&r), 0);
    registry_set_index(r, x);
    assert_int_equal(registry_add_dir(r, p->path, NULL, NULL, NULL), 0);
    return r;
}

static void a_known_tool_is_whole_when_it_is_asked_for(void **state)
{
    struct place *p = *state;
    struct stat st;
    char path[100];
    write_tool(p, "1");
    snprintf(path, sizeof path, "%s/t.wasm", p->path);
    /* as if it had been there for long: its mark, remembered at a later time */
    auto_(tool_index) struct tool_index *x = open_index(p, key);
    auto_(registry) struct registry *first = open_registry(p, x);
    const struct tool *t = registry_at(first, 0);
    assert_int_equal(os_stat_at(p->dir, "t.wasm", &st), 0);
    const struct file_mark m = file_mark_of(&st);
    const struct tool_known known = {
        str_of(t->name), str_of(t->version), str_of(t->description),
        STR("{\"name\":\"t\",\"version\":\"1\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}"),
        sha};
    tool_index_add(x, path, &m, &known, os_now_real_ns() + 10 * SECOND);
    tool_index_save(x);

    auto_(tool_index) struct tool_index *y = open_index(p, key);
    auto_(registry) struct registry *r = open_registry(p, y);
    const struct tool *peeked = registry_peek(r, 0);
    assert_string_equal(peeked->name, "t");
    assert_true(peeked->frozen.at != NULL && !peeked->input_schema);
    assert_true(strncmp(peeked->sha256, "abcd00", 6) ==
                0); /* it was not read: this is the index's word */
    const struct tool *found = registry_find(r, STR("t"));
    assert_ptr_equal(found, peeked);
    assert_non_null(found->input_schema);
    struct schema_error error;
    auto_json json_t *object = json_object(), *list = json_array();
    assert_int_equal(schema_validate(found->input_schema, object, NULL), 0);
    assert_int_equal(schema_validate(found->input_schema, list, &error), SCHEMA_INVALID);
    assert_string_equal(found->path, path);
    /* another state of the file is read */
    write_tool(p, "2");
    auto_(registry) struct registry *again = open_registry(p, y);
    assert_string_equal(registry_find(again, STR("t"))->version, "2");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_added_is_found_by_path_and_mark),
        CASE(what_is_not_ours_whole_is_as_nothing),
        CASE(a_known_tool_is_whole_when_it_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
