/* Faults: what went wrong, as a number that travels and a sentence that is made once, where the
 * fault starts. Numbers below 4096 are errno; ours start at 4096. Every function that fails returns
 * -errno or -FAULT_*. The taxonomy is the same for C, JSON and exit codes (fault_exit_code). */
#pragma once

#include "base/base.h"

enum fault_code {
    FAULT_USAGE = 4096, /* bad flag, argument                         exit 2 */
    FAULT_CONFIG,       /* bad settings, script, manifest, policy     exit 2 */
    FAULT_INPUT,        /* bytes from outside do not parse            exit 2 */
    FAULT_SCHEMA,       /* arguments do not validate                  exit 2 */
    FAULT_MODULE,       /* not a module we run (invalid_module)       exit 2 */
    FAULT_POLICY,       /* refused by policy                          exit 3 */
    FAULT_BUDGET,       /* money                                      exit 4 */
    FAULT_LIMIT,        /* another limit                              exit 5 */
    FAULT_MODEL,        /* model service                              exit 6 */
    FAULT_SANDBOX,      /* the sandbox cannot be built as required    exit 7 */
    FAULT_GUEST,        /* the guest failed by itself                 exit 8 */
    FAULT_CANCELLED,    /*                                            exit 130 */
    FAULT_PROTOCOL,     /* a peer broke the frame protocol            exit 1 */
    FAULT_PEER_GONE,    /* a program of ours ended                    exit 1 */
    FAULT_CORRUPT,      /* our own state does not verify              exit 1 */
    FAULT_BUSY,         /* another process holds it                   exit 1 */
    FAULT_CAP,          /* a growable thing is at its maximum         exit 5 */
};

/* A sentence with its number. `next` says what to try; may be empty. Plain value, no ownership. */
struct fault {
    int code;       /* positive fault_code or errno; 0 = none */
    char text[512]; /* what, where */
    char next[256]; /* the next thing to try */
};

/* Writes the sentence and returns -code, so that a failing function can `return fault_set(...)`.
 * f may be NULL (only the number travels then). Longer text is cut at a UTF-8 border. */
int fault_set(struct fault *f, int code, const char *fmt, ...) printf_like(3, 4);
/* The same for a system call that just failed: appends ": strerror". err is positive. */
int fault_sys(struct fault *f, int err, const char *fmt, ...) printf_like(3, 4);
/* Adds the next thing to try to a fault that is set. */
void fault_next(struct fault *f, const char *fmt, ...) printf_like(2, 3);
/* Puts "prefix: " before the text of a fault that is set (for file names and the like). */
void fault_prefix(struct fault *f, const char *fmt, ...) printf_like(2, 3);

/* Stable lower-case name ("usage", "config", "enoent"...), never NULL. code may be negative. */
const char *fault_name(int code);
/* A short general sentence for a code; for when no better text was made. */
const char *fault_sentence(int code);
/* Exit code of the command line for it (interfaces.md): 1..8, 130; 0 for 0. */
int fault_exit_code(int code);
