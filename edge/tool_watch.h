/* Tools that come, change and go while a session runs. The folders of the registry are watched; what is found there is taken between
 * two calls, as a whole. A call under way keeps the tool that it began with. */
#pragma once

#include "edge/app.h"
#include "os/loop.h"

struct tool_watch; /* opaque */

struct tool_watch_events {
    registry_change_fn on_change;  /* one name; was NULL: new, is NULL: gone */
    void (*on_settled)(void *arg); /* after the last on_change of a look: the table has changed */
    registry_broken_fn on_broken;  /* told once for each state of a file */
    void *arg;
};

/* Looks once at the beginning, so that nothing is missed between app_open() and now. Where folders cannot be watched, they are looked at
 * only then. */
must_use int tool_watch_new(struct app *app, struct os_loop *loop,
                            const struct tool_watch_events *events, own struct tool_watch **ret,
                            struct fault *reterr);
void tool_watch_free(own struct tool_watch *w);
DEFINE_FREEP(tool_watch, struct tool_watch);
/* Takes what has changed, if anything has: before a call or a turn is begun. NULL is fine. */
void tool_watch_look(struct tool_watch *w);
/* Looks in any case: the module of a tool is not what the table says. */
void tool_watch_look_now(struct tool_watch *w);
