/* boxagnts journal: what was decided and done, and whether the record is whole. */
#include "edge/app.h"
#include "edge/commands.h"
#include "edge/safe.h"
#include "host/journal.h"
#include "host/public_key.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define EXPORT_MAX ((size_t)1 << 30)

static const struct option_row options_journal[] = {
    {OPT_SESSION, "session", 's', OPTION_VALUE, "SESSION", "only this session"},
    {OPT_FILE, "file", 'f', OPTION_VALUE, "FILE",
     "verify: an exported journal instead of the one here"},
    {OPT_KEY, "key", 'k', OPTION_VALUE, "FILE|HEX",
     "verify: heads must be signed by this public key (64 hex digits or a PEM file)"},
    {OPT_SEEN, "seen", 0, OPTION_VALUE, "FILE",
     "verify FILE: an earlier export or head; an older one than that is refused"},
    {OPT_NONCE, "nonce", 0, OPTION_VALUE, "WORD",
     "export: sign this word too; verify FILE: it must be the one that was signed"},
    {OPT_PEM, "pem", 0, OPTION_FLAG, NULL, "key: as PEM"},
    {0},
};
static const struct option_row *const tables[] = {options_journal, options_common, NULL};

static int cmd_journal(const struct parsed *p, struct fault *reterr);

const struct command command_journal = {
    .name = "journal",
    .usage = "show [SESSION] | verify [FILE] | export [SESSION] | head | key",
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

static void print_verified(const json_t *report)
{
    const json_t *head = json_object_get(report, "signed");
    const char *key = json_string_value(json_object_get(head, "public_key"));
    printf("the journal verifies: %lld rows, %lld receipts, %zu calls of unknown outcome\n",
           (long long)json_integer_value(json_object_get(report, "rows")),
           (long long)json_integer_value(json_object_get(report, "receipts")),
           json_array_size(json_object_get(report, "unknown")));
    if (key)
        printf("%lld signed heads, the last of row %lld, by %s%s\n",
               (long long)json_integer_value(json_object_get(head, "heads")),
               (long long)json_integer_value(json_object_get(head, "seq")), key,
               json_is_true(json_object_get(head, "key_given"))
                   ? ", the key given"
                   : " (is that the key you know? --key says)");
}

static int print_verdict(int verdict, const json_t *report, bool json)
{
    if (json) {
        int r = app_print_json(report);
        return r < 0 ? r : verdict;
    }
    if (verdict == 0) {
        print_verified(report);
        return 0;
    }
    const json_t *bad = json_object_get(report, "first_bad");
    const char *problem = json_string_value(json_object_get(bad, "problem"));
    const char *why = json_string_value(json_object_get(bad, "why"));
    fprintf(stderr, "boxagnts: the journal does NOT verify: %s: ", problem ? problem : "?");
    safe_print_line(stderr, why ? why : "");
    fputc('\n', stderr);
    return verdict;
}

static int read_whole(const char *file, struct buf *text, struct fault *reterr)
{
    int r = os_read_file_trusted(file, text);
    if (r == 0)
        return 0;
    (void)fault_sys(reterr, r == -FAULT_CAP ? EFBIG : -r, "cannot read %s", file);
    if (reterr)
        reterr->code = FAULT_USAGE;
    return -FAULT_USAGE;
}

/* 64 hex digits are a key; everything else names a file with one. */
static int take_key(const char *said, uint8_t ret[SIGN_PUBLIC_SIZE], struct fault *reterr)
{
    auto_done(buf) struct buf text;
    buf_init(&text, 4096);
    if (public_key_parse(str_of(said), ret, NULL) == 0)
        return 0;
    int r = read_whole(said, &text, reterr);
    if (r == 0)
        r = public_key_parse(buf_str(&text), ret, reterr);
    if (r < 0)
        fault_prefix(reterr, "--key");
    return r;
}

struct trust_words {
    uint8_t key[SIGN_PUBLIC_SIZE];
    struct buf seen;
    struct journal_trust trust;
};

static int take_trust(const struct parsed *p, struct trust_words *ret, struct fault *reterr)
{
    const char *key = option_value(p, OPT_KEY), *seen = option_value(p, OPT_SEEN);
    int r = key ? take_key(key, ret->key, reterr) : 0;
    if (r == 0 && seen)
        r = read_whole(seen, &ret->seen, reterr);
    ret->trust = (struct journal_trust){
        .public_key = key ? ret->key : NULL,
        .seen = seen ? buf_str(&ret->seen) : (struct str){NULL, 0},
        .nonce = str_of(option_value(p, OPT_NONCE)),
    };
    return r;
}

static int verify_file(const char *file, const struct journal_trust *trust, own json_t **ret,
                       struct fault *reterr)
{
    auto_done(buf) struct buf text;
    buf_init(&text, EXPORT_MAX);
    int r = read_whole(file, &text, reterr);
    return r < 0 ? r : journal_verify_export(buf_str(&text), trust, ret, reterr);
}

static int verify_here(const struct parsed *p, const struct journal_trust *trust, own json_t **ret,
                       struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    if (option_value(p, OPT_SEEN) || option_value(p, OPT_NONCE)) {
        int r =
            fault_set(reterr, FAULT_USAGE, "--seen and --nonce are for the export of a journal");
        fault_next(reterr, "boxagnts journal verify FILE --key KEY --seen EARLIER");
        return r;
    }
    int r = state_open(&state, reterr);
    return r < 0 ? r : journal_verify(state, trust, ret, reterr);
}

static int journal_verify_command(const struct parsed *p, struct fault *reterr)
{
    const char *file = p->positional_count > 1 ? p->positional[1] : option_value(p, OPT_FILE);
    auto_json json_t *report = NULL;
    struct trust_words words = {0};
    buf_init(&words.seen, EXPORT_MAX);
    int r = take_trust(p, &words, reterr);
    if (r == 0)
        r = file ? verify_file(file, &words.trust, &report, reterr)
                 : verify_here(p, &words.trust, &report, reterr);
    buf_done(&words.seen);
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
        r = journal_export(state,
                           &(struct journal_ask){.session = *row.id ? row.id : NULL,
                                                 .nonce = option_value(p, OPT_NONCE)},
                           print_line, NULL, reterr);
    session_row_done(&row);
    if (r == JOURNAL_BAD)
        app_note(
            "the journal does not verify, so this export is not signed: boxagnts journal verify");
    return r;
}

static int journal_head_command(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    auto_json json_t *head = NULL;
    (void)p;
    int r = state_open(&state, reterr);
    if (r == 0)
        r = journal_signed_head(state, &head, reterr);
    return r < 0 ? r : app_print_json(head);
}

static int journal_key_command(const struct parsed *p, struct fault *reterr)
{
    auto_(state) struct state *state = NULL;
    uint8_t key[SIGN_PUBLIC_SIZE];
    char hex[2 * SIGN_PUBLIC_SIZE + 1];
    auto_done(buf) struct buf pem;
    buf_init(&pem, 512);
    int r = state_open(&state, reterr);
    if (r < 0)
        return r;
    state_public_key(state, key);
    hex_encode(key, sizeof(key), hex);
    if ((r = public_key_print_pem(key, &pem)) < 0)
        return r;
    if (option_flag(p, OPT_JSON))
        printf("{\"public_key\":\"%s\",\"algorithm\":\"ed25519\"}\n", hex);
    else if (option_flag(p, OPT_PEM))
        fputs(pem.at, stdout);
    else
        puts(hex);
    return 0;
}

static const struct verb verbs[] = {
    {"show", "[SESSION]", "the rows, in order", journal_show, 0, 1},
    {"verify", "[FILE]", "are both chains and all signatures whole; FILE is an export",
     journal_verify_command, 0, 1},
    {"export", "[SESSION]", "JSON lines on stdout, signed, verifiable without this machine",
     journal_export_command, 0, 1},
    {"head", "", "the signed head as one line, to be kept elsewhere", journal_head_command, 0, 0},
    {"key", "", "the public key that verifies the signatures", journal_key_command, 0, 0},
};

static int cmd_journal(const struct parsed *p, struct fault *reterr)
{
    return verbs_run(verbs, ARRAY_LEN(verbs), p, reterr);
}
