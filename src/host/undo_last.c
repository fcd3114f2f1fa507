/* "The last n calls" is a moving target: an undo of three that was killed after the first would, run again, take three others. So
 * the names of the calls that are meant are written down before the first step, and an undo of the last n that finds such a list
 * goes on with it, whatever n is now. */
#include "host/undo_private.h"

#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>

#define PLAN "undo.last"
enum { PLAN_MAX = 32 << 20 };

static int read_plan(const struct undo_dirs *d, json_t **ret)
{
    auto_done(buf) struct buf text;
    buf_init(&text, PLAN_MAX);
    auto_close int fd = undo_open_regular(d->session, PLAN);
    if (fd < 0)
        return fd == -ENOENT ? 1 : fd;
    int r = os_read_all(fd, &text);
    return r < 0 ? r : json_parse(buf_str(&text), PLAN_MAX, ret, NULL);
}

static bool is_in(const json_t *plan, const char *name)
{
    return json_object_get(plan, name) != NULL;
}

static size_t keep_planned(const json_t *plan, struct undo_call **calls, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_in(plan, calls[i]->name))
            calls[kept++] = calls[i];
        else
            undo_call_free(calls[i]);
    }
    return kept;
}

static bool has_planned(const json_t *plan, struct undo_call *const *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_in(plan, calls[i]->name))
            return true;
    }
    return false;
}

int undo_last_choose(const struct undo_dirs *d, size_t last, struct undo_call **calls,
                     size_t *count)
{
    auto_json json_t *plan = NULL;
    int r = read_plan(d, &plan);
    if (r < 0)
        return r;
    if (r == 0 && has_planned(plan, calls, *count)) {
        *count = keep_planned(plan, calls, *count);
        return 0;
    }
    while (*count > last)
        undo_call_free(calls[--*count]);
    return 0;
}

int undo_last_begin(const struct undo_dirs *d, struct undo_call *const *calls, size_t count)
{
    auto_json json_t *plan = json_object();
    auto_done(buf) struct buf text;
    buf_init(&text, PLAN_MAX);
    for (size_t i = 0; i < count; i++) {
        if (json_object_set_new(plan, calls[i]->name, json_true()) < 0)
            return -ENOMEM;
    }
    int r = plan == NULL ? -ENOMEM : json_print(plan, &text);
    if (r == 0)
        r = buf_error(&text);
    return r < 0 ? r : os_write_file_at(d->session, PLAN, buf_str(&text), 0600, true);
}

int undo_last_end(const struct undo_dirs *d)
{
    int r = os_unlink_at(d->session, PLAN, 0);
    return r == -ENOENT ? 0 : r;
}
