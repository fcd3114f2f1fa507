/* What the files of the journal share with each other and with sessions. Not a face. */
#pragma once

#include "base/sign.h"
#include "host/journal.h"

/* The last row, as the store remembers it beside the rows: a tail that was cut off shows. mac is an
 * HMAC of the rest with the install key, so that a head cannot be made up by who cannot read the key. */
struct journal_head {
    int64_t seq, receipts;
    char hash[65], receipt_hash[65], mac[65];
};

/* A row before and after it is text. Strings are borrowed. */
struct journal_parts {
    int64_t seq, time_ns;
    struct str session, call; /* at == NULL: null */
    struct str kind, body;    /* body: canonical JSON text */
    struct str prev;
    struct str hash; /* at == NULL: left out (the form that is hashed) */
};

/* Canonical JSON (RFC 8785) of a row. Errors are the buffer's. */
void journal_row_print(const struct journal_parts *p, struct buf *out);
void journal_row_hash(const struct journal_parts *p, struct buf *scratch, char ret_hex[65]);

/* Puts "hash" into the canonical text of an object that has other members and not this one, where the
 * canonical form has it. -errno of the buffer. */
must_use int journal_add_hash(struct buf *text, const char hash[65]);

/* Lower-case hex SHA-256 over the RFC 8785 form. scratch is emptied and keeps the form. */
must_use int journal_value_hash(const json_t *value, struct buf *scratch, char ret_hex[65]);

void journal_head_mac(const uint8_t key[32], const struct journal_head *h, char ret_hex[65]);
/* 0 and *ret | 1 no head yet */
must_use int journal_head_read(struct state *s, struct journal_head *ret, struct fault *reterr);
/* The head that may be built upon: zeros before the first row, -FAULT_CORRUPT when it is not sealed. */
must_use int journal_head_load(struct state *s, struct journal_head *ret, struct fault *reterr);

/* Adds a row inside the transaction that is open. call may be NULL. */
must_use int journal_put(struct state *s, const char *session, const char *call, const char *kind,
                         const json_t *body, struct fault *reterr);

/* --- signed heads (journal_statement.c) --- */
enum journal_why {
    JOURNAL_WHY_ROWS,   /* a row of the journal, after every JOURNAL_SIGN_EVERY rows */
    JOURNAL_WHY_END,    /* a row of the journal, the last of a session */
    JOURNAL_WHY_EXPORT, /* ends an export and says what is in it */
    JOURNAL_WHY_ASKED,  /* for somebody who keeps it elsewhere */
};
enum { JOURNAL_SIGN_EVERY = 256 };
const char *journal_why_name(enum journal_why why);
/* Not signed yet: an export adds to it. ret own. session may be NULL. */
must_use int journal_statement_new(struct state *s, enum journal_why why, const char *session,
                                   const struct journal_head *h, own json_t **ret,
                                   struct fault *reterr);
must_use int journal_statement_sign(struct state *s, json_t *statement, struct fault *reterr);
/* Puts a signed head into the journal as a row, inside the transaction that is open. */
must_use int journal_sign_row(struct state *s, enum journal_why why, const char *session,
                              struct fault *reterr);

/* A statement from anybody. Strings are borrowed from the JSON; hashes are 64 hex digits. */
struct journal_statement {
    enum journal_why why;
    int64_t seq, receipts, time_ms;
    struct str store, session, hash, receipt_hash, public_key;
    /* of an export: the rows it covers, how many are shown and how many only as hashes */
    int64_t from_seq, last_seq, rows, skipped;
    struct str last_hash, header_hash, nonce; /* nonce.at == NULL: none */
};
must_use int journal_statement_read(const json_t *o, struct journal_statement *ret);
/* Is it signed by the key that it names itself? 0 | JOURNAL_STATEMENT_FORGED | -ENOMEM... */
enum { JOURNAL_STATEMENT_FORGED = 1 };
must_use int journal_statement_check(const json_t *o, struct buf *scratch);

/* --- the checker: fed with rows in order, by the store or by an export --- */

/* What is wrong, by a name that stays (first_bad.problem). docs/receipts.md says what each means. */
enum journal_problem {
    JOURNAL_CHANGED,
    JOURNAL_CHAIN,
    JOURNAL_MISSING,
    JOURNAL_CUT,
    JOURNAL_ADDED,
    JOURNAL_REORDERED,
    JOURNAL_HIDDEN,
    JOURNAL_SEAL,
    JOURNAL_DAMAGED,
    JOURNAL_UNSIGNED,
    JOURNAL_SIGNATURE,
    JOURNAL_FOREIGN_KEY,
    JOURNAL_REPLAY,
    JOURNAL_FORK,
};

struct journal_check {
    int64_t rows, receipts, skipped;
    int64_t last_seq, first_seq; /* first_seq: of a part of a journal, from its header */
    char last_hash[65], last_receipt[65];
    bool is_first,
        is_receipt_known;    /* nothing seen yet; last_receipt is what the next receipt must name */
    bool may_begin_anywhere; /* a part of a journal: the first row need not be row 1 */
    bool is_bad;
    int64_t gap_from,
        gap_to; /* rows that were missing when first_bad was set; they may still come */
    json_t *first_bad,
        *pending; /* own; pending: "session\x1f call" -> {session, call, seq, tool} */
    struct buf scratch;
    /* signed heads */
    char expected_key[65]; /* hex; "" = any */
    char key[65], store[65];
    int64_t heads, keys, signed_seq; /* keys: how often another key than before was met */
    int64_t signed_time_ms;
    /* a row that the verifier has seen before, and whether it came by; watch_seq 0 = none */
    int64_t watch_seq;
    char watch_hash[65];
    bool is_watch_met;
};
must_use int journal_check_init(struct journal_check *c, bool may_begin_anywhere);
void journal_check_done(struct journal_check *c);
/* public_key: NULL = any. */
void journal_check_expect_key(struct journal_check *c, const uint8_t *public_key);
/* body may be NULL when only its text is known and the row is no receipt, no intent and no head. */
must_use int journal_check_row(struct journal_check *c, const struct journal_parts *p,
                               const json_t *body);
/* A row as the store gives it. */
must_use int journal_check_stored_row(struct journal_check *c, const struct journal_row *r);
/* A row of which an export of one session gives only the hashes. receipt.at == NULL: it was no receipt. */
must_use int journal_check_skipped(struct journal_check *c, int64_t seq, struct str prev,
                                   struct str hash, struct str receipt);
void journal_check_head(struct journal_check *c, const struct journal_head *h);
/* The head beside the rows: seal and place. */
must_use int journal_check_stored_head(struct state *s, struct journal_check *c,
                                       struct fault *reterr);
/* A signed head, met at row `seq`: its form, signature, key and journal. 0 | JOURNAL_BAD (first_bad is
 * set, *ret is not) | -ENOMEM. */
must_use int journal_check_statement(struct journal_check *c, int64_t seq, const json_t *o,
                                     struct journal_statement *ret);
void journal_check_bad(struct journal_check *c, enum journal_problem problem, int64_t seq,
                       const char *fmt, ...) printf_like(4, 5);
/* The report; pending intents are "open" when is_open says so, else "unknown". 0 | JOURNAL_BAD | -ENOMEM */
must_use int journal_check_end(struct journal_check *c,
                               bool (*is_open)(const char *session, void *arg), void *arg,
                               own json_t **ret_report);

enum { JOURNAL_LINE_MAX = 17 << 20 };
#define JOURNAL_ZERO_HASH "0000000000000000000000000000000000000000000000000000000000000000"
