/* rooms: run */
/* What decodes encodes to what decodes to the same; byte 0 picks run, outcome (or landing, when it has
 * a stage) or a limit's text. */
#include "sandbox/run/landing.h"
#include "sandbox/run/run.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_run(const json_t *body)
{
    struct sandbox_run run, again;
    auto_(sandbox_run_held) struct sandbox_run_held *held = NULL;
    auto_(sandbox_run_held) struct sandbox_run_held *held_again = NULL;
    struct fault f = {0};
    int r = sandbox_run_from_json(body, &run, &held, &f);
    must(r == 0 || f.text[0] != '\0');
    if (r < 0)
        return;
    auto_json json_t *printed = sandbox_run_json(&run);
    must(printed != NULL && sandbox_run_from_json(printed, &again, &held_again, NULL) == 0);
    must(run.argc == again.argc && run.env_count == again.env_count && run.mounts == again.mounts);
    for (size_t i = 0; i < run.argc; i++)
        must(strcmp(run.argv[i], again.argv[i]) == 0);
    must(memcmp(&run.limits, &again.limits, sizeof run.limits) == 0);
}

static void fuzz_outcome(const json_t *body, struct str raw)
{
    auto_done(sandbox_outcome) struct sandbox_outcome o, again;
    struct fault f = {0};
    sandbox_outcome_init(&o, 32);
    sandbox_outcome_init(&again, 32);
    int r = sandbox_outcome_from_json(body, raw, &o, &f);
    must(r == 0 || (r == -FAULT_PROTOCOL && f.text[0] != '\0'));
    if (r < 0)
        return;
    auto_json json_t *printed = sandbox_outcome_json(&o);
    must(printed != NULL && sandbox_outcome_from_json(printed, raw, &again, NULL) == 0);
    must(o.stop == again.stop && o.touched_count == again.touched_count &&
         o.refused_count == again.refused_count);
    for (size_t i = 0; i < o.touched_count; i++)
        must(strcmp(o.touched[i].path, again.touched[i].path) == 0); /* normal stays normal */
    must(memcmp(&o.used, &again.used, sizeof o.used) == 0);
}

static void fuzz_landing(const json_t *body, struct str raw)
{
    struct sandbox_landing l, again;
    struct fault f = {0};
    int r = sandbox_landing_from_json(body, raw, &l, &f);
    must(r == 0 || (r == -FAULT_PROTOCOL && f.text[0] != '\0'));
    if (r < 0)
        return;
    auto_json json_t *printed = sandbox_landing_json(&l);
    must(printed != NULL && sandbox_landing_from_json(printed, raw, &again, NULL) == 0);
    must(strcmp(l.stage, again.stage) == 0 && strcmp(l.path, again.path) == 0 &&
         l.device == again.device && l.inode == again.inode && l.is_new == again.is_new);
}

static void fuzz_text(struct str text)
{
    for (size_t i = 0; i < sandbox_limit_row_count; i++) {
        struct sandbox_limits l;
        const struct limit_row *row = &sandbox_limit_rows[i];
        limits_default(&l);
        int64_t value;
        if (limits_set_text(&l, row, text, NULL) == 0) {
            memcpy(&value, (char *)&l + row->offset, sizeof value);
            must(value >= row->min && value <= row->max);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct str in = {(const char *)data + 2, size - 2};
    if (data[0] % 3 == 2) {
        fuzz_text(in);
        return 0;
    }
    size_t raw = data[1] < in.len ? data[1] : in.len;
    auto_json json_t *body = NULL;
    if (json_parse((struct str){in.at + raw, in.len - raw}, 1 << 20, &body, NULL) < 0 ||
        !json_is_object(body))
        return 0;
    if (data[0] % 3 == 0)
        fuzz_run(body);
    else if (json_object_get(body, "stage"))
        fuzz_landing(body, (struct str){in.at, raw});
    else
        fuzz_outcome(body, (struct str){in.at, raw});
    return 0;
}
