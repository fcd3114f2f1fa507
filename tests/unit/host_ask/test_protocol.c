/* The permit tables against a second list, written as the states read in docs/protocol.md. A flag that is flipped in
 * either shows here. */
#include "host/ask/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* States as letters: s starting, i idle, b busy, e ending. */
static const struct {
    const struct channel_permits *permits;
    const char *receiver;
    uint16_t type;
    const char *states;
    unsigned fds_max;
} expected[] = {
    {&permits_agent, "agent", AGENT_START, "s", 0},
    {&permits_agent, "agent", AGENT_MODEL_DATA, "ibe", 0},
    {&permits_agent, "agent", AGENT_MODEL_END, "ibe", 0},
    {&permits_agent, "agent", AGENT_RESULT, "ibe", 0},
    {&permits_agent, "agent", AGENT_CANCEL, "sibe", 0},
    {&permits_worker, "worker", WORKER_RUN, "i", 4},
    {&permits_worker, "worker", WORKER_CANCEL, "ib", 0},
    {&permits_worker, "worker", WORKER_LANDED, "b", 0},
    {&permits_egress, "egress", EGRESS_START, "s", 8},
    {&permits_egress, "egress", EGRESS_MODEL, "ib", 0},
    {&permits_egress, "egress", EGRESS_CANCEL, "ib", 0},
    {&permits_egress, "egress", EGRESS_GUESTS, "s", 0},
    {&permits_egress, "egress", EGRESS_SECRET, "ib", 1},
    {&permits_egress, "egress", EGRESS_GRANT, "ib", 1},
    {&permits_egress, "egress", EGRESS_REVOKE, "ib", 0},
    {&permits_egress_http, "egress", EGRESS_HTTP_BEGIN, "i", 0},
    {&permits_egress_http, "egress", EGRESS_HTTP_BODY, "ib", 0},
    {&permits_egress_http, "egress", EGRESS_HTTP_SENT, "ib", 0},
    {&permits_egress_http, "egress", EGRESS_HTTP_CLOSE, "ib", 0},
    {&permits_worker_http, "worker", WORKER_HTTP_HEAD, "ib", 0},
    {&permits_worker_http, "worker", WORKER_HTTP_BODY, "ib", 0},
    {&permits_worker_http, "worker", WORKER_HTTP_END, "ib", 0},
    {&permits_compile, "compile", COMPILE_MODULE, "i", 2},
    {&permits_monitor_agent, "monitor", MONITOR_READY, "s", 0},
    {&permits_monitor_agent, "monitor", MONITOR_FAULT, "sibe", 0},
    {&permits_monitor_agent, "monitor", MONITOR_MODEL, "ie", 0},
    {&permits_monitor_agent, "monitor", MONITOR_CALL, "ibe", 0},
    {&permits_monitor_agent, "monitor", MONITOR_SAY, "ibe", 0},
    {&permits_monitor_agent, "monitor", MONITOR_DONE, "ibe", 0},
    {&permits_monitor_agent, "monitor", MONITOR_KEEP, "ibe", 0},
    {&permits_monitor_agent, "monitor", MONITOR_MODEL_STOP, "ibe", 0},
    {&permits_monitor_worker, "monitor", MONITOR_READY, "s", 0},
    {&permits_monitor_worker, "monitor", MONITOR_FAULT, "sibe", 0},
    {&permits_monitor_worker, "monitor", MONITOR_OUTPUT, "b", 0},
    {&permits_monitor_worker, "monitor", MONITOR_LAND, "b", 0},
    {&permits_monitor_worker, "monitor", MONITOR_RAN, "b", 0},
    {&permits_monitor_egress, "monitor", MONITOR_READY, "s", 0},
    {&permits_monitor_egress, "monitor", MONITOR_FAULT, "sibe", 0},
    {&permits_monitor_egress, "monitor", MONITOR_MODEL_DATA, "ibe", 0},
    {&permits_monitor_egress, "monitor", MONITOR_MODEL_END, "ibe", 0},
    {&permits_monitor_egress, "monitor", MONITOR_GRANT_END, "ibe", 0},
    {&permits_monitor_compile, "monitor", MONITOR_READY, "s", 0},
    {&permits_monitor_compile, "monitor", MONITOR_FAULT, "sibe", 0},
    {&permits_monitor_compile, "monitor", MONITOR_COMPILED, "b", 0},
    {&permits_keeper, "keeper", KEEPER_CANCEL, "sibe", 0},
    {&permits_monitor_keeper, "monitor", MONITOR_READY, "s", 1},
    {&permits_monitor_keeper, "monitor", MONITOR_FAULT, "sibe", 0},
    {&permits_monitor_keeper, "monitor", MONITOR_ENDED, "b", 0},
};

static const struct channel_permits *const all[] = {
    &permits_agent,           &permits_worker,         &permits_egress,
    &permits_compile,         &permits_egress_http,    &permits_worker_http,
    &permits_monitor_agent,   &permits_monitor_worker, &permits_monitor_egress,
    &permits_monitor_compile, &permits_keeper,         &permits_monitor_keeper,
};

static const char *states_of(const struct channel_permits *permits, uint16_t type,
                             unsigned *ret_fds)
{
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        if (expected[i].permits == permits && expected[i].type == type) {
            *ret_fds = expected[i].fds_max;
            return expected[i].states;
        }
    }
    return "";
}

static void each_type_is_legal_in_exactly_its_states(void **state)
{
    (void)state;
    static const char letters[] = "sibe";
    for (size_t p = 0; p < ARRAY_LEN(all); p++) {
        for (unsigned type = 0; type < 200; type++) {
            unsigned fds = 0;
            const char *states = states_of(all[p], (uint16_t)type, &fds);
            for (unsigned bit = 0; bit < 4; bit++) {
                uint8_t bytes[FRAME_HEADER_SIZE];
                struct frame_header head = {.type = (uint16_t)type}, parsed;
                frame_header_print(&head, bytes);
                int r = frame_header_parse(bytes, all[p]->rows, all[p]->count, 1U << bit, &parsed,
                                           NULL);
                if ((r == 0) != (strchr(states, letters[bit]) != NULL))
                    fail_msg("table %zu, type %u, state %c", p, type, letters[bit]);
            }
        }
    }
}

static void each_type_brings_exactly_its_descriptors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const struct frame_permit *row = frame_permit_find(
            expected[i].permits->rows, expected[i].permits->count, expected[i].type);
        assert_non_null(row);
        assert_int_equal(row->fds_max, expected[i].fds_max);
    }
}

static void each_name_begins_with_its_receiver_and_has_a_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const struct frame_permit *row = frame_permit_find(
            expected[i].permits->rows, expected[i].permits->count, expected[i].type);
        assert_int_equal(strncasecmp(row->name, expected[i].receiver, strlen(expected[i].receiver)),
                         0);
        assert_true(row->length_max > 0 && row->length_max <= FRAME_LENGTH_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_is_legal_in_exactly_its_states),
        cmocka_unit_test(each_type_brings_exactly_its_descriptors),
        cmocka_unit_test(each_name_begins_with_its_receiver_and_has_a_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
