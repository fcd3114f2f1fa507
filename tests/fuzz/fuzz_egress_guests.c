/* rooms: host_egress */
/* What egress reads for guests: line 1 the terms of a grant, line 2 a URL that is judged by them, the rest bytes of an answer that
 * are read for a secret, cut where the first byte says: what comes out must not depend on it. */
#include "host/egress/guest_secrets.h"
#include "host/egress/terms.h"
#include "os/fd.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(struct str terms_text, struct str url_text)
{
    auto_json json_t *body = NULL;
    struct terms t;
    struct url u;
    struct fault why = {0};
    char text[URL_WHY_SIZE] = "";
    if (json_parse(terms_text, 1 << 20, &body, NULL) != 0)
        return;
    int r = terms_parse(body, &t, &why);
    must(r == 0 || r == -ENOMEM || (r == -FAULT_PROTOCOL && why.text[0]));
    if (r != 0)
        return;
    if (url_parse(url_text, &u, text) == 0) {
        r = terms_judge_url(&t, &u, text);
        must(r == 0 || (r == TERMS_DENIED && text[0]));
        url_done(&u);
    }
    terms_done(&t);
}

static void redact(const struct guest_secrets *s, struct str bytes, size_t cut)
{
    struct redaction r;
    auto_done(buf) struct buf whole, pieces;
    buf_init(&whole, 1 << 22);
    buf_init(&pieces, 1 << 22);
    must(guest_secrets_redact(s, bytes, &whole) == 0);
    redaction_init(&r, s);
    cut = cut < bytes.len ? cut : bytes.len;
    must(redaction_feed(&r, (struct str){bytes.at, cut}, false, &pieces) == 0);
    must(redaction_feed(&r, (struct str){bytes.at + cut, bytes.len - cut}, true, &pieces) == 0);
    must(str_eq(buf_str(&whole), buf_str(&pieces)) && !guest_secrets_is_in(s, buf_str(&whole)));
    redaction_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guest_secrets secrets;
    static const char words[] =
        "{\"name\":\"k\",\"host\":\"https://a.example\",\"header\":\"x\",\"prefix\":\"\"}";
    if (secrets.count == 0) {
        auto_json json_t *body = NULL;
        int fd;
        must(guest_secrets_new(&secrets) == 0 && json_parse(str_of(words), 4096, &body, NULL) == 0);
        must(os_memfd_sealed("s", STR("aaabaaab/+"), &fd) == 0 &&
             guest_secrets_add(&secrets, body, fd, NULL) == 0);
        os_close(fd);
    }
    struct str rest = {(const char *)data, size}, terms = rest, url = {"", 0};
    if (str_split(rest, '\n', &terms, &rest) && str_split(rest, '\n', &url, &rest) && rest.len > 0)
        redact(&secrets, (struct str){rest.at + 1, rest.len - 1}, (uint8_t)rest.at[0]);
    judge(terms, url);
    return 0;
}
