/* inotify says that something changed, the registry says what. Looking costs time that grows with the number of tools, and whoever
 * writes into a folder decides how often: so it is done before a turn and before a call, where it is needed, and otherwise for at most
 * a twentieth of the time, on a timer. */
#include "edge/tool_watch.h"

#include "edge/app_tools.h"
#include "os/clock.h"
#include "os/notify.h"

#include <errno.h>
#include <string.h>

#define REST_FACTOR 20

struct tool_watch {
    struct app *app;
    struct tool_watch_events events;
    int notify_fd;                     /* own; -1 = folders cannot be watched here */
    struct os_watch *readable, *timer; /* own */
    bool is_due;
    int64_t rest_until_ns; /* monotonic */
};

static void watch_folders(const struct tool_watch *w)
{
    const struct registry *r = w->app->registry;
    for (size_t i = 0; i < registry_folder_count(r); i++)
        app_watch_folder(w->app, registry_folder(r, i));
}

/* Watched first, looked at second: what comes in between is an event. */
static void look(struct tool_watch *w)
{
    const struct registry_events events = {w->events.on_broken, w->events.on_change, w->events.arg};
    struct fault why = {0};
    size_t changes = 0;
    int64_t begun_ns = os_now_mono_ns();
    w->is_due = false;
    watch_folders(w);
    int r = registry_reload(w->app->registry, &events, &changes, &why);
    if (r < 0 && w->events.on_broken)
        w->events.on_broken("the tools stay as they are", &why, w->events.arg);
    if (changes && w->events.on_settled)
        w->events.on_settled(w->events.arg);
    int64_t now_ns = os_now_mono_ns();
    w->rest_until_ns = now_ns + (now_ns - begun_ns) * REST_FACTOR;
}

static void on_timer(void *arg)
{
    struct tool_watch *w = arg;
    if (w->is_due)
        look(w);
}

static bool is_due(struct tool_watch *w)
{
    if (w->app->tools_notify_fd >= 0 && os_notify_drain(w->app->tools_notify_fd) == 1)
        w->is_due = true;
    return w->is_due;
}

void tool_watch_look(struct tool_watch *w)
{
    if (w && is_due(w))
        look(w);
}

void tool_watch_look_now(struct tool_watch *w)
{
    if (w)
        look(w);
}

static void on_readable(int fd, unsigned events, void *arg)
{
    (void)fd;
    (void)events;
    struct tool_watch *w = arg;
    if (is_due(w) && os_now_mono_ns() >= w->rest_until_ns)
        look(w);
    else if (w->is_due)
        os_watch_set_timer(w->timer, w->rest_until_ns);
}

int tool_watch_new(struct app *app, struct os_loop *loop, const struct tool_watch_events *events,
                   own struct tool_watch **ret, struct fault *reterr)
{
    auto_(tool_watch) struct tool_watch *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    *w = (struct tool_watch){.app = app, .events = *events};
    int r = os_loop_watch_timer(loop, INT64_MAX, on_timer, w, &w->timer);
    if (r == 0 && w->app->tools_notify_fd >= 0)
        r = os_loop_watch_fd(loop, w->app->tools_notify_fd, OS_READ, on_readable, w, &w->readable);
    if (r < 0)
        return fault_sys(reterr, -r, "cannot watch the folders of tools");
    tool_watch_look(w); /* what happened since the folders were read */
    *ret = take(w);
    return 0;
}

void tool_watch_free(own struct tool_watch *w)
{
    if (!w)
        return;
    os_watch_free(w->readable);
    os_watch_free(w->timer);
    free(w);
}
