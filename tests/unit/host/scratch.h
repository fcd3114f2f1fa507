/* A state folder of its own for each test, and a work folder beside it. Included by each test file. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/journal.h"
#include "host/ledger.h"
#include "host/state.h"
#include "host/undo.h"
#include "os/fd.h"
#include "os/file.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct scratch {
    char top[128], state[160], work[160];
    int pid; /* the process that made it: a failing child must not clean up */
};

int scratch_make(void **ret); /* cmocka setup: *ret = struct scratch */
int scratch_remove(void **given);
struct state *scratch_open(void); /* opens the state, fails the test when that does not work */
/* Opens and expects a fault with this code and this in its sentence. */
void scratch_open_fails(int code, const char *text);
void scratch_write(const char *dir, const char *name, const char *text, mode_t mode);
char *scratch_read(const char *dir, const char *name); /* NULL when missing; free() */
void scratch_sql(struct state *s, const char *sql);    /* changes rows behind the journal's back */
json_t *scratch_json(const char *text);
void scratch_in_child(void (*fn)(void *arg),
                      void *arg); /* fails the test unless the child exits 0 */
pid_t scratch_fork(void (*fn)(void *arg), void *arg);
void scratch_reap(pid_t pid);
#define scratch_path(buf, ...) ((void)snprintf((buf), sizeof(buf), __VA_ARGS__), (buf))

#define assert_ok(expression)                                                                      \
    do {                                                                                           \
        struct fault *fault_ = &scratch_fault;                                                     \
        int result_ = (expression);                                                                \
        if (result_ != 0)                                                                          \
            fail_msg("%s = %d: %s", #expression, result_, fault_->text);                           \
    } while (0)
extern struct fault scratch_fault;
