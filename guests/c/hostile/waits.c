/* Hostile guest: waits that should never end and lists of subscriptions that are far too long. argv[1]: which. */
#include "hostile.h"

#include <stdlib.h>

static __wasi_subscription_t one;
static __wasi_event_t event;

static __wasi_subscription_t clock_sub(__wasi_clockid_t id, __wasi_timestamp_t timeout,
                                       __wasi_subclockflags_t flags)
{
    return (__wasi_subscription_t){
        .u = {.tag = __WASI_EVENTTYPE_CLOCK,
              .u.clock = {.id = id, .timeout = timeout, .flags = flags}}};
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "many";
    __wasi_size_t n;

    if (strcmp(what, "many") == 0) {
        size_t count = 2000000;
        __wasi_subscription_t *subs = calloc(count, sizeof(*subs));
        __wasi_event_t *events = calloc(count, sizeof(*events));

        if (subs == NULL || events == NULL)
            return 1;
        tell("millions", __wasi_poll_oneoff(subs, events, count, &n));
        tell("count_max", __wasi_poll_oneoff(subs, events, 0xffffffff, &n));
        tell("count_wraps", __wasi_poll_oneoff(subs, events, 0x10000000, &n));
        tell("none", __wasi_poll_oneoff(subs, events, 0, &n));
        return hostile_end();
    }
    if (strcmp(what, "relative") == 0)
        one = clock_sub(__WASI_CLOCKID_MONOTONIC, UINT64_MAX, 0);
    else if (strcmp(what, "absolute") == 0)
        one = clock_sub(__WASI_CLOCKID_REALTIME, UINT64_MAX,
                        __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME);
    else if (strcmp(what, "stdin") == 0)
        one = (__wasi_subscription_t){
            .u = {.tag = __WASI_EVENTTYPE_FD_READ, .u.fd_read = {.file_descriptor = 0}}};
    if (strcmp(what, "loop") == 0) { /* never long, and never over: host calls hardly cost fuel */
        one = clock_sub(__WASI_CLOCKID_MONOTONIC, 0, 0);
        for (;;)
            (void)!__wasi_poll_oneoff(&one, &event, 1, &n);
    }
    if (strcmp(what, "yield") == 0)
        for (;;)
            (void)!__wasi_sched_yield();
    if (strcmp(what, "clock") == 0)
        for (__wasi_timestamp_t now;;)
            (void)!__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 0, &now);
    if (strcmp(what, "zero_writes") == 0)
        for (;;)
            (void)!__wasi_fd_write(1, NULL, 0, &n);
    if (strcmp(what, "random") == 0) {
        size_t size = 200U << 20;
        uint8_t *bytes = malloc(size);

        while (bytes != NULL && bytes[0] <= UINT8_MAX)
            (void)!__wasi_random_get(bytes, size);
    }
    tell(what, __wasi_poll_oneoff(&one, &event, 1, &n));
    return hostile_end();
}
