/* The input was validated before: its properties are those of the schema. What no argv can carry was refused by the parser (NUL). */
#include "tools/invoke.h"

#include "base/buf.h"
#include "sandbox/run/run.h"
#include "tools/json_walk.h"

#include <errno.h>

struct words {
    char **at; /* own */
    size_t count, bytes;
    struct fault *fault;
};

static int add(struct words *w, own char *word)
{
    if (!word)
        return -ENOMEM;
    w->bytes += strlen(word) + 1;
    if (w->count == SANDBOX_ARGS_MAX || w->bytes > SANDBOX_ARGS_BYTES_MAX) {
        free(word);
        return fault_set(w->fault, FAULT_SCHEMA,
                         "the arguments are more than %d words or %zu bytes of command line",
                         SANDBOX_ARGS_MAX, SANDBOX_ARGS_BYTES_MAX);
    }
    w->at[w->count++] = word;
    return 0;
}

/* "--name" with dashes for underscores; "=value" when there is one. */
static int add_property(struct words *w, const char *name, const json_t *value)
{
    auto_done(buf) struct buf word;
    buf_init(&word, SANDBOX_ARGS_BYTES_MAX + JSON_SIZE_MAX);
    if (json_is_false(value) || json_is_null(value))
        return 0;
    buf_add_z(&word, "--");
    for (; *name; name++)
        buf_add_c(&word, *name == '_' ? '-' : *name);
    if (!json_is_true(value))
        buf_add_c(&word, '=');
    int r = 0;
    if (json_is_string(value))
        r = buf_add_str(&word, json_view(value));
    else if (!json_is_true(value))
        r = json_print(value, &word);
    return r < 0 ? r : add(w, buf_take(&word));
}

static int add_properties(struct words *w, const json_t *input)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_loose(input), name, value)
    {
        int r = add_property(w, name, value);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_args(struct words *w, const json_t *input)
{
    const json_t *args = json_object_get(input, "args"), *one;
    size_t i;
    json_array_foreach(args, i, one)
    {
        int r = json_is_string(one) ? add(w, str_dup(json_view(one))) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int tool_argv(const struct tool *t, const json_t *input, own char ***ret, size_t *ret_count,
              struct fault *reterr)
{
    size_t room = t->invoke == INVOKE_STDIN ? 1 : SANDBOX_ARGS_MAX;
    struct words w = {.at = calloc(room + 1, sizeof(char *)), .fault = reterr};
    if (!w.at)
        return -ENOMEM;
    int r = add(&w, str_dup(str_of(t->name)));
    if (r == 0 && t->invoke == INVOKE_ARGV)
        r = add_properties(&w, input);
    if (r == 0 && t->invoke == INVOKE_WORDS)
        r = add_args(&w, input);
    if (r < 0) {
        tool_argv_free(w.at);
        return r;
    }
    *ret = w.at;
    *ret_count = w.count;
    return 0;
}

void tool_argv_free(own char **argv)
{
    for (char **word = argv; argv && *word; word++)
        free(*word);
    free(argv);
}
