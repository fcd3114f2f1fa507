/* rooms: tools wire base */
/* Any text is settings or a sentence; a refused text changes nothing; a workspace's text never widens anything. */
#include "tools/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    auto_(settings) struct settings *s = NULL, *w = NULL;
    struct fault fault = {0};
    must(settings_new(&s) == 0 && settings_new(&w) == 0);
    int r = settings_add(s, POLICY_USER, "fuzz.json", text, &fault);
    must(r == 0 || (r == -FAULT_CONFIG && fault.text[0] && utf8_valid(str_of(fault.text))));
    struct settings before = *w;
    struct sandbox_limits limits = w->limits;
    r = settings_add(w, POLICY_PROJECT, "fuzz.json", text, NULL);
    must(r == 0 || r == -FAULT_CONFIG);
    limits_tighten(&limits, NULL, &w->limits, LIMIT_PROJECT);
    must(memcmp(&limits, &w->limits, sizeof limits) == 0);
    must(w->mount_count == 0 && w->allowed_count == 0 && w->provider_count == 0 &&
         w->tool_dir_count == 0 && !w->work_dir);
    must(w->max_turns <= before.max_turns && w->total_budget_pico <= before.total_budget_pico);
    must(w->mode != MODE_BYPASS && w->mode != MODE_ACCEPT_EDITS &&
         w->block_network_count >= before.block_network_count);
    if (r != 0)
        must(!w->model && w->env_count == 0 && w->block_network_count == 1 &&
             memcmp(&w->limits, &before.limits, sizeof limits) == 0);
    return 0;
}
