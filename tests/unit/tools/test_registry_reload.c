/* A registry that looks again at its folders: what it takes, what it leaves, what it tells, and what a hold is good for. */
#include "check.h"

#include "os/fd.h"
#include "os/file.h"
#include "tools/registry.h"

#include <fcntl.h>
#include <stdlib.h>

#define HEAD "\0asm\x01\0\0\0"

static const char sidecar[] =
    "{\"name\":\"%s\",\"version\":\"%s\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}";

struct place {
    char path[64];
    int dir;
    struct registry *registry;
    char broken[2000], changes[2000];
    size_t broken_count;
};

static void on_broken(const char *path, const struct fault *why, void *arg)
{
    struct place *p = arg;
    size_t len = strlen(p->broken);
    snprintf(p->broken + len, sizeof p->broken - len, "%s: %s\n", strrchr(path, '/') + 1,
             why->text);
    p->broken_count++;
}

static void on_change(const struct tool *was, const struct tool *is, void *arg)
{
    struct place *p = arg;
    size_t len = strlen(p->changes);
    snprintf(p->changes + len, sizeof p->changes - len, "%s:%s>%s ", was ? was->name : is->name,
             was ? was->version : "", is ? is->version : "");
}

static void write_file(const struct place *p, const char *name, const char *bytes, size_t len)
{
    assert_int_equal(os_write_file_at(p->dir, name, (struct str){bytes, len}, 0644, false), 0);
}

/* A module that nothing but its last byte tells from another, and a sidecar. */
static void write_tool(const struct place *p, const char *file, char mark, const char *name,
                       const char *version)
{
    char module[] = HEAD "\x01\x01\x00", beside[100], text[400];
    module[10] = mark;
    snprintf(beside, sizeof beside, "%s.tool.json", file);
    snprintf(text, sizeof text, sidecar, name, version);
    write_file(p, beside, text, strlen(text));
    snprintf(beside, sizeof beside, "%s.wasm", file);
    write_file(p, beside, module, 11);
}

/* Looks again; what was told before is forgotten. Returns how many names changed. */
static size_t reload(struct place *p)
{
    const struct registry_events events = {on_broken, on_change, p};
    struct fault why = {0};
    size_t changes = 99;
    p->broken[0] = p->changes[0] = 0;
    p->broken_count = 0;
    assert_int_equal(registry_reload(p->registry, &events, &changes, &why), 0);
    return changes;
}

static const char *version_of(const struct place *p, const char *name)
{
    const struct tool *t = registry_find(p->registry, str_of(name));
    return t ? t->version : "none";
}

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    snprintf(p->path, sizeof p->path, "/tmp/boxagnts-reload-XXXXXX");
    assert_non_null(mkdtemp(p->path));
    p->dir = os_open_trusted(p->path, O_RDONLY | O_DIRECTORY, 0);
    assert_true(p->dir >= 0);
    write_tool(p, "a", 1, "a", "1");
    write_tool(p, "b", 2, "b", "1");
    assert_int_equal(registry_new(&p->registry), 0);
    assert_int_equal(registry_add_dir(p->registry, p->path, on_broken, p, NULL), 0);
    assert_int_equal(registry_count(p->registry), 2);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    int tmp = os_open_trusted("/tmp", O_RDONLY | O_DIRECTORY, 0);
    registry_free(p->registry);
    assert_int_equal(os_remove_tree(tmp, strrchr(p->path, '/') + 1), 0);
    os_close(tmp);
    os_close(p->dir);
    free(p);
    return 0;
}

static void what_did_not_change_is_the_same_tool(void **state)
{
    struct place *p = *state;
    const struct tool *a = registry_find(p->registry, STR("a"));
    assert_int_equal(reload(p), 0);
    assert_ptr_equal(registry_find(p->registry, STR("a")), a);
    assert_string_equal(p->changes, "");
}

static void tools_come_change_and_go(void **state)
{
    struct place *p = *state;
    write_tool(p, "c", 3, "c", "1");
    write_tool(p, "b", 4, "b", "2");
    assert_int_equal(os_unlink_at(p->dir, "a.wasm", 0), 0);
    assert_int_equal(reload(p), 3);
    assert_string_equal(p->changes, "a:1> b:1>2 c:>1 ");
    assert_string_equal(version_of(p, "a"), "none");
    assert_string_equal(version_of(p, "b"), "2");
    assert_int_equal(registry_count(p->registry), 2);
    /* another manifest for the same module is another tool */
    write_tool(p, "c", 3, "renamed", "2");
    assert_int_equal(reload(p), 2);
    assert_string_equal(p->changes, "c:1> renamed:>2 ");
}

static void a_hold_outlives_the_place_in_the_table(void **state)
{
    struct place *p = *state;
    const struct tool *held = tool_hold(registry_find(p->registry, STR("a")));
    char before[65];
    snprintf(before, sizeof before, "%s", held->sha256);
    write_tool(p, "a", 9, "a", "2");
    assert_int_equal(reload(p), 1);
    assert_string_equal(held->version, "1");
    assert_string_equal(held->sha256, before);
    assert_string_not_equal(registry_find(p->registry, STR("a"))->sha256, before);
    tool_free((struct tool *)(uintptr_t)held);
}

static void what_is_no_good_is_told_once_and_changes_nothing(void **state)
{
    struct place *p = *state;
    write_file(p, "a.wasm", "no module", 9);
    assert_int_equal(reload(p), 0);
    assert_string_equal(p->broken, "a.wasm: this is not a WebAssembly module, or a broken one\n");
    assert_string_equal(version_of(p, "a"), "1");
    assert_int_equal(reload(p), 0);
    assert_int_equal(p->broken_count, 0);
    write_file(p, "a.wasm", "still no module", 15);
    assert_int_equal(reload(p), 0);
    assert_int_equal(p->broken_count, 1);
    write_tool(p, "a", 5, "a", "3");
    write_file(p, "a.tool.json", "{", 1);
    assert_int_equal(reload(p), 0);
    assert_has(p->broken, "a.wasm: manifest");
    assert_string_equal(version_of(p, "a"), "1");
    write_tool(p, "a", 5, "a", "3");
    assert_int_equal(reload(p), 1);
    assert_string_equal(p->changes, "a:1>3 ");
}

static void a_file_that_is_being_written_is_left_until_it_is_closed(void **state)
{
    struct place *p = *state;
    static const char old_part[] = HEAD, rest[] = "\x01\x01\x07";
    write_file(
        p, "d.tool.json",
        "{\"name\":\"d\",\"version\":\"1\",\"description\":\"d\",\"input_schema\":{}}",
        sizeof "{\"name\":\"d\",\"version\":\"1\",\"description\":\"d\",\"input_schema\":{}}" - 1);
    int fd = os_open_at(p->dir, "d.wasm", O_WRONLY | O_CREAT, 0644, OS_BENEATH);
    int over = os_open_at(p->dir, "a.wasm", O_WRONLY | O_TRUNC, 0, OS_BENEATH);
    assert_true(fd >= 0 && over >= 0);
    /* as it stands each would be a module */
    assert_int_equal(os_write_all(fd, (struct str){old_part, 8}), 0);
    assert_int_equal(os_write_all(over, (struct str){old_part, 8}), 0);
    assert_int_equal(reload(p), 0);
    assert_int_equal(p->broken_count, 0);
    assert_string_equal(version_of(p, "d"), "none");
    assert_string_equal(version_of(p, "a"), "1");
    assert_int_equal(os_write_all(fd, (struct str){rest, 3}), 0);
    assert_int_equal(os_write_all(over, (struct str){rest, 3}), 0);
    os_close(fd);
    os_close(over);
    assert_int_equal(reload(p), 2);
    assert_string_equal(p->changes, "a:1>1 d:>1 ");
}

static void who_loses_a_name_gets_it_when_it_is_free(void **state)
{
    struct place *p = *state;
    write_tool(p, "z", 7, "a", "9");
    assert_int_equal(reload(p), 0);
    assert_has(p->broken, "z.wasm: another tool is called \"a\" already");
    assert_int_equal(reload(p), 0);
    assert_int_equal(p->broken_count, 0);
    assert_int_equal(os_unlink_at(p->dir, "a.wasm", 0), 0);
    assert_int_equal(reload(p), 1);
    assert_string_equal(p->changes, "a:1>9 ");
}

static void a_folder_that_goes_takes_its_tools_along(void **state)
{
    struct place *p = *state;
    char moved[80];
    int tmp = os_open_trusted("/tmp", O_RDONLY | O_DIRECTORY, 0);
    const char *name = strrchr(p->path, '/') + 1;
    snprintf(moved, sizeof moved, "%s-away", name);
    assert_int_equal(os_rename_at(tmp, name, tmp, moved), 0);
    assert_int_equal(reload(p), 2);
    assert_int_equal(registry_count(p->registry), 0);
    assert_int_equal(os_rename_at(tmp, moved, tmp, name), 0);
    assert_int_equal(reload(p), 2);
    assert_string_equal(version_of(p, "b"), "1");
    os_close(tmp);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_did_not_change_is_the_same_tool),
        CASE(tools_come_change_and_go),
        CASE(a_hold_outlives_the_place_in_the_table),
        CASE(what_is_no_good_is_told_once_and_changes_nothing),
        CASE(a_file_that_is_being_written_is_left_until_it_is_closed),
        CASE(who_loses_a_name_gets_it_when_it_is_free),
        CASE(a_folder_that_goes_takes_its_tools_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
