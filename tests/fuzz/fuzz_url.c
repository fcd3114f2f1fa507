/* rooms: wire */
/* URLs: what is taken prints and reads back as itself, resolves against itself, and what a prefix of it closes covers it. */
#include "wire/ip.h"
#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct url *u)
{
    auto_done(buf) struct buf text, again;
    struct url back = {0};
    struct url_prefix prefix = {0};
    char why[URL_WHY_SIZE];
    bool is_covered = false;
    buf_init(&text, 1 << 20);
    buf_init(&again, 1 << 20);
    must(u->path[0] == '/' && u->port > 0);
    must(url_print(u, &text) == 0);
    if (text.len <= URL_MAX) {
        must(url_parse(buf_str(&text), &back, why) == 0);
        must(url_same_origin(u, &back) && url_print(&back, &again) == 0 &&
             str_eq(buf_str(&text), buf_str(&again)));
        must(url_prefix_parse(buf_str(&text), &prefix, why) == 0);
        must(url_prefix_covers(&prefix, u, &is_covered) == 0 && is_covered);
    }
    url_prefix_done(&prefix);
    url_done(&back);
    url_done(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, head = text, tail = {"", 0};
    struct url u, base;
    struct ip a, b;
    char why[URL_WHY_SIZE] = "";
    (void)str_split(text, '\n', &head, &tail);
    if (url_parse(head, &base, why) == 0) {
        if (url_resolve(&base, tail, &u, why) == 0)
            check(&u);
        check(&base);
    }
    if (ip_parse(text, &a) == 0) {
        char printed[IP_TEXT_SIZE];
        ip_print(&a, printed);
        must(ip_parse(str_of(printed), &b) == 0 && ip_equal(&a, &b));
        (void)ip_special(&a);
    }
    return 0;
}
