/* A conflict often has a name: a later call of the same session changed the file again. Then there is something better to do
 * than to force. Looked for only when there is a conflict, in calls that this undo does not touch. */
#include "host/undo_private.h"

#include "host/state_private.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CALLS_MAX = 100000, BY_MAX = 20 };

struct search {
    const struct undo_dirs *dirs;
    struct undo_call *const *wanted;
    size_t count;
    json_t *by_path; /* own: path -> [conflict] */
};

static const struct undo_call *find_wanted(const struct search *s, const char *id)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->wanted[i]->id, id) == 0)
            return s->wanted[i];
    }
    return NULL;
}

static int add_id(json_t *conflict, const struct undo_call *c)
{
    size_t i;
    const json_t *id;
    json_t *by = json_object_get(conflict, "by");
    json_array_foreach(by, i, id)
    {
        if (strcmp(json_string_value(id), c->id) == 0)
            return 0;
    }
    if (json_array_size(by) >= BY_MAX)
        return 0;
    return json_array_append_new(by, json_string_nocheck(c->id)) < 0 ? -ENOMEM : 0;
}

static int note_path(const struct search *s, const struct undo_call *c, const char *path)
{
    size_t i;
    json_t *conflict;
    json_array_foreach(json_object_get(s->by_path, path), i, conflict)
    {
        const char *id = json_string_value(json_object_get(conflict, "call"));
        const struct undo_call *of = find_wanted(s, id);
        if (of != NULL && of->order < c->order && add_id(conflict, c) < 0)
            return -ENOMEM;
    }
    return 0;
}

static bool is_wanted(const struct search *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->wanted[i]->name, name) == 0)
            return true;
    }
    return false;
}

static int look_at_call(const char *file, unsigned char type, void *arg)
{
    const struct search *s = (const struct search *)arg;
    auto_(undo_call) struct undo_call *c = NULL;
    char name[STATE_NAME_SIZE];
    struct str stem = str_of(file), ending = STR(".mounts.json");
    struct fault ignored = {0};
    (void)type;
    if (!str_ends(stem, ending) || stem.len - ending.len >= sizeof(name))
        return 0;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(stem.len - ending.len), file);
    if (is_wanted(s, name))
        return 0;
    int r = undo_call_load(s->dirs, name, &c, &ignored);
    if (r != 0)
        return r == -ENOMEM ? r : 0;
    for (size_t i = 0; i < c->log.count; i++) {
        r = note_path(s, c, c->log.lines[i].path);
        if (r == 0 && c->log.lines[i].to != NULL)
            r = note_path(s, c, c->log.lines[i].to);
        if (r < 0)
            return r;
    }
    return 0;
}

int undo_name_later_calls(const struct undo_dirs *d, struct undo_call *const *wanted, size_t count,
                          json_t *conflicts)
{
    size_t i;
    json_t *conflict;
    auto_json json_t *by_path = json_object();
    if (by_path == NULL)
        return -ENOMEM;
    json_array_foreach(conflicts, i, conflict)
    {
        const char *path = json_string_value(json_object_get(conflict, "path"));
        json_t *list = json_object_get(by_path, path);
        if (list == NULL) {
            list = json_array();
            if (json_object_set_new(by_path, path, list) < 0)
                return -ENOMEM;
        }
        if (json_array_append(list, conflict) < 0)
            return -ENOMEM;
    }
    struct search s = {d, wanted, count, by_path};
    return os_list_dir(d->seal, CALLS_MAX, look_at_call, &s);
}
