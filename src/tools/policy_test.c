/* A test is read whole and checked before the first one runs, so that a mistake in the file is never taken for a policy that holds. */
#include "tools/policy_test.h"

#include "tools/guest_path.h"
#include "tools/json_walk.h"

#include <errno.h>
#include <stdio.h>

struct test {
    const char *name, *rule; /* rule: NULL = any */
    enum policy_verdict verdict;
    struct effect effect;
    const struct tool *tool; /* NULL = an effect by itself */
    const json_t *input;
};

struct reading {
    const struct policy_test_place *place;
    const char *file;
    size_t number;
    struct fault *fault;
};

static int bad(const struct reading *r, const char *what)
{
    return fault_set(r->fault, FAULT_CONFIG, "%s: test %zu: %s", r->file, r->number, what);
}

/* "Write(/a/b)" -> an effect on the path as it is decided about. */
static int read_effect(const struct reading *r, struct str text, bool recursive, struct effect *ret)
{
    struct str name = text, target = {0};
    char path[GUEST_PATH_MAX];
    bool changed;
    *ret = (struct effect){.recursive = recursive};
    if (!str_split(text, '(', &name, &target) || !str_ends(target, STR(")")) ||
        !effect_kind_find(name, &ret->kind))
        return bad(
            r,
            "\"effect\" must be Read(path), Write(path), Net(host:port), Exec(program args), Tool(name) or Spend(usd)");
    target.len--;
    if (target.len == 0 || target.len >= sizeof(ret->target) || memchr(target.at, '\0', target.len))
        return bad(r, "the target of \"effect\" must have 1 to 1023 bytes");
    if (ret->kind == EFFECT_READ || ret->kind == EFFECT_WRITE) {
        int why = guest_path_normalise(target, path, &changed);
        if (why)
            return bad(r, guest_path_why(why));
        target = str_of(path);
    }
    snprintf(ret->target, sizeof(ret->target), "%.*s", STR_FMT(target));
    return 0;
}

static int read_verdict(const struct reading *r, const json_t *said, enum policy_verdict *ret)
{
    for (int v = POLICY_ALLOW; json_is_string(said) && v <= POLICY_DENY; v++)
        if (str_is(json_view(said), policy_verdict_name((enum policy_verdict)v))) {
            *ret = (enum policy_verdict)v;
            return 0;
        }
    return bad(r, "\"verdict\" must be allow, ask or deny");
}

static int check_members(const struct reading *r, const json_t *said)
{
    static const char *const known[] = {"name",  "effect",  "recursive", "tool",
                                        "input", "verdict", "rule"};
    const char *key;
    json_t *value;
    if (!json_is_object(said))
        return bad(r, "it must be an object");
    json_object_foreach(json_loose(said), key, value)
    {
        size_t i = 0;
        while (i < ARRAY_LEN(known) && strcmp(known[i], key) != 0)
            i++;
        if (i == ARRAY_LEN(known))
            return bad(
                r,
                "its members are name, effect, recursive, tool, input, verdict, rule; nothing else");
        bool is_text = i != 2 && i != 4;
        if ((is_text && !json_is_string(value)) || (i == 2 && !json_is_boolean(value)) ||
            (i == 4 && !json_is_object(value)))
            return bad(r, i == 2   ? "\"recursive\" must be true or false"
                          : i == 4 ? "\"input\" must be an object"
                                   : "its members must be texts");
    }
    return 0;
}

static int read_test(const struct reading *r, const json_t *said, struct test *ret)
{
    int result = check_members(r, said);
    if (result < 0)
        return result;
    const json_t *effect = json_object_get(said, "effect"), *tool = json_object_get(said, "tool");
    *ret = (struct test){.name = json_string_value(json_object_get(said, "name")),
                         .rule = json_string_value(json_object_get(said, "rule")),
                         .input = json_object_get(said, "input")};
    if (!effect == !tool)
        return bad(r, "it must have either \"effect\" or \"tool\" with \"input\"");
    if ((result = read_verdict(r, json_object_get(said, "verdict"), &ret->verdict)) < 0)
        return result;
    if (effect)
        return read_effect(r, json_view(effect), json_is_true(json_object_get(said, "recursive")),
                           &ret->effect);
    ret->tool = r->place->registry ? registry_find(r->place->registry, json_view(tool)) : NULL;
    if (!ret->tool)
        return bad(r, "there is no such tool");
    return ret->input ? 0 : bad(r, "a test of a tool needs \"input\"");
}

/* As the desk decides: schema, effects, policy. */
static void decide_call(const struct policy_test_place *place, const struct test *t,
                        struct policy_decision *ret)
{
    struct effect *effects = calloc(CALL_EFFECTS_MAX, sizeof(*effects));
    struct schema_error error;
    struct fault why = {0};
    size_t count = 0;
    json_t *mapped = NULL;
    *ret = (struct policy_decision){.verdict = POLICY_DENY, .rule = "schema"};
    if (!effects) {
        snprintf(ret->why, sizeof(ret->why), "out of memory");
        return;
    }
    if (t->tool->input_schema && schema_validate(t->tool->input_schema, t->input, &error) != 0) {
        snprintf(ret->why, sizeof(ret->why), "the input does not fit the tool's schema: %.300s",
                 error.sentence);
    } else if (effects_of_call(t->tool, t->input, place->mounts, place->mount_count, effects,
                               CALL_EFFECTS_MAX, &count, &mapped, &why) < 0) {
        snprintf(ret->rule, sizeof(ret->rule), "outside-mounts");
        snprintf(ret->why, sizeof(ret->why), "%.500s", why.text);
    } else {
        policy_decide(place->policy, t->tool, effects, count, ret);
    }
    json_decref(mapped);
    free(effects);
}

static void run_test(const struct policy_test_place *place, const struct test *t, size_t number,
                     void (*each)(const struct policy_test_result *r, void *arg), void *arg)
{
    struct policy_test_result result = {.number = number, .name = t->name ? t->name : ""};
    if (t->tool)
        decide_call(place, t, &result.got);
    else
        (void)policy_on_effect(place->policy, &t->effect, &result.got);
    const struct policy_decision *got = &result.got;
    result.holds = got->verdict == t->verdict && (!t->rule || strcmp(t->rule, got->rule) == 0);
    if (!result.holds)
        snprintf(result.why, sizeof(result.why), "expected %s%s%.200s, found %s by %.200s: %.300s",
                 policy_verdict_name(t->verdict), t->rule ? " by " : "", t->rule ? t->rule : "",
                 policy_verdict_name(got->verdict), got->rule, got->why);
    each(&result, arg);
}

int policy_test(const struct policy_test_place *place, const char *file, struct str text,
                void (*each)(const struct policy_test_result *r, void *arg), void *arg,
                struct fault *reterr)
{
    struct fault unused_fault, *fault = reterr ? reterr : &unused_fault;
    struct reading r = {.place = place, .file = file, .fault = fault};
    auto_json json_t *value = NULL;
    struct test t;
    int result = json_parse_commented(text, (size_t)4 << 20, &value, fault);
    if (result < 0) {
        char said[sizeof(fault->text)];
        memcpy(said, fault->text, sizeof(said));
        return result == -FAULT_INPUT ? fault_set(fault, FAULT_CONFIG, "%s: %s", file, said)
                                      : result;
    }
    const json_t *tests = json_object_get(value, "tests");
    if (!json_is_array(tests) || json_object_size(value) != 1 ||
        json_array_size(tests) > POLICY_TESTS_MAX)
        return fault_set(fault, FAULT_CONFIG, "%s: must be {\"tests\":[...]} with at most %d tests",
                         file, POLICY_TESTS_MAX);
    for (r.number = 1; r.number <= json_array_size(tests); r.number++)
        if ((result = read_test(&r, json_array_get(tests, r.number - 1), &t)) < 0)
            return result;
    for (r.number = 1; r.number <= json_array_size(tests); r.number++)
        if (read_test(&r, json_array_get(tests, r.number - 1), &t) == 0)
            run_test(place, &t, r.number, each, arg);
    return 0;
}
