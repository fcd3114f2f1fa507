/* Facet rlimits: ceilings of the kernel on what this process may hold, whatever else fails.
 * Values are the plan's, lowered by the profile. */
#include "os/process.h"
#include "sandbox/jail/facets.h"

/* The address space that a sanitizer reserves is far beyond any limit that would still mean
 * something. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* What the profile says about a native command; 0 = nothing about this one. */
static uint64_t of_command(const struct jail_command_limits *c, enum os_rlimit which)
{
    switch (which) {
    case OS_RLIMIT_DATA: return IS_SANITIZED ? JAIL_NO_LIMIT : c->data_bytes;
    case OS_RLIMIT_CPU_SECONDS: return c->cpu_seconds;
    case OS_RLIMIT_FILE_SIZE: return c->file_bytes;
    case OS_RLIMIT_PROCESSES: return c->processes + 1; /* its keeper is one, too */
    case OS_RLIMIT_FDS: return c->files;
    case OS_RLIMIT_LOCKED_MEMORY: return 65536; /* as everywhere: for the keys of gpg and ssh */
    case OS_RLIMIT_ADDRESS_SPACE:
    case OS_RLIMIT_CORE:
    case OS_RLIMIT_MESSAGE_QUEUES:
    case OS_RLIMIT_NICE:
    case OS_RLIMIT_REALTIME:
    case OS_RLIMIT_COUNT: break;
    }
    return 0;
}

static uint64_t limit_of(const struct jail_work *w, enum os_rlimit which)
{
    const struct jail_profile *p = w->profile;
    uint64_t limit = w->plan->limits[which];
    if (p->program == JAIL_COMMAND && p->command != NULL && of_command(p->command, which) != 0)
        limit = of_command(p->command, which);
    if (which == OS_RLIMIT_ADDRESS_SPACE)
        return IS_SANITIZED                ? JAIL_NO_LIMIT
               : p->address_space_max != 0 ? p->address_space_max
                                           : limit;
    if (which == OS_RLIMIT_CORE && p->program == JAIL_COMMAND)
        return 1; /* os_rlimit_no_core() */
    if (which == OS_RLIMIT_CPU_SECONDS && p->cpu_seconds_max != 0)
        return p->cpu_seconds_max;
    if (which == OS_RLIMIT_FILE_SIZE && p->file_size_max != 0)
        return p->file_size_max;
    /* Processes are counted per user and user namespace: outside a namespace of our own a limit
     * would count the operator's other programs. "None at all" needs no counting and always
     * stays. */
    if (which == OS_RLIMIT_PROCESSES && limit != 0 && (w->new_namespaces & OS_NS_USER) == 0 &&
        !p->has_own_namespaces)
        return JAIL_NO_LIMIT;
    return limit;
}

int jail_rlimits_enter(struct jail_work *w)
{
    if (w->profile->program == JAIL_COMMAND) {
        int r = os_rlimit_no_core();
        if (r < 0)
            return jail_because(w, r, "rlimits: core files cannot be turned off");
    }
    for (int i = 0; i < OS_RLIMIT_COUNT; i++) {
        uint64_t limit = limit_of(w, (enum os_rlimit)i);
        int r = limit == JAIL_NO_LIMIT ? 0 : os_rlimit_lower((enum os_rlimit)i, limit);
        if (r < 0)
            return jail_because(w, r, "rlimits: %s cannot be limited",
                                os_rlimit_name((enum os_rlimit)i));
    }
    return 0;
}

bool jail_rlimits_hold(struct jail_work *w)
{
    uint64_t now = 0;
    for (int i = 0; i < OS_RLIMIT_COUNT; i++) {
        uint64_t limit = limit_of(w, (enum os_rlimit)i);
        if (os_rlimit_read((enum os_rlimit)i, &now) < 0 || now > limit) {
            (void)jail_because(w, 0, "rlimits: %s is not limited",
                               os_rlimit_name((enum os_rlimit)i));
            return false;
        }
    }
    if (os_rlimit_read(OS_RLIMIT_FDS, &now) < 0 || now > INT32_MAX ||
        !os_rlimit_refuses_fd((int)now)) {
        (void)jail_because(w, 0, "rlimits: a file descriptor past the limit was given");
        return false;
    }
    return true;
}
