/* boxagnts run: one task to its end. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/tree.h"
#include "os/clock.h"
#include "os/fd.h"

#include <stdio.h>
#include <string.h>

#define PROMPT_MAX ((size_t)1 << 20)

static const struct option_row options_run[] = {
    {OPT_MODEL, "model", 'm', OPTION_VALUE, "P/M|script:FILE",
     "who plans: PROVIDER/NAME, or a script"},
    {OPT_OUTPUT, "output", 'o', OPTION_VALUE, "FORM", "text (default), json, stream-json"},
    {OPT_MAX_TURNS, "max-turns", 0, OPTION_VALUE, "N", "model turns at most (default 50)"},
    {OPT_MAX_TOOL_CALLS, "max-tool-calls", 0, OPTION_VALUE, "N",
     "tool calls at most (default 500)"},
    {OPT_BUDGET, "total-budget-usd", 0, OPTION_VALUE, "X",
     "money at most, the whole tree (default 5.00)"},
    {OPT_TIMEOUT, "timeout", 0, OPTION_VALUE, "D", "time at most: seconds, or with ms, s, m, h"},
    {0},
};
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

static int cmd_run(const struct parsed *p, struct fault *reterr)
{
    struct tree_config config = {.model = option_value(p, OPT_MODEL),
                                 .timeout_ns = INT64_MAX,
                                 .started_ns = os_now_mono_ns()};
    const char *timeout = option_value(p, OPT_TIMEOUT), *output = option_value(p, OPT_OUTPUT);
    if (!output && option_flag(p, OPT_JSON))
        output = "json";
    int r = view_mode_parse(output, &config.view, reterr);
    if (r < 0)
        return r;
    if (timeout &&
        (base_parse_duration(str_of(timeout), &config.timeout_ns) < 0 || config.timeout_ns <= 0))
        return fault_set(reterr, FAULT_USAGE,
                         "--timeout: \"%s\" is not a duration like 90, 1.5m or 500ms", timeout);
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
    if (!config.model)
        config.model = r == 0 ? app.settings->model : NULL;
    if (r == 0)
        r = tree_run(&config, reterr);
    app_done(&app);
    return r;
}
