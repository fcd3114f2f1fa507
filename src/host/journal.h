/* The journal: what was decided and what happened, in order, hash-chained. Intent before effect,
 * receipt after. Rows are never changed. `hash` = hex SHA-256 over the RFC 8785 form of the row's JSON
 * without `hash`; `prev` = the hash before it in this store (64 zeros at first). Receipts are rows of
 * kind "receipt" and are chained among receipts (interfaces.md: prev = the receipt before); every row,
 * receipts included, is chained a second time in the journal's own row chain.
 * Durability: effects are on disk (synchronous=FULL) before the effect starts; reads are batched. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "host/state.h"
#include "wire/json.h"

enum journal_weight {
    JOURNAL_LIGHT /* may be lost in a power cut */,
    JOURNAL_DURABLE /* on disk when this returns */
};

/* kind: intent, event, decision, grant, money, peer, session (lower case). body: borrowed object. Rows of
 * kind receipt and head are made by the journal alone. */
must_use int journal_add(struct state *s, const char *session, const char *call, const char *kind,
                         const json_t *body, enum journal_weight weight, struct fault *reterr);
/* Sets prev and hash in the receipt object and stores it. */
must_use int journal_receipt(struct state *s, const char *session, json_t *receipt,
                             enum journal_weight weight, struct fault *reterr);
/* Both in one transaction, for calls without an effect: half the cost. */
must_use int journal_add_with_receipt(struct state *s, const char *session, const char *call,
                                      const char *kind, const json_t *body, json_t *receipt,
                                      enum journal_weight weight, struct fault *reterr);
/* Each row in order: seq, time, session, kind, JSON text. session NULL = all. */
struct journal_row {
    int64_t seq, time_ns;
    const char *session, *call, *kind;
    struct str json, hash, prev;
};
must_use int journal_each(struct state *s, const char *session, int64_t from_seq,
                          int (*each)(const struct journal_row *r, void *arg), void *arg);

/* What a verifier brings along. All of it is optional; zeroed = nothing. docs/receipts.md. */
struct journal_trust {
    const uint8_t *public_key; /* borrowed, 32 bytes: heads must be signed by this key */
    struct str seen;           /* an export, or a signed head, that this verifier has seen before */
    struct str nonce;          /* the export must have been made for this word; at == NULL: none */
};

/* The highest number of the session's call names c1, c2, ...; 0 = none. */
must_use int journal_last_call(struct state *s, const char *session, int64_t *ret);

/* Checks both chains, every signed head, that every effect's intent has a receipt (or is reported as
 * unknown outcome), and that the database itself is whole. trust may be NULL; only its key counts here.
 * ret_report own: {"rows","receipts","unknown":[{session,call,seq,tool}], "open":[...] (calls of sessions
 * that are running),"ok":bool,"first_bad":null|{seq,why,problem},"head":{seq,hash},"signed":{...}}.
 * 0 verified | JOURNAL_BAD */
enum { JOURNAL_BAD = 1 };
must_use int journal_verify(struct state *s, const struct journal_trust *trust,
                            own json_t **ret_report, struct fault *reterr);
/* Offline: the same over an export (JSON lines), without state. trust may be NULL. -FAULT_INPUT: it is no
 * export, or trust->seen has no signed head in its last line. */
must_use int journal_verify_export(struct str text, const struct journal_trust *trust,
                                   own json_t **ret_report, struct fault *reterr);
/* What an export is asked for; zeroed = the whole journal. Strings and JSON are borrowed. */
struct journal_ask {
    const char *session;
    const char *nonce;   /* signed with it */
    const json_t *about; /* an object for the header, signed with it: what the rows are about */
};
/* Writes lines: a header, the rows, the head with its signature. The whole journal is verified on the
 * way; what does not verify is exported but not signed: JOURNAL_BAD then. */
must_use int journal_export(struct state *s, const struct journal_ask *ask,
                            int (*line)(struct str json_line, void *arg), void *arg,
                            struct fault *reterr);
/* A signed head to be kept elsewhere: {"signed":{...}}. ret own. */
must_use int journal_signed_head(struct state *s, own json_t **ret, struct fault *reterr);
