/* Manifest, arguments and effects of the tool `command`. */
#include "tools/command.h"

#include "base/buf.h"
#include "base/digest.h"
#include "tools/json_walk.h"

#include <errno.h>
#include <stdio.h>

static const char manifest[] =
    "{\"name\":\"command\",\"version\":\"1\",\"description\":"
    "\"Run one native program (make, pytest, git status, npm test, cc) in a process jail: read-only system folders, the work "
    "folder under its own name, a private /tmp, no network but what hosts names, limits on time, memory, processes and disk. argv is the program and "
    "its words, passed as they are; there is no shell, unless argv names one. Relative paths are from cwd (default: the work "
    "folder). The result has the output and the exit code; nothing that the program started outlives the call.\","
    "\"input_schema\":{\"type\":\"object\",\"properties\":{"
    "\"argv\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":100000},\"minItems\":1,\"maxItems\":1000,"
    "\"description\":\"program and words, e.g. [\\\"git\\\",\\\"status\\\"]\"},"
    "\"cwd\":{\"type\":\"string\",\"description\":\"folder to start in; / is the work folder\"},"
    "\"stdin\":{\"type\":\"string\",\"description\":\"text for its standard input\"},"
    "\"env\":{\"type\":\"object\",\"maxProperties\":100,\"propertyNames\":{\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\"},"
    "\"additionalProperties\":{\"type\":\"string\",\"maxLength\":100000},"
    "\"description\":\"variables for it; a call that sets some is decided on by itself\"},"
    "\"timeout\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":86400,\"description\":\"seconds; can only shorten\"},"
    "\"read_only\":{\"type\":\"boolean\",\"description\":\"the folders are read-only for this call\"},"
    "\"loopback\":{\"type\":\"boolean\",\"description\":\"127.0.0.1 works within the jail\"},"
    "\"hosts\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":300},\"maxItems\":16,"
    "\"description\":\"what it must reach, as host:port or URL, e.g. [\\\"pypi.org:443\\\"]; decided on one by one. It gets there by "
    "HTTP_PROXY and HTTPS_PROXY only, http and https\"}},"
    "\"required\":[\"argv\"],\"additionalProperties\":false},"
    "\"annotations\":{\"read_only\":false,\"destructive\":true,\"idempotent\":false,\"open_world\":true},"
    "\"effects\":[{\"effect\":\"Exec\",\"arg\":\"argv\"},{\"effect\":\"Read\",\"arg\":\"cwd\",\"default\":\"/\"},"
    "{\"effect\":\"Read\",\"target\":\"/\",\"recursive\":true},{\"effect\":\"Net\",\"arg\":\"hosts\"}]}";

int command_tool_new(own struct tool **ret, struct fault *reterr)
{
    struct tool *t = NULL;
    struct digest d;
    int r = tool_from_manifest(STR(manifest), &t, reterr);
    if (r < 0)
        return r;
    digest_sha256(manifest, sizeof(manifest) - 1, &d);
    digest_hex(&d, t->sha256);
    t->origin = "built in";
    t->is_native = true;
    *ret = t;
    return 0;
}

static int read_env(const json_t *env, struct command_call *c)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_loose(env), name, value)
    {
        must(c->env_count < COMMAND_ENV_MAX); /* by the schema */
        if (asprintf(&c->env[c->env_count], "%s=%s", name, json_string_value(value)) < 0)
            return -ENOMEM;
        c->env_count++;
    }
    return 0;
}

int command_call_read(const json_t *input, struct command_call *ret, struct fault *reterr)
{
    const json_t *argv = json_object_get(input, "argv"), *cwd = json_object_get(input, "cwd"),
                 *text = json_object_get(input, "stdin"), *time = json_object_get(input, "timeout");
    *ret = (struct command_call){.cwd = cwd ? json_string_value(cwd) : "/",
                                 .stdin_text = text ? json_view(text) : STR(""),
                                 .timeout_ns = INT64_MAX,
                                 .read_only = json_is_true(json_object_get(input, "read_only")),
                                 .loopback = json_is_true(json_object_get(input, "loopback"))};
    for (size_t i = 0; i < json_array_size(argv); i++)
        ret->argv[ret->argc++] = json_string_value(json_array_get(argv, i));
    if (ret->argv[0][0] == '\0')
        return fault_set(reterr, FAULT_SCHEMA, "argv[0] is empty: it names the program");
    if (time) {
        ret->timeout_ns = (int64_t)(json_number_value(time) * 1e9);
        if (ret->timeout_ns < 1)
            ret->timeout_ns = 1;
    }
    int r = read_env(json_object_get(input, "env"), ret);
    if (r < 0)
        command_call_done(ret);
    return r;
}

void command_call_done(struct command_call *c)
{
    for (size_t i = 0; i < c->env_count; i++)
        free(c->env[i]);
    c->env_count = 0;
}

/* NAME='value' in front of the words, by the quoting of effects.c: made from a list of words, as Exec is. */
static int add_env_effect(const json_t *env, struct effect *effects, size_t max, size_t *count,
                          struct fault *reterr)
{
    const struct effect *plain = NULL;
    for (size_t i = 0; i < *count; i++)
        if (effects[i].kind == EFFECT_EXEC)
            plain = &effects[i];
    if (!plain || *count == max)
        return fault_set(reterr, FAULT_POLICY, "the call has more than %zu effects", max);
    auto_json json_t *words = json_array();
    const char *name;
    json_t *value;
    json_object_foreach(json_loose(env), name, value)
    {
        auto_free char *word = NULL;
        if (asprintf(&word, "%s=%s", name, json_string_value(value)) < 0 || !words ||
            json_array_append_new(words, json_string(word)))
            return -ENOMEM;
    }
    auto_done(buf) struct buf line;
    buf_init(&line, sizeof(plain->target) - 1);
    effect_words(words, &line);
    (void)!buf_addf(&line, " %s", plain->target);
    if (buf_error(&line) < 0)
        return fault_set(reterr, FAULT_POLICY,
                         "argv and env together are longer than 1023 bytes: put them into a file");
    struct effect *e = &effects[*count];
    *e = (struct effect){.kind = EFFECT_EXEC};
    (void)snprintf(e->target, sizeof(e->target), "%s", buf_str(&line).at);
    (*count)++;
    return 0;
}

int command_effects(const struct policy *policy, const struct tool *tool, const json_t *input,
                    bool has_writable, bool can_ask, struct effect *effects, size_t max,
                    size_t *count, bool *ret_is_narrowed, struct fault *reterr)
{
    const json_t *env = json_object_get(input, "env");
    struct policy_decision d;
    *ret_is_narrowed = false;
    if (json_object_size(env) > 0) {
        int r = add_env_effect(env, effects, max, count, reterr);
        if (r < 0)
            return r;
    }
    if (!has_writable || json_is_true(json_object_get(input, "read_only")))
        return 0;
    if (*count == max)
        return fault_set(reterr, FAULT_POLICY, "the call has more than %zu effects", max);
    struct effect *write = &effects[*count];
    *write = (struct effect){.kind = EFFECT_WRITE, .target = "/", .recursive = true};
    policy_decide(policy, tool, write, 1, &d);
    if (d.verdict == POLICY_ALLOW || (d.verdict == POLICY_ASK && can_ask))
        (*count)++;
    else
        *ret_is_narrowed = true;
    return 0;
}
