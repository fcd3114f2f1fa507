/* The end of a native command to JSON and back. */
#include "sandbox/run/ended.h"

#include <limits.h>
#include <stdio.h>

static const enum sandbox_stop stops[] = {SANDBOX_EXIT,  SANDBOX_TIMEOUT, SANDBOX_MEMORY,
                                          SANDBOX_QUOTA, SANDBOX_CANCEL,  SANDBOX_CRASH};

static const struct number {
    const char *key;
    size_t offset;
} numbers[] = {
    {"cpu_us", offsetof(struct sandbox_ended, cpu_us)},
    {"peak_memory", offsetof(struct sandbox_ended, peak_memory)},
    {"read_bytes", offsetof(struct sandbox_ended, read_bytes)},
    {"written_bytes", offsetof(struct sandbox_ended, written_bytes)},
    {"processes", offsetof(struct sandbox_ended, processes)},
};

own json_t *sandbox_ended_json(const struct sandbox_ended *e)
{
    struct str detail = str_of(e->detail);
    detail.len = utf8_valid_prefix(detail);
    json_t *body = json_pack("{s:s, s:i, s:s%, s:s}", "stop", sandbox_stop_name(e->stop),
                             "exit_code", e->exit_code, "detail", detail.at, detail.len, "limit",
                             e->limit ? e->limit->key : "");
    for (size_t i = 0; body && i < ARRAY_LEN(numbers); i++) {
        int64_t value = *(const int64_t *)(const void *)((const char *)e + numbers[i].offset);
        if (json_object_set_new(body, numbers[i].key, json_integer(value)) < 0) {
            json_decref(body);
            return NULL;
        }
    }
    return body;
}

static int read_stop(const json_t *body, enum sandbox_stop *ret, struct fault *reterr)
{
    struct str name = {0};
    int r = json_get_str(body, "stop", &name, reterr);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(stops); i++) {
        if (str_is(name, sandbox_stop_name(stops[i]))) {
            *ret = stops[i];
            return 0;
        }
    }
    return fault_set(reterr, FAULT_PROTOCOL, "ended: 'stop' is no end of a command");
}

static int read_texts(const json_t *body, struct sandbox_ended *e, struct fault *reterr)
{
    struct str detail = {0}, limit = {0};
    if (json_get_str(body, "detail", &detail, reterr) != 0 ||
        json_get_str(body, "limit", &limit, reterr) != 0)
        return fault_set(reterr, FAULT_PROTOCOL, "ended: a key is missing");
    e->limit = limit.len > 0 ? limits_find(limit) : NULL;
    if (limit.len > 0 && e->limit == NULL)
        return fault_set(reterr, FAULT_PROTOCOL, "ended: 'limit' names no limit");
    if (detail.len >= sizeof(e->detail))
        return fault_set(reterr, FAULT_PROTOCOL, "ended: 'detail' is too long");
    for (size_t i = 0; i < detail.len; i++) {
        unsigned char c = (unsigned char)detail.at[i];
        e->detail[i] = c < 0x20 || c == 0x7f ? ' ' : (char)c; /* it reaches a terminal */
    }
    e->detail[detail.len] = '\0';
    return 0;
}

int sandbox_ended_from_json(const json_t *body, struct sandbox_ended *ret, struct fault *reterr)
{
    struct sandbox_ended e = {0};
    int64_t code = 0;
    int r = read_stop(body, &e.stop, reterr);
    if (r == 0 && json_get_i64(body, "exit_code", 0, 255, &code, reterr) != 0)
        r = fault_set(reterr, FAULT_PROTOCOL, "ended: 'exit_code' is none");
    if (r == 0)
        r = read_texts(body, &e, reterr);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++) {
        int64_t *value = (int64_t *)(void *)((char *)&e + numbers[i].offset);
        if (json_get_i64(body, numbers[i].key, 0, INT64_C(1) << 60, value, reterr) != 0)
            r = fault_set(reterr, FAULT_PROTOCOL, "ended: '%s' is no count", numbers[i].key);
    }
    if (r < 0)
        return r;
    e.exit_code = (int)code;
    *ret = e;
    return 0;
}
