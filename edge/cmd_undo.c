/* boxagnts undo: puts back what a session, or one call of it, changed in files. */
#include "edge/cmd_undo.h"
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/safe.h"
#include "host/journal.h"
#include "host/undo.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>

static const struct option_row options_undo[] = {
    {OPT_DRY_RUN, "dry-run", 'n', OPTION_FLAG, NULL, "only say what would be put back"},
    {OPT_FORCE, "force", 0, OPTION_FLAG, NULL,
     "also where a file was changed since by someone else"},
    {0},
};
static const struct option_row *const tables[] = {options_undo, options_common, NULL};

static int cmd_undo(const struct parsed *p, struct fault *reterr);

const struct command command_undo = {
    .name = "undo",
    .usage = "SESSION[/CALL]",
    .summary = "put back the files that a session or a call changed (SESSION may be `last`)",
    .text = "Refuses when a file is no longer as the call left it, and changes nothing then.\n",
    .tables = tables,
    .run = cmd_undo,
};

static void print_conflict(const json_t *one)
{
    fputs("boxagnts: ", stderr);
    safe_print_line(stderr, json_string_value(json_object_get(one, "path")));
    fputs(": ", stderr);
    safe_print_line(stderr, json_string_value(json_object_get(one, "why")));
    fputc('\n', stderr);
}

static void print_report(const json_t *report, bool dry_run)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(report, "restored"), i, one)
    {
        printf("%s ", dry_run ? "would restore" : "restored");
        safe_print_line(stdout, json_string_value(one));
        putchar('\n');
    }
    json_array_foreach(json_object_get(report, "conflicts"), i, one) print_conflict(one);
    json_array_foreach(json_object_get(report, "failed"), i, one) print_conflict(one);
}

int undo_now(struct state *state, const char *session, const char *call, const struct undo_how *how,
             struct fault *reterr)
{
    bool dry_run = how->dry_run;
    auto_close int lock_fd = -1;
    auto_json json_t *report = NULL;
    int r = session_lock(state, session, &lock_fd, reterr);
    if (r < 0)
        return r;
    r = undo_apply(state, session, call, how->force, dry_run, &report, reterr);
    if (r < 0)
        return r;
    if (!dry_run && r == 0) {
        auto_json json_t *body =
            json_pack("{s:s, s:s?, s:O*}", "what", "undo", "call", call, "report", report);
        int written =
            body ? journal_add(state, session, call, "event", body, JOURNAL_DURABLE, reterr)
                 : -ENOMEM;
        if (written < 0)
            return written;
    }
    if (how->as_json && report)
        (void)!app_print_json(report);
    else if (report)
        print_report(report, dry_run);
    if (r == UNDO_NOTHING)
        fprintf(stderr, "boxagnts: nothing to undo in %s%s%s\n", session, call ? "/" : "",
                call ? call : "");
    if (r == UNDO_CONFLICT)
        fprintf(stderr,
                "boxagnts: nothing was changed; --force puts back over the changes named above\n");
    return r == UNDO_CONFLICT || json_array_size(json_object_get(report, "failed")) ? 1 : 0;
}

static int cmd_undo(const struct parsed *p, struct fault *reterr)
{
    if (p->positional_count != 1)
        return fault_set(reterr, FAULT_USAGE,
                         "undo: which SESSION[/CALL]? `boxagnts session list` shows them");
    struct str session = str_of(p->positional[0]), head, call = {NULL, 0};
    if (str_split(session, '/', &head, &call))
        session = head;
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    int r = state_open(&state, reterr);
    if (r == 0)
        r = session_find(state, session, &row, reterr);
    if (r == 0)
        r = undo_now(state, row.id, call.at,
                     &(struct undo_how){option_flag(p, OPT_DRY_RUN), option_flag(p, OPT_FORCE),
                                        option_flag(p, OPT_JSON)},
                     reterr);
    session_row_done(&row);
    return r;
}
