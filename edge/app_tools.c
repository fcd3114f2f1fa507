/* The registry of one process. A tool that is no good is named and left out; that is no reason not to start. */
#include "edge/app_tools.h"

#include "edge/safe.h"
#include "os/env.h"
#include "tools/command.h"

#include <errno.h>
#include <stdio.h>

void app_broken_tool(const char *path, const struct fault *why, void *arg)
{
    (void)arg;
    fputs("boxagnts: tool left out: ", stderr);
    safe_print_line(stderr, path);
    fputs(": ", stderr);
    safe_print_line(stderr, why->text);
    fputc('\n', stderr);
}

int app_open_tools(struct app *a, struct fault *reterr)
{
    struct tool *command = NULL;
    int r = registry_new(&a->registry);
    /* First: what is built in keeps its name. */
    if (r == 0)
        r = command_tool_new(&command, reterr);
    if (r == 0)
        r = registry_add(a->registry, command, reterr);
    auto_free char *built = NULL;
    if (r == 0 && asprintf(&built, "%s/../share/boxagnts/tools", a->bin_dir) < 0)
        r = -ENOMEM;
    if (r == 0)
        r = registry_add_dir(a->registry, built, app_broken_tool, a, reterr);
    const char *data_home = os_env("XDG_DATA_HOME"), *home = os_home();
    if (r == 0 && data_home && asprintf(&a->own_tools, "%s/boxagnts/tools", data_home) < 0)
        r = -ENOMEM;
    if (r == 0 && !data_home && home &&
        asprintf(&a->own_tools, "%s/.local/share/boxagnts/tools", home) < 0)
        r = -ENOMEM;
    if (r == 0 && a->own_tools)
        r = registry_add_dir(a->registry, a->own_tools, app_broken_tool, a, reterr);
    for (size_t i = 0; r == 0 && i < a->settings->tool_dir_count; i++)
        r = registry_add_dir(a->registry, a->settings->tool_dirs[i], app_broken_tool, a, reterr);
    return r;
}
