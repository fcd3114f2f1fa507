/* The registry of one process. A tool that is no good is named and left out; that is no reason not to start. */
#include "edge/app_tools.h"

#include "edge/safe.h"
#include "os/env.h"
#include "os/notify.h"
#include "tools/command.h"
#include "tools/tool_index.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void app_broken_tool(const char *path, const struct fault *why, void *arg)
{
    (void)arg;
    fputs("boxagnts: tool left out: ", stderr);
    safe_print_line(stderr, path);
    fputs(": ", stderr);
    safe_print_line(stderr, why->text);
    fputc('\n', stderr);
}

/* The folder, or what is there of the way to it: then its next part is waited for. */
static int watch_way(int fd, const char *folder)
{
    auto_free char *path = str_dup(str_of(folder));
    if (!path)
        return -ENOMEM;
    int r = os_notify_add(fd, path, OS_NOTIFY_ALL);
    while (r == -ENOENT || r == -ENOTDIR) {
        char *slash = strrchr(path, '/');
        if (!slash || strcmp(path, "/") == 0)
            return r;
        slash[slash == path] = 0; /* "/a" -> "/" */
        r = os_notify_add(fd, path, OS_NOTIFY_NEW_NAMES);
    }
    return r;
}

void app_watch_folder(const struct app *a, const char *folder)
{
    if (a->tools_notify_fd >= 0)
        (void)!watch_way(a->tools_notify_fd, folder);
}

/* Watched first, read second: what comes in between is an event. */
static int add_folder(struct app *a, const char *folder, struct fault *reterr)
{
    app_watch_folder(a, folder);
    return registry_add_dir(a->registry, folder, app_broken_tool, a, reterr);
}

int app_open_tools(struct app *a, struct fault *reterr)
{
    struct tool *command = NULL;
    int r = registry_new(&a->registry);
    int notify = os_notify_new();
    a->tools_notify_fd = notify < 0 ? -1 : notify; /* without it tools stay as they are */
    if (r == 0 && a->state)
        r = tool_index_open(state_cache_dir(a->state), state_install_key(a->state), &a->tool_index);
    if (r == 0)
        registry_set_index(a->registry, a->tool_index);
    /* First: what is built in keeps its name. */
    if (r == 0)
        r = command_tool_new(&command, reterr);
    if (r == 0)
        r = registry_add(a->registry, command, reterr);
    auto_free char *built = NULL;
    if (r == 0 && asprintf(&built, "%s/../share/boxagnts/tools", a->bin_dir) < 0)
        r = -ENOMEM;
    if (r == 0)
        r = add_folder(a, built, reterr);
    const char *data_home = os_env("XDG_DATA_HOME"), *home = os_home();
    if (r == 0 && data_home && asprintf(&a->own_tools, "%s/boxagnts/tools", data_home) < 0)
        r = -ENOMEM;
    if (r == 0 && !data_home && home &&
        asprintf(&a->own_tools, "%s/.local/share/boxagnts/tools", home) < 0)
        r = -ENOMEM;
    if (r == 0 && a->own_tools)
        r = add_folder(a, a->own_tools, reterr);
    for (size_t i = 0; r == 0 && i < a->settings->tool_dir_count; i++)
        r = add_folder(a, a->settings->tool_dirs[i], reterr);
    if (r == 0 && a->tool_index)
        tool_index_save(a->tool_index);
    return r;
}
