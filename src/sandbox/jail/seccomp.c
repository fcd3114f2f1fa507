/* Facet seccomp: the filter of the program, put on last, because everything before needs calls
 * that it refuses. It shows itself by one call that it answers with a number the kernel never
 * gives, a different one for each program; filters inherited from the spawner give theirs way to
 * it. */
#include "os/caps.h"
#include "sandbox/jail/facets.h"

#include <assert.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_LEAK_CHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_LEAK_CHECK 1
#endif
#endif

#ifdef HAS_LEAK_CHECK
/* The leak check at the end of a sanitized program stops it from outside by ptrace, which no
 * filter lets through: without this every jailed program would seem to crash at its end. */
static int has_filter;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return has_filter;
}
#else
static int has_filter unused_;
#endif

int jail_seccomp_enter(struct jail_work *w)
{
    struct os_seccomp_program program;
    int r = os_seccomp_compile(w->plan->filter, w->plan->filter_count, OS_ARCH_HERE, &program);
    if (r < 0)
        return jail_because(w, r, "seccomp: the filter is too long");
    r = os_no_new_privs(); /* the kernel's condition */
    if (r == 0 && w->plan->refuses_new_code)
        (void)!os_refuse_new_code(); /* newer kernels only; a gain, not part of the promise */
    jail_fingerprint(&program, w->fingerprint);
    if (r == 0)
        r = os_seccomp_install(&program);
    has_filter = r == 0;
    return r < 0 ? jail_because(w, r, "seccomp: this kernel takes no filter") : 0;
}

bool jail_seccomp_holds(struct jail_work *w)
{
    if (os_seccomp_ask(OS_SYS_acct) != w->plan->filter_answer) {
        (void)jail_because(w, 0, "seccomp: the filter does not answer");
        return false;
    }
    static_assert(sizeof(w->report->seccomp) == sizeof(w->fingerprint), "copied whole");
    memcpy(w->report->seccomp, w->fingerprint, sizeof(w->fingerprint));
    return true;
}
