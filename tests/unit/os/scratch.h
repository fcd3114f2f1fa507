/* A folder of its own for one test case, held open, removed at the end. */
#pragma once

int scratch_open(void **state);  /* cmocka setup: *state = the scratch */
int scratch_close(void **state); /* cmocka teardown */

struct scratch {
    int fd;
    char path[64];
};
