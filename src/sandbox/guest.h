/* One run of one guest: a fresh store and instance, limits, clock, WASI, and the reason why it ended. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "sandbox/module.h"
#include "sandbox/run/run.h"
#include "sandbox/wasi/wasi.h"

struct guest_host {
    const struct wasi_mount *mounts; /* those of this run */
    size_t mount_count;
    int cancel_fd;               /* readable = stop; -1 = none */
    struct sandbox_gauge *gauge; /* told of the use now and then; NULL = nobody looks */
    int (*stream)(int stream, struct str bytes, void *arg);  /* for runs with stream_output */
    int (*land)(const struct wasi_landing *what, void *arg); /* see wasi_config */
    void *arg;
    const bool *was_cancelled; /* said so in another way than by cancel_fd; NULL = there is none */
};

/* Defines all that guests may import in the engine's linker. */
must_use int guest_link(struct engine *e, struct fault *reterr);

/* Runs it to its end. ret is initialised by the caller and always gets a stop with its detail; a negative return means
 * that the run could not be set up or its answer not be kept (no memory). */
must_use int guest_run(const struct engine *e, const struct module *module,
                       const struct sandbox_run *run, const struct guest_host *host,
                       struct sandbox_outcome *ret);
