/* See guest_secrets.h. A needle is a form in which a host that got a secret would plainly send it back. A host that wants to
 * give it away in another form can: granting a secret to a host is trusting the host with it, and this is for accidents
 * (error pages, echoes, debug headers). */
#include "host/egress/guest_secrets.h"

#include "os/fd.h"
#include "wire/base64.h"
#include "wire/http_head.h"

#include <errno.h>
#include <stdio.h>

static const struct str mark = {"[secret]", 8};

int guest_secrets_new(struct guest_secrets *s)
{
    *s = (struct guest_secrets){0};
    return os_secret_new(GUEST_SECRETS_SIZE, &s->memory);
}

void guest_secrets_done(struct guest_secrets *s)
{
    os_secret_done(&s->memory);
    *s = (struct guest_secrets){0};
}

/* --- adding --- */

static int no_room(struct fault *reterr)
{
    return fault_set(reterr, FAULT_CONFIG, "there are too many secrets, or they are too long");
}

static int put(struct guest_secrets *s, struct str text, struct str *ret, struct fault *reterr)
{
    if (text.len >= s->memory.size - s->used)
        return no_room(reterr);
    char *at = s->memory.at + s->used;
    memcpy(at, text.at, text.len);
    at[text.len] = '\0';
    s->used += text.len + 1;
    *ret = (struct str){at, text.len};
    return 0;
}

static void add_needle(struct guest_secrets *s, struct str needle)
{
    for (size_t i = 0; i < s->needle_count; i++)
        if (str_eq(s->needles[i], needle))
            return;
    must(s->needle_count < GUEST_NEEDLES_MAX);
    s->needles[s->needle_count++] = needle;
    s->starts[(unsigned char)needle.at[0]] = true;
}

/* Wiped when it is given back: it has held a secret. */
static void wipe_buf(struct buf *b)
{
    if (b->at)
        base_wipe(b->at, b->len);
    buf_done(b);
}

static int add_forms(struct guest_secrets *s, struct str value, struct fault *reterr)
{
    __attribute__((cleanup(wipe_buf))) struct buf form;
    struct str kept;
    buf_init(&form, 4 * GUEST_SECRET_MOST);
    int r = buf_reserve(
        &form, 3 * value.len); /* at once, so that it does not move and leave a copy behind */
    add_needle(s, value);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || strchr("-._~", c);
        buf_addf(&form, is_plain ? "%c" : "%%%02X", c);
    }
    if (r == 0 && (r = buf_error(&form)) == 0)
        r = put(s, buf_str(&form), &kept, reterr);
    if (r < 0)
        return r;
    add_needle(s, kept);
    base_wipe(form.at, form.len);
    buf_reset(&form);
    /* Of base64 only whole groups: what stands behind the value in a longer text changes the rest. */
    r = base64_encode((struct str){value.at, value.len / 3 * 3}, &form);
    if (r == 0)
        r = put(s, buf_str(&form), &kept, reterr);
    if (r == 0)
        add_needle(s, kept);
    return r;
}

static int read_value(struct guest_secrets *s, int fd, char *at, size_t *ret_len,
                      struct fault *reterr)
{
    uint64_t size = 0;
    int r = os_memfd_is_sealed(fd);
    if (r == 0)
        r = os_file_size(fd, &size);
    if (r != 0)
        return fault_set(reterr, FAULT_CONFIG, "a secret did not come in a sealed memory file");
    if (size < GUEST_SECRET_LEAST || size > GUEST_SECRET_MOST)
        return fault_set(reterr, FAULT_CONFIG, "a secret has less than %d or more than %d bytes",
                         GUEST_SECRET_LEAST, GUEST_SECRET_MOST);
    if (size >= s->memory.size - s->used)
        return no_room(reterr);
    ssize_t n = os_pread(fd, at, (size_t)size, 0);
    if (n < 0 || (uint64_t)n != size)
        return fault_set(reterr, FAULT_CONFIG, "a secret cannot be read");
    *ret_len = (size_t)size;
    return 0;
}

static int read_words(const json_t *body, struct guest_secret *g, struct str *ret_prefix,
                      struct fault *reterr)
{
    struct str name = {0}, host = {0};
    char why[URL_WHY_SIZE] = "", head_why[HTTP_WHY_SIZE];
    if (json_get_str(body, "name", &name, NULL) != 0 ||
        json_get_str(body, "host", &host, NULL) != 0 ||
        json_get_str(body, "header", &g->header, NULL) != 0 ||
        json_get_str(body, "prefix", ret_prefix, NULL) != 0)
        return fault_set(reterr, FAULT_CONFIG,
                         "a secret came without name, host, header and prefix");
    if (name.len == 0 || name.len >= sizeof g->name)
        return fault_set(reterr, FAULT_CONFIG, "a secret has no name of a usual length");
    memcpy(g->name, name.at, name.len);
    if (net_pattern_parse(host, true, &g->host, why) != 0)
        return fault_set(reterr, FAULT_CONFIG, "the secret %s: its host %s", g->name, why);
    if (!net_pattern_is_particular(&g->host))
        return fault_set(reterr, FAULT_CONFIG,
                         "the secret %s: its host must be one that is named, with its scheme",
                         g->name);
    if (http_field_check(g->header, *ret_prefix, head_why) != 0 || ret_prefix->len > 256)
        return fault_set(reterr, FAULT_CONFIG, "the secret %s: %s", g->name, head_why);
    return 0;
}

int guest_secrets_add(struct guest_secrets *s, const json_t *body, int fd, struct fault *reterr)
{
    struct guest_secret g = {.line = NULL};
    struct str prefix, line, kept, value;
    char why[HTTP_WHY_SIZE];
    size_t len = 0;
    if (s->count == GUEST_SECRETS_MAX)
        return no_room(reterr);
    int r = read_words(body, &g, &prefix, reterr);
    if (r == 0)
        r = put(s, g.header, &line, reterr);
    if (r < 0)
        return r;
    g.header = line;
    const char *begin = s->memory.at + s->used;
    auto_done(buf) struct buf front;
    buf_init(&front, 1024);
    buf_addf(&front, "%s: ", g.header.at);
    buf_add_str(&front, prefix);
    r = buf_error(&front);
    if (r == 0)
        r = put(s, buf_str(&front), &kept, reterr);
    if (r < 0)
        return r;
    s->used--; /* the value goes where its NUL is */
    char *at = s->memory.at + s->used;
    r = read_value(s, fd, at, &len, reterr);
    value = (struct str){at, len};
    if (r == 0 && http_field_check(g.header, value, why) != 0)
        r = fault_set(
            reterr, FAULT_CONFIG,
            "the secret %s has a character that no header may have (a line end behind it?)",
            g.name);
    if (r < 0) {
        base_wipe(at, len);
        return r;
    }
    at[len] = '\0';
    s->used += len + 1;
    g.line = begin;
    s->at[s->count++] = g;
    return add_forms(s, value, reterr);
}

/* --- finding --- */

/* The longest needle that begins here; 0 = none. *ret_may: what is here may be the beginning of one. */
static size_t needle_at(const struct guest_secrets *s, struct str rest, bool *ret_may)
{
    size_t longest = 0;
    *ret_may = false;
    if (!s->starts[(unsigned char)rest.at[0]])
        return 0;
    for (size_t i = 0; i < s->needle_count; i++) {
        struct str n = s->needles[i];
        if (rest.len < n.len)
            *ret_may |= str_starts(n, rest);
        else if (n.len > longest && str_starts(rest, n))
            longest = n.len;
    }
    return longest;
}

void redaction_init(struct redaction *r, const struct guest_secrets *s)
{
    r->secrets = s;
    buf_init(&r->held, (size_t)4 << 20);
}

void redaction_done(struct redaction *r)
{
    if (r->held.at)
        base_wipe(r->held.at, r->held.len);
    buf_done(&r->held);
}

int redaction_feed(struct redaction *r, struct str bytes, bool is_last, struct buf *out)
{
    if (r->secrets->needle_count == 0 && r->held.len == 0)
        return buf_add_str(out, bytes);
    int e = buf_add_str(&r->held, bytes);
    struct str rest = buf_str(&r->held);
    size_t plain = 0; /* bytes from the front of rest that are safe, not copied yet */
    while (e == 0 && plain < rest.len) {
        struct str here = {rest.at + plain, rest.len - plain};
        bool may;
        size_t len = needle_at(r->secrets, here, &may);
        if (may && !is_last)
            break; /* a longer one may begin here: the next bytes tell */
        if (len == 0) {
            plain++;
            continue;
        }
        (void)buf_add_str(out, (struct str){rest.at, plain});
        e = buf_add_str(out, mark);
        rest = (struct str){here.at + len, here.len - len};
        plain = 0;
    }
    if (e == 0)
        e = buf_add_str(out, (struct str){rest.at, plain});
    rest = (struct str){rest.at + plain, rest.len - plain};
    buf_drop_front(&r->held, r->held.len - rest.len);
    return e;
}

int guest_secrets_redact(const struct guest_secrets *s, struct str text, struct buf *out)
{
    struct redaction r;
    redaction_init(&r, s);
    int e = redaction_feed(&r, text, true, out);
    redaction_done(&r);
    return e;
}

bool guest_secrets_is_in(const struct guest_secrets *s, struct str text)
{
    bool may;
    for (; text.len > 0; text = (struct str){text.at + 1, text.len - 1})
        if (needle_at(s, text, &may) > 0)
            return true;
    return false;
}
