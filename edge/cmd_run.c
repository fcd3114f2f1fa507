/* boxagnts run: one task to its end. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/run_options.h"
#include "edge/tree.h"
#include "os/fd.h"

#include <stdio.h>
#include <string.h>

#define PROMPT_MAX ((size_t)1 << 20)

static const struct option_row *const tables[] = {options_run, options_policy, options_sandbox,
                                                  options_common, NULL};

static int cmd_run(const struct parsed *p, struct fault *reterr);

const struct command command_run = {
    .name = "run",
    .usage = "[PROMPT|-]",
    .summary = "do one task: the model plans, every step is decided, sandboxed and journalled",
    .text = "PROMPT is the task; - reads it from standard input. A script needs none.\n",
    .tables = tables,
    .run = cmd_run,
};

static int take_prompt(const struct parsed *p, struct buf *ret, struct fault *reterr)
{
    if (p->positional_count > 1)
        return fault_set(reterr, FAULT_USAGE, "run: one PROMPT only; put it in quotes");
    const char *model = option_value(p, OPT_MODEL);
    if (p->positional_count == 0) {
        if (model && strncmp(model, "script:", 7) == 0)
            return buf_add_z(ret, "Follow the script.");
        if (model && strncmp(model, "replay:", 7) == 0)
            return 0; /* it has its own */
        return fault_set(
            reterr, FAULT_USAGE,
            "run: no PROMPT; say what is to be done, or - to read it from standard input");
    }
    if (strcmp(p->positional[0], "-") != 0)
        return buf_add_z(ret, p->positional[0]);
    int r = os_read_all(0, ret);
    if (r == -FAULT_CAP)
        return fault_set(reterr, FAULT_USAGE, "run: the prompt is longer than 1 MiB");
    return r < 0 ? fault_sys(reterr, -r, "run: cannot read the prompt") : 0;
}

static int take_recorded(const struct app *app, const char *session, struct buf *ret,
                         struct fault *reterr)
{
    struct session_row row = {0};
    int r = session_find(app->state, str_of(session), &row, reterr);
    if (r == 0)
        r = buf_add_z(ret, row.prompt);
    session_row_done(&row);
    return r;
}

static int cmd_run(const struct parsed *p, struct fault *reterr)
{
    struct tree_config config;
    int r = run_options_take(p, &config, reterr);
    if (r < 0)
        return r;
    auto_done(buf) struct buf prompt;
    buf_init(&prompt, PROMPT_MAX);
    if ((r = take_prompt(p, &prompt, reterr)) < 0)
        return r;
    if (!utf8_valid(buf_str(&prompt)))
        return fault_set(reterr, FAULT_USAGE, "run: the prompt is not UTF-8");
    struct app app;
    r = app_open(&app, p, APP_MOUNTS | APP_STATE | APP_TOOLS, reterr);
    config.app = &app;
    config.prompt = buf_str(&prompt).at;
    if (r == 0 && prompt.len == 0 && config.model && strncmp(config.model, "replay:", 7) == 0)
        r = take_recorded(&app, config.model + 7, &prompt, reterr);
    config.prompt = buf_str(&prompt).at;
    if (!config.model)
        config.model = r == 0 ? app.settings->model : NULL;
    if (r == 0)
        r = tree_run(&config, reterr);
    app_done(&app);
    return r;
}
