/* Trials in short-lived children: what a jailed process does must not reach the test. */
#pragma once

#include "sandbox/jail/jail.h"

#include <signal.h>
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What a trial's child may answer; it never returns from its function any other way than by a
 * number. */
enum {
    TRIAL_DONE = 0,      /* the attack went through */
    TRIAL_REFUSED = 1,   /* it was refused */
    TRIAL_VOID = 77,     /* it could not even be tried here */
    TRIAL_BROKEN = 99,   /* something else went wrong: printed */
    TRIAL_KILLED = 1000, /* + the signal that ended it */
};

typedef int (*trial_fn)(void *arg);

/* Runs fn in a child, in new namespaces (OS_NS_*; -EPERM etc. become TRIAL_VOID). Its answer, or
 * TRIAL_KILLED + signal. */
int trial_run(uint32_t namespaces, trial_fn fn, void *arg);

/* The same as another user when this is root, because root is not bound by everything. */
int trial_run_as_user(uint32_t namespaces, trial_fn fn, void *arg);

/* In a child: enters only these facets of a program; TRIAL_BROKEN and a line on stderr when it
 * cannot. The outside that trial_run() noted is filled in when the profile has none. */
int trial_enter(struct jail_profile profile, struct jail_report *ret);
#define TRIAL_USER 12321
