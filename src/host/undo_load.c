/* What calls of a session have left to undo, newest first. */
#include "host/state_private.h"
#include "host/undo_private.h"

#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CALLS_MAX = 100000 };

struct loading {
    const struct undo_dirs *dirs;
    const char *only;
    struct undo_list list;
    struct fault *fault;
};

void undo_list_done(struct undo_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        undo_call_free(l->calls[i]);
    free(l->calls);
    *l = (struct undo_list){0};
}

static int keep_call(struct undo_list *l, struct undo_call *c)
{
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : 16, bytes = 0;
        struct undo_call **more =
            size_mul(room, sizeof(struct undo_call *), &bytes) ? realloc(l->calls, bytes) : NULL;
        if (more == NULL) {
            undo_call_free(c);
            return -ENOMEM;
        }
        l->calls = more;
        l->room = room;
    }
    l->calls[l->count++] = c;
    return 0;
}

static int load_named(const char *file, unsigned char type, void *arg)
{
    struct loading *l = (struct loading *)arg;
    struct undo_call *c = NULL;
    char name[STATE_NAME_SIZE];
    struct str stem = str_of(file), ending = STR(".mounts.json");
    (void)type;
    if (!str_ends(stem, ending) || stem.len - ending.len >= sizeof(name))
        return 0;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(stem.len - ending.len), file);
    if (l->only != NULL && strcmp(l->only, name) != 0)
        return 0;
    int r = undo_call_load(l->dirs, name, &c, l->fault);
    if (r != 0)
        return r < 0 ? r : 0;
    if (c->log.count == 0) {
        undo_call_free(c);
        return 0;
    }
    return keep_call(&l->list, c);
}

static int newer_first(const void *a, const void *b)
{
    const struct undo_call *x = *(struct undo_call *const *)a, *y = *(struct undo_call *const *)b;
    if (x->order != y->order)
        return x->order < y->order ? 1 : -1;
    return strcmp(y->name, x->name);
}

int undo_list_load(const struct undo_dirs *d, const char *only, struct undo_list *ret,
                   struct fault *reterr)
{
    struct loading l = {.dirs = d, .only = only, .fault = reterr};
    int r = os_list_dir(d->seal, CALLS_MAX, load_named, &l);
    if (r < 0) {
        undo_list_done(&l.list);
        return r;
    }
    if (l.list.count > 1)
        qsort(l.list.calls, l.list.count, sizeof(struct undo_call *), newer_first);
    *ret = l.list;
    return 0;
}

bool undo_has_same_mounts(const struct undo_call *a, const struct undo_call *b)
{
    return json_equal(json_object_get(a->record, "mounts"), json_object_get(b->record, "mounts")) ==
           1;
}
