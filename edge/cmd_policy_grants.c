/* boxagnts policy grants list|revoke SESSION[/N]: what a person allowed for longer than one call. A running session reads the journal
 * before it uses a grant, so a revoked one is asked about again at once. */
#include "edge/app.h"
#include "edge/cmd_policy.h"
#include "edge/grants_view.h"

#include <errno.h>
#include <stdio.h>

static int list(const struct app *app, const char *session, struct fault *reterr)
{
    auto_(grants) struct grants *g = NULL;
    int r = grants_new(app->state, session, &g);
    if (r < 0)
        return fault_sys(reterr, -r, "the grants of session %s cannot be read", session);
    if (app->json) {
        auto_json json_t *rows = grants_json(g);
        return rows ? app_print_json(rows) : -ENOMEM;
    }
    if (grants_count(g) == 0)
        printf("session %s has no grants\n", session);
    return grants_print(stdout, g, false);
}

static int grants_verb(const struct app *app, const struct parsed *p, struct fault *reterr)
{
    struct str what = str_of(p->positional[1]), session = str_of(p->positional[2]),
               number = {"", 0};
    bool is_revoke = str_is(what, "revoke");
    struct session_row row = {0};
    if (!is_revoke && !str_is(what, "list"))
        return fault_set(reterr, FAULT_USAGE, "policy grants: \"%.60s\" is neither list nor revoke",
                         what.at);
    bool has_number = str_split(session, '/', &session, &number);
    if (has_number && (!is_revoke || number.len == 0))
        return fault_set(reterr, FAULT_USAGE, "policy grants %s: SESSION%s", what.at,
                         is_revoke ? ", or SESSION/N with the number of a grant" : "");
    int r = session_find(app->state, session, &row, reterr);
    if (r < 0)
        return r;
    r = is_revoke ? grants_revoke_text(app->state, row.id, number, reterr)
                  : list(app, row.id, reterr);
    if (is_revoke && r > 0) {
        printf(app->json ? "{\"revoked\":%d}\n" : "%d revoked\n", r);
        r = 0;
    }
    session_row_done(&row);
    return r;
}

int policy_grants_verb(const struct parsed *p, struct fault *reterr)
{
    struct app app = {.work_dir_fd = -1};
    int r = app_open(&app, p, APP_STATE, reterr);
    if (r == 0)
        r = grants_verb(&app, p, reterr);
    app_done(&app);
    return r;
}
