/* Before and after a call that may change files: where its worker keeps before-images, and the seal
 * that says what the call left. The worker's folder is moved out of its reach before anything in it
 * is read, and what is read is hashed into the seal, so that a file it still holds open cannot be
 * changed unseen. */
#include "host/state_private.h"
#include "host/undo_private.h"

#include "base/digest.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 1000000 };
enum { TOUCHED_BYTES_MAX = 8 << 20 };
#define HASH_BUDGET                                                                                \
    (INT64_C(1) << 30) /* bytes read for one seal; files beyond are known by size and time */

/* --- begin --- */

struct newest {
    int seal_fd;
    int64_t order;
};

static int look_at_record(const char *name, unsigned char type, void *arg)
{
    struct newest *n = (struct newest *)arg;
    struct buf text;
    auto_json json_t *record = NULL;
    (void)type;
    if (!str_ends(str_of(name), STR(".mounts.json")))
        return 0;
    buf_init(&text, 1 << 20);
    if (os_read_file_at(n->seal_fd, name, &text) == 0 &&
        json_parse(buf_str(&text), 1 << 20, &record, NULL) == 0) {
        int64_t order = json_integer_value(json_object_get(record, "order"));
        if (order > n->order)
            n->order = order;
    }
    buf_done(&text);
    return 0;
}

/* Calls are undone newest first. The clock gives the order, made to grow even where the clock goes
 * back; the records of an earlier process of the session are looked at once. */
static int64_t next_order(struct state *s, const char *session, int seal_fd)
{
    struct newest newest = {seal_fd, 0};
    int64_t now = os_now_real_ns();
    if (strcmp(s->undo_session, session) != 0) {
        if (os_list_dir(seal_fd, NAMES_MAX, look_at_record, &newest) < 0)
            newest.order = 0;
        (void)snprintf(s->undo_session, sizeof(s->undo_session), "%s", session);
        s->undo_order = newest.order;
    }
    s->undo_order = now > s->undo_order ? now : s->undo_order + 1;
    return s->undo_order;
}

static json_t *print_mount(const struct undo_mount *m)
{
    struct stat st;
    if (os_stat_fd(m->dir_fd, &st) < 0)
        return NULL;
    json_t *o = json_pack("{s:s, s:I, s:I, s:b}", "guest", m->guest, "dev", (json_int_t)st.st_dev,
                          "ino", (json_int_t)st.st_ino, "writable", m->writable);
    if (o == NULL)
        return NULL;
    if (utf8_valid(str_of(m->host))) {
        (void)json_object_set_new(o, "host", json_string(m->host));
        return o;
    }
    size_t len = strlen(m->host);
    auto_free char *hex = malloc(2 * len + 1);
    if (hex != NULL) {
        hex_encode(m->host, len, hex);
        (void)json_object_set_new(o, "host_hex", json_string(hex));
    }
    return o;
}

static int write_record(int dir_fd, const char *call, const char *ending, const json_t *record,
                        bool durable)
{
    char name[STATE_NAME_SIZE + 16];
    struct buf text;
    (void)snprintf(name, sizeof(name), "%s%s", call, ending);
    buf_init(&text, 64 << 20);
    int r = json_print(record, &text);
    if (r == 0)
        r = buf_error(&text);
    if (r == 0)
        r = os_write_file_at(dir_fd, name, buf_str(&text), 0600, durable);
    buf_done(&text);
    return r;
}

static int write_mounts(struct state *s, const struct undo_dirs *d, const char *session,
                        const char *call, const char *name, const struct undo_mount *mounts,
                        size_t count)
{
    auto_json json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, print_mount(&mounts[i])) < 0)
            return -EINVAL;
    }
    auto_json json_t *record =
        json_pack("{s:i, s:s, s:I, s:O}", "v", 1, "call", call, "order",
                  (json_int_t)next_order(s, session, d->seal), "mounts", list);
    return record == NULL ? -ENOMEM : write_record(d->seal, name, ".mounts.json", record, false);
}

static int begin_in(struct state *s, const struct undo_dirs *d, const char *session,
                    const char *call, const struct undo_mount *mounts, size_t count, int *ret_fd)
{
    char name[STATE_NAME_SIZE];
    state_safe_name(call, name);
    int r = write_mounts(s, d, session, call, name, mounts, count);
    if (r < 0)
        return r;
    r = os_mkdir_at(d->work, name, 0700);
    if (r == 1)
        return -EEXIST; /* a call has one folder in its life */
    return r < 0 ? r : state_sub_dir(d->work, name, false, ret_fd);
}

int undo_begin(struct state *s, const char *session, const char *call,
               const struct undo_mount *mounts, size_t mount_count, int *ret_dir_fd,
               struct fault *reterr)
{
    struct undo_dirs d = {-1, -1, -1, -1};
    if (mount_count > UNDO_MOUNTS_MAX)
        return fault_set(reterr, FAULT_CAP, "a call has at most %d mounts", UNDO_MOUNTS_MAX);
    int r = undo_dirs_open(s, session, true, &d);
    if (r == 0)
        r = begin_in(s, &d, session, call, mounts, mount_count, ret_dir_fd);
    undo_dirs_done(&d);
    if (r < 0) {
        r = fault_sys(reterr, -r, "cannot make the undo folder of call %s in %s", call, s->dir);
        fault_next(
            reterr,
            "make room there or make it writable: without it nothing that the call changes could be undone");
    }
    return r;
}

int undo_root(struct state *s, const char *session, int *ret_dir_fd, struct fault *reterr)
{
    struct undo_dirs d = {-1, -1, -1, -1};
    int r = undo_dirs_open(s, session, true, &d);
    if (r < 0)
        return fault_sys(reterr, -r, "cannot open the undo folder of session %s in %s", session,
                         s->dir);
    *ret_dir_fd = take_fd(&d.work);
    undo_dirs_done(&d);
    return 0;
}

/* --- seal --- */

struct sealer {
    struct undo_tree tree;
    struct undo_log log;
    int dir_fd; /* own */
    char log_sha256[65];
    json_t *images; /* own, as all below; "<n>" -> sha256, "" when missing or too long */
    json_t *paths, *away, *made; /* path -> true; path -> new name; path -> true */
    json_t *after;               /* states, in the order of paths */
    json_t *touched;
    size_t touched_bytes; /* of it as JSON, at most */
    struct undo_sim *sim;
    bool is_changed;
};

static void sealer_done(struct sealer *z)
{
    undo_sim_free(z->sim);
    undo_log_done(&z->log);
    os_close(z->dir_fd);
    json_t *all[] = {z->images, z->paths, z->away, z->made, z->after, z->touched};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        json_decref(all[i]);
}

static int sealer_init(struct sealer *z, const struct undo_mount *mounts, size_t count)
{
    *z = (struct sealer){.dir_fd = -1,
                         .images = json_object(),
                         .paths = json_object(),
                         .away = json_object(),
                         .made = json_object(),
                         .after = json_array(),
                         .touched = json_array()};
    must(count <= UNDO_MOUNTS_MAX);
    if (count > 0)
        memcpy(z->tree.mounts, mounts, count * sizeof(*mounts));
    z->tree.count = count;
    z->tree.hash_budget = HASH_BUDGET;
    if (!z->images || !z->paths || !z->away || !z->made || !z->after || !z->touched)
        return -ENOMEM;
    return undo_sim_new(&z->tree, &z->sim);
}

static int read_log(struct sealer *z, struct fault *reterr)
{
    struct buf text;
    struct digest digest;
    auto_close int fd = undo_open_regular(z->dir_fd, "log");
    buf_init(&text, UNDO_LOG_MAX);
    int r = fd < 0 ? fd : os_read_all(fd, &text);
    if (r < 0) {
        r = fault_sys(reterr, -r, "cannot read the undo log");
    } else {
        digest_sha256(buf_str(&text).at, text.len, &digest);
        digest_hex(&digest, z->log_sha256);
        r = undo_log_parse(buf_str(&text), &z->log, reterr);
    }
    buf_done(&text);
    return r;
}

static int hash_image(struct sealer *z, const struct undo_line *line)
{
    char name[24], hash[65] = "";
    uint64_t size = 0;
    (void)snprintf(name, sizeof(name), "%lld", (long long)line->n);
    auto_close int fd = undo_open_regular(z->dir_fd, name);
    int r = fd < 0 ? 1 : undo_hash_fd(fd, z->tree.hash_budget, hash);
    if (r == -ENOMEM)
        return r;
    if (r != 0)
        hash[0] = '\0';
    else if (os_file_size(fd, &size) == 0)
        z->tree.hash_budget -= (int64_t)size;
    return json_object_set_new(z->images, name, json_string(hash)) < 0 ? -ENOMEM : 0;
}

static int collect_line(struct sealer *z, const struct undo_line *line)
{
    int r = 0;
    if (line->op != UNDO_LINK)
        r |= json_object_set_new(z->paths, line->path, json_true());
    if (line->to != NULL)
        r |= json_object_set_new(z->paths, line->to, json_true());
    if (line->op == UNDO_RENAME)
        r |= json_object_set_new(z->away, line->path, json_string(line->to));
    if (line->op == UNDO_MKDIR)
        r |= json_object_set_new(z->made, line->path, json_true());
    if (r < 0)
        return -ENOMEM;
    return line->kind == UNDO_FILE ? hash_image(z, line) : 0;
}

static int add_after(struct sealer *z, const char *path)
{
    struct undo_state state = {0};
    json_t *o = NULL;
    char hash[65];
    int r = undo_sim_look(z->sim, path, &state);
    if (r == 0)
        r = undo_state_to_json(&state, &o);
    if (r == 0 && (json_object_set_new(o, "path", json_string(path)) < 0 ||
                   json_array_append_new(z->after, o) < 0))
        r = -ENOMEM;
    /* A folder that the call made must hold nothing else when it is taken away again. */
    if (r == 0 && state.kind == UNDO_DIR && json_object_get(z->made, path) != NULL) {
        r = undo_sim_list_hash(z->sim, path, hash);
        if (r == 0 && json_object_set_new(o, "names_sha256", json_string(hash)) < 0)
            r = -ENOMEM;
    }
    undo_state_done(&state);
    return r < 0 ? r : 0;
}

static json_t *hash_or_null(const struct undo_state *s)
{
    return s->kind == UNDO_FILE && s->sha256[0] != '\0' ? json_string(s->sha256) : json_null();
}

static const char *op_of(const struct undo_state *before, const struct undo_state *after,
                         const json_t *away)
{
    if (before->kind == UNDO_NONE)
        return after->kind == UNDO_DIR ? "mkdir" : after->kind == UNDO_SYMLINK ? "link" : "create";
    if (after->kind != UNDO_NONE)
        return "write";
    if (away != NULL)
        return "rename";
    return before->kind == UNDO_DIR ? "rmdir" : "delete";
}

/* A path as JSON writes it, and what stands around it. */
static size_t touched_cost(const char *path)
{
    enum { AROUND = 200, ESCAPED = 6 };
    size_t cost = AROUND;
    for (const char *p = path; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        cost += c < 0x20 || c == 0x7f || c == '"' || c == '\\' ? ESCAPED : 1;
    }
    return cost;
}

static int add_touched(struct sealer *z, const char *path, const struct undo_state *before,
                       const struct undo_state *after)
{
    const json_t *away = json_object_get(z->away, path);
    if (before->kind == UNDO_NONE && after->kind == UNDO_NONE)
        return 0; /* came and went within the call */
    if (undo_state_differs(before, after) != NULL)
        z->is_changed = true;
    z->touched_bytes += touched_cost(path) + (away ? touched_cost(json_string_value(away)) : 0);
    if (z->touched_bytes > TOUCHED_BYTES_MAX)
        return 0; /* the sealed log has all of them; a receipt must fit the journal */
    const char *op = op_of(before, after, away);
    json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "path", path, "op", op, "before_sha256",
                          hash_or_null(before), "after_sha256", hash_or_null(after));
    if (o != NULL && strcmp(op, "rename") == 0)
        (void)json_object_set_new(o, "to", json_string(json_string_value(away)));
    return json_array_append_new(z->touched, o) < 0 ? -ENOMEM : 0;
}

/* What stood there before the call is what the simulation shows when every line is taken back. */
static int compare(struct sealer *z)
{
    size_t i;
    const json_t *o;
    for (size_t n = z->log.count; n > 0; n--) {
        char name[24];
        const struct undo_line *line = &z->log.lines[n - 1];
        (void)snprintf(name, sizeof(name), "%lld", (long long)line->n);
        const char *hash = json_string_value(json_object_get(z->images, name));
        int r = undo_sim_take_back(z->sim, line, hash ? hash : "");
        if (r < 0)
            return r;
    }
    json_array_foreach(z->after, i, o)
    {
        struct undo_state before = {0}, after = {0};
        const char *path = json_string_value(json_object_get(o, "path"));
        int r = undo_sim_look(z->sim, path, &before);
        if (r == 0)
            r = undo_state_from_json(o, &after);
        if (r == 0)
            r = add_touched(z, path, &before, &after);
        undo_state_done(&before);
        undo_state_done(&after);
        if (r < 0)
            return r;
    }
    return 0;
}

static int examine(struct sealer *z)
{
    const char *path;
    json_t *unused_value;
    for (size_t i = 0; i < z->log.count; i++) {
        int r = collect_line(z, &z->log.lines[i]);
        if (r < 0)
            return r;
    }
    json_object_foreach(z->paths, path, unused_value)
    {
        int r = add_after(z, path);
        if (r < 0)
            return r;
    }
    return compare(z);
}

static bool has_log(int work_fd, const char *name)
{
    struct stat st;
    auto_close int fd = -1;
    return state_sub_dir(work_fd, name, false, &fd) == 0 && os_stat_at(fd, "log", &st) == 0 &&
           st.st_size > 0;
}

static int forget(const struct undo_dirs *d, int in_fd, const char *name)
{
    char record[STATE_NAME_SIZE + 16];
    (void)snprintf(record, sizeof(record), "%s.mounts.json", name);
    int r = os_remove_tree(in_fd, name);
    if (r == 0 || r == -ENOENT)
        r = os_unlink_at(d->seal, record, 0);
    return r == -ENOENT ? 0 : r;
}

static int write_seal(const struct undo_dirs *d, const struct sealer *z, const char *call,
                      const char *name)
{
    auto_json json_t *seal = json_pack("{s:i, s:s, s:I, s:s, s:O, s:O}", "v", 1, "call", call,
                                       "sealed_ns", (json_int_t)os_now_real_ns(), "log_sha256",
                                       z->log_sha256, "images", z->images, "after", z->after);
    return seal == NULL ? -ENOMEM : write_record(d->seal, name, ".json", seal, false);
}

static int seal_in(const struct undo_dirs *d, struct sealer *z, const char *call,
                   struct fault *reterr)
{
    char name[STATE_NAME_SIZE];
    state_safe_name(call, name);
    if (!has_log(d->work, name))
        return forget(d, d->work, name);
    /* Out of the worker's reach first, read after. */
    int r = os_rename_at(d->work, name, d->sealed, name);
    if (r == 0)
        r = state_sub_dir(d->sealed, name, false, &z->dir_fd);
    if (r < 0)
        return r;
    r = read_log(z, reterr);
    if (r == 0)
        r = examine(z);
    if (r < 0)
        return r;
    return z->is_changed ? write_seal(d, z, call, name) : forget(d, d->sealed, name);
}

int undo_seal(struct state *s, const char *session, const char *call,
              const struct undo_mount *mounts, size_t mount_count, json_t **ret_touched,
              struct fault *reterr)
{
    struct undo_dirs d = {-1, -1, -1, -1};
    struct sealer z;
    struct fault fault = {0};
    if (mount_count > UNDO_MOUNTS_MAX)
        return fault_set(reterr, FAULT_CAP, "a call has at most %d mounts", UNDO_MOUNTS_MAX);
    int r = sealer_init(&z, mounts, mount_count);
    if (r == 0)
        r = undo_dirs_open(s, session, false, &d);
    if (r == 0)
        r = seal_in(&d, &z, call, &fault);
    if (r == 0 && z.is_changed && z.dir_fd >= 0)
        (void)!undo_space_grew(
            s, z.dir_fd); /* the call is sealed; that room could not be made is no fault of it */
    if (r == 0)
        *ret_touched = take(z.touched);
    else if (fault.code != 0)
        fault_prefix(&fault, "what call %s changed cannot be told", call);
    else
        (void)fault_sys(&fault, -r, "what call %s changed cannot be told", call);
    if (r < 0 && reterr != NULL)
        *reterr = fault;
    sealer_done(&z);
    undo_dirs_done(&d);
    return r;
}
