/* What a run leaves behind for its receipt: limits met, refusals, touches; and the small set of objects
 * that need no image any more. All of it is bounded: a guest can ask for the same wrong thing for ever. */
#include "sandbox/wasi/inside.h"

#include <stdio.h>

enum { TARGET_MAX = 512 };

/* dir and path joined, cut at a UTF-8 border so that a flood of long names stays small. */
static char *join_target(const char *real_dir, const char *path)
{
    char text[TARGET_MAX];
    const char *slash = path[0] == '/' || path[0] == '\0' ? "" : "/";
    int n = snprintf(text, sizeof(text), "%s%s%s", path[0] == '/' ? "" : real_dir, slash, path);
    if (n <= 0)
        return strdup("/");
    struct str all = {text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1};
    text[utf8_valid_prefix(all)] = '\0';
    return strdup(text);
}

void wasi_note_refusal(struct wasi *w, const char *op, const char *real_dir, const char *path,
                       const char *why)
{
    if (w->refusal_count == WASI_REFUSALS_MAX)
        return;
    if (w->refusals == NULL)
        w->refusals = calloc(WASI_REFUSALS_MAX, sizeof(*w->refusals));
    char *target = w->refusals != NULL ? join_target(real_dir, path) : NULL;
    if (target == NULL)
        return;
    for (size_t i = 0; i < w->refusal_count; i++) {
        struct refusal *r = &w->refusals[i];
        if (strcmp(r->op, op) == 0 && strcmp(r->why, why) == 0 && strcmp(r->target, target) == 0) {
            free(target);
            return;
        }
    }
    w->refusals[w->refusal_count++] = (struct refusal){.op = op, .target = target, .why = why};
}

static uint64_t touch_hash(enum wasi_touch_op op, const char *path)
{
    uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)op;
    for (; *path != '\0'; path++)
        h = (h ^ (unsigned char)*path) * UINT64_C(1099511628211);
    return h ^ h >> 29;
}

static uint32_t *touch_slot(struct wasi *w, enum wasi_touch_op op, const char *path)
{
    size_t at = touch_hash(op, path) & (w->touch_index_cap - 1);
    for (;; at = (at + 1) & (w->touch_index_cap - 1)) {
        uint32_t *slot = &w->touch_index[at];
        if (*slot == 0)
            return slot;
        const struct touch *t = &w->touches[*slot - 1];
        if (t->op == op && strcmp(t->path, path) == 0)
            return slot;
    }
}

static bool touches_grow(struct wasi *w)
{
    size_t cap = w->touch_cap == 0 ? 16 : w->touch_cap * 2;
    struct touch *more = realloc(w->touches, cap * sizeof(*more));
    if (more == NULL)
        return false;
    w->touches = more;
    uint32_t *index = calloc(cap * 2, sizeof(*index));
    if (index == NULL)
        return false;
    free(w->touch_index);
    w->touch_index = index;
    w->touch_index_cap = cap * 2;
    w->touch_cap = cap;
    for (size_t i = 0; i < w->touch_count; i++)
        *touch_slot(w, w->touches[i].op, w->touches[i].path) = (uint32_t)i + 1;
    return true;
}

void wasi_note_touch(struct wasi *w, enum wasi_touch_op op, const char *real, const char *real_to,
                     int image)
{
    const char *path = real[0] != '\0' ? real : "/";
    if (w->touch_index_cap != 0 && *touch_slot(w, op, path) != 0)
        return; /* one per path and op; the first image is the state before the run */
    if (w->touch_count == WASI_TOUCHES_MAX ||
        (w->touch_count == w->touch_cap && !touches_grow(w))) {
        w->touches_dropped++;
        return;
    }
    struct touch t = {.op = op, .path = strdup(path), .image = image};
    if (real_to != NULL)
        t.path_to = strdup(real_to);
    if (t.path == NULL || (real_to != NULL && t.path_to == NULL)) {
        free(t.path);
        free(t.path_to);
        w->touches_dropped++;
        return;
    }
    *touch_slot(w, op, path) = (uint32_t)w->touch_count + 1;
    w->touches[w->touch_count++] = t;
}

uint32_t wasi_exit_code(const struct wasi *w)
{
    return w->exit_code;
}

const struct wasi_use *wasi_used(const struct wasi *w)
{
    return &w->use;
}

const char *wasi_limits_hit(const struct wasi *w)
{
    return w->limits_text;
}

size_t wasi_touch_count(const struct wasi *w)
{
    return w->touch_count;
}

size_t wasi_touches_dropped(const struct wasi *w)
{
    return w->touches_dropped;
}

void wasi_touch_at(const struct wasi *w, size_t i, enum wasi_touch_op *op, const char **path,
                   const char **path_to, int *image)
{
    must(i < w->touch_count);
    *op = w->touches[i].op;
    *path = w->touches[i].path;
    *path_to = w->touches[i].path_to;
    *image = w->touches[i].image;
}

size_t wasi_refusal_count(const struct wasi *w)
{
    return w->refusal_count;
}

void wasi_refusal_at(const struct wasi *w, size_t i, const char **op, const char **target,
                     const char **why)
{
    must(i < w->refusal_count);
    *op = w->refusals[i].op;
    *target = w->refusals[i].target;
    *why = w->refusals[i].why;
}

/* --- a small set of objects --- */

static struct id_slot *id_slot(const struct id_set *s, struct file_id id)
{
    uint64_t h = (id.ino ^ id.dev << 32) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t at = (h >> 20) & (s->cap - 1);; at = (at + 1) & (s->cap - 1))
        if (!s->slots[at].is_used || file_id_eq(s->slots[at].id, id))
            return &s->slots[at];
}

int id_set_add(struct id_set *s, struct file_id id, int image)
{
    if (s->count * 2 >= s->cap) {
        struct id_set more = {.cap = s->cap == 0 ? 16 : s->cap * 2};
        more.slots = calloc(more.cap, sizeof(*more.slots));
        if (more.slots == NULL)
            return -ENOMEM;
        for (size_t i = 0; i < s->cap; i++) {
            if (!s->slots[i].is_used || s->slots[i].is_gone)
                continue;
            *id_slot(&more, s->slots[i].id) = s->slots[i];
            more.count++;
        }
        free(s->slots);
        *s = more;
    }
    struct id_slot *slot = id_slot(s, id);
    s->count += slot->is_used ? 0 : 1;
    *slot = (struct id_slot){.id = id, .image = image, .is_used = true};
    return 0;
}

bool id_set_has(const struct id_set *s, struct file_id id, int *ret_image)
{
    if (s->cap == 0)
        return false;
    const struct id_slot *slot = id_slot(s, id);
    if (!slot->is_used || slot->is_gone)
        return false;
    *ret_image = slot->image;
    return true;
}

void id_set_remove(struct id_set *s, struct file_id id)
{
    if (s->cap == 0)
        return;
    struct id_slot *slot = id_slot(s, id);
    if (slot->is_used)
        slot->is_gone = true;
}
