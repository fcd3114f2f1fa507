/* Both codecs of a run: what goes in comes out, and what no program of ours would write is refused. */
#include "sandbox/run/run.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct sandbox_run sample_run(void)
{
    static const char *const argv[] = {"prog", "", "caf\xc3\xa9", "bad\xff\xfeutf8"};
    static const char *const env[] = {"A=1", "B=\x80"};
    struct sandbox_run run = {.argv = argv,
                              .argc = 4,
                              .env = env,
                              .env_count = 2,
                              .stream_output = true,
                              .mounts = 5,
                              .record_reads = true,
                              .code_fd = 9,
                              .stdin_fd = -1,
                              .undo_fd = 11,
                              .http_fd = 12,
                              .code_key = KEY,
                              .stdin_bytes = STR("")};
    limits_default(&run.limits);
    return run;
}

static void a_run_comes_back_as_it_went(void **state)
{
    (void)state;
    struct sandbox_run run = sample_run(), back;
    auto_(sandbox_run_held) struct sandbox_run_held *held = NULL;
    auto_json json_t *body = sandbox_run_json(&run);
    assert_non_null(body);
    assert_int_equal(sandbox_run_from_json(body, &back, &held, NULL), 0);
    assert_int_equal(back.argc, 4);
    assert_int_equal(back.env_count, 2);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(back.argv[i], run.argv[i]);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(back.env[i], run.env[i]);
    assert_memory_equal(&back.limits, &run.limits, sizeof run.limits);
    assert_true(back.stream_output && back.record_reads && !back.read_only && !back.atomic_writes);
    assert_int_equal(back.mounts, 5);
    assert_string_equal(back.code_key, KEY);
    assert_int_equal(back.code_fd, 0); /* places in the order of the frame's descriptors */
    assert_int_equal(back.stdin_fd, -1);
    assert_int_equal(back.undo_fd, 1);
    assert_int_equal(back.http_fd, 2);
}

static int decode_run(json_t *body)
{
    struct sandbox_run back;
    auto_(sandbox_run_held) struct sandbox_run_held *held = NULL;
    return sandbox_run_from_json(body, &back, &held, NULL);
}

static void a_run_lacking_a_key_is_refused(void **state)
{
    (void)state;
    struct sandbox_run run = sample_run();
    auto_json json_t *whole = sandbox_run_json(&run);
    const char *key;
    json_t *value;
    json_object_foreach(whole, key, value)
    {
        auto_json json_t *cut = json_copy(whole);
        json_object_del(cut, key);
        if (decode_run(cut) >= 0)
            fail_msg("without '%s' it is taken", key);
        json_object_set_new(cut, key, json_real(0.5));
        if (decode_run(cut) >= 0)
            fail_msg("with a wrong '%s' it is taken", key);
    }
}

static void too_many_or_too_long_arguments_are_refused(void **state)
{
    (void)state;
    struct sandbox_run run = sample_run();
    auto_json json_t *body = sandbox_run_json(&run);
    for (size_t count = SANDBOX_ARGS_MAX - 1; count <= SANDBOX_ARGS_MAX + 1; count++) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(list, json_string("a"));
        json_object_set_new(body, "argv", list);
        assert_int_equal(decode_run(body) == 0, count <= SANDBOX_ARGS_MAX);
    }
    static char text[SANDBOX_ARGS_BYTES_MAX + 2];
    memset(text, 'a', sizeof text - 1);
    json_object_set_new(body, "env", json_array());
    json_object_set_new(body, "argv", json_pack("[s#]", text, (int)SANDBOX_ARGS_BYTES_MAX - 1));
    assert_int_equal(decode_run(body), 0);
    json_object_set_new(body, "argv", json_pack("[s#]", text, (int)SANDBOX_ARGS_BYTES_MAX));
    assert_true(decode_run(body) < 0);
    /* args and env are counted together, and an empty one has its NUL */
    json_object_set_new(body, "argv", json_pack("[s#]", text, (int)SANDBOX_ARGS_BYTES_MAX - 2));
    json_object_set_new(body, "env", json_pack("[s]", ""));
    assert_int_equal(decode_run(body), 0);
    json_object_set_new(body, "env", json_pack("[ss]", "", ""));
    assert_true(decode_run(body) < 0);
}

static void what_a_call_may_have_of_arguments_is_said_before_it_is_sent(void **state)
{
    (void)state;
    static const char *many[SANDBOX_ARGS_MAX + 1];
    static char text[SANDBOX_ARGS_BYTES_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = "a";
    struct fault f = {0};
    struct sandbox_run run = {
        .argv = many, .argc = SANDBOX_ARGS_MAX, .env = many, .env_count = SANDBOX_ARGS_MAX};
    assert_int_equal(sandbox_run_check(&run, &f), 0);
    run.argc++;
    assert_int_equal(sandbox_run_check(&run, &f), -FAULT_USAGE);
    assert_non_null(strstr(f.text, "1025 arguments"));
    run.argc--;
    run.env_count++;
    assert_int_equal(sandbox_run_check(&run, &f), -FAULT_USAGE);
    assert_non_null(strstr(f.text, "1025 environment variables"));
    memset(text, 'a', sizeof text - 1);
    const char *one = text + 1; /* one less than all, and its NUL */
    run = (struct sandbox_run){.argv = &one, .argc = 1};
    assert_int_equal(sandbox_run_check(&run, &f), 0);
    one = text;
    assert_int_equal(sandbox_run_check(&run, &f), -FAULT_USAGE);
    assert_non_null(strstr(f.text, "1048577 bytes"));
}

static void a_nul_in_an_argument_is_refused(void **state)
{
    (void)state;
    struct sandbox_run run = sample_run();
    auto_json json_t *body = sandbox_run_json(&run);
    json_object_set_new(body, "argv", json_pack("[s%]", "a\0b", (size_t)3));
    assert_true(decode_run(body) < 0);
    json_object_set_new(body, "argv", json_pack("[{s:s}]", "hex", "610062"));
    assert_true(decode_run(body) < 0);
    json_object_set_new(body, "argv", json_pack("[{s:s}]", "hex", "6162"));
    assert_int_equal(decode_run(body), 0);
    json_object_set_new(body, "argv", json_pack("[{s:s}]", "hex", "616"));
    assert_true(decode_run(body) < 0);
}

static void fill(struct sandbox_outcome *o)
{
    sandbox_outcome_init(o, 1024);
    o->stop = SANDBOX_MEMORY;
    o->exit_code = -7;
    strcpy(o->detail, "why");
    o->used = (struct sandbox_use){1, 2, 3, 4, 5, 6, 7, 8};
    o->touched = calloc(2, sizeof *o->touched);
    o->touched[0] = (struct sandbox_touch){SANDBOX_TOUCH_RENAME, strdup("/a"), strdup("/b\xff"), 3};
    o->touched[1] = (struct sandbox_touch){SANDBOX_TOUCH_CREATE, strdup("/c"), NULL, -1};
    o->touched_count = 2;
    o->refused = calloc(1, sizeof *o->refused);
    o->refused[0] =
        (struct sandbox_refusal){strdup("open"), strdup("/etc/shadow"), strdup("outside")};
    o->refused_count = 1;
    o->limits_hit = strdup("max_open_files,max_output_bytes");
    o->ended_by = "wasm_fuel";
    buf_add_z(&o->out, "out");
    buf_add_z(&o->err, "error");
    o->output_cut = true;
}

static void an_outcome_comes_back_as_it_went(void **state)
{
    (void)state;
    auto_done(sandbox_outcome) struct sandbox_outcome o, back;
    fill(&o);
    sandbox_outcome_init(&back, 5);
    auto_json json_t *body = sandbox_outcome_json(&o);
    assert_int_equal(sandbox_outcome_from_json(body, STR("outerror"), &back, NULL), 0);
    assert_int_equal(back.stop, SANDBOX_MEMORY);
    assert_int_equal(back.exit_code, -7);
    assert_string_equal(back.detail, "why");
    assert_memory_equal(&back.used, &o.used, sizeof o.used);
    assert_int_equal(back.touched_count, 2);
    assert_string_equal(back.touched[0].path_to, "/b\xff");
    assert_int_equal(back.touched[0].image, 3);
    assert_null(back.touched[1].path_to);
    assert_int_equal(back.touched[1].image, -1);
    assert_string_equal(back.refused[0].target, "/etc/shadow");
    assert_string_equal(back.limits_hit, "max_open_files,max_output_bytes");
    assert_string_equal(back.ended_by, "wasm_fuel");
    assert_string_equal(back.out.at, "out");
    assert_string_equal(back.err.at, "error");
    assert_true(back.output_cut);
}

/* A field replaced in a good outcome. */
static int decode_with(const char *key, own json_t *value, struct str raw)
{
    auto_done(sandbox_outcome) struct sandbox_outcome o, back;
    fill(&o);
    sandbox_outcome_init(&back, 5);
    auto_json json_t *body = sandbox_outcome_json(&o);
    json_object_set_new(body, key, value);
    return sandbox_outcome_from_json(body, raw, &back, NULL);
}

static void a_worker_cannot_claim_what_only_the_monitor_decides(void **state)
{
    (void)state;
    static const char *const refused[] = {"crash",         "quota",  "denied:fs", "denied:net",
                                          "denied:policy", "schema", "",          "EXIT"};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(decode_with("stop", json_string(refused[i]), STR("outerror")),
                         -FAULT_PROTOCOL);
    assert_int_equal(decode_with("stop", json_string("exit"), STR("outerror")), 0);
}

static void malformed_outcomes_are_refused(void **state)
{
    (void)state;
    const struct str raw = STR("outerror");
    json_t *many = json_array();
    for (int i = 0; i <= SANDBOX_TOUCHED_MAX; i++)
        json_array_append_new(many, json_pack("[i,s,n,i]", 0, "/a", -1));
    assert_int_equal(decode_with("touched", many, raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("touched", json_pack("[[i,s,n,i]]", 99, "/a", -1), raw),
                     -FAULT_PROTOCOL);
    assert_int_equal(decode_with("touched", json_pack("[[i,s,n,i]]", 0, "a", -1), raw),
                     -FAULT_PROTOCOL);
    assert_int_equal(decode_with("touched", json_pack("[[i,s,n]]", 0, "/a"), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("touched", json_pack("[[i,s,n,i]]", 0, "/a", -2), raw),
                     -FAULT_PROTOCOL);
    assert_int_equal(decode_with("touched", json_string("/a"), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("refused", json_pack("[[s,s]]", "a", "b"), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("limits_hit", json_string("no_such_limit"), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("ended_by", json_string("no_such_limit"), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("ended_by", json_integer(1), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("used", json_object(), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("exit_code", json_integer(INT64_MAX), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("out", json_integer(4), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("out", json_integer(-1), raw), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("err", json_integer(5), STR("out")), -FAULT_PROTOCOL);
    assert_int_equal(decode_with("err", json_integer(6), STR("outerror!")),
                     -FAULT_PROTOCOL); /* more than 5 asked for */
    assert_int_equal(decode_with("detail", json_null(), raw), -FAULT_PROTOCOL);
}

static void paths_are_made_normal(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"/", "/"},          {"//", "/"},
                                           {"/a//b/", "/a/b"},  {"/./a/.", "/a"},
                                           {"/a/../b", "/b"},   {"/../../etc", "/etc"},
                                           {"/a/b/../..", "/"}, {"/..a/.b", "/..a/.b"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_done(sandbox_outcome) struct sandbox_outcome o, back;
        fill(&o);
        free(o.touched[1].path);
        o.touched[1].path = strdup(cases[i][0]);
        sandbox_outcome_init(&back, 5);
        auto_json json_t *body = sandbox_outcome_json(&o);
        assert_int_equal(sandbox_outcome_from_json(body, STR("outerror"), &back, NULL), 0);
        assert_string_equal(back.touched[1].path, cases[i][1]);
    }
}

static void what_it_says_it_used_is_cut_to_what_it_could(void **state)
{
    (void)state;
    struct sandbox_limits l;
    limits_default(&l);
    auto_done(sandbox_outcome) struct sandbox_outcome o;
    sandbox_outcome_init(&o, 0);
    o.used = (struct sandbox_use){INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
                                  INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    sandbox_outcome_bound(&o, &l, 1000);
    assert_int_equal(o.used.fuel, l.wasm_fuel);
    assert_int_equal(o.used.wall_us, 1000);
    assert_int_equal(o.used.cpu_us, 1000);
    assert_int_equal(o.used.peak_memory, l.wasm_max_memory_size);
    assert_int_equal(o.used.written_bytes, l.max_write_bytes);
    assert_int_equal(o.used.created_files, l.max_created_files);
    assert_true(o.used.read_bytes < INT64_MAX && o.used.output_bytes < INT64_MAX);
}

static void a_detail_cannot_drive_a_terminal(void **state)
{
    (void)state;
    auto_done(sandbox_outcome) struct sandbox_outcome o, back;
    fill(&o);
    strcpy(o.detail, "red \x1b[31m\nline");
    sandbox_outcome_init(&back, 5);
    auto_json json_t *body = sandbox_outcome_json(&o);
    assert_int_equal(sandbox_outcome_from_json(body, STR("outerror"), &back, NULL), 0);
    assert_string_equal(back.detail, "red  [31m line");
}

static void exit_codes_are_those_of_the_contract(void **state)
{
    (void)state;
    assert_int_equal(sandbox_stop_exit_code(SANDBOX_EXIT, 0), 0);
    assert_int_equal(sandbox_stop_exit_code(SANDBOX_EXIT, 3), 8);
    assert_int_equal(sandbox_stop_exit_code(SANDBOX_TRAP, 0), 8);
    assert_int_equal(sandbox_stop_exit_code(SANDBOX_MEMORY, 0), 5);
    assert_int_equal(sandbox_stop_exit_code(SANDBOX_INVALID_MODULE, 0), 2);
    assert_int_equal(sandbox_stop_exit_code(SANDBOX_CANCEL, 0), 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_comes_back_as_it_went),
        cmocka_unit_test(a_run_lacking_a_key_is_refused),
        cmocka_unit_test(too_many_or_too_long_arguments_are_refused),
        cmocka_unit_test(what_a_call_may_have_of_arguments_is_said_before_it_is_sent),
        cmocka_unit_test(a_nul_in_an_argument_is_refused),
        cmocka_unit_test(an_outcome_comes_back_as_it_went),
        cmocka_unit_test(a_worker_cannot_claim_what_only_the_monitor_decides),
        cmocka_unit_test(malformed_outcomes_are_refused),
        cmocka_unit_test(paths_are_made_normal),
        cmocka_unit_test(what_it_says_it_used_is_cut_to_what_it_could),
        cmocka_unit_test(a_detail_cannot_drive_a_terminal),
        cmocka_unit_test(exit_codes_are_those_of_the_contract),
    };
    json_start(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
