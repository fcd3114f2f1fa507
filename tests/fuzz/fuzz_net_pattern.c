/* rooms: wire */
/* Host patterns and closed networks against URLs: a line of each. Both doors of a pattern say the same. */
#include "wire/net_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size}, pattern = text, rest = {"", 0};
    struct net_pattern p;
    struct net_block block;
    struct url u = {0};
    char why[URL_WHY_SIZE] = "", target[NET_TARGET_MAX];
    (void)str_split(text, '\n', &pattern, &rest);
    (void)!net_pattern_parse(pattern, false, &p, why);
    bool is_pattern = net_pattern_parse(pattern, true, &p, why) == 0,
         is_block = net_block_parse(pattern, &block, why) == 0;
    if (is_pattern)
        (void)net_pattern_matches(&p, STR(""), rest);
    if (url_parse(rest, &u, why) != 0)
        return 0;
    net_target_print(&u, target);
    if (is_pattern)
        must(net_pattern_takes(&p, &u) ==
             net_pattern_matches(&p, str_of(url_scheme(&u)), str_of(target)));
    if (is_block && u.host.is_ip)
        (void)net_block_covers(&block, &u.host.ip);
    url_done(&u);
    return 0;
}
