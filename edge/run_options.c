#include "edge/run_options.h"

#include "os/clock.h"

const struct option_row options_run[] = {
    {OPT_MODEL, "model", 'm', OPTION_VALUE, "P/M|script:FILE|replay:SESSION",
     "who plans: PROVIDER/NAME, a script, or what was recorded of a session"},
    {OPT_OUTPUT, "output", 'o', OPTION_VALUE, "FORM", "text (default), json, stream-json"},
    {OPT_MAX_TURNS, "max-turns", 0, OPTION_VALUE, "N", "model turns at most (default 50)"},
    {OPT_MAX_TOOL_CALLS, "max-tool-calls", 0, OPTION_VALUE, "N",
     "tool calls at most (default 500)"},
    {OPT_BUDGET, "total-budget-usd", 0, OPTION_VALUE, "X",
     "money at most, the whole tree (default 5.00)"},
    {OPT_TIMEOUT, "timeout", 0, OPTION_VALUE, "D", "time at most: seconds, or with ms, s, m, h"},
    {OPT_APPROVALS, "approvals", 0, OPTION_VALUE, "unix:PATH",
     "questions are asked and answered there, too (docs/approvals.md)"},
    {0},
};
int run_options_take(const struct parsed *p, struct tree_config *ret, struct fault *reterr)
{
    *ret = (struct tree_config){.model = option_value(p, OPT_MODEL),
                                .is_budget_said = option_value(p, OPT_BUDGET) != NULL,
                                .approvals = option_value(p, OPT_APPROVALS),
                                .timeout_ns = INT64_MAX,
                                .started_ns = os_now_mono_ns()};
    const char *timeout = option_value(p, OPT_TIMEOUT), *output = option_value(p, OPT_OUTPUT);
    if (!output && option_flag(p, OPT_JSON))
        output = "json";
    int r = view_mode_parse(output, &ret->view, reterr);
    if (r < 0)
        return r;
    if (timeout &&
        (base_parse_duration(str_of(timeout), &ret->timeout_ns) < 0 || ret->timeout_ns <= 0))
        return fault_set(reterr, FAULT_USAGE,
                         "--timeout: \"%s\" is not a duration like 90, 1.5m or 500ms", timeout);
    return 0;
}
