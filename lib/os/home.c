/* In a file of its own: the password file brings the C library's name services along, which a program that is linked whole must not
 * have. */
#include "os/env.h"

#include <pwd.h>
#include <unistd.h>

const char *os_home(void)
{
    const char *home = os_env("HOME");
    if (home != NULL)
        return home;
    const struct passwd *entry = getpwuid(geteuid());
    return entry != NULL && entry->pw_dir != NULL && entry->pw_dir[0] != '\0' ? entry->pw_dir
                                                                              : NULL;
}
