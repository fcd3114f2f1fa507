/* Makes and removes the folder with the plainest means there are: it must not lean on what is tested. */
#include "scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int scratch_open(void **state)
{
    struct scratch *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -1;
    memcpy(s->path, "/tmp/bx-test-XXXXXX", 20);
    if (mkdtemp(s->path) == NULL)
        return -1;
    s->fd = open(s->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *state = s;
    return s->fd < 0 ? -1 : 0;
}

int scratch_close(void **state)
{
    struct scratch *s = *state;
    char command[256];
    close(s->fd);
    (void)snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", s->path, s->path);
    int r = system(command);
    free(s);
    return r == 0 ? 0 : -1;
}
