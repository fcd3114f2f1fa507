#include "scratch.h"

struct fault scratch_fault;

int scratch_make(void **ret)
{
    struct scratch *s = calloc(1, sizeof(*s));
    (void)snprintf(s->top, sizeof(s->top), "%s/bx-host-XXXXXX",
                   getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(s->top))
        return -1;
    (void)snprintf(s->state, sizeof(s->state), "%s/state", s->top);
    (void)snprintf(s->work, sizeof(s->work), "%s/work", s->top);
    if (mkdir(s->work, 0755) < 0)
        return -1;
    s->pid = (int)getpid();
    setenv("BOXAGNTS_STATE", s->state, 1);
    memset(&scratch_fault, 0, sizeof(scratch_fault));
    *ret = s;
    return 0;
}

int scratch_remove(void **given)
{
    struct scratch *s = *given;
    char command[300];
    if (s->pid != (int)getpid())
        _exit(1);
    (void)snprintf(command, sizeof(command), "chmod -R u+rwx '%s'; rm -rf '%s'", s->top, s->top);
    int r = system(command);
    free(s);
    return r == 0 ? 0 : -1;
}

struct state *scratch_open(void)
{
    struct state *s = NULL;
    assert_ok(state_open(&s, &scratch_fault));
    return s;
}

void scratch_open_fails(int code, const char *text)
{
    struct state *s = NULL;
    struct fault fault = {0};
    int r = state_open(&s, &fault);
    if (r == 0)
        state_free(s);
    if (r != -code || !strstr(fault.text, text) || fault.next[0] == '\0')
        fail_msg("wanted %d '%s', got %d '%s' next '%s'", -code, text, r, fault.text, fault.next);
}

void scratch_write(const char *dir, const char *name, const char *text, mode_t mode)
{
    char path[4400];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

char *scratch_read(const char *dir, const char *name)
{
    char path[4400];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *text = calloc(1, 1 << 16);
    size_t n = fread(text, 1, (1 << 16) - 1, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

static const char *scratch_keep(const char *sql)
{
    static char *kept[256];
    static size_t count;
    assert_true(count < 256);
    return kept[count++] = strdup(sql);
}

/* Statements are kept by the address of their text, so the text must stay. */
void scratch_sql(struct state *s, const char *sql)
{
    struct store_query *q = NULL;
    assert_ok(store_query(state_store(s), scratch_keep(sql), &q, &scratch_fault));
    assert_ok(store_run(q, NULL, &scratch_fault));
}

json_t *scratch_json(const char *text)
{
    json_t *value = NULL;
    assert_ok(json_parse(str_of(text), 1 << 20, &value, &scratch_fault));
    return value;
}

pid_t scratch_fork(void (*fn)(void *arg), void *arg)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fn(arg);
        _exit(0);
    }
    return pid;
}

void scratch_reap(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("child %d ended with status 0x%x", (int)pid, (unsigned)status);
}

void scratch_in_child(void (*fn)(void *arg), void *arg)
{
    scratch_reap(scratch_fork(fn, arg));
}
