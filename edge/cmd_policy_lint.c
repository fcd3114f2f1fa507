/* boxagnts policy lint | test: is the policy what its author meant? Exit 1 when not. */
#include "edge/app.h"
#include "edge/cmd_policy.h"
#include "os/env.h"
#include "os/file.h"
#include "tools/policy_lint.h"
#include "tools/policy_test.h"

#include <errno.h>
#include <stdio.h>

#define FILE_MAX ((size_t)4 << 20)

struct findings {
    bool as_json;
    size_t count;
};

static void on_finding(const struct lint_finding *f, void *arg)
{
    struct findings *all = arg;
    all->count++;
    if (!all->as_json) {
        printf("%s: %s %s (%s): %s\n", lint_kind_name(f->kind), policy_verdict_name(f->verdict),
               f->rule, policy_layer_name(f->layer), f->why);
        return;
    }
    auto_json json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s}", "kind", lint_kind_name(f->kind), "verdict",
                  policy_verdict_name(f->verdict), "rule", f->rule, "layer",
                  policy_layer_name(f->layer), "by", f->by, "why", f->why);
    if (line)
        (void)app_print_json(line);
}

int policy_lint_verb(const struct parsed *p, struct fault *reterr)
{
    struct app app;
    struct effect_mount mounts[SANDBOX_MOUNTS_MAX];
    struct findings all = {0};
    int r = app_open(&app, p, APP_MOUNTS | APP_TOOLS, reterr);
    if (r == 0) {
        all.as_json = app.json;
        const struct lint_place place = {app.registry, mounts,
                                         app_effect_mounts(&app, mounts, ARRAY_LEN(mounts))};
        r = policy_lint(app.settings->policy, &place, on_finding, &all);
    }
    if (r == 0 && !app.json && all.count == 0)
        puts("nothing to say against these rules");
    app_done(&app);
    return r < 0 ? r : all.count > 0;
}

/* --- test --- */

struct tally {
    const char *file;
    bool as_json;
    size_t held, failed;
};

static void on_test(const struct policy_test_result *result, void *arg)
{
    struct tally *t = arg;
    *(result->holds ? &t->held : &t->failed) += 1;
    if (t->as_json) {
        auto_json json_t *line = json_pack(
            "{s:s, s:I, s:s, s:b, s:s, s:s, s:s}", "file", t->file, "test",
            (json_int_t)result->number, "name", result->name, "holds", result->holds, "verdict",
            policy_verdict_name(result->got.verdict), "rule", result->got.rule, "why", result->why);
        if (line)
            (void)app_print_json(line);
    } else if (!result->holds) {
        printf("%s: test %zu%s%s: %s\n", t->file, result->number, *result->name ? " " : "",
               result->name, result->why);
    }
}

static int test_text(const struct policy_test_place *place, const char *file, int read,
                     const struct buf *text, struct tally *tally, struct fault *reterr)
{
    if (read < 0)
        return fault_set(reterr, FAULT_CONFIG, "cannot read %s: %s", file, fault_sentence(read));
    tally->file = file;
    return policy_test(place, file, buf_str(text), on_test, tally, reterr);
}

static int test_file(const struct policy_test_place *place, const char *file, struct tally *tally,
                     struct fault *reterr)
{
    auto_done(buf) struct buf text;
    buf_init(&text, FILE_MAX);
    int r = os_read_file_trusted(file, &text);
    return test_text(place, file, r, &text, tally, reterr);
}

/* The files beside the settings: the person's own, and the workspace's, which is opened beneath its folder. */
static int test_usual_files(const struct app *app, const struct policy_test_place *place,
                            struct tally *tally, struct fault *reterr)
{
    static const char in_workspace[] = ".boxagnts/policy.test.json";
    char own_file[4300] = "";
    const char *base = os_env("XDG_CONFIG_HOME"), *home = os_home();
    auto_done(buf) struct buf text;
    int r = -ENOENT, found = 0;
    buf_init(&text, FILE_MAX);
    if ((base && *base == '/') || home)
        snprintf(own_file, sizeof(own_file), "%s%s/boxagnts/policy.test.json",
                 base && *base == '/' ? base : home, base && *base == '/' ? "" : "/.config");
    if (*own_file)
        r = os_read_file_trusted(own_file, &text);
    if (r != -ENOENT) {
        found++;
        if ((r = test_text(place, own_file, r, &text, tally, reterr)) < 0)
            return r;
    }
    buf_reset(&text);
    r = os_read_file_at(app->work_dir_fd, in_workspace, &text);
    if (r != -ENOENT)
        return test_text(place, in_workspace, r, &text, tally, reterr);
    return found
               ? 0
               : fault_set(reterr, FAULT_USAGE,
                           "there is neither %s in the working folder nor %s; name a file",
                           in_workspace, *own_file ? own_file : "one in your own settings folder");
}

int policy_test_verb(const struct parsed *p, struct fault *reterr)
{
    struct app app;
    struct effect_mount mounts[SANDBOX_MOUNTS_MAX];
    struct tally tally = {0};
    int r = app_open(&app, p, APP_MOUNTS | APP_TOOLS, reterr);
    if (r == 0) {
        tally.as_json = app.json;
        const struct policy_test_place place = {app.settings->policy, app.registry, mounts,
                                                app_effect_mounts(&app, mounts, ARRAY_LEN(mounts))};
        for (size_t i = 1; r == 0 && i < p->positional_count; i++)
            r = test_file(&place, p->positional[i], &tally, reterr);
        if (r == 0 && p->positional_count == 1)
            r = test_usual_files(&app, &place, &tally, reterr);
    }
    if (r == 0 && !app.json)
        printf("%zu of %zu tests hold\n", tally.held, tally.held + tally.failed);
    app_done(&app);
    return r < 0 ? r : tally.failed > 0;
}
