/* The wire forms of a run and of its outcome, both directions of each, so that worker and monitor cannot drift.
 * Stands on both sides of the border: the worker decodes what the monitor asks, the monitor decodes what a worker
 * claims, and neither believes the other. A decoder takes exactly what the encoder writes; anything else is a
 * fault, never a guess. Strings that are not UTF-8 (arguments, paths) travel as {"hex": "..."}. */
#include "sandbox/run/run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

enum {
    PATHS_BYTES_MAX = 8 << 20, /* all touched paths of an outcome together; beyond, the list ends */
    TEXT_MAX = 512,
};

/* --- strings of any bytes --- */

static own json_t *bytes_json(struct str s)
{
    if (utf8_valid(s) && (s.len == 0 || !memchr(s.at, 0, s.len)))
        return json_stringn(s.at, s.len);
    auto_free char *hex = malloc(2 * s.len + 1);
    if (!hex)
        return NULL;
    hex_encode(s.at, s.len, hex);
    return json_pack("{s:s}", "hex", hex);
}

/* ret own, NUL-terminated; a NUL inside, or more than max bytes, is a fault. */
static int bytes_from_json(const json_t *value, size_t max, own char **ret, struct fault *reterr)
{
    auto_free char *copy = NULL;
    size_t len;
    if (json_is_string(value)) {
        len = json_string_length(value);
        if (len <= max && !(copy = str_dup((struct str){json_string_value(value), len})))
            return -ENOMEM;
    } else {
        struct str hex;
        if (!json_is_object(value) || json_object_size(value) != 1 ||
            json_get_str(value, "hex", &hex, NULL) != 0)
            return fault_set(reterr, FAULT_PROTOCOL, "a string is expected");
        len = hex.len / 2;
        if (len <= max) {
            if (!(copy = malloc(len + 1)))
                return -ENOMEM;
            copy[len] = '\0';
            if (hex_decode(hex, copy, len) < 0)
                return fault_set(reterr, FAULT_PROTOCOL, "hex digits are expected");
        }
    }
    if (!copy || memchr(copy, 0, len))
        return fault_set(reterr, FAULT_PROTOCOL, "a string is too long or holds a NUL");
    *ret = take(copy);
    return 0;
}

static bool set_new(json_t *object, const char *key, own json_t *value)
{
    return json_object_set_new(object, key, value) == 0; /* NULL value fails, too */
}

/* --- what is asked --- */

static own json_t *list_json(const char *const *list, size_t count)
{
    auto_json json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (json_array_append_new(array, bytes_json(str_of(list[i]))) < 0)
            return NULL;
    return take(array);
}

static int check_list(const char *const *list, size_t count, const char *what, size_t *bytes,
                      struct fault *reterr)
{
    if (count > SANDBOX_ARGS_MAX)
        return fault_set(reterr, FAULT_USAGE, "%zu %s: a call has at most %d", count, what,
                         SANDBOX_ARGS_MAX);
    for (size_t i = 0; i < count; i++)
        *bytes += strlen(list[i]) + 1; /* no overflow: they are in memory */
    return 0;
}

int sandbox_run_check(const struct sandbox_run *run, struct fault *reterr)
{
    size_t bytes = 0;
    int r = check_list(run->argv, run->argc, "arguments", &bytes, reterr);
    if (r == 0)
        r = check_list(run->env, run->env_count, "environment variables", &bytes, reterr);
    if (r < 0 || bytes <= SANDBOX_ARGS_BYTES_MAX)
        return r;
    return fault_set(reterr, FAULT_USAGE,
                     "arguments and environment of %zu bytes: a call has at most %zu", bytes,
                     SANDBOX_ARGS_BYTES_MAX);
}

own json_t *sandbox_run_json(const struct sandbox_run *run)
{
    auto_json json_t *o = json_object();
    bool ok = o && set_new(o, "argv", list_json(run->argv, run->argc)) &&
              set_new(o, "env", list_json(run->env, run->env_count)) &&
              set_new(o, "limits", limits_json(&run->limits)) &&
              set_new(o, "stream_output", json_boolean(run->stream_output)) &&
              set_new(o, "mounts", json_integer(run->mounts)) &&
              set_new(o, "read_only", json_boolean(run->read_only)) &&
              set_new(o, "record_reads", json_boolean(run->record_reads)) &&
              set_new(o, "atomic_writes", json_boolean(run->atomic_writes)) &&
              set_new(o, "code", json_string(run->code_key)) &&
              set_new(o, "code_fd", json_boolean(run->code_fd >= 0)) &&
              set_new(o, "stdin_fd", json_boolean(run->stdin_fd >= 0)) &&
              set_new(o, "undo_fd", json_boolean(run->undo_fd >= 0)) &&
              set_new(o, "http_fd", json_boolean(run->http_fd >= 0));
    return ok ? take(o) : NULL;
}

struct sandbox_run_held {
    char **argv, **env; /* own */
    size_t argc, env_count;
    char code_key[65];
};

void sandbox_run_held_free(own struct sandbox_run_held *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->argc; i++)
        free(h->argv[i]);
    for (size_t i = 0; i < h->env_count; i++)
        free(h->env[i]);
    free(h->argv);
    free(h->env);
    free(h);
}

/* bytes_left bounds argv and env together. */
static int list_from_json(const json_t *body, const char *key, size_t *bytes_left, char ***ret,
                          size_t *ret_count, struct fault *reterr)
{
    const json_t *array;
    int r = json_get_array(body, key, &array, reterr);
    if (r != 0)
        return r < 0 ? r : fault_set(reterr, FAULT_INPUT, "run: '%s' is missing", key);
    size_t count = json_array_size(array);
    if (count > SANDBOX_ARGS_MAX)
        return fault_set(reterr, FAULT_INPUT, "run: '%s' has more than %d entries", key,
                         SANDBOX_ARGS_MAX);
    *ret = calloc(count + 1, sizeof **ret);
    if (!*ret)
        return -ENOMEM;
    for (; *ret_count < count; ++*ret_count) {
        if (*bytes_left == 0)
            return fault_set(reterr, FAULT_INPUT, "run: '%s' is too long", key);
        r = bytes_from_json(json_array_get(array, *ret_count), *bytes_left - 1, &(*ret)[*ret_count],
                            reterr);
        if (r < 0)
            return r;
        *bytes_left -= strlen((*ret)[*ret_count]) + 1;
    }
    return 0;
}

static int flag_from_json(const json_t *body, const char *key, bool *ret, struct fault *reterr)
{
    int r = json_get_bool(body, key, ret, reterr);
    return r == JSON_ABSENT ? fault_set(reterr, FAULT_INPUT, "run: '%s' is missing", key) : r;
}

static int flags_from_json(const json_t *body, struct sandbox_run *ret, struct fault *reterr)
{
    bool code_fd = false, stdin_fd = false, undo_fd = false, http_fd = false;
    const struct {
        const char *key;
        bool *at;
    } flags[] = {{"stream_output", &ret->stream_output},
                 {"read_only", &ret->read_only},
                 {"record_reads", &ret->record_reads},
                 {"atomic_writes", &ret->atomic_writes},
                 {"code_fd", &code_fd},
                 {"stdin_fd", &stdin_fd},
                 {"undo_fd", &undo_fd},
                 {"http_fd", &http_fd}};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        int r = flag_from_json(body, flags[i].key, flags[i].at, reterr);
        if (r < 0)
            return r;
    }
    int next = 0;
    ret->code_fd = code_fd ? next++ : -1;
    ret->stdin_fd = stdin_fd ? next++ : -1;
    ret->undo_fd = undo_fd ? next++ : -1;
    ret->http_fd = http_fd ? next++ : -1;
    return 0;
}

static int key_from_json(const json_t *body, char ret[65], struct fault *reterr)
{
    struct str key = {0};
    uint8_t bytes[32];
    int r = json_get_str(body, "code", &key, reterr);
    if (r < 0)
        return r;
    if (r == JSON_ABSENT || key.len != 64 || hex_decode(key, bytes, sizeof bytes) < 0)
        return fault_set(reterr, FAULT_INPUT, "run: 'code' is not 64 hex digits");
    memcpy(ret, key.at, 64);
    ret[64] = '\0';
    return 0;
}

int sandbox_run_from_json(const json_t *body, struct sandbox_run *ret,
                          own struct sandbox_run_held **ret_held, struct fault *reterr)
{
    struct sandbox_run run = {.code_fd = -1, .stdin_fd = -1, .undo_fd = -1, .http_fd = -1};
    auto_(sandbox_run_held) struct sandbox_run_held *held = calloc(1, sizeof *held);
    if (!held)
        return -ENOMEM;
    size_t bytes_left = SANDBOX_ARGS_BYTES_MAX;
    int64_t mounts = 0;
    const json_t *limits;
    int r = list_from_json(body, "argv", &bytes_left, &held->argv, &held->argc, reterr);
    if (r == 0)
        r = list_from_json(body, "env", &bytes_left, &held->env, &held->env_count, reterr);
    if (r == 0)
        r = flags_from_json(body, &run, reterr);
    if (r == 0)
        r = key_from_json(body, held->code_key, reterr);
    if (r == 0 && (r = json_get_i64(body, "mounts", 0, UINT32_MAX, &mounts, reterr)) == JSON_ABSENT)
        r = fault_set(reterr, FAULT_INPUT, "run: 'mounts' is missing");
    if (r == 0 && (r = json_get_object(body, "limits", &limits, reterr)) == JSON_ABSENT)
        r = fault_set(reterr, FAULT_INPUT, "run: 'limits' is missing");
    if (r == 0)
        r = limits_from_json(limits, &run.limits, reterr);
    if (r < 0)
        return r;
    run.argv = (const char *const *)held->argv;
    run.argc = held->argc;
    run.env = (const char *const *)held->env;
    run.env_count = held->env_count;
    run.mounts = (uint32_t)mounts;
    run.code_key = held->code_key;
    *ret = run;
    *ret_held = take(held);
    return 0;
}

/* --- what came of it --- */

static const struct {
    const char *key;
    size_t offset;
} use_rows[] = {
    {"fuel", offsetof(struct sandbox_use, fuel)},
    {"wall_us", offsetof(struct sandbox_use, wall_us)},
    {"cpu_us", offsetof(struct sandbox_use, cpu_us)},
    {"peak_memory", offsetof(struct sandbox_use, peak_memory)},
    {"output_bytes", offsetof(struct sandbox_use, output_bytes)},
    {"read_bytes", offsetof(struct sandbox_use, read_bytes)},
    {"written_bytes", offsetof(struct sandbox_use, written_bytes)},
    {"created_files", offsetof(struct sandbox_use, created_files)},
};

static own json_t *use_json(const struct sandbox_use *u)
{
    auto_json json_t *o = json_object();
    for (size_t i = 0; o && i < ARRAY_LEN(use_rows); i++) {
        const int64_t *at = (const int64_t *)(const void *)((const char *)u + use_rows[i].offset);
        if (!set_new(o, use_rows[i].key, json_integer(*at)))
            return NULL;
    }
    return take(o);
}

static int use_from_json(const json_t *o, struct sandbox_use *ret, struct fault *reterr)
{
    for (size_t i = 0; i < ARRAY_LEN(use_rows); i++) {
        int64_t *at = (int64_t *)(void *)((char *)ret + use_rows[i].offset);
        int r = json_get_i64(o, use_rows[i].key, 0, INT64_MAX, at, reterr);
        if (r != 0)
            return r < 0 ? r
                         : fault_set(reterr, FAULT_PROTOCOL, "used: '%s' is missing",
                                     use_rows[i].key);
    }
    return 0;
}

static own json_t *touched_json(const struct sandbox_outcome *o)
{
    auto_json json_t *array = json_array();
    size_t bytes = 0;
    for (size_t i = 0; array && i < o->touched_count && i < SANDBOX_TOUCHED_MAX; i++) {
        const struct sandbox_touch *t = &o->touched[i];
        bytes += strlen(t->path) + (t->path_to ? strlen(t->path_to) : 0);
        if (bytes > PATHS_BYTES_MAX)
            break;
        json_t *row =
            json_pack("[i,o,o,i]", (int)t->op, bytes_json(str_of(t->path)),
                      t->path_to ? bytes_json(str_of(t->path_to)) : json_null(), t->image);
        if (json_array_append_new(array, row) < 0)
            return NULL;
    }
    return take(array);
}

/* A path as the guest sees it, lexically normal: absolute, no empty part, no "." and no ".." above the root. Done in
 * place; the worker may claim anything, the receipt shows only paths of this form. */
static int normalise_path(char *path)
{
    if (path[0] != '/')
        return -EINVAL;
    char *to = path;
    for (const char *at = path; *at;) {
        while (*at == '/')
            at++;
        size_t len = strcspn(at, "/");
        if (len == 2 && at[0] == '.' && at[1] == '.') {
            while (to > path && *--to != '/')
                ;
        } else if (len > 0 && !(len == 1 && at[0] == '.')) {
            *to++ = '/';
            memmove(to, at, len);
            to += len;
        }
        at += len;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
    return 0;
}

static int path_from_json(const json_t *value, char **ret, struct fault *reterr)
{
    int r = bytes_from_json(value, SANDBOX_PATH_MAX, ret, reterr);
    if (r < 0)
        return r;
    if (normalise_path(*ret) < 0)
        return fault_set(reterr, FAULT_PROTOCOL, "touched: a path is not absolute");
    return 0;
}

static int touch_from_json(const json_t *row, struct sandbox_touch *ret, struct fault *reterr)
{
    const json_t *op = json_array_get(row, 0), *to = json_array_get(row, 2),
                 *image = json_array_get(row, 3);
    if (json_array_size(row) != 4 || !json_is_integer(op) || json_integer_value(op) < 0 ||
        json_integer_value(op) > SANDBOX_TOUCH_READ || !json_is_integer(image) ||
        json_integer_value(image) < -1 || json_integer_value(image) > INT_MAX)
        return fault_set(reterr, FAULT_PROTOCOL, "touched: an entry is malformed");
    ret->op = (enum sandbox_touch_op)json_integer_value(op);
    ret->image = (int)json_integer_value(image);
    int r = path_from_json(json_array_get(row, 1), &ret->path, reterr);
    if (r == 0 && !json_is_null(to))
        r = path_from_json(to, &ret->path_to, reterr);
    return r;
}

static int touched_from_json(const json_t *body, struct sandbox_outcome *ret, struct fault *reterr)
{
    const json_t *array;
    int r = json_get_array(body, "touched", &array, reterr);
    if (r != 0)
        return r < 0 ? r : fault_set(reterr, FAULT_PROTOCOL, "outcome: 'touched' is missing");
    size_t count = json_array_size(array);
    if (count > SANDBOX_TOUCHED_MAX)
        return fault_set(reterr, FAULT_PROTOCOL, "outcome: too many touched files");
    if (count > 0 && !(ret->touched = calloc(count, sizeof *ret->touched)))
        return -ENOMEM;
    for (size_t i = 0; i < count && r == 0; i++) {
        ret->touched_count++; /* counted first: done() frees half an entry, too */
        r = touch_from_json(json_array_get(array, i), &ret->touched[i], reterr);
    }
    return r;
}

static own json_t *refused_json(const struct sandbox_outcome *o)
{
    auto_json json_t *array = json_array();
    for (size_t i = 0; array && i < o->refused_count && i < SANDBOX_REFUSED_MAX; i++) {
        const struct sandbox_refusal *f = &o->refused[i];
        json_t *row = json_pack("[o,o,o]", bytes_json(str_of(f->op)), bytes_json(str_of(f->target)),
                                bytes_json(str_of(f->why)));
        if (json_array_append_new(array, row) < 0)
            return NULL;
    }
    return take(array);
}

static int refused_from_json(const json_t *body, struct sandbox_outcome *ret, struct fault *reterr)
{
    const json_t *array;
    int r = json_get_array(body, "refused", &array, reterr);
    if (r != 0)
        return r < 0 ? r : fault_set(reterr, FAULT_PROTOCOL, "outcome: 'refused' is missing");
    size_t count = json_array_size(array);
    if (count > SANDBOX_REFUSED_MAX)
        return fault_set(reterr, FAULT_PROTOCOL, "outcome: too many refusals");
    if (count > 0 && !(ret->refused = calloc(count, sizeof *ret->refused)))
        return -ENOMEM;
    for (size_t i = 0; i < count && r == 0; i++) {
        const json_t *row = json_array_get(array, i);
        struct sandbox_refusal *f = &ret->refused[i];
        ret->refused_count++;
        if (json_array_size(row) != 3)
            return fault_set(reterr, FAULT_PROTOCOL, "refused: an entry is malformed");
        r = bytes_from_json(json_array_get(row, 0), TEXT_MAX, &f->op, reterr);
        if (r == 0)
            r = bytes_from_json(json_array_get(row, 1), SANDBOX_PATH_MAX, &f->target, reterr);
        if (r == 0)
            r = bytes_from_json(json_array_get(row, 2), TEXT_MAX, &f->why, reterr);
    }
    return r;
}

own json_t *sandbox_outcome_json(const struct sandbox_outcome *o)
{
    auto_json json_t *body = json_object();
    struct str detail = str_of(o->detail);
    detail.len = utf8_valid_prefix(detail);
    bool ok = body && set_new(body, "stop", json_string(sandbox_stop_name(o->stop))) &&
              set_new(body, "exit_code", json_integer(o->exit_code)) &&
              set_new(body, "detail", json_stringn(detail.at, detail.len)) &&
              set_new(body, "used", use_json(&o->used)) &&
              set_new(body, "touched", touched_json(o)) &&
              set_new(body, "refused", refused_json(o)) &&
              set_new(body, "ended_by", json_string(o->ended_by ? o->ended_by : "")) &&
              set_new(body, "limits_hit", json_string(o->limits_hit ? o->limits_hit : "")) &&
              set_new(body, "out", json_integer((json_int_t)o->out.len)) &&
              set_new(body, "err", json_integer((json_int_t)o->err.len)) &&
              set_new(body, "cut", json_boolean(o->output_cut));
    return ok ? take(body) : NULL;
}

/* What a worker can have seen with its own eyes. The others are decided, or noticed, by the monitor. */
static int stop_from_json(const json_t *body, enum sandbox_stop *ret, struct fault *reterr)
{
    static const enum sandbox_stop own_stops[] = {
        SANDBOX_EXIT,  SANDBOX_FUEL, SANDBOX_TIMEOUT, SANDBOX_MEMORY,
        SANDBOX_STACK, SANDBOX_TRAP, SANDBOX_CANCEL,  SANDBOX_INVALID_MODULE};
    struct str name = {0};
    int r = json_get_str(body, "stop", &name, reterr);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(own_stops); i++) {
        if (str_is(name, sandbox_stop_name(own_stops[i]))) {
            *ret = own_stops[i];
            return 0;
        }
    }
    return fault_set(reterr, FAULT_PROTOCOL, "outcome: 'stop' is no end that a worker reports");
}

/* Text for people: control characters would reach a terminal. */
static void copy_text(char *ret, size_t size, struct str text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;
    len = utf8_valid_prefix((struct str){text.at, len});
    memcpy(ret, text.at, len);
    ret[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)ret[i] < 0x20 || ret[i] == 0x7f)
            ret[i] = ' ';
}

static int ended_by_from_json(const json_t *body, const char **ret, struct fault *reterr)
{
    struct str key = {0};
    int r = json_get_str(body, "ended_by", &key, reterr);
    if (r != 0)
        return r < 0 ? r : fault_set(reterr, FAULT_PROTOCOL, "outcome: 'ended_by' is missing");
    const struct limit_row *row = key.len > 0 ? limits_find(key) : NULL;
    if (key.len > 0 && !row)
        return fault_set(reterr, FAULT_PROTOCOL, "outcome: 'ended_by' names no limit");
    *ret = row ? row->key : NULL;
    return 0;
}

static int limits_hit_from_json(const json_t *body, char **ret, struct fault *reterr)
{
    struct str text = {0};
    int r = json_get_str(body, "limits_hit", &text, reterr);
    if (r < 0)
        return r;
    for (struct str rest = text; rest.len > 0;) {
        struct str key = rest;
        if (!str_split(rest, ',', &key, &rest))
            rest = (struct str){"", 0};
        if (!limits_find(key))
            return fault_set(reterr, FAULT_PROTOCOL, "outcome: 'limits_hit' names no limit");
    }
    if (text.len > 1024)
        return fault_set(reterr, FAULT_PROTOCOL, "outcome: 'limits_hit' is too long");
    if (text.len > 0 && !(*ret = str_dup(text)))
        return -ENOMEM;
    return 0;
}

static int output_from_json(const json_t *body, struct str raw, struct sandbox_outcome *ret,
                            struct fault *reterr)
{
    int64_t out = -1, err = -1;
    int r = json_get_i64(body, "out", 0, (int64_t)raw.len, &out, reterr);
    if (r == 0)
        r = json_get_i64(body, "err", 0, (int64_t)raw.len, &err, reterr);
    if (r == 0)
        r = json_get_bool(body, "cut", &ret->output_cut, reterr);
    if (r < 0)
        return r;
    if (r > 0 || (uint64_t)out + (uint64_t)err != raw.len)
        return fault_set(reterr, FAULT_PROTOCOL, "outcome: the output is not as long as announced");
    r = buf_add(&ret->out, raw.at, (size_t)out);
    if (r == 0)
        r = buf_add(&ret->err, raw.at + out, (size_t)err);
    return r == -FAULT_CAP
               ? fault_set(reterr, FAULT_PROTOCOL, "outcome: more output than was asked for")
               : r;
}

static int outcome_parts(const json_t *body, struct str raw, struct sandbox_outcome *ret,
                         struct fault *reterr)
{
    int64_t exit_code = 0;
    struct str detail = {0};
    const json_t *used;
    int r = stop_from_json(body, &ret->stop, reterr);
    if (r == 0)
        r = json_get_i64(body, "exit_code", INT_MIN, INT_MAX, &exit_code, reterr);
    if (r == 0)
        r = json_get_str(body, "detail", &detail, reterr);
    if (r == 0)
        r = json_get_object(body, "used", &used, reterr);
    if (r > 0)
        return fault_set(reterr, FAULT_PROTOCOL, "outcome: a key is missing");
    if (r == 0)
        r = use_from_json(used, &ret->used, reterr);
    if (r == 0)
        r = touched_from_json(body, ret, reterr);
    if (r == 0)
        r = refused_from_json(body, ret, reterr);
    if (r == 0)
        r = ended_by_from_json(body, &ret->ended_by, reterr);
    if (r == 0)
        r = limits_hit_from_json(body, &ret->limits_hit, reterr);
    if (r == 0)
        r = output_from_json(body, raw, ret, reterr);
    ret->exit_code = (int)exit_code;
    copy_text(ret->detail, sizeof ret->detail, detail.at ? detail : (struct str){"", 0});
    return r;
}

int sandbox_outcome_from_json(const json_t *body, struct str raw, struct sandbox_outcome *ret,
                              struct fault *reterr)
{
    int r = outcome_parts(body, raw, ret, reterr);
    if (r == -FAULT_INPUT) {
        if (reterr)
            reterr->code = FAULT_PROTOCOL;
        return -FAULT_PROTOCOL;
    }
    return r;
}
