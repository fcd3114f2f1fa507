/* What a call would do: a tool's effect rows over its validated arguments -> effects on normalised objects. The decision is made on what
 * comes out of here and the guest gets the same: an argument whose normalised path differs from its text is rewritten.
 *
 * Reading of an absolute path: one that equals a mount's host folder or lies below it is meant as that host path and is mapped to
 * the guest path (longest host folder first); every other one is a guest path ("/a.txt" is work_dir/a.txt). So where work_dir
 * itself holds a folder spelled like its own host path, the host reading wins.
 *
 * Lexical only. A link inside a mount that leads out is the sandbox's duty: it opens beneath a directory fd and answers ENOTCAPABLE. */
#include "tools/policy.h"

#include "base/buf.h"
#include "host/ledger.h"
#include "tools/guest_path.h"
#include "tools/json_walk.h"
#include "wire/net_pattern.h"

#include <errno.h>
#include <stdio.h>

struct reading {
    const struct tool *tool;
    const struct effect_mount *mounts;
    size_t mount_count;
    struct effect *effects;
    size_t max, count;
    json_t *mapped; /* copy of the arguments, made at the first rewrite */
    const json_t *arguments;
    struct fault *fault;
};

static int refuse(struct reading *r, const char *arg, struct str value, const char *why)
{
    char shown[120];
    size_t n = 0;
    for (size_t i = 0; i < value.len && n + 1 < sizeof shown; i++)
        shown[n++] = (unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f ? '?' : value.at[i];
    n = utf8_valid_prefix((struct str){shown, n});
    return fault_set(r->fault, FAULT_POLICY, "%s \"%.*s\" %s", arg ? arg : "target", (int)n, shown,
                     why);
}

static int add_effect(struct reading *r, const struct tool_effect *row, const char *target,
                      bool outside)
{
    if (r->count == r->max)
        return fault_set(r->fault, FAULT_POLICY, "the call has more than %zu effects", r->max);
    struct effect *e = &r->effects[r->count];
    *e = (struct effect){.kind = row->kind,
                         .recursive = row->recursive,
                         .outside_work_dir = outside,
                         .optional = row->optional};
    if ((size_t)snprintf(e->target, sizeof e->target, "%s", target) >= sizeof e->target)
        return refuse(r, row->arg, str_of(target), "is longer than 1023 bytes");
    for (size_t i = 0; i < r->count; i++)
        if (r->effects[i].kind == e->kind && r->effects[i].recursive == e->recursive &&
            strcmp(r->effects[i].target, e->target) == 0)
            return 0;
    r->count++;
    return 0;
}

/* --- paths --- */

static const struct effect_mount *mount_by_host(const struct reading *r, struct str path)
{
    const struct effect_mount *best = NULL;
    for (size_t i = 0; i < r->mount_count; i++) {
        const struct effect_mount *m = &r->mounts[i];
        if (m->host && guest_path_is_below(path, str_of(m->host)) &&
            (!best || strlen(m->host) > strlen(best->host)))
            best = m;
    }
    return best;
}

static const struct effect_mount *mount_by_guest(const struct reading *r, struct str path)
{
    const struct effect_mount *best = NULL;
    for (size_t i = 0; i < r->mount_count; i++) {
        const struct effect_mount *m = &r->mounts[i];
        if (guest_path_is_below(path, str_of(m->guest)) &&
            (!best || strlen(m->guest) > strlen(best->guest)))
            best = m;
    }
    return best;
}

/* text -> guest path; ret_mapped: the text was a host path. */
static int read_path(struct reading *r, const char *arg, struct str text, char ret[GUEST_PATH_MAX],
                     bool *ret_rewrite)
{
    int why = guest_path_normalise(text, ret, ret_rewrite);
    if (why)
        return refuse(r, arg, text, guest_path_why(why));
    const struct effect_mount *host = text.at[0] == '/' ? mount_by_host(r, str_of(ret)) : NULL;
    if (!host)
        return 0;
    char mapped[GUEST_PATH_MAX * 2], before[GUEST_PATH_MAX];
    memcpy(before, ret, strlen(ret) + 1);
    struct str rest = {ret + strlen(host->host), strlen(ret) - strlen(host->host)};
    if (strcmp(host->host, "/") == 0)
        rest = str_of(ret + 1);
    bool ignored;
    int n = snprintf(mapped, sizeof mapped, "%s/%.*s", host->guest, STR_FMT(rest));
    why = n < (int)sizeof mapped ? guest_path_normalise(str_of(mapped), ret, &ignored)
                                 : GUEST_PATH_TOO_LONG;
    if (why)
        return refuse(r, arg, text, guest_path_why(why));
    *ret_rewrite |= strcmp(before, ret) != 0;
    return 0;
}

static int path_effect(struct reading *r, const struct tool_effect *row, struct str text,
                       char ret[GUEST_PATH_MAX], bool *ret_rewrite)
{
    int result = read_path(r, row->arg, text, ret, ret_rewrite);
    if (result)
        return result;
    const struct effect_mount *m = mount_by_guest(r, str_of(ret));
    if (!m)
        return refuse(r, row->arg, text, "is outside of what this tool can see");
    return add_effect(r, row, ret, strcmp(m->guest, "/") != 0);
}

/* --- the other kinds --- */

static int net_effect(struct reading *r, const struct tool_effect *row, struct str text)
{
    char target[NET_TARGET_MAX], why[160];
    struct net_pattern p;
    bool is_url = false;
    for (size_t i = 0; i + 2 < text.len && !is_url; i++)
        is_url = memcmp(text.at + i, "://", 3) == 0;
    if (is_url) {
        int result = net_target_of_url(text, target, why);
        return result ? refuse(r, row->arg, text, why) : add_effect(r, row, target, false);
    }
    if (net_pattern_parse(text, false, &p, why) != 0)
        return refuse(r, row->arg, text, why);
    if (p.kind == NET_HOST_ANY || p.kind == NET_HOST_BELOW || p.port_any ||
        p.port_end != p.port_from + 1)
        return refuse(r, row->arg, text, "must be a URL or host:port");
    snprintf(target, sizeof target, "%.*s", STR_FMT(text));
    for (char *c = target; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    return add_effect(r, row, target, false);
}

/* Words of argv become one text; a word that a shell would read otherwise is quoted, so that it cannot pass for two. */
static int add_word(struct buf *out, struct str word)
{
    bool plain = word.len > 0;
    for (size_t i = 0; i < word.len; i++)
        plain &= (word.at[i] >= 'a' && word.at[i] <= 'z') ||
                 (word.at[i] >= 'A' && word.at[i] <= 'Z') ||
                 (word.at[i] >= '0' && word.at[i] <= '9') || strchr("_-./=:,+@%", word.at[i]);
    if (out->len)
        buf_add_c(out, ' ');
    if (plain)
        return buf_add_str(out, word);
    buf_add_c(out, '\'');
    for (size_t i = 0; i < word.len; i++)
        if (word.at[i] == '\'')
            buf_add_z(out, "'\\''");
        else
            buf_add_c(out, word.at[i]);
    return buf_add_c(out, '\'');
}

void effect_words(const json_t *words, struct buf *out)
{
    for (size_t i = 0; i < json_array_size(words); i++)
        if (json_is_string(json_array_get(words, i)))
            add_word(out, json_view(json_array_get(words, i)));
}

static int exec_effect(struct reading *r, const struct tool_effect *row, const json_t *value)
{
    struct buf line;
    buf_init(&line, sizeof r->effects->target - 1);
    if (json_is_string(value))
        buf_add_str(&line, json_view(value));
    effect_words(value, &line);
    int result = buf_error(&line);
    if (result == -FAULT_CAP)
        result = refuse(r, row->arg, buf_str(&line), "is longer than 1023 bytes");
    else if (result == 0 && memchr(buf_str(&line).at, 0, line.len))
        result = refuse(r, row->arg, buf_str(&line), "has a NUL in it");
    else if (result == 0)
        result = add_effect(r, row, buf_str(&line).at, false);
    buf_done(&line);
    return result;
}

static int text_effect(struct reading *r, const struct tool_effect *row, struct str text)
{
    char target[sizeof r->effects->target];
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < 0x20)
            return refuse(r, row->arg, text, "has control characters in it");
    if (text.len >= sizeof target)
        return refuse(r, row->arg, text, "is longer than 1023 bytes");
    snprintf(target, sizeof target, "%.*s", STR_FMT(text));
    return add_effect(r, row, target, false);
}

#define DOLLARS_MAX 1000000

static int number_effect(struct reading *r, const struct tool_effect *row, const json_t *value)
{
    int64_t pico = 0;
    int result = ledger_decimal_from_json(value, 12, DOLLARS_MAX * PICO_PER_USD, &pico);
    if (result == -EINVAL || result == -ERANGE)
        return refuse(r, row->arg, STR("the number"),
                      "is no amount of dollars: from 0 to 1000000, at most 15 digits");
    auto_free char *target = result == 0 ? ledger_usd_text(pico) : NULL;
    return target ? add_effect(r, row, target, false) : -ENOMEM;
}

/* --- rows --- */

/* One text of an argument; ret_rewritten: what the argument must become, or NULL. */
static int one_effect(struct reading *r, const struct tool_effect *row, const json_t *value,
                      own json_t **ret_rewritten)
{
    char path[GUEST_PATH_MAX];
    bool rewrite = false;
    *ret_rewritten = NULL;
    if (row->kind == EFFECT_EXEC)
        return exec_effect(r, row, value);
    if (row->kind == EFFECT_SPEND && json_is_number(value))
        return number_effect(r, row, value);
    if (!json_is_string(value))
        return fault_set(r->fault, FAULT_POLICY,
                         "%s must be text: it says what the call would reach",
                         row->arg ? row->arg : "the target");
    if (row->kind == EFFECT_NET)
        return net_effect(r, row, json_view(value));
    if (row->kind != EFFECT_READ && row->kind != EFFECT_WRITE)
        return text_effect(r, row, json_view(value));
    auto_free char *longer = NULL;
    if (row->suffix && asprintf(&longer, "%s%s", json_string_value(value), row->suffix) < 0)
        return -ENOMEM;
    int result = path_effect(r, row, longer ? str_of(longer) : json_view(value), path, &rewrite);
    if (result == 0 && rewrite && !longer) {
        *ret_rewritten = json_string(path);
        result = *ret_rewritten ? 0 : -ENOMEM;
    }
    return result;
}

static int rewrite_argument(struct reading *r, const char *arg, size_t index, bool in_list,
                            own json_t *value)
{
    if (!r->mapped)
        r->mapped = json_deep_copy(r->arguments);
    json_t *list = in_list ? json_object_get(r->mapped, arg) : NULL;
    if (!r->mapped) {
        json_decref(value);
        return -ENOMEM;
    }
    int failed = in_list ? json_array_set_new(list, index, value)
                         : json_object_set_new(r->mapped, arg, value);
    return failed ? -ENOMEM : 0;
}

static int argument_effects(struct reading *r, const struct tool_effect *row, const json_t *value)
{
    bool in_list = json_is_array(value) && row->kind != EFFECT_EXEC;
    size_t count = in_list ? json_array_size(value) : 1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        json_t *rewritten;
        result = one_effect(r, row, in_list ? json_array_get(value, i) : value, &rewritten);
        if (rewritten)
            result = rewrite_argument(r, row->arg, i, in_list, rewritten);
    }
    return result;
}

static int row_effects(struct reading *r, const struct tool_effect *row)
{
    const json_t *value = row->arg ? json_object_get(r->arguments, row->arg) : NULL;
    if (row->unless && json_is_true(json_object_get(r->arguments, row->unless)))
        return 0;
    if (value && !json_is_null(value))
        return argument_effects(r, row, value);
    if (!row->fallback)
        return 0;
    auto_json json_t *fixed = json_string(row->fallback);
    json_t *rewritten = NULL;
    if (!fixed)
        return -ENOMEM;
    int result = one_effect(r, row, fixed, &rewritten);
    json_decref(
        rewritten); /* a default is written by the manifest: there is no argument to change */
    return result;
}

int effects_of_call(const struct tool *tool, const json_t *arguments,
                    const struct effect_mount *mounts, size_t mount_count, struct effect *ret,
                    size_t max, size_t *ret_count, own json_t **ret_mapped_arguments,
                    struct fault *reterr)
{
    struct reading r = {.tool = tool,
                        .mounts = mounts,
                        .mount_count = mount_count,
                        .effects = ret,
                        .max = max,
                        .arguments = arguments,
                        .fault = reterr};
    int result = 0;
    for (size_t i = 0; result == 0 && i < tool->effect_count; i++)
        result = row_effects(&r, &tool->effects[i]);
    /* A tool that may do more than read but says not what: the call itself is the effect, and it asks. */
    if (result == 0 && r.count == 0 && !tool->read_only) {
        struct tool_effect whole = {.kind = EFFECT_TOOL};
        result = add_effect(&r, &whole, tool->name, false);
    }
    if (result) {
        json_decref(r.mapped);
        return result;
    }
    *ret_count = r.count;
    *ret_mapped_arguments = r.mapped;
    return 0;
}
