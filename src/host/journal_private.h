/* What the files of the journal share with each other and with sessions. Not a face. */
#pragma once

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

void journal_head_mac(const uint8_t key[32], const struct journal_head *h, char ret_hex[65]);
/* 0 and *ret | 1 no head yet */
must_use int journal_head_read(struct state *s, struct journal_head *ret, struct fault *reterr);

/* Adds a row inside the transaction that is open. call may be NULL. */
must_use int journal_put(struct state *s, const char *session, const char *call, const char *kind,
                         const json_t *body, struct fault *reterr);

/* The ledger's part of what sessions do in one transaction. */
must_use int ledger_put(struct state *s, const char *session, int64_t budget_pico,
                        struct fault *reterr);
must_use int ledger_settle_dead(struct state *s, struct fault *reterr);

/* --- the checker: fed with rows in order, by the store or by an export --- */
struct journal_check {
    int64_t rows, receipts, skipped;
    int64_t last_seq, first_seq; /* first_seq: of a part of a journal, from its header */
    char last_hash[65], last_receipt[65];
    bool is_first,
        is_receipt_known;    /* nothing seen yet; last_receipt is what the next receipt must name */
    bool may_begin_anywhere; /* a part of a journal: the first row need not be row 1 */
    bool is_bad;
    json_t *first_bad,
        *pending; /* own; pending: "session\x1f call" -> {session, call, seq, tool} */
    struct buf scratch;
};
must_use int journal_check_init(struct journal_check *c, bool may_begin_anywhere);
void journal_check_done(struct journal_check *c);
/* body may be NULL when only its text is known and the row is no receipt and no intent. */
must_use int journal_check_row(struct journal_check *c, const struct journal_parts *p,
                               const json_t *body);
/* A row of which an export of one session gives only the hashes. receipt.at == NULL: it was no receipt. */
must_use int journal_check_skipped(struct journal_check *c, int64_t seq, struct str prev,
                                   struct str hash, struct str receipt);
void journal_check_head(struct journal_check *c, const struct journal_head *h);
void journal_check_bad(struct journal_check *c, int64_t seq, const char *fmt, ...)
    printf_like(3, 4);
/* The report; pending intents are "open" when is_open says so, else "unknown". 0 | JOURNAL_BAD | -ENOMEM */
must_use int journal_check_end(struct journal_check *c,
                               bool (*is_open)(const char *session, void *arg), void *arg,
                               own json_t **ret_report);

#define JOURNAL_ZERO_HASH "0000000000000000000000000000000000000000000000000000000000000000"
