/* rooms: sandbox host_ask wasi os base */
/* A hostile guest and a hostile egress, both made of bytes: frames that wait in the channel before the first call, then
 * calls of boxagnts_http with any arguments. The memory is a heap block of exact size, so that the sanitizer sees its
 * edges; no answer is a number that preview 1 does not have, and no call outlives the run's time. */
#include "host/ask/channel.h"
#include "host/ask/protocol.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/socket.h"
#include "sandbox/guest_http.h"

#include <stdio.h>
#include <string.h>

enum { MEMORY = 4096, CALLS_MAX = 48 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    const uint8_t *at;
    size_t left;
};

static uint64_t take_bytes(struct bytes *b, size_t n)
{
    uint64_t v = 0;
    for (; n > 0 && b->left > 0; n--, b->left--)
        v = v << 8 | *b->at++;
    return v;
}

static uint64_t take_argument(struct bytes *b, char type)
{
    static const uint64_t values[] = {
        MEMORY - 8, MEMORY - 1, MEMORY, 0x7fffffff, UINT32_MAX, UINT64_MAX, 1, 2, 0, 64, 128, 256};
    uint8_t how = (uint8_t)take_bytes(b, 1);
    uint64_t v = how;
    if (how >= 240)
        v = take_bytes(b, type == 'i' ? 4 : 8);
    else if (how >= 228)
        v = values[how - 228];
    else if (how >= 128)
        v = (uint64_t)(how - 128) * 32;
    return type == 'i' ? v & UINT32_MAX : v;
}

/* What egress has said before anybody listened. */
static void fill_channel(struct channel *egress, struct bytes *b)
{
    static const char *const bodies[] = {
        "{\"status\":200,\"url\":\"https://a.example/\",\"headers\":[[\"content-type\",\"text/html\"],[\"x\",\"a\\nb\"]]}",
        "{\"outcome\":\"ok\",\"text\":\"\"}",
        "{\"outcome\":\"denied:net\",\"text\":\"no\"}",
        "{\"outcome\":\"quota\"}",
        "{\"status\":99,\"url\":1,\"headers\":{}}",
        "{\"status\":301,\"url\":\"\",\"headers\":[]}",
        "[]",
        ""};
    static const uint16_t types[] = {WORKER_HTTP_HEAD, WORKER_HTTP_BODY, WORKER_HTTP_END,
                                     EGRESS_HTTP_BODY};
    for (uint64_t n = take_bytes(b, 1) % 8; n > 0; n--) {
        uint64_t how = take_bytes(b, 1);
        uint16_t type = types[how % ARRAY_LEN(types)];
        struct str raw = {(const char *)b->at, type == WORKER_HTTP_BODY && b->left > 16 ? 16 : 0};
        struct str body =
            type == WORKER_HTTP_BODY ? STR("") : str_of(bodies[how / 4 % ARRAY_LEN(bodies)]);
        (void)!channel_send_text(egress, type, 1 + how / 64, body, raw, NULL, 0);
    }
}

static void fill_memory(uint8_t *memory)
{
    static const char *const texts[] = {"GET",           "https://a.example/x", "Accept: a\nx: b\n",
                                        "POST",          "http://[::1]:80/",    "x: a\r\ny: b",
                                        "body body body"};
    memset(memory, 0, MEMORY);
    for (size_t i = 0; i < MEMORY / 32; i++)
        strcpy((char *)memory + i * 32, texts[i % ARRAY_LEN(texts)]);
}

/* Most sequences begin with a request that is fine, so that the rest has something to work on. */
static void ask(struct guest_http *h, uint8_t *memory, int64_t body_size)
{
    const uint64_t args[9] = {0, 3, 32, 19, 64, 15, (uint64_t)body_size, 2, 512};
    uint32_t error;
    (void)guest_http_functions[0].call(h, (struct wasi_memory){memory, MEMORY}, args, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes b = {data, size};
    int fd, other;
    struct channel *egress;
    uint8_t *memory = malloc(MEMORY);
    must(memory && os_socket_pair(&fd, &other) == 0 &&
         channel_new(other, permits_egress_http, 1 << 20, &egress) == 0);
    must(channel_set_nonblock(egress) == 0);
    uint8_t how = (uint8_t)take_bytes(&b, 1);
    fill_channel(egress, &b);
    fill_memory(memory);
    struct guest_http h = {.fd = how & 1 ? -1 : fd,
                           .deadline_ns = os_now_mono_ns() + 2 * OS_NS_PER_MS,
                           .cancel_fd = -1};
    if (how & 2)
        ask(&h, memory, how & 4 ? -1 : 0);
    if (how & 8)
        channel_free(take(egress));
    for (int calls = 0; calls < CALLS_MAX && b.left > 0; calls++) {
        const struct guest_http_function *f =
            &guest_http_functions[take_bytes(&b, 1) % guest_http_function_count];
        uint64_t args[9] = {0};
        uint32_t error = 0;
        for (size_t i = 0; f->params[i] != '\0'; i++)
            args[i] = take_argument(&b, f->params[i]);
        int stop = f->call(&h, (struct wasi_memory){memory, MEMORY}, args, &error);
        must(error <= 76 && (stop == 0 || stop == WASI_STOP_DEADLINE));
    }
    must(strlen(h.why) < sizeof h.why && h.refused_count <= GUEST_HTTP_REFUSALS_MAX);
    guest_http_done(&h);
    channel_free(egress);
    os_close(fd);
    free(memory);
    return 0;
}
