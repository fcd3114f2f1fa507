/* Dropping of privilege. One way only: nothing here can raise anything. */
#include "os/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAP_NUMBERS = 64 }; /* the kernel refuses numbers past its last with EINVAL */

#define SECUREBITS_STRICT                                                                          \
    (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                               \
     SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |       \
     SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

static int read_sets(struct os_caps *ret)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    ret->effective = data[0].effective | (uint64_t)data[1].effective << 32;
    ret->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    ret->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

int os_caps_read(struct os_caps *ret)
{
    struct os_caps caps = {0};
    int r = read_sets(&caps);
    if (r < 0)
        return r;
    for (unsigned long cap = 0; cap < CAP_NUMBERS; cap++) {
        int bounding = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (bounding < 0)
            break;
        if (bounding > 0)
            caps.bounding |= UINT64_C(1) << cap;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0)
            caps.ambient |= UINT64_C(1) << cap;
    }
    int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
    caps.securebits = bits < 0 ? 0 : (unsigned)bits;
    *ret = caps;
    return 0;
}

bool os_caps_has(uint64_t mask)
{
    struct os_caps caps;
    return read_sets(&caps) == 0 && (caps.effective & mask) == mask;
}

static int drop_bounding(uint64_t keep)
{
    for (unsigned long cap = 0; cap < CAP_NUMBERS; cap++) {
        if ((keep >> cap & 1) != 0)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL || errno == EPERM)
            return 0; /* past the last; or an ordinary user */
        return -errno;
    }
    return 0;
}

int os_caps_drop(uint64_t keep)
{
    struct os_caps had;
    int r = read_sets(&had);
    if (r == 0)
        r = drop_bounding(keep);
    if (r < 0)
        return r;
    /* Order: bounding set and securebits need CAP_SETPCAP, which the last step gives away. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -errno;
    if (prctl(PR_SET_SECUREBITS, SECUREBITS_STRICT, 0, 0, 0) < 0 && errno != EPERM)
        return -errno;
    uint64_t left = had.permitted & keep;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)left, .permitted = (uint32_t)left},
        {.effective = (uint32_t)(left >> 32), .permitted = (uint32_t)(left >> 32)},
    };
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

bool os_caps_can_administer(void)
{
    /* The kernel looks at the capability first and at the impossible length second. */
    return syscall(SYS_sethostname, "", -1) < 0 && errno != EPERM;
}

int os_no_new_privs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

bool os_has_no_new_privs(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

int os_dumpable_off(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

bool os_is_dumpable(void)
{
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
}

int os_parent_death_signal(void)
{
    int signal = 0;
    return prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0) < 0 ? 0 : signal;
}
