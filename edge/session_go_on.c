/* session resume and session fork. */
#include "edge/session_go_on.h"

#include "edge/record.h"
#include "edge/run_options.h"
#include "host/journal.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct option_row *work_dir_row(void)
{
    const struct option_row *row = options_sandbox;
    while (row->name && row->id != OPT_WORK_DIR)
        row++;
    return row;
}

/* In the session's own work folder, unless another one is said. */
static int resume_in(const struct parsed *p, const struct session_row *row, struct fault *reterr)
{
    struct parsed in = *p;
    struct given *given = calloc(p->given_count + 1, sizeof(*given));
    if (!given)
        return -ENOMEM;
    if (p->given_count)
        memcpy(given, p->given, p->given_count * sizeof(*given));
    in.given = given;
    if (!option_value(p, OPT_WORK_DIR))
        given[in.given_count++] = (struct given){work_dir_row(), row->work_dir};
    struct tree_config config;
    struct app app;
    int r = run_options_take(&in, &config, reterr);
    if (r == 0) {
        r = app_open(&app, &in, APP_MOUNTS | APP_STATE | APP_TOOLS, reterr);
        config.app = &app;
        config.resume = row->id;
        config.prompt = p->positional_count > 2 ? p->positional[2] : "";
        if (r == 0)
            r = tree_run(&config, reterr);
        app_done(&app);
    }
    free(given);
    return r;
}

static int find_row(const char *name, struct session_row *ret, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    int r = state_open(&state, reterr);
    return r < 0 ? r : session_find(state, str_of(name), ret, reterr);
}

int session_go_on(const struct parsed *p, struct fault *reterr)
{
    struct session_row row = {0};
    if (p->positional_count > 2 && !utf8_valid(str_of(p->positional[2])))
        return fault_set(reterr, FAULT_USAGE, "session resume: the prompt is not UTF-8");
    int r = find_row(p->positional[1], &row, reterr);
    if (r == 0)
        r = resume_in(p, &row, reterr);
    session_row_done(&row);
    return r;
}

/* The copy has its own journal, money and undo; of the old one it has what was said. */
int session_fork(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    char id[SESSION_ID_SIZE];
    auto_close int source_fd = -1, lock_fd = -1;
    int r = state_open(&state, reterr);
    if (r == 0)
        r = session_find(state, str_of(p->positional[1]), &row, reterr);
    if (r == 0)
        r = session_lock(state, row.id, &source_fd, reterr);
    if (r == 0)
        r = session_begin(state, row.work_dir, row.model, row.prompt, row.budget_pico, id, &lock_fd,
                          reterr);
    bool is_begun = r == 0;
    if (is_begun)
        r = record_fork(state, row.id, id, reterr);
    if (is_begun) {
        auto_json json_t *body = json_pack("{s:s, s:s}", "what", "fork", "of", row.id);
        if (r == 0)
            r = body ? journal_add(state, id, NULL, "event", body, JOURNAL_LIGHT, reterr) : -ENOMEM;
        int e = session_end(state, id, r == 0 ? "stopped" : "failed", 0, 0, 0);
        r = r == 0 ? e : r;
    }
    if (r == 0 && option_flag(p, OPT_JSON)) {
        auto_json json_t *out = json_pack("{s:s, s:s}", "session", id, "of", row.id);
        r = out ? app_print_json(out) : -ENOMEM;
    } else if (r == 0) {
        puts(id);
    }
    session_row_done(&row);
    return r;
}
