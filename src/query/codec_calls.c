/* Which call a piece belongs to is the service's to say, and some say it badly: no index, one index for all,
 * the name in every piece, no id. What is certain: another id is another call; a name after arguments that are
 * whole begins another one. A piece that is taken for the wrong call makes arguments that are no JSON, which is
 * an error result, never a run. */
#include "query/codec_parts.h"

#include <errno.h>
#include <stdio.h>

void calls_init(struct calls *c)
{
    c->count = c->bytes = c->emitted = 0;
}

static void drop(struct calls *c, size_t at)
{
    struct calls_slot *s = &c->slots[at];
    free(s->id);
    free(s->tool);
    c->bytes -= s->input.len;
    buf_done(&s->input);
    c->count--;
    memmove(s, s + 1, (c->count - at) * sizeof(*s));
}

void calls_done(struct calls *c)
{
    while (c->count > 0)
        drop(c, c->count - 1);
}

/* The last call with this index; the last of all when none is said. */
static struct calls_slot *find(struct calls *c, int64_t index)
{
    for (size_t i = c->count; i > 0; i--)
        if (index < 0 || c->slots[i - 1].index == index)
            return &c->slots[i - 1];
    return NULL;
}

static bool is_whole(const struct buf *input)
{
    auto_json json_t *value = NULL;
    return input->len > 0 && json_parse(buf_str(input), TURN_TEXT_MAX, &value, NULL) == 0;
}

static bool begins_another(const struct calls_slot *s, const struct calls_piece *p)
{
    if (p->id.len > 0 && *s->id)
        return !str_is(p->id, s->id);
    return p->tool.len > 0 && *s->tool && is_whole(&s->input);
}

/* The first word stands; a name or id that comes later fills what was empty. NULs and bad bytes are the service's slips. */
static int set_word(char **slot, struct str word)
{
    if (word.len == 0 || **slot)
        return 0;
    auto_json json_t *lossy = json_string_lossy(word);
    char *copy = lossy ? str_dup(str_of(json_string_value(lossy))) : NULL;
    if (!copy)
        return -ENOMEM;
    free(*slot);
    *slot = copy;
    return 0;
}

static int begin(struct calls *c, int64_t index, struct calls_slot **ret)
{
    if (c->count == TURN_CALLS_MAX)
        return -FAULT_CAP;
    struct calls_slot *s = &c->slots[c->count++]; /* calls_done() frees a half-built one */
    *s = (struct calls_slot){.index = index, .id = str_dup(STR("")), .tool = str_dup(STR(""))};
    buf_init(&s->input, TURN_TEXT_MAX);
    *ret = s;
    return s->id && s->tool ? 0 : -ENOMEM;
}

int calls_add(struct calls *c, const struct calls_piece *p)
{
    struct calls_slot *s = find(c, p->index);
    int r = 0;
    if (!s || begins_another(s, p))
        r = begin(c, p->index, &s);
    if (r == 0)
        r = set_word(&s->id, p->id);
    if (r == 0)
        r = set_word(&s->tool, p->tool);
    if (r < 0)
        return r;
    if (p->replaces) {
        c->bytes -= s->input.len;
        buf_reset(&s->input);
    }
    if (p->input.len > TURN_TEXT_MAX - c->bytes)
        return -FAULT_CAP;
    if ((r = buf_add_str(&s->input, p->input)) == 0)
        c->bytes += p->input.len;
    return r;
}

/* An id that is missing, or that an earlier call of this answer has, is replaced: results are told apart by it. */
static bool needs_id(const struct calls *c, const struct calls_slot *s)
{
    bool is_taken = false;
    for (const struct calls_slot *before = c->slots; before < s; before++)
        is_taken = is_taken || strcmp(before->id, s->id) == 0;
    return !*s->id || is_taken;
}

static int emit(struct calls *c, const struct calls_slot *s, query_sink sink, void *arg)
{
    char made[32];
    int n = snprintf(made, sizeof(made), "call_%zu", c->emitted++);
    struct str id = needs_id(c, s) ? (struct str){made, (size_t)n} : str_of(s->id);
    int r = sink(&(struct query_event){.kind = QUERY_CALL, .id = id, .tool = str_of(s->tool)}, arg);
    if (r == 0 && s->input.len > 0)
        r = sink(&(struct query_event){.kind = QUERY_INPUT, .text = buf_str(&s->input)}, arg);
    return r == 0 ? sink(&(struct query_event){.kind = QUERY_BLOCK_END}, arg) : r;
}

int calls_emit_at(struct calls *c, int64_t index, query_sink sink, void *arg)
{
    struct calls_slot *s = find(c, index);
    if (!s)
        return 0;
    int r = emit(c, s, sink, arg);
    drop(c, (size_t)(s - c->slots));
    return r;
}

int calls_emit(struct calls *c, query_sink sink, void *arg)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < c->count; i++)
        r = emit(c, &c->slots[i], sink, arg);
    calls_done(c);
    return r;
}
