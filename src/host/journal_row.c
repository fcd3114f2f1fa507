/* One row as text and as a hash. The text is canonical JSON put together by hand, because this is
 * the hottest path of the monitor; a unit test holds it to json_print_canonical(). Keys are in the
 * order RFC 8785 wants: body, call, hash, kind, prev, seq, session, sub_ns, time_ms, v. */
#include "host/journal_private.h"
#include "host/state_private.h"

#include "base/digest.h"
#include "os/clock.h"

#include <errno.h>
#include <stdio.h>

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            return false;
    }
    return true;
}

static void add_string(struct buf *out, struct str s)
{
    if (s.at == NULL) {
        buf_add(out, "null", 4);
        return;
    }
    if (is_plain(s)) {
        buf_add_c(out, '"');
        buf_add_str(out, s);
        buf_add_c(out, '"');
        return;
    }
    auto_json json_t *value = json_string_lossy(s);
    if (value == NULL || json_print_canonical(value, out) < 0)
        out->error = out->error ? out->error : -ENOMEM;
}

/* snprintf would be a tenth of the whole row. */
static void add_number(struct buf *out, int64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t left = value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
    do
        digits[--at] = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    if (value < 0)
        digits[--at] = '-';
    buf_add(out, digits + at, sizeof(digits) - at);
}

void journal_row_print(const struct journal_parts *p, struct buf *out)
{
    int64_t time_ms = p->time_ns / OS_NS_PER_MS, sub_ns = p->time_ns % OS_NS_PER_MS;
    buf_add_str(out, STR("{\"body\":"));
    buf_add_str(out, p->body);
    buf_add_str(out, STR(",\"call\":"));
    add_string(out, p->call);
    if (p->hash.at != NULL) {
        buf_add_str(out, STR(",\"hash\":"));
        add_string(out, p->hash);
    }
    buf_add_str(out, STR(",\"kind\":"));
    add_string(out, p->kind);
    buf_add_str(out, STR(",\"prev\":"));
    add_string(out, p->prev);
    buf_add_str(out, STR(",\"seq\":"));
    add_number(out, p->seq);
    buf_add_str(out, STR(",\"session\":"));
    add_string(out, p->session);
    buf_add_str(out, STR(",\"sub_ns\":"));
    add_number(out, sub_ns);
    buf_add_str(out, STR(",\"time_ms\":"));
    add_number(out, time_ms);
    buf_add_str(out, STR(",\"v\":1}"));
}

void journal_row_hash(const struct journal_parts *p, struct buf *scratch, char ret_hex[65])
{
    struct digest digest;
    struct journal_parts unhashed = *p;
    unhashed.hash = (struct str){NULL, 0};
    buf_reset(scratch);
    journal_row_print(&unhashed, scratch);
    digest_sha256(buf_str(scratch).at, scratch->len, &digest);
    digest_hex(&digest, ret_hex);
}

/* Where a member goes into the canonical text of an object: before the first of the object's own keys that sorts
 * behind it. ASCII keys sort as bytes. */
static size_t place_of(struct str text, const char *key)
{
    size_t depth = 0, len = strlen(key);
    bool is_string = false, is_key = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (is_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_string = false;
        } else if (c == '"') {
            is_string = true;
            if (depth == 1 && is_key && i + 1 + len < text.len) {
                int order = memcmp(text.at + i + 1, key, len);
                if (order > 0 || (order == 0 && text.at[i + 1 + len] != '"'))
                    return i;
            }
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
        is_key = !is_string && (c == '{' || c == ',');
    }
    return text.len - 1; /* the closing brace */
}

int journal_add_hash(struct buf *text, const char hash[65])
{
    char member[80];
    size_t at = place_of(buf_str(text), "hash");
    bool is_last = at == text->len - 1;
    int len =
        snprintf(member, sizeof(member), is_last ? ",\"hash\":\"%s\"" : "\"hash\":\"%s\",", hash);
    return buf_insert(text, at, (struct str){member, (size_t)len});
}

int journal_value_hash(const json_t *value, struct buf *scratch, char ret_hex[65])
{
    struct digest digest;
    buf_reset(scratch);
    int r = json_print_canonical(value, scratch);
    if (r == 0)
        r = buf_error(scratch);
    if (r < 0)
        return r;
    digest_sha256(buf_str(scratch).at, scratch->len, &digest);
    digest_hex(&digest, ret_hex);
    return 0;
}

void journal_head_mac(const uint8_t key[32], const struct journal_head *h, char ret_hex[65])
{
    char text[256];
    struct digest digest;
    int n = snprintf(text, sizeof(text), "boxagnts journal head 1\n%lld %s\n%lld %s\n",
                     (long long)h->seq, h->hash, (long long)h->receipts, h->receipt_hash);
    must(n > 0 && (size_t)n < sizeof(text));
    digest_hmac(key, STATE_KEY_SIZE, text, (size_t)n, &digest);
    digest_hex(&digest, ret_hex);
}
