/* The worker's side of a landing: asks the monitor to give a finished write its name, and waits for the answer. */
#pragma once

#include "base/base.h"
#include "host/ask/channel.h"
#include "sandbox/wasi/wasi.h"

struct landing {
    struct channel *channel; /* borrowed */
    uint64_t run_id;
    bool is_cancelled; /* WORKER_CANCEL came while an answer was waited for */
};

/* 0 it has its name | -errno it has not. Does not return when there is nobody to answer: whether it landed is not known then, and
 * the log of changes must not say that it did not. */
must_use int landing_ask(struct landing *l, const struct wasi_landing *what);
