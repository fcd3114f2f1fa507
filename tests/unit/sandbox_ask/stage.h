/* A worker and a loop for tests: real programs from BOXAGNTS_BIN, real jail as far as this machine gives one. */
#pragma once

#include "os/loop.h"
#include "sandbox/ask/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct stage {
    struct sandbox_worker *worker;
    struct os_loop *loop;
    struct sandbox_limits limits; /* of the next run */
    int dir_fd;                   /* "/" of the guest, -1 = no mount */
    bool read_only;
    int undo_root_fd, undo_fd; /* of the worker and of the next run; -1 = none */
    bool stream;
    int64_t runs_max, memory_growth_max; /* of the next worker; 0 = as usual */
    int64_t cancel_after_ms;             /* 0 = never */
    struct str stdin_bytes;

    bool is_done;
    int done_count;
    struct sandbox_outcome outcome; /* of the last run */
    char streamed[8192];
    size_t streamed_len;
};

const char *stage_program(const char *name); /* path in BOXAGNTS_BIN */
void stage_open(struct stage *s);
void stage_close(struct stage *s);
/* Compiles (once per bytes and process) and runs. */
enum sandbox_stop stage_run(struct stage *s, struct str wasm);
/* In two steps: between them the test is the only one who moves. */
void stage_start(struct stage *s, int code_fd, const char *key);
enum sandbox_stop stage_wait(struct stage *s);
/* The same with code that is there already. */
enum sandbox_stop stage_run_code(struct stage *s, int code_fd, const char *key);
int stage_code(struct str wasm, char ret_key[65]); /* borrowed fd */
