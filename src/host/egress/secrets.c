/* Header lines in locked memory. Nothing here is freed one by one: the memory is wiped whole at the end. */
#include "host/egress/secrets.h"

#include "os/fd.h"

#include <errno.h>
#include <string.h>

enum { SECRET_LEAST = 6 }; /* shorter ones would be found in ordinary words */

static const struct {
    const char *name, *header, *prefix;
} auths[] = {
    [SECRETS_NO_AUTH] = {"none", NULL, ""},
    [SECRETS_X_API_KEY] = {"x-api-key", "x-api-key", ""},
    [SECRETS_BEARER] = {"bearer", "authorization", "Bearer "},
    [SECRETS_X_GOOG_API_KEY] = {"x-goog-api-key", "x-goog-api-key", ""},
};

int secrets_new(struct secrets *s)
{
    *s = (struct secrets){0};
    return os_secret_new(SECRETS_SIZE, &s->memory);
}

void secrets_done(struct secrets *s)
{
    os_secret_done(&s->memory);
    *s = (struct secrets){0};
}

int secrets_auth_parse(struct str name, enum secrets_auth *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(auths); i++) {
        if (str_is(name, auths[i].name)) {
            *ret = (enum secrets_auth)i;
            return 0;
        }
    }
    return -FAULT_CONFIG;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c == '\0' || (!is_word && strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return s.len > 0;
}

static bool is_value(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < 0x20 || (unsigned char)s.at[i] >= 0x7f)
            return false;
    return true;
}

static int no_room(struct fault *reterr)
{
    return fault_set(reterr, FAULT_CONFIG, "there are too many headers, or they are too long");
}

static int put(struct secrets *s, struct str text, struct fault *reterr)
{
    if (text.len > s->memory.size - s->used)
        return no_room(reterr);
    memcpy(s->memory.at + s->used, text.at, text.len);
    s->used += text.len;
    return 0;
}

static bool is_named(const char *line, struct str name)
{
    return strncasecmp(line, name.at, name.len) == 0 && line[name.len] == ':';
}

bool secrets_has_header(const struct secrets *s, const char *line)
{
    struct str name, rest;
    if (!str_split(str_of(line), ':', &name, &rest))
        return false;
    for (size_t i = 0; i < s->header_count; i++)
        if (is_named(s->headers[i], name))
            return true;
    return false;
}

/* Writes "name: prefix" and leaves the end open; *ret_line is where it began. */
static int begin_line(struct secrets *s, struct str name, struct str prefix, const char **ret_line,
                      struct fault *reterr)
{
    *ret_line = s->memory.at + s->used;
    int r = put(s, name, reterr);
    if (r == 0)
        r = put(s, STR(": "), reterr);
    return r == 0 ? put(s, prefix, reterr) : r;
}

static int end_line(struct secrets *s, const char *line, struct str name, struct str value,
                    bool is_secret, struct fault *reterr)
{
    int r = put(s, (struct str){"", 1}, reterr); /* its NUL */
    if (r < 0)
        return r;
    if (is_secret && value.len >= SECRET_LEAST && s->value_count < SECRETS_HEADERS_MAX)
        s->values[s->value_count++] = value;
    for (size_t i = 0; i < s->header_count; i++) {
        if (is_named(s->headers[i], name)) {
            s->headers[i] = line;
            return 0;
        }
    }
    if (s->header_count == SECRETS_HEADERS_MAX)
        return no_room(reterr);
    s->headers[s->header_count++] = line;
    return 0;
}

int secrets_add_header(struct secrets *s, struct str name, struct str value, bool is_secret,
                       struct fault *reterr)
{
    static const char *const ours[] = {
        "host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "trailer"};
    if (!is_token(name) || name.len > 128)
        return fault_set(reterr, FAULT_CONFIG,
                         "a header's name is empty, too long, or has a character that no name has");
    if (!is_value(value))
        return fault_set(reterr, FAULT_CONFIG,
                         "the header %.*s has a character that no header may have", STR_FMT(name));
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (name.len == strlen(ours[i]) && strncasecmp(name.at, ours[i], name.len) == 0)
            return fault_set(reterr, FAULT_CONFIG, "the header %s is not for settings to say",
                             ours[i]);
    const char *line;
    int r = begin_line(s, name, STR(""), &line, reterr);
    struct str kept = {s->memory.at + s->used, value.len};
    if (r == 0)
        r = put(s, value, reterr);
    return r == 0 ? end_line(s, line, name, kept, is_secret, reterr) : r;
}

/* The key's bytes, read where they stay. */
static int read_key(struct secrets *s, int fd, struct str *ret, struct fault *reterr)
{
    uint64_t size = 0;
    int r = os_memfd_is_sealed(fd);
    if (r == 0)
        r = os_file_size(fd, &size);
    if (r != 0)
        return fault_set(reterr, FAULT_CONFIG, "the key did not come in a sealed memory file");
    if (size > SECRETS_KEY_MAX || size > s->memory.size - s->used)
        return fault_set(reterr, FAULT_CONFIG, "the key is longer than any key is");
    *ret = (struct str){s->memory.at + s->used, (size_t)size};
    ssize_t n = os_pread(fd, s->memory.at + s->used, (size_t)size, 0);
    if (n < 0 || (uint64_t)n != size)
        return fault_set(reterr, FAULT_CONFIG, "the key cannot be read");
    return 0;
}

int secrets_add_key(struct secrets *s, int fd, enum secrets_auth auth, struct fault *reterr)
{
    if (auths[auth].header == NULL)
        return 0;
    size_t before = s->used;
    const char *line;
    struct str name = str_of(auths[auth].header), key = {NULL, 0};
    int r = begin_line(s, name, str_of(auths[auth].prefix), &line, reterr);
    if (r == 0)
        r = read_key(s, fd, &key, reterr);
    if (r == 0 && !is_value(key))
        r = fault_set(reterr, FAULT_CONFIG,
                      "the key has a character that no header may have (a line end behind it?)");
    if (r < 0 || key.len == 0) {
        base_wipe(s->memory.at + before, s->used - before + key.len);
        s->used = before;
        return r;
    }
    s->used += key.len;
    return end_line(s, line, name, key, true, reterr);
}

/* The longest secret that begins here; 0 = none. */
static size_t secret_at(const struct secrets *s, struct str rest)
{
    size_t longest = 0;
    for (size_t i = 0; i < s->value_count; i++)
        if (s->values[i].len > longest && str_starts(rest, s->values[i]))
            longest = s->values[i].len;
    return longest;
}

int secrets_redact(const struct secrets *s, struct str text, struct buf *out)
{
    while (text.len > 0) {
        size_t len = secret_at(s, text);
        if (len > 0)
            (void)buf_add_z(out, "[key]");
        else
            (void)buf_add_c(out, text.at[0]);
        len = len > 0 ? len : 1;
        text = (struct str){text.at + len, text.len - len};
    }
    return buf_error(out);
}
