/* Inside of the jail: one function per facet to take it on, one to measure it, and the table that
 * says what each program gets. Included by the files of this folder (and their tests) only. */
#pragma once

#include "os/namespace.h"
#include "os/rlimit.h"
#include "os/seccomp.h"
#include "sandbox/jail/jail.h"

/* One lockdown under way. */
struct jail_work {
    const struct jail_profile *profile;
    const struct jail_plan *plan;
    struct jail_report *report;
    uint32_t new_namespaces; /* OS_NS_* that differ from the outside */
    int planted_fd;          /* an unwanted descriptor, to see it closed */
    int scope_trial_fd;      /* own; -1 = none */
    bool is_fatal;        /* what went wrong leaves a process that cannot work, required or not */
    char fingerprint[80]; /* of the filter that was put on */
    char why[200];        /* written by the facet that fails: the report's `missing` */
};

/* What a program gets; rows in plans.c. */
struct jail_plan {
    const char *name;
    uint32_t facets;                       /* those that mean something for it */
    uint32_t namespaces;                   /* OS_NS_* */
    const struct os_seccomp_rules *filter; /* filter_count lists, ended by the probe's own rule */
    size_t filter_count;
    uint16_t filter_answer;        /* the errno by which its filter shows itself */
    const char *const *read_paths; /* what its root and its Landlock rules show; NULL = nothing */
    bool keeps_environment;
    bool refuses_new_code;            /* PR_SET_MDWE, for this process but not its children */
    bool makes_root;                  /* by profile->root */
    bool is_granted_by_root;          /* its Landlock rules are what profile->root grants */
    uint64_t limits[OS_RLIMIT_COUNT]; /* JAIL_NO_LIMIT = leave */
};
#define JAIL_NO_LIMIT UINT64_MAX
extern const struct jail_plan jail_plans[JAIL_PROGRAM_COUNT];

/* Each: 0 done (measuring decides), or -errno with w->why. None of them undoes another. */
must_use int jail_fds_env_enter(struct jail_work *w);
must_use int jail_namespaces_enter(struct jail_work *w);
must_use int jail_rlimits_enter(struct jail_work *w);
must_use int jail_capabilities_enter(struct jail_work *w);
must_use int jail_no_new_privs_enter(struct jail_work *w);
must_use int jail_landlock_enter(struct jail_work *w);
must_use int jail_parent_death_enter(struct jail_work *w);
must_use int jail_dumpable_enter(
    struct jail_work *w); /* second half of fds_env: after the last change of credentials */
must_use int jail_seccomp_enter(struct jail_work *w);

/* Each tries something that the facet forbids; true when it was refused. */
bool jail_fds_env_holds(struct jail_work *w);
bool jail_namespaces_hold(struct jail_work *w); /* also fills report->namespaces */
bool jail_rlimits_hold(struct jail_work *w);
bool jail_capabilities_hold(struct jail_work *w);
bool jail_no_new_privs_holds(struct jail_work *w);
bool jail_landlock_holds(struct jail_work *w);
bool jail_parent_death_holds(struct jail_work *w);
bool jail_seccomp_holds(struct jail_work *w);

/* Says why, once: the first reason stays. Returns error. */
int jail_because(struct jail_work *w, int error, const char *fmt, ...) printf_like(3, 4);

/* Whether the root is the one that profile->root made, and not the host's. */
bool jail_is_in_own_root(const struct jail_work *w);

/* The program's files plus those of the profile, NULL-terminated. */
#define JAIL_PATHS_MAX 32
must_use int jail_read_paths(const struct jail_work *w, const char *ret[JAIL_PATHS_MAX + 1]);

const struct os_namespace_ids *jail_spawner_ids(void); /* of this process, read once */
const char *jail_cgroup(void); /* "none", "v1", "v2": what limits this process */
bool jail_cgroup_v2_is_delegated(void);

/* SHA-256 of a filter program, as bytes in the kernel's order: "sha256:HEX". */
void jail_fingerprint(const struct os_seccomp_program *program, char ret[80]);
