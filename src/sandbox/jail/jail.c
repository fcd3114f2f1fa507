/* The lockdown as a whole: which facets, in which order, measured when, and what is said about
 * it.
 *
 * Order, and why:
 *   fds_env        first, so that nothing inherited can be used by what follows
 *   namespaces     need the capabilities of the new user namespace, and /proc
 *   rlimits        need nothing; the process limit counts in the new user namespace
 *   no_new_privs   the condition of Landlock and the filter; makes a bounding set worthless
 *   capabilities   after the last mount; from here on nothing can be taken back
 *   landlock       after the mounts: a process with file rules may not mount
 *   parent_death   after the last change of credentials, which would cancel it
 *   dumpable       likewise, and after the last use of files in /proc
 *   seccomp        last, because every step above needs calls that it refuses
 * Each facet is measured right after it is taken on, while the attempt that it must refuse is
 * still only refused by it and not yet by a later one. */
#include "os/env.h"
#include "os/fd.h"
#include "os/landlock.h"
#include "sandbox/jail/facets.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct facet {
    enum jail_facet bit;
    const char *name;
    int (*enter)(struct jail_work *w);
    bool (*holds)(struct jail_work *w); /* NULL = measured by a later row */
    const char *next;
} facets[] = {
    {JAIL_FDS_ENV, "fds_env", jail_fds_env_enter, NULL, "report this as a bug"},
    {JAIL_NAMESPACES, "namespaces", jail_namespaces_enter, jail_namespaces_hold,
     "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
     "user.max_user_namespaces, "
     "kernel.apparmor_restrict_unprivileged_userns=0), or do not require this layer"},
    {JAIL_RLIMITS, "rlimits", jail_rlimits_enter, jail_rlimits_hold,
     "raise the hard limits (ulimit -H -a) of this session"},
    {JAIL_NO_NEW_PRIVS, "no_new_privs", jail_no_new_privs_enter, jail_no_new_privs_holds,
     "use Linux 3.5 or later"},
    {JAIL_CAPABILITIES, "capabilities", jail_capabilities_enter, jail_capabilities_hold,
     "start boxagnts as an ordinary user"},
    {JAIL_LANDLOCK, "landlock", jail_landlock_enter, jail_landlock_holds,
     "use Linux 5.13 or later with landlock in its lsm= list, or do not require this layer"},
    {JAIL_PARENT_DEATH, "parent_death", jail_parent_death_enter, jail_parent_death_holds,
     "start it from a running boxagnts"},
    {JAIL_FDS_ENV, "fds_env", jail_dumpable_enter, jail_fds_env_holds, "report this as a bug"},
    {JAIL_SECCOMP, "seccomp", jail_seccomp_enter, jail_seccomp_holds,
     "use a kernel with CONFIG_SECCOMP_FILTER"},
};

const char *jail_facet_name(enum jail_facet facet)
{
    for (size_t i = 0; i < ARRAY_LEN(facets); i++) {
        if (facets[i].bit == facet)
            return facets[i].name;
    }
    return "unknown";
}

int jail_because(struct jail_work *w, int error, const char *fmt, ...)
{
    va_list args;
    if (w->why[0] != '\0')
        return error;
    va_start(args, fmt);
    int n = vsnprintf(w->why, sizeof(w->why), fmt, args);
    va_end(args);
    if (error < 0 && n > 0 && (size_t)n < sizeof(w->why))
        (void)snprintf(w->why + n, sizeof(w->why) - (size_t)n, ": %s", strerror(-error));
    return error;
}

/* Whether the facet is in force, or is to be measured later. */
static bool take_on(struct jail_work *w, const struct facet *facet)
{
    int r = facet->enter(w);
    /* A part of the namespaces may stand although not all does: it is measured, and named,
     * anyway. */
    bool holds =
        facet->holds != NULL && (r == 0 || facet->bit == JAIL_NAMESPACES) && facet->holds(w);
    if (facet->holds == NULL)
        return r == 0;
    if (r < 0 || !holds)
        return false;
    w->report->in_force |= facet->bit;
    return true;
}

static int refuse(const struct jail_work *w, const struct facet *facet, struct fault *reterr)
{
    int r = fault_set(reterr, FAULT_SANDBOX, "the %s cannot be locked down: %s", w->plan->name,
                      w->why[0] != '\0' ? w->why : facet->name);
    fault_next(reterr, "%s; `boxagnts doctor` shows what this machine gives", facet->next);
    return r;
}

int jail_enter(const struct jail_profile *profile, struct jail_report *ret, struct fault *reterr)
{
    const struct jail_plan *plan = &jail_plans[profile->program];
    uint32_t required = profile->required & plan->facets;
    struct jail_report report = {.cgroup = jail_cgroup()};
    struct jail_work w = {.profile = profile,
                          .plan = plan,
                          .report = &report,
                          .planted_fd = -1,
                          .scope_trial_fd = -1};

    for (size_t i = 0; i < ARRAY_LEN(facets); i++) {
        const struct facet *facet = &facets[i];
        w.why[0] = '\0';
        if ((profile->facets & plan->facets & facet->bit) != 0 && take_on(&w, facet))
            continue;
        if (facet->holds == NULL && w.why[0] == '\0')
            continue; /* not asked for; its second row says so */
        os_close(take_fd(&w.scope_trial_fd));
        if ((required & facet->bit) != 0 || w.is_fatal)
            return refuse(&w, facet, reterr);
        if (report.missing[0] == '\0')
            memcpy(report.missing, w.why, sizeof(report.missing));
    }
    *ret = report;
    return 0;
}

static json_t *namespaces_json(const struct jail_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && r->namespaces[i] != NULL; i++) {
        if (json_array_append_new(list, json_string(r->namespaces[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *facets_json(const struct jail_report *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list != NULL && i < JAIL_FACET_COUNT; i++) {
        if ((r->in_force >> i & 1) == 0)
            continue;
        if (json_array_append_new(list, json_string(jail_facet_name((enum jail_facet)(1u << i)))) <
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *jail_report_json(const struct jail_report *r)
{
    /* "o" takes the lists over, also when packing fails. */
    return json_pack("{s:i, s:s, s:o, s:s, s:b, s:o}", "landlock_abi", r->landlock_abi, "seccomp",
                     r->seccomp, "namespaces", namespaces_json(r), "cgroup", r->cgroup, "rlimits",
                     (r->in_force & JAIL_RLIMITS) != 0, "facets", facets_json(r));
}

void jail_probe(struct jail_ability *ret)
{
    struct jail_ability is = {.landlock_abi = os_landlock_abi(), .seccomp = os_seccomp_available()};
    int r = os_namespace_probe();
    is.user_namespaces = r == 0;
    is.cgroup_v2_delegated = jail_cgroup_v2_is_delegated();
    const char *why = NULL;
    if (!is.seccomp)
        why = "seccomp: this kernel has no system call filters (CONFIG_SECCOMP_FILTER)";
    else if (is.landlock_abi == 0)
        why = "landlock: not in this kernel (5.13 or later) or not in its lsm= list";
    else if (!is.user_namespaces)
        why = "namespaces: not for this user";
    else if (!is.cgroup_v2_delegated)
        why = "cgroup: no cgroup v2 folder is this user's own "
              "(systemd: run in a scope with Delegate=yes)";
    if (why != NULL && is.seccomp && is.landlock_abi != 0 && !is.user_namespaces)
        (void)snprintf(is.why_not, sizeof(is.why_not), "%s: %s", why, strerror(-r));
    else if (why != NULL)
        (void)snprintf(is.why_not, sizeof(is.why_not), "%s", why);
    *ret = is;
}
