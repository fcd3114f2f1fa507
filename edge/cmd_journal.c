/* boxagnts journal: what was decided and done, and whether the record is whole. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/safe.h"
#include "host/journal.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define EXPORT_MAX ((size_t)1 << 30)

static const struct option_row options_journal[] = {
    {OPT_SESSION, "session", 's', OPTION_VALUE, "SESSION", "only this session"},
    {OPT_FILE, "file", 'f', OPTION_VALUE, "FILE",
     "verify: an exported journal instead of the one here"},
    {0},
};
static const struct option_row *const tables[] = {options_journal, options_common, NULL};

static int cmd_journal(const struct parsed *p, struct fault *reterr);

const struct command command_journal = {
    .name = "journal",
    .usage = "show [SESSION] | verify [FILE] | export [SESSION]",
    .summary = "the hash-chained record of every decision and effect",
    .tables = tables,
    .run = cmd_journal,
};

static const char *session_of(const struct parsed *p)
{
    return p->positional_count > 1 ? p->positional[1] : option_value(p, OPT_SESSION);
}

/* Opens the store and finds the session's full name; *row.id is empty when none was asked for. */
static int open_for(const struct parsed *p, own struct state **ret, struct session_row *row,
                    struct fault *reterr)
{
    int r = state_open(ret, reterr);
    if (r == 0 && session_of(p))
        r = session_find(*ret, str_of(session_of(p)), row, reterr);
    return r;
}

static int show_row(const struct journal_row *row, void *arg)
{
    const bool *json = arg;
    if (*json) {
        printf("%.*s\n", STR_FMT(row->json));
        return 0;
    }
    time_t seconds = (time_t)(row->time_ns / 1000000000);
    struct tm tm;
    char when[32] = "";
    if (gmtime_r(&seconds, &tm))
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    printf("%6lld %s %-8s %-6s ", (long long)row->seq, when, row->kind, row->call ? row->call : "");
    safe_print(stdout, row->json);
    putchar('\n');
    return 0;
}

static int journal_show(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    bool json = option_flag(p, OPT_JSON);
    int r = open_for(p, &state, &row, reterr);
    if (r == 0)
        r = journal_each(state, *row.id ? row.id : NULL, 0, show_row, &json);
    session_row_done(&row);
    return r;
}

static int print_verdict(int verdict, const json_t *report, bool json)
{
    if (json) {
        int r = app_print_json(report);
        return r < 0 ? r : verdict;
    }
    if (verdict == 0)
        printf("the journal verifies: %lld rows, %lld receipts, %zu calls of unknown outcome\n",
               (long long)json_integer_value(json_object_get(report, "rows")),
               (long long)json_integer_value(json_object_get(report, "receipts")),
               json_array_size(json_object_get(report, "unknown")));
    else {
        char *text = json_dumps(report, JSON_COMPACT);
        fputs("boxagnts: the journal does NOT verify: ", stderr);
        safe_print_line(stderr, text ? text : "");
        fputc('\n', stderr);
        free(text);
    }
    return verdict;
}

static int journal_verify_command(const struct parsed *p, struct fault *reterr)
{
    const char *file = p->positional_count > 1 ? p->positional[1] : option_value(p, OPT_FILE);
    auto_json json_t *report = NULL;
    auto_(state) struct state *state = NULL;
    int r;
    if (file) {
        auto_done(buf) struct buf text;
        buf_init(&text, EXPORT_MAX);
        r = os_read_file_trusted(file, &text);
        if (r < 0)
            return fault_sys(reterr, r == -FAULT_CAP ? EFBIG : -r, "cannot read %s", file);
        r = journal_verify_export(buf_str(&text), &report, reterr);
    } else {
        r = state_open(&state, reterr);
        if (r == 0)
            r = journal_verify(state, &report, reterr);
    }
    return r < 0 ? r : print_verdict(r, report, option_flag(p, OPT_JSON));
}

static int print_line(struct str line, void *arg)
{
    (void)arg;
    fwrite(line.at, 1, line.len, stdout);
    return putchar('\n') == EOF ? -EPIPE : 0;
}

static int journal_export_command(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    struct session_row row = {0};
    int r = open_for(p, &state, &row, reterr);
    if (r == 0)
        r = journal_export(state, *row.id ? row.id : NULL, print_line, NULL, reterr);
    session_row_done(&row);
    return r;
}

static const struct verb verbs[] = {
    {"show", "[SESSION]", "the rows, in order", journal_show, 0, 1},
    {"verify", "[FILE]", "are both chains whole; FILE is an export", journal_verify_command, 0, 1},
    {"export", "[SESSION]", "JSON lines on stdout, verifiable without this machine",
     journal_export_command, 0, 1},
};

static int cmd_journal(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
