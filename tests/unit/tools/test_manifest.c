/* Manifests, the custom section, and the registry of a folder. */
#include "check.h"

#include "os/fd.h"
#include "os/file.h"
#include "tools/registry.h"

#include <fcntl.h>
#include <stdlib.h>

#define GOOD                                                                                                           \
    "'name':'demo','version':'1.0','description':'does','input_schema':{'type':'object','properties':{'path':{'type':" \
    "'string'}}}"

static int parse(const char *text, struct tool **ret, struct fault *fault)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return tool_from_manifest(str_of(copy), ret, fault);
}

static void a_whole_manifest_is_read(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct tool *t = NULL;
    assert_int_equal(
        parse(
            "{" GOOD
            ",'output_schema':{'type':'object'},'annotations':{'read_only':true,'idempotent':true,'open_world':false},"
            "'effects':[{'effect':'Read','arg':'path','default':'/','recursive':true}],'limits':{'wasm_timeout':2.5},'invoke':'argv'}",
            &t, &fault),
        0);
    assert_string_equal(t->name, "demo");
    assert_true(t->read_only && t->idempotent && !t->open_world && !t->destructive &&
                t->invoke == INVOKE_ARGV && t->verified);
    assert_non_null(t->input_schema);
    assert_non_null(t->output_schema);
    assert_int_equal(t->effect_count, 1);
    assert_string_equal(t->effects[0].arg, "path");
    assert_string_equal(t->effects[0].fallback, "/");
    assert_true(t->effects[0].recursive);
    assert_int_equal(t->limits.wasm_timeout_ns, 2500000000);
    tool_free(t);
}

static void limits_that_are_not_said_tighten_nothing(void **state)
{
    (void)state;
    struct tool *t = NULL;
    assert_int_equal(parse("{" GOOD ",'limits':{'max_open_files':4}}", &t, NULL), 0);
    struct sandbox_limits l;
    limits_default(&l);
    l.wasm_timeout_ns *= 10; /* an operator raised it */
    struct sandbox_limits expected = l;
    expected.max_open_files = 4;
    limits_tighten(&l, NULL, &t->limits, LIMIT_TOOL);
    assert_memory_equal(&l, &expected, sizeof l);
    tool_free(t);
}

static void a_broken_manifest_is_refused_with_its_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *fault, *next;
    } rows[] = {
        {"", "manifest", ""},
        {"[]", "must be a JSON object", ""},
        {"{'name':'a','name':'b'}", "manifest", ""},
        {"{'version':'1'}", "\"name\" is missing", ""},
        {"{" GOOD ",'efects':[]}", "no key \"efects\"", "effects"},
        {"{'name':'1a','version':'1','description':'d','input_schema':true}", "\"name\"", ""},
        {"{'name':'a b','version':'1','description':'d','input_schema':true}", "\"name\"", ""},
        {"{'name':'a','version':'','description':'d','input_schema':true}", "\"version\"", ""},
        {"{'name':'a','version':'1','description':'d','input_schema':{'typ':'object'}}",
         "input_schema", "type"},
        {"{" GOOD ",'effects':[{'effect':'read','arg':'path'}]}", "one of Read, Write", ""},
        {"{" GOOD ",'effects':[{'effect':'Read','arg':'pth'}]}",
         "\"pth\", which input_schema does not have", ""},
        {"{" GOOD ",'effects':[{'effect':'Read'}]}", "\"arg\"", ""},
        {"{" GOOD ",'effects':[{'effect':'Read','arg':'path','target':'/'}]}", "not both", ""},
        {"{" GOOD ",'effects':[{'effect':'Read','arg':'path','recursiv':true}]}",
         "no key \"recursiv\"", "recursive"},
        {"{" GOOD ",'effects':[{'effect':'Read','arg':'path','optional':true}]}",
         "of a Write effect", ""},
        {"{" GOOD ",'effects':[{'effect':'Write','arg':'path','optional':true},"
         "{'effect':'Write','target':'/b'}]}",
         "the same for all Write effects", ""},
        {"{" GOOD ",'effects':[{'effect':'Write','target':'/','suffix':'x'}]}", "suffix", ""},
        {"{" GOOD ",'effects':[{'effect':'Read','arg':'path','unless':'fast'}]}",
         "\"fast\", which input_schema does not have", ""},
        {"{" GOOD ",'effects':{}}", "a list", ""},
        {"{" GOOD ",'annotations':{'readonly':true}}", "no key \"readonly\"", "read_only"},
        {"{" GOOD ",'annotations':{'read_only':1}}", "true or false", ""},
        {"{" GOOD ",'annotations':{'read_only':true},'effects':[{'effect':'Write','arg':'path'}]}",
         "read_only", ""},
        {"{" GOOD ",'limits':{'wasm_fule':1}}", "wasm_fule", "wasm_fuel"},
        {"{" GOOD ",'limits':{'wasm_fuel':-1}}", "limits", ""},
        {"{" GOOD ",'invoke':'shell'}", "\"invoke\"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tool *t = NULL;
        struct fault fault = {0};
        if (parse(rows[i].text, &t, &fault) != -FAULT_CONFIG)
            fail_msg("taken: %s (%s)", rows[i].text, fault.text);
        assert_has(fault.text, rows[i].fault);
        assert_has(fault.next, rows[i].next);
    }
}

/* --- sections --- */

#define HEAD "\0asm\1\0\0\0"
#define SECTION                                                                                    \
    "\x00\x10\x0d"                                                                                 \
    "boxagnts.tool"                                                                                \
    "{}"

static void the_section_is_found_among_others(void **state)
{
    (void)state;
    static const char wasm[] = HEAD "\x00\x04\x03"
                                    "abc"
                                    "\x01\x01\x00" SECTION "\x0a\x01\x00";
    struct str section;
    assert_int_equal(tool_manifest_section((struct str){wasm, sizeof wasm - 1}, &section), 0);
    assert_true(str_is(section, "{}"));
    static const char none[] = HEAD "\x01\x01\x00";
    assert_int_equal(tool_manifest_section((struct str){none, sizeof none - 1}, &section), 1);
    assert_int_equal(tool_manifest_section((struct str){none, 8}, &section), 1);
}

static void broken_modules_are_never_read_past(void **state)
{
    (void)state;
    static const char wasm[] = HEAD "\x00\x04\x03"
                                    "abc" SECTION;
    struct str section;
    for (size_t n = 0; n < sizeof wasm - 1; n++) {
        char *copy = malloc(n ? n : 1);
        memcpy(copy, wasm, n);
        assert_int_not_equal(tool_manifest_section((struct str){copy, n}, &section), 0);
        free(copy);
    }
    static const char *const broken[] = {
        HEAD "\x00\xff\xff\xff\xff\x7f", /* more than 32 bits */
        HEAD "\x00\x80\x80\x80\x80\x80\x01",
        HEAD "\x00\x02\x05"
             "a",
        HEAD "\x01\x09\x00",
    };
    static const size_t lengths[] = {14, 15, 12, 11};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        assert_int_equal(tool_manifest_section((struct str){broken[i], lengths[i]}, &section),
                         -FAULT_MODULE);
    assert_int_equal(tool_manifest_section(STR("\0asm\x0d\0\1\0"), &section), -FAULT_MODULE);
    assert_int_equal(tool_manifest_section(STR("PK\3\4 not wasm"), &section), -FAULT_MODULE);
}

/* --- registry --- */

struct broken {
    char text[2048];
    size_t count;
};
static void note_broken(const char *path, const struct fault *why, void *arg)
{
    struct broken *b = arg;
    size_t used = strlen(b->text);
    snprintf(b->text + used, sizeof b->text - used, "%s: %s\n", path, why->text);
    b->count++;
}

static void write_file(int dir, const char *name, const char *bytes, size_t len)
{
    assert_int_equal(os_write_file_at(dir, name, (struct str){bytes, len}, 0600, false), 0);
}

#define MANIFEST(name)                                                                             \
    "{\"name\":\"" name "\",\"version\":\"1\",\"description\":\"d\",\"input_schema\":{}}"

static void a_folder_gives_its_good_tools_and_names_the_broken(void **state)
{
    (void)state;
    char path[] = "/tmp/boxagnts-registry-XXXXXX";
    assert_non_null(mkdtemp(path));
    int dir = os_open_trusted(path, O_RDONLY | O_DIRECTORY, 0);
    assert_true(dir >= 0);
    write_file(dir, "zed.wasm", HEAD, 8);
    write_file(dir, "zed.tool.json", MANIFEST("zed"), sizeof MANIFEST("zed") - 1);
    write_file(dir, "abc.wasm", HEAD "\x01\x01\x00", 11);
    write_file(dir, "abc.tool.json", MANIFEST("abc"), sizeof MANIFEST("abc") - 1);
    write_file(dir, "bare.wasm", HEAD, 8);
    write_file(dir, "text.wasm", "hello", 5);
    write_file(dir, "thief.wasm", HEAD "\x01\x01\x01", 11);
    write_file(dir, "thief.tool.json", MANIFEST("abc"), sizeof MANIFEST("abc") - 1);
    write_file(dir, "notes.txt", "x", 1);
    struct registry *r = NULL;
    struct broken broken = {0};
    struct fault fault = {0};
    assert_int_equal(registry_new(&r), 0);
    assert_int_equal(registry_add_dir(r, path, note_broken, &broken, &fault), 0);
    assert_int_equal(registry_count(r), 2);
    assert_string_equal(registry_at(r, 0)->name, "abc");
    assert_string_equal(registry_at(r, 1)->name, "zed");
    assert_string_equal(registry_at(r, 0)->origin, "sidecar");
    assert_null(registry_at(r, 2));
    assert_int_equal(broken.count, 3);
    assert_has(broken.text, "bare.wasm: it has no manifest");
    assert_has(broken.text, "text.wasm: this is not a WebAssembly module");
    assert_has(broken.text, "thief.wasm: another tool is called \"abc\"");
    assert_int_equal(registry_add_dir(r, path, NULL, NULL, &fault),
                     0); /* the same folder again changes nothing */
    assert_int_equal(registry_count(r), 2);
    assert_null(registry_find(r, STR("ab")));
    assert_string_equal(registry_nearest(r, STR("zad"))->name, "zed");
    assert_null(registry_nearest(r, STR("somethingelse")));
    struct buf wasm;
    buf_init(&wasm, 1 << 20);
    assert_int_equal(tool_wasm(registry_find(r, STR("abc")), &wasm, &fault), 0);
    assert_int_equal(wasm.len, 11);
    write_file(dir, "abc.wasm", HEAD "\x01\x01\x02", 11);
    buf_reset(&wasm);
    assert_int_equal(tool_wasm(registry_find(r, STR("abc")), &wasm, &fault), -FAULT_MODULE);
    assert_has(fault.text, "changed");
    buf_done(&wasm);
    registry_free(r);
    char *name = strrchr(path, '/');
    int tmp = os_open_trusted("/tmp", O_RDONLY | O_DIRECTORY, 0);
    assert_int_equal(os_remove_tree(tmp, name + 1), 0);
    os_close(tmp);
    os_close(dir);
}

static void a_folder_that_is_not_there_is_fine(void **state)
{
    (void)state;
    struct registry *r = NULL;
    struct fault fault = {0};
    assert_int_equal(registry_new(&r), 0);
    assert_int_equal(registry_add_dir(r, "/nonexistent/tools", NULL, NULL, &fault), 0);
    assert_int_equal(registry_count(r), 0);
    registry_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_manifest_is_read),
        cmocka_unit_test(limits_that_are_not_said_tighten_nothing),
        cmocka_unit_test(a_broken_manifest_is_refused_with_its_key),
        cmocka_unit_test(the_section_is_found_among_others),
        cmocka_unit_test(broken_modules_are_never_read_past),
        cmocka_unit_test(a_folder_gives_its_good_tools_and_names_the_broken),
        cmocka_unit_test(a_folder_that_is_not_there_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
