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
#include <string.h>

enum { LAST_MAX = 100000 };

static const struct option_row options_undo[] = {
    {OPT_LAST, "last", 0, OPTION_VALUE, "N",
     "only the last N calls that changed something; SESSION is then `last` if not said"},
    {OPT_DRY_RUN, "dry-run", 'n', OPTION_FLAG, NULL, "only say what would be put back"},
    {OPT_FORCE, "force", 0, OPTION_FLAG, NULL,
     "also where a file was changed since by someone else"},
    {0},
};
static const struct option_row *const tables[] = {options_undo, options_common, NULL};

static int cmd_undo(const struct parsed *p, struct fault *reterr);

const struct command command_undo = {
    .name = "undo",
    .usage = "SESSION[/CALL] | --last N [SESSION]",
    .summary = "put back the files that a session or a call changed (SESSION may be `last`)",
    .text =
        "Refuses when a file is no longer as the call left it, and changes nothing then: it says what differs, and what\n"
        "to do about it.\n",
    .tables = tables,
    .run = cmd_undo,
};

static void print_why(const json_t *one)
{
    fputs("boxagnts: ", stderr);
    safe_print_line(stderr, json_string_value(json_object_get(one, "path")));
    fputs(": ", stderr);
    safe_print_line(stderr, json_string_value(json_object_get(one, "why")));
    fputc('\n', stderr);
}

static void print_state(const char *when, const json_t *state)
{
    const char *kind = json_string_value(json_object_get(state, "kind"));
    const char *hash = json_string_value(json_object_get(state, "sha256"));
    const char *target = json_string_value(json_object_get(state, "target"));
    long long mode = json_integer_value(json_object_get(state, "mode"));
    if (kind == NULL)
        return;
    fprintf(stderr, "  %s: ", when);
    if (strcmp(kind, "none") == 0) {
        fputs("nothing\n", stderr);
        return;
    }
    fputs(strcmp(kind, "dir") == 0 ? "folder" : kind, stderr);
    if (target != NULL) {
        fputs(" to ", stderr);
        safe_print_line(stderr, target);
    } else {
        fprintf(stderr, ", mode %04llo", mode);
    }
    if (hash != NULL && *hash != '\0')
        fprintf(stderr, ", sha256 %.16s...", hash);
    fputc('\n', stderr);
}

static void print_conflict(const char *session, const json_t *one)
{
    size_t i;
    const json_t *id, *by = json_object_get(one, "by");
    print_why(one);
    print_state("the call left", json_object_get(one, "was"));
    print_state("there is now", json_object_get(one, "is"));
    json_array_foreach(by, i, id)
    {
        fprintf(stderr, i == 0 ? "  changed again by %s/" : ", %s/", session);
        safe_print_line(stderr, json_string_value(id));
    }
    if (json_array_size(by) > 0)
        fputs(": undo that first\n", stderr);
}

static void print_report(const char *session, const json_t *report, bool dry_run)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(report, "restored"), i, one)
    {
        printf("%s ", dry_run ? "would restore" : "restored");
        safe_print_line(stdout, json_string_value(one));
        putchar('\n');
    }
    json_array_foreach(json_object_get(report, "conflicts"), i, one) print_conflict(session, one);
    json_array_foreach(json_object_get(report, "failed"), i, one) print_why(one);
}

void undo_say_dropped(const char *session, const json_t *report)
{
    enum { NAMED_MAX = 10 };
    size_t i;
    const json_t *id, *dropped = json_object_get(report, "dropped");
    size_t count = json_array_size(dropped);
    if (count == 0)
        return;
    fprintf(
        stderr,
        "boxagnts: %zu call%s of %s gave way to newer ones (before-images are kept up to 4 GiB):",
        count, count == 1 ? "" : "s", session);
    json_array_foreach(dropped, i, id)
    {
        if (i == NAMED_MAX)
            break;
        fputc(' ', stderr);
        safe_print_line(stderr, json_string_value(id));
    }
    fputs(count > NAMED_MAX ? " ...\n" : "\n", stderr);
    fputs("boxagnts: what they changed can neither be shown nor undone any more\n", stderr);
}

/* What is to be known about the whole, after the single paths. */
static void print_end(const char *session, const struct undo_want *want, const json_t *report,
                      int result)
{
    size_t calls = json_array_size(json_object_get(report, "calls"));
    undo_say_dropped(session, report);
    if (result == UNDO_NOTHING)
        fprintf(stderr, "boxagnts: nothing to undo in %s%s%s\n", session, want->call ? "/" : "",
                want->call ? want->call : "");
    if (result == UNDO_CONFLICT)
        fprintf(
            stderr,
            "boxagnts: nothing was changed. Undo later calls first, or put the files back as the call left them;\n"
            "boxagnts: --force puts the old contents over what is there now\n");
    if (result == 0 && calls < want->last)
        fprintf(stderr, "boxagnts: %zu call%s of %s had something to undo\n", calls,
                calls == 1 ? "" : "s", session);
}

int undo_now(struct state *state, const char *session, const struct undo_want *want, bool as_json,
             struct fault *reterr)
{
    auto_close int lock_fd = -1;
    auto_json json_t *report = NULL;
    int r = session_lock(state, session, &lock_fd, reterr);
    if (r < 0)
        return r;
    r = undo_apply(state, session, want, &report, reterr);
    if (r < 0)
        return r;
    if (!want->dry_run && r == 0) {
        auto_json json_t *body =
            json_pack("{s:s, s:s?, s:O*}", "what", "undo", "call", want->call, "report", report);
        int written =
            body ? journal_add(state, session, want->call, "event", body, JOURNAL_DURABLE, reterr)
                 : -ENOMEM;
        if (written < 0)
            return written;
    }
    if (as_json && report)
        (void)!app_print_json(report);
    else if (report)
        print_report(session, report, want->dry_run);
    print_end(session, want, report, r);
    return r == UNDO_CONFLICT || json_array_size(json_object_get(report, "failed")) ? 1 : 0;
}

/* SESSION[/CALL], --last N [SESSION]. */
static int read_want(const struct parsed *p, struct str *ret_session, struct undo_want *ret,
                     struct fault *reterr)
{
    const char *text = option_value(p, OPT_LAST);
    struct str head, call = {NULL, 0};
    uint64_t last = 0;
    if (text && (base_parse_u64(str_of(text), LAST_MAX, &last) < 0 || last == 0))
        return fault_set(reterr, FAULT_USAGE,
                         "undo: --last %.40s: how many calls? A number from 1 to %d", text,
                         LAST_MAX);
    bool is_named = p->positional_count == 1 && !str_ends(str_of(p->positional[0]), STR("/"));
    if (p->positional_count > 1 || (!is_named && (p->positional_count || !text)))
        return fault_set(reterr, FAULT_USAGE,
                         "undo: which SESSION[/CALL]? `boxagnts session list` shows them");
    *ret_session = is_named ? str_of(p->positional[0]) : STR("last");
    if (str_split(*ret_session, '/', &head, &call))
        *ret_session = head;
    if (text && call.at)
        return fault_set(reterr, FAULT_USAGE,
                         "undo: --last N is of a session: leave /%.80s away, or --last", call.at);
    *ret = (struct undo_want){.call = call.at,
                              .last = (size_t)last,
                              .force = option_flag(p, OPT_FORCE),
                              .dry_run = option_flag(p, OPT_DRY_RUN)};
    return 0;
}

static int cmd_undo(const struct parsed *p, struct fault *reterr)
{
    struct str session;
    struct undo_want want;
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    int r = read_want(p, &session, &want, reterr);
    if (r == 0)
        r = state_open(&state, reterr);
    if (r == 0)
        r = session_find(state, session, &row, reterr);
    if (r == 0)
        r = undo_now(state, row.id, &want, option_flag(p, OPT_JSON), reterr);
    session_row_done(&row);
    return r;
}
