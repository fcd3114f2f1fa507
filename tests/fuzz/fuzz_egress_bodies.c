/* rooms: host_egress net wire os base */
/* What the monitor sends to egress (EGRESS_START and EGRESS_MODEL): any body is a value that holds what it promises, or a sentence. */
#include "base/fault.h"
#include "host/egress/bodies.h"

static void check_lines(const struct secrets *s)
{
    for (size_t i = 0; i < s->header_count; i++)
        for (const char *c = s->headers[i]; *c; c++)
            must((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
    must(s->headers[s->header_count] == NULL && s->used <= s->memory.size);
}

static void check_start(const json_t *body)
{
    struct egress_start start;
    struct fault why = {0};
    struct secrets secrets;
    if (egress_start_parse(body, &start, &why) < 0) {
        must(why.text[0] != '\0');
        return;
    }
    must(start.base.port > 0 && start.base.host[0] != '\0' && start.provider != NULL);
    must(str_starts(str_of(start.base.text), STR("http://")) ||
         str_starts(str_of(start.base.text), STR("https://")));
    must(strchr(start.base.text, '?') == NULL && strchr(start.base.text, '#') == NULL &&
         strchr(start.base.host, '@') == NULL);
    must(secrets_new(&secrets) == 0);
    if (egress_start_headers(&start, &secrets, &why) == 0)
        check_lines(&secrets);
    secrets_done(&secrets);
    egress_start_done(&start);
}

static void check_ask(const json_t *body)
{
    struct egress_ask ask;
    struct fault why = {0};
    if (egress_ask_parse(body, &ask, &why) < 0) {
        must(why.text[0] != '\0');
        return;
    }
    must(ask.wire != NULL && ask.path.len > 0 && ask.path.at[0] == '/');
    for (size_t i = 0; i < ask.path.len; i++)
        must(ask.path.at[i] > ' ' && ask.path.at[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_json json_t *body = NULL;
    if (json_parse((struct str){(const char *)data, size}, 1 << 20, &body, NULL) < 0)
        return 0;
    check_start(body);
    check_ask(body);
    return 0;
}
