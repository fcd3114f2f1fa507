/* Frames through a real socket pair: what arrives, what ends the peer, what is queued, where descriptors go. */
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct channel *near_end, *far_end; /* worker's and monitor's */
static int raw_fd; /* of the far end, for bytes that no channel would send */

static int open_pair(void **state)
{
    (void)state;
    int a, b;
    json_start(1);
    assert_int_equal(os_socket_pair(&a, &b), 0);
    raw_fd = b;
    assert_int_equal(channel_new(a, permits_worker, 1 << 20, &near_end), 0);
    assert_int_equal(channel_new(b, permits_monitor_worker, 1 << 20, &far_end), 0);
    channel_set_state(near_end, STATE_IDLE);
    return 0;
}

static int close_pair(void **state)
{
    (void)state;
    channel_free(near_end);
    channel_free(far_end);
    return 0;
}

static int64_t soon(void)
{
    return os_now_mono_ns() + 5 * OS_NS_PER_S;
}

static void a_frame_arrives_whole(void **state)
{
    (void)state;
    struct message m;
    auto_json json_t *body = json_pack("{s:i}", "n", 7);
    assert_int_equal(channel_send(far_end, WORKER_RUN, 42, body, STR("raw\0bytes"), NULL, 0), 0);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
    assert_int_equal(m.type, WORKER_RUN);
    assert_int_equal(m.id, 42);
    assert_int_equal(json_integer_value(json_object_get(m.body, "n")), 7);
    assert_true(str_eq(m.raw, STR("raw\0bytes")));
    assert_int_equal(m.fd_count, 0);
    message_done(&m);
}

static void a_frame_without_body_has_none(void **state)
{
    (void)state;
    struct message m;
    assert_int_equal(channel_send(far_end, WORKER_CANCEL, 1, NULL, STR(""), NULL, 0), 0);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
    assert_null(m.body);
    assert_int_equal(m.raw.len, 0);
    message_done(&m);
}

static void a_deadline_that_passes_can_be_tried_again(void **state)
{
    (void)state;
    struct message m;
    assert_int_equal(channel_recv(near_end, os_now_mono_ns() + OS_NS_PER_MS, &m, NULL), 1);
    assert_int_equal(channel_send(far_end, WORKER_CANCEL, 1, NULL, STR(""), NULL, 0), 0);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
    message_done(&m);
}

static void frames_split_anywhere_are_the_same(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_SIZE + 8];
    struct frame_header head = {.length = 8, .json_length = 2, .type = WORKER_RUN, .id = 9};
    frame_header_print(&head, bytes);
    memcpy(bytes + FRAME_HEADER_SIZE, "{}raw678", 8);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        struct message m;
        assert_int_equal(os_write_all(raw_fd, (struct str){(char *)bytes, cut}), 0);
        if (cut < sizeof bytes)
            assert_int_equal(channel_recv(near_end, 0, &m, NULL), 1);
        assert_int_equal(
            os_write_all(raw_fd, (struct str){(char *)bytes + cut, sizeof bytes - cut}), 0);
        assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
        assert_true(str_eq(m.raw, STR("raw678")));
        message_done(&m);
    }
}

static void many_frames_in_one_read_come_one_by_one(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(channel_send(far_end, WORKER_CANCEL, i, NULL, STR("abc"), NULL, 0), 0);
    for (uint64_t i = 0; i < 200; i++) {
        struct message m;
        assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
        assert_int_equal(m.id, i);
        message_done(&m);
    }
}

/* A memory file whose content tells which one it is. */
static int marked_fd(char mark)
{
    int fd;
    assert_int_equal(os_memfd_sealed("mark", (struct str){&mark, 1}, &fd), 0);
    return fd;
}

static void assert_mark(int fd, char mark)
{
    char c = 0;
    assert_int_equal(os_pread(fd, &c, 1, 0), 1);
    assert_int_equal(c, mark);
}

static void descriptors_stay_with_their_frame(void **state)
{
    (void)state;
    int a = marked_fd('a'), b = marked_fd('b'), c = marked_fd('c');
    const int first[] = {a, b}, third[] = {c};
    assert_int_equal(channel_send(far_end, WORKER_RUN, 1, NULL, STR(""), first, 2), 0);
    assert_int_equal(channel_send(far_end, WORKER_CANCEL, 2, NULL, STR(""), NULL, 0), 0);
    assert_int_equal(channel_send(far_end, WORKER_RUN, 3, NULL, STR(""), third, 1), 0);
    os_close(a);
    os_close(b);
    os_close(c);
    struct message m;
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
    assert_int_equal(m.fd_count, 2);
    assert_mark(m.fds[0], 'a');
    assert_mark(m.fds[1], 'b');
    message_done(&m);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
    assert_int_equal(m.fd_count, 0);
    message_done(&m);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
    assert_int_equal(m.fd_count, 1);
    assert_mark(m.fds[0], 'c');
    int kept = take_fd(&m.fds[0]);
    message_done(&m);
    assert_mark(kept, 'c'); /* taken: not closed */
    os_close(kept);
}

static void send_head(struct frame_header head, struct str rest)
{
    uint8_t bytes[FRAME_HEADER_SIZE];
    frame_header_print(&head, bytes);
    assert_int_equal(os_write_all(raw_fd, (struct str){(char *)bytes, sizeof bytes}), 0);
    assert_int_equal(os_write_all(raw_fd, rest), 0);
}

static void assert_breach(const char *why)
{
    struct message m;
    struct fault f = {0};
    assert_int_equal(channel_recv(near_end, soon(), &m, &f), -FAULT_PROTOCOL);
    if (!strstr(f.text, why))
        fail_msg("'%s' does not say '%s'", f.text, why);
    /* From then on it only fails, also with good frames waiting. */
    assert_int_equal(channel_send(far_end, WORKER_CANCEL, 1, NULL, STR(""), NULL, 0), 0);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), -FAULT_PROTOCOL);
    assert_true(channel_send(near_end, MONITOR_RAN, 1, NULL, STR(""), NULL, 0) < 0);
}

static void an_unknown_type_ends_the_peer(void **state)
{
    (void)state;
    send_head((struct frame_header){.type = 999}, STR(""));
    assert_breach("");
}

static void a_type_of_another_receiver_ends_the_peer(void **state)
{
    (void)state;
    send_head((struct frame_header){.type = AGENT_START}, STR(""));
    assert_breach("");
}

static void a_type_out_of_state_ends_the_peer(void **state)
{
    (void)state;
    channel_set_state(near_end, STATE_BUSY);
    send_head((struct frame_header){.type = WORKER_RUN}, STR(""));
    assert_breach("");
}

static void a_length_over_the_maximum_ends_the_peer_before_its_body(void **state)
{
    (void)state;
    send_head((struct frame_header){.type = WORKER_CANCEL, .length = 4097}, STR(""));
    assert_breach("");
}

static void the_longest_length_is_taken(void **state)
{
    (void)state;
    static char raw[4096];
    struct message m;
    assert_int_equal(
        channel_send(far_end, WORKER_CANCEL, 1, NULL, (struct str){raw, 4096}, NULL, 0), 0);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
    assert_int_equal(m.raw.len, 4096);
    message_done(&m);
}

static void json_longer_than_the_frame_ends_the_peer(void **state)
{
    (void)state;
    send_head((struct frame_header){.type = WORKER_CANCEL, .length = 2, .json_length = 3},
              STR("{}"));
    assert_breach("");
}

static void json_that_is_no_object_ends_the_peer(void **state)
{
    (void)state;
    send_head((struct frame_header){.type = WORKER_CANCEL, .length = 2, .json_length = 2},
              STR("[]"));
    assert_breach("not an object");
}

static void json_that_does_not_parse_ends_the_peer(void **state)
{
    (void)state;
    send_head((struct frame_header){.type = WORKER_CANCEL, .length = 2, .json_length = 2},
              STR("{]"));
    assert_breach("does not parse");
}

static void announced_descriptors_that_did_not_come_end_the_peer(void **state)
{
    (void)state;
    send_head((struct frame_header){.type = WORKER_RUN, .fd_count = 1}, STR(""));
    assert_breach("without the file descriptors");
}

static void more_descriptors_than_the_permit_end_the_peer(void **state)
{
    (void)state;
    const int fds[] = {raw_fd, raw_fd, raw_fd, raw_fd, raw_fd};
    assert_int_equal(channel_send(far_end, WORKER_RUN, 1, NULL, STR(""), fds, 5), 0);
    assert_breach("");
}

static void descriptors_that_no_frame_announced_end_the_peer(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_SIZE];
    struct frame_header head = {.type = WORKER_CANCEL, .id = 5};
    frame_header_print(&head, bytes);
    const struct iovec part = {bytes, sizeof bytes};
    const int fds[] = {raw_fd};
    struct message m;
    assert_int_equal(os_socket_send(raw_fd, &part, 1, fds, 1), sizeof bytes);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0); /* the frame itself is good */
    message_done(&m);
    assert_breach("no frame");
}

static void the_end_of_the_peer_is_named(void **state)
{
    (void)state;
    struct message m;
    channel_free(far_end);
    far_end = NULL;
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), -FAULT_PEER_GONE);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), -FAULT_PEER_GONE);
}

static void what_was_sent_before_the_end_still_arrives(void **state)
{
    (void)state;
    struct message m;
    assert_int_equal(channel_send(far_end, WORKER_CANCEL, 1, NULL, STR(""), NULL, 0), 0);
    channel_free(far_end);
    far_end = NULL;
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), 0);
    message_done(&m);
    assert_int_equal(channel_recv(near_end, soon(), &m, NULL), -FAULT_PEER_GONE);
}

static void sending_to_an_ended_peer_is_a_fault_and_no_signal(void **state)
{
    (void)state;
    channel_free(far_end);
    far_end = NULL;
    assert_int_equal(channel_send(near_end, MONITOR_RAN, 1, NULL, STR(""), NULL, 0),
                     -FAULT_PEER_GONE);
}

static int count_messages(struct message *m, void *arg)
{
    size_t *bytes = arg;
    *bytes += m->raw.len;
    return 0;
}

static void what_the_socket_does_not_take_is_queued_and_sent_later(void **state)
{
    (void)state;
    static char piece[64 << 10];
    size_t sent = 0, got = 0;
    assert_int_equal(channel_set_nonblock(near_end), 0);
    assert_int_equal(channel_set_nonblock(far_end), 0);
    channel_set_state(far_end, STATE_BUSY);
    int fd = marked_fd('x');
    while (channel_queued(near_end) == 0) {
        assert_int_equal(channel_send(near_end, MONITOR_OUTPUT, 1, NULL,
                                      (struct str){piece, sizeof piece}, NULL, 0),
                         0);
        sent += sizeof piece;
    }
    int r;
    while ((r = channel_send(near_end, MONITOR_OUTPUT, 1, NULL, (struct str){piece, sizeof piece},
                             NULL, 0)) == 0)
        sent += sizeof piece;
    assert_int_equal(r, -FAULT_CAP); /* queue_max is 1 MiB */
    assert_true(channel_queued(near_end) <= 1 << 20);
    for (;;) {
        int left = channel_pump_out(near_end);
        assert_int_equal(channel_pump_in(far_end, count_messages, &got, NULL), 0);
        if (left == 0)
            break;
        assert_int_equal(left, 1);
    }
    assert_int_equal(channel_pump_in(far_end, count_messages, &got, NULL), 0);
    assert_int_equal(got, sent);
    assert_int_equal(channel_queued(near_end), 0);
    os_close(fd);
}

static int keep_fd(struct message *m, void *arg)
{
    int *fd = arg;
    if (m->fd_count == 1)
        *fd = take_fd(&m->fds[0]);
    return 0;
}

static void descriptors_wait_in_the_queue_with_their_frame(void **state)
{
    (void)state;
    static char piece[64 << 10];
    int got = -1, fd = marked_fd('q');
    assert_int_equal(channel_set_nonblock(near_end), 0);
    assert_int_equal(channel_set_nonblock(far_end), 0);
    while (channel_queued(far_end) == 0)
        assert_int_equal(
            channel_send(far_end, WORKER_RUN, 1, NULL, (struct str){piece, sizeof piece}, NULL, 0),
            0);
    assert_int_equal(channel_send(far_end, WORKER_RUN, 2, NULL, STR(""), &fd, 1), 0);
    os_close(fd);
    while (got < 0) {
        assert_true(channel_pump_out(far_end) >= 0);
        assert_int_equal(channel_pump_in(near_end, keep_fd, &got, NULL), 0);
    }
    assert_mark(got, 'q');
    os_close(got);
}

static int stop_at_second(struct message *m, void *arg)
{
    (void)m;
    return ++*(int *)arg == 2 ? 77 : 0;
}

static void a_callback_can_stop_the_pump(void **state)
{
    (void)state;
    int count = 0;
    assert_int_equal(channel_set_nonblock(near_end), 0);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(channel_send(far_end, WORKER_CANCEL, i, NULL, STR(""), NULL, 0), 0);
    assert_int_equal(channel_pump_in(near_end, stop_at_second, &count, NULL), 77);
    assert_int_equal(count, 2);
    assert_int_equal(channel_pump_in(near_end, stop_at_second, &count, NULL), 0);
    assert_int_equal(count, 3);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        CASE(a_frame_arrives_whole),
        CASE(a_frame_without_body_has_none),
        CASE(a_deadline_that_passes_can_be_tried_again),
        CASE(frames_split_anywhere_are_the_same),
        CASE(many_frames_in_one_read_come_one_by_one),
        CASE(descriptors_stay_with_their_frame),
        CASE(an_unknown_type_ends_the_peer),
        CASE(a_type_of_another_receiver_ends_the_peer),
        CASE(a_type_out_of_state_ends_the_peer),
        CASE(a_length_over_the_maximum_ends_the_peer_before_its_body),
        CASE(the_longest_length_is_taken),
        CASE(json_longer_than_the_frame_ends_the_peer),
        CASE(json_that_is_no_object_ends_the_peer),
        CASE(json_that_does_not_parse_ends_the_peer),
        CASE(announced_descriptors_that_did_not_come_end_the_peer),
        CASE(more_descriptors_than_the_permit_end_the_peer),
        CASE(descriptors_that_no_frame_announced_end_the_peer),
        CASE(the_end_of_the_peer_is_named),
        CASE(what_was_sent_before_the_end_still_arrives),
        CASE(sending_to_an_ended_peer_is_a_fault_and_no_signal),
        CASE(what_the_socket_does_not_take_is_queued_and_sent_later),
        CASE(descriptors_wait_in_the_queue_with_their_frame),
        CASE(a_callback_can_stop_the_pump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
