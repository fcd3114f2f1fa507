/* Hostile guest: opens what is no file, in every way; an opening that waits would hang the run. argv[1..]: names. */
#include "hostile.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        for (int oflags = 0; oflags < 16; oflags++)
            for (int fdflags = 0; fdflags < 32; fdflags++)
                for (int how = 0; how < 3; how++) {
                    static const long long rights[] = {0, RIGHTS_READ, RIGHTS_WRITE};
                    char label[64];
                    int fd;

                    snprintf(label, sizeof(label), "%s.%d.%d.%d", argv[i], oflags, fdflags, how);
                    int error = open_raw(ROOT_FD, argv[i], strlen(argv[i]), oflags, rights[how],
                                         fdflags, &fd);
                    if (error == 0)
                        tell(label, 0);
                    else if (oflags == 0 && fdflags == 0)
                        tell(label, error);
                }
    return hostile_end();
}
