/* One call's folder and records, read back. Three places, by who can write there:
 *   work/<call>/        the worker, while the call runs: images and log
 *   sealed/<call>/      nobody but us: the same folder, moved away after the call
 *   seal/<call>.*       nobody but us: which mounts (.mounts.json), what the call left (.json), how far
 *                       an undo has come (.steps), and that it was undone (.undone)
 * A record of ours that does not fit its folder (a log or image that changed after the seal) is a
 * fault: undo must restore what was there, or nothing. */
#include "host/state_private.h"
#include "host/undo_private.h"

#include "base/digest.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { RECORD_MAX = 64 << 20, STEPS_MAX = 4 << 20 };
#define HASH_MAX (INT64_C(1) << 30)

/* --- folders --- */

void undo_dirs_done(struct undo_dirs *d)
{
    os_close(d->session);
    os_close(d->work);
    os_close(d->seal);
    os_close(d->sealed);
    *d = (struct undo_dirs){-1, -1, -1, -1};
}

int undo_dirs_open(struct state *s, const char *session, bool make, struct undo_dirs *ret)
{
    struct undo_dirs d = {-1, -1, -1, -1};
    int r = state_session_dir(s, session, make, &d.session, NULL);
    if (r == 0)
        r = state_sub_dir(d.session, "work", make, &d.work);
    if (r == 0)
        r = state_sub_dir(d.session, "seal", make, &d.seal);
    if (r == 0)
        r = state_sub_dir(d.session, "sealed", make, &d.sealed);
    if (r < 0) {
        undo_dirs_done(&d);
        return r;
    }
    *ret = d;
    return 0;
}

/* --- records --- */

static int read_text(int dir_fd, const char *name, size_t max, struct buf *out)
{
    auto_close int fd = undo_open_regular(dir_fd, name);
    buf_init(out, max);
    return fd < 0 ? fd : os_read_all(fd, out);
}

static int read_record(int dir_fd, const char *call, const char *ending, json_t **ret,
                       struct fault *reterr)
{
    char name[STATE_NAME_SIZE + 16];
    struct buf text;
    (void)snprintf(name, sizeof(name), "%s%s", call, ending);
    int r = read_text(dir_fd, name, RECORD_MAX, &text);
    if (r == 0)
        r = json_parse(buf_str(&text), RECORD_MAX, ret, reterr);
    else if (r != -ENOENT)
        r = fault_sys(reterr, -r, "cannot read the undo record %s", name);
    buf_done(&text);
    return r;
}

static bool has_file(int dir_fd, const char *call, const char *ending)
{
    char name[STATE_NAME_SIZE + 16];
    struct stat st;
    (void)snprintf(name, sizeof(name), "%s%s", call, ending);
    return os_stat_at(dir_fd, name, &st) == 0;
}

/* The last number in the steps file: that step and all above it may have been taken. */
static int64_t read_steps(int dir_fd, const char *call)
{
    char name[STATE_NAME_SIZE + 16];
    struct buf text;
    int64_t last = -1;
    (void)snprintf(name, sizeof(name), "%s.steps", call);
    if (read_text(dir_fd, name, STEPS_MAX, &text) == 0) {
        struct str rest = buf_str(&text), line;
        while (str_split(rest, '\n', &line, &rest)) {
            int64_t number;
            if (base_parse_i64(line, 0, UNDO_LINES_MAX, &number) == 0)
                last = number;
        }
    }
    buf_done(&text);
    return last;
}

/* --- mounts --- */

static int decode_host(const json_t *m, char **ret)
{
    const char *host = json_string_value(json_object_get(m, "host"));
    struct str hex = str_of(json_string_value(json_object_get(m, "host_hex")));
    if (host != NULL)
        return (*ret = str_dup(str_of(host))) == NULL ? -ENOMEM : 0;
    if (hex.at == NULL || hex.len % 2 != 0)
        return -EINVAL;
    char *path = calloc(1, hex.len / 2 + 1);
    if (path == NULL)
        return -ENOMEM;
    int r = hex_decode(hex, path, hex.len / 2);
    if (r == 0)
        *ret = path;
    else
        free(path);
    return r;
}

/* The directory of the record, or -1 when what has its path now is another one. */
static int open_same(const char *host, const json_t *m)
{
    struct stat st;
    auto_close int fd = os_open_dir_trusted(host);
    if (fd < 0 || os_stat_fd(fd, &st) < 0)
        return -1;
    if ((json_int_t)st.st_dev != json_integer_value(json_object_get(m, "dev")) ||
        (json_int_t)st.st_ino != json_integer_value(json_object_get(m, "ino")))
        return -1;
    return take_fd(&fd);
}

static int open_mounts(struct undo_call *c, struct fault *reterr)
{
    size_t i;
    const json_t *m, *mounts = json_object_get(c->record, "mounts");
    json_array_foreach(mounts, i, m)
    {
        const char *guest = json_string_value(json_object_get(m, "guest"));
        char *host = NULL;
        if (guest == NULL || guest[0] != '/' || i >= UNDO_MOUNTS_MAX || decode_host(m, &host) < 0)
            return fault_set(reterr, FAULT_CORRUPT,
                             "the undo record of call %s does not name its mounts", c->id);
        bool is_writable = json_is_true(json_object_get(m, "writable"));
        c->tree.mounts[c->tree.count++] =
            (struct undo_mount){.guest = guest,
                                .host = host,
                                .writable = is_writable,
                                .dir_fd = is_writable ? open_same(host, m) : -1};
    }
    c->tree.hash_budget = HASH_MAX;
    return 0;
}

/* Only mounts that the call changed something in must be there. */
static int check_mounts(const struct undo_call *c, struct fault *reterr)
{
    for (size_t i = 0; i < c->log.count; i++) {
        const char *name;
        auto_close int fd = -1;
        if (undo_tree_parent(&c->tree, c->log.lines[i].path, &fd, &name) != -ESTALE)
            continue;
        int r =
            fault_set(reterr, ENOENT,
                      "call %s changed files under %s, and the folder it had then is not there now",
                      c->id, c->log.lines[i].path);
        fault_next(
            reterr,
            "put the same folder back where it was (boxagnts undo does not write into another one)");
        return r;
    }
    return 0;
}

/* --- log and images --- */

static int check_log_hash(const struct undo_call *c, struct str text, struct fault *reterr)
{
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    const char *sealed = json_string_value(json_object_get(c->seal, "log_sha256"));
    digest_sha256(text.at, text.len, &digest);
    digest_hex(&digest, hex);
    if (sealed != NULL && strcmp(sealed, hex) == 0)
        return 0;
    return fault_set(reterr, FAULT_CORRUPT,
                     "the undo log of call %s was changed after it was sealed", c->id);
}

static int load_log(struct undo_call *c, struct fault *reterr)
{
    struct buf text;
    int r = read_text(c->dir_fd, "log", UNDO_LOG_MAX, &text);
    if (r == -ENOENT && c->seal == NULL)
        r = 0; /* nothing was changed before all ended */
    else if (r < 0)
        r = fault_sys(reterr, -r, "cannot read the undo log of call %s", c->id);
    if (r == 0 && c->seal != NULL)
        r = check_log_hash(c, buf_str(&text), reterr);
    if (r == 0) {
        r = undo_log_parse(buf_str(&text), &c->log, reterr);
        if (r < 0)
            fault_prefix(reterr, "call %s", c->id);
    }
    buf_done(&text);
    return r;
}

void undo_call_image_hash(const struct undo_call *c, const struct undo_line *line, char ret[65])
{
    char name[24];
    ret[0] = '\0';
    if (line->kind != UNDO_FILE)
        return;
    (void)snprintf(name, sizeof(name), "%lld", (long long)line->n);
    if (c->seal != NULL) {
        const char *hash =
            json_string_value(json_object_get(json_object_get(c->seal, "images"), name));
        (void)snprintf(ret, 65, "%s", hash ? hash : "");
        return;
    }
    auto_close int fd = undo_open_regular(c->dir_fd, name);
    if (fd < 0 || undo_hash_fd(fd, HASH_MAX, ret) != 0)
        ret[0] = '\0';
}

/* --- load --- */

void undo_call_free(struct undo_call *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->tree.count; i++) {
        os_close(c->tree.mounts[i].dir_fd);
        free((void *)(uintptr_t)c->tree.mounts[i].host);
    }
    undo_log_done(&c->log);
    os_close(c->dir_fd);
    json_decref(c->record);
    json_decref(c->seal);
    free(c->id);
    free(c);
}

static int load_record(struct undo_call *c, const struct undo_dirs *d, struct fault *reterr)
{
    int r = read_record(d->seal, c->name, ".mounts.json", &c->record, reterr);
    if (r == -ENOENT)
        return 1;
    if (r < 0)
        return r;
    const char *id = json_string_value(json_object_get(c->record, "call"));
    c->id = str_dup(str_of(id ? id : c->name));
    c->order = json_integer_value(json_object_get(c->record, "order"));
    if (c->id == NULL)
        return state_no_memory(reterr);
    r = state_sub_dir(d->sealed, c->name, false, &c->dir_fd);
    c->is_sealed = r == 0;
    if (r == -ENOENT)
        r = state_sub_dir(d->work, c->name, false, &c->dir_fd);
    if (r == -ENOENT)
        return 1;
    if (r < 0)
        return fault_sys(reterr, -r, "cannot open the undo folder of call %s", c->id);
    r = c->is_sealed ? read_record(d->seal, c->name, ".json", &c->seal, reterr) : 0;
    return r == -ENOENT ? 0
                        : r; /* moved, and killed before the seal was written: as if not sealed */
}

int undo_call_load(const struct undo_dirs *d, const char *name, struct undo_call **ret,
                   struct fault *reterr)
{
    auto_(undo_call) struct undo_call *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return state_no_memory(reterr);
    c->dir_fd = -1;
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    if (has_file(d->seal, name, ".undone") || has_file(d->seal, name, ".dropped"))
        return 1;
    int r = load_record(c, d, reterr);
    if (r == 0)
        r = load_log(c, reterr);
    if (r == 0)
        r = open_mounts(c, reterr);
    if (r == 0)
        r = check_mounts(c, reterr);
    if (r != 0)
        return r;
    c->steps_done = read_steps(d->seal, name);
    *ret = take(c);
    return 0;
}
