/* Signed heads: what they say, how they are made, how one is read back. A statement is a JSON object;
 * its signature is Ed25519 over the RFC 8785 form of the object without `signature`, so that whoever
 * can check a row's hash can check this with any library. `boxagnts_head` inside keeps the key's
 * signatures apart from whatever else a key could sign; this key signs nothing else.
 *
 * A head is signed in three moments (docs/receipts.md argues each): when a session ends, after every
 * JOURNAL_SIGN_EVERY rows, and when somebody exports. The first two are rows of the journal, so none can be taken
 * out again; the third ends the export and says that nothing was cut from it. Must never sign a head
 * that does not carry this installation's seal: journal_head_load() is asked first. */
#include "host/journal_private.h"
#include "host/state_private.h"

#include "os/clock.h"

#include <errno.h>

static const char *const whys[] = {"rows", "end", "export", "asked"};

const char *journal_why_name(enum journal_why why)
{
    return whys[why];
}

/* The journal is named by the hash of its first row: it has a time and a random session id in it, so
 * no two journals share it, and a journal that was begun anew under the same key is another one. */
static int store_id(struct state *s, const struct journal_head *h, char ret[65],
                    struct fault *reterr)
{
    auto_query struct store_query *q = NULL;
    memcpy(ret, JOURNAL_ZERO_HASH, 65);
    if (h->seq == 0)
        return 0;
    int r = store_query(s->store, "SELECT hash FROM journal WHERE seq = 1", &q, reterr);
    if (r == 0)
        r = store_next(q, reterr);
    if (r < 0)
        return r;
    struct str hash = store_str(q, 0);
    if (r != STORE_ROW || hash.len != 64)
        return fault_set(reterr, FAULT_CORRUPT, "the journal's first row is missing");
    memcpy(ret, hash.at, 64);
    return 0;
}

int journal_statement_new(struct state *s, enum journal_why why, const char *session,
                          const struct journal_head *h, json_t **ret, struct fault *reterr)
{
    char store[65], key_hex[65];
    uint8_t key[SIGN_PUBLIC_SIZE];
    int r = store_id(s, h, store, reterr);
    if (r < 0)
        return r;
    sign_public_key(s->seed, key);
    hex_encode(key, sizeof(key), key_hex);
    *ret =
        json_pack("{s:i, s:s, s:s, s:s?, s:I, s:s, s:I, s:s, s:I, s:s}", "boxagnts_head", 1, "why",
                  whys[why], "store", store, "session", session, "seq", (json_int_t)h->seq, "hash",
                  h->hash, "receipts", (json_int_t)h->receipts, "receipt_hash", h->receipt_hash,
                  "time_ms", (json_int_t)(os_now_real_ns() / OS_NS_PER_MS), "public_key", key_hex);
    return *ret == NULL ? state_no_memory(reterr) : 0;
}

int journal_statement_sign(struct state *s, json_t *statement, struct fault *reterr)
{
    uint8_t signature[SIGN_SIZE];
    char hex[2 * SIGN_SIZE + 1];
    buf_reset(&s->row);
    int r = json_print_canonical(statement, &s->row);
    if (r < 0)
        return fault_set(reterr, -r, "cannot sign the journal's head: %s", fault_sentence(r));
    sign_make(s->seed, buf_str(&s->row), signature);
    hex_encode(signature, sizeof(signature), hex);
    return json_object_set_new(statement, "signature", json_string(hex)) < 0
               ? state_no_memory(reterr)
               : 0;
}

/* --- reading one back; the bytes are anybody's --- */

static bool is_hash(struct str s)
{
    uint8_t bytes[DIGEST_SIZE];
    return hex_decode(s, bytes, sizeof(bytes)) == 0;
}

static int read_why(const json_t *o, enum journal_why *ret)
{
    struct str why = {NULL, 0};
    if (json_get_str(o, "why", &why, NULL) != 0)
        return -FAULT_INPUT;
    for (size_t i = 0; i < ARRAY_LEN(whys); i++) {
        if (str_is(why, whys[i])) {
            *ret = (enum journal_why)i;
            return 0;
        }
    }
    return -FAULT_INPUT;
}

static int read_range(const json_t *o, struct journal_statement *ret)
{
    bool is_whole = json_get_i64(o, "from_seq", 1, INT64_MAX, &ret->from_seq, NULL) == 0 &&
                    json_get_i64(o, "last_seq", 0, INT64_MAX, &ret->last_seq, NULL) == 0 &&
                    json_get_i64(o, "rows", 0, INT64_MAX, &ret->rows, NULL) == 0 &&
                    json_get_i64(o, "skipped", 0, INT64_MAX, &ret->skipped, NULL) == 0 &&
                    json_get_str(o, "last_hash", &ret->last_hash, NULL) == 0 &&
                    is_hash(ret->last_hash) &&
                    json_get_str(o, "header_sha256", &ret->header_hash, NULL) == 0 &&
                    json_get_str(o, "nonce", &ret->nonce, NULL) >= 0;
    return is_whole ? 0 : -FAULT_INPUT;
}

int journal_statement_read(const json_t *o, struct journal_statement *ret)
{
    int64_t version = 0;
    *ret = (struct journal_statement){0};
    bool is_whole = json_get_i64(o, "boxagnts_head", 1, 1, &version, NULL) == 0 &&
                    read_why(o, &ret->why) == 0 &&
                    json_get_str(o, "store", &ret->store, NULL) == 0 && is_hash(ret->store) &&
                    json_get_str(o, "session", &ret->session, NULL) >= 0 &&
                    json_get_i64(o, "seq", 0, INT64_MAX - 1, &ret->seq, NULL) == 0 &&
                    json_get_str(o, "hash", &ret->hash, NULL) == 0 && is_hash(ret->hash) &&
                    json_get_i64(o, "receipts", 0, INT64_MAX, &ret->receipts, NULL) == 0 &&
                    json_get_str(o, "receipt_hash", &ret->receipt_hash, NULL) == 0 &&
                    is_hash(ret->receipt_hash) &&
                    json_get_i64(o, "time_ms", 0, INT64_MAX, &ret->time_ms, NULL) == 0 &&
                    json_get_str(o, "public_key", &ret->public_key, NULL) == 0;
    if (!is_whole)
        return -FAULT_INPUT;
    return ret->why == JOURNAL_WHY_EXPORT ? read_range(o, ret) : 0;
}

int journal_statement_check(const json_t *o, struct buf *scratch)
{
    uint8_t key[SIGN_PUBLIC_SIZE], signature[SIGN_SIZE];
    struct str key_hex = {NULL, 0}, signature_hex = {NULL, 0};
    if (json_get_str(o, "public_key", &key_hex, NULL) != 0 ||
        json_get_str(o, "signature", &signature_hex, NULL) != 0 ||
        hex_decode(key_hex, key, sizeof(key)) < 0 ||
        hex_decode(signature_hex, signature, sizeof(signature)) < 0)
        return JOURNAL_STATEMENT_FORGED;
    auto_json json_t *rest = json_copy((json_t *)(uintptr_t)o);
    if (rest == NULL)
        return -ENOMEM;
    (void)json_object_del(rest, "signature");
    buf_reset(scratch);
    int r = json_print_canonical(rest, scratch);
    if (r == 0)
        r = buf_error(scratch);
    if (r < 0)
        return r;
    return sign_is_of(key, buf_str(scratch), signature) ? 0 : JOURNAL_STATEMENT_FORGED;
}
