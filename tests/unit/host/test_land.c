/* A finished write takes its name: what lands, and all that does not, with nothing changed. */
#include "scratch.h"

#include "host/undo.h"

struct field {
    struct scratch *x;
    int work_fd, narrow_fd, call_fd;
    struct undo_mount mounts[2];
};

#define STAGE "stage-0123456789abcdef"

static struct field start(void **given)
{
    struct field f = {.x = *given};
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/call", f.x->top);
    assert_int_equal(mkdir(path, 0700), 0);
    f.call_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f.work_fd = open(f.x->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(f.work_fd, "sub", 0755), 0);
    assert_int_equal(mkdirat(f.work_fd, "ro", 0755), 0);
    f.narrow_fd = openat(f.work_fd, "ro", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f.mounts[0] = (struct undo_mount){"/", f.x->work, f.work_fd, true};
    f.mounts[1] = (struct undo_mount){"/ro", "", f.narrow_fd, false};
    scratch_write(f.x->work, "a.txt", "old", 0640);
    scratch_write(path, STAGE, "new", 0640);
    return f;
}

static void finish(struct field *f)
{
    close(f->work_fd);
    close(f->narrow_fd);
    close(f->call_fd);
}

static int land_in(const struct field *f, const char *stage, const char *path, const char *folder,
                   bool is_new)
{
    struct stat st;
    assert_int_equal(fstatat(f->work_fd, folder, &st, 0), 0);
    const struct undo_landing what = {stage, path, st.st_dev, st.st_ino, is_new};
    return undo_land(f->mounts, 2, f->call_fd, &what);
}

static int land(const struct field *f, const char *path, bool is_new)
{
    return land_in(f, STAGE, path, ".", is_new);
}

static void assert_content(const struct field *f, const char *path, const char *content)
{
    char *is = scratch_read(f->x->work, path);
    assert_string_equal(is, content);
    free(is);
}

static bool is_staged(const struct field *f)
{
    return faccessat(f->call_fd, STAGE, F_OK, 0) == 0;
}

static void it_takes_the_place_of_what_stood_there(void **given)
{
    struct field f = start(given);
    struct stat before, after;
    assert_int_equal(fstatat(f.call_fd, STAGE, &before, 0), 0);
    assert_int_equal(land(&f, "/a.txt", false), 0);
    assert_content(&f, "a.txt", "new");
    assert_int_equal(fstatat(f.work_fd, "a.txt", &after, 0), 0);
    assert_int_equal(after.st_ino, before.st_ino); /* moved, not copied */
    assert_false(is_staged(&f));
    finish(&f);
}

static void a_new_name_never_takes_another_ones_place(void **given)
{
    struct field f = start(given);
    assert_int_equal(land(&f, "/a.txt", true), -EEXIST);
    assert_content(&f, "a.txt", "old");
    assert_true(is_staged(&f));
    assert_int_equal(land_in(&f, STAGE, "/sub/b.txt", "sub", true), 0);
    assert_content(&f, "sub/b.txt", "new");
    finish(&f);
}

static void it_stays_within_what_the_run_may_write(void **given)
{
    struct field f = start(given);
    static const struct {
        const char *path, *folder;
        int result;
    } rows[] = {
        {"/ro/x", "ro", -EXDEV},     {"/ro/sub/x", "ro", -EXDEV}, {"/../x", ".", -EINVAL},
        {"/sub/../x", ".", -EINVAL}, {"x", ".", -EINVAL},         {"/", ".", -EINVAL},
        {"", ".", -EINVAL},          {"/sub/", "sub", -EINVAL},   {"/none/x", ".", -ENOENT},
        {"/a.txt/x", ".", -ENOTDIR}, {"/link/x", "sub", -ELOOP},  {"/out/x", "sub", -ELOOP},
        {"/sub/x", ".", -ESTALE},    {"/sub", ".", -EISDIR},
    };
    assert_int_equal(symlinkat("sub", f.work_fd, "link"), 0);
    assert_int_equal(symlinkat("/tmp", f.work_fd, "out"), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int r = land_in(&f, STAGE, rows[i].path, rows[i].folder, false);
        if (r != rows[i].result)
            fail_msg("%s: %d, not %d", rows[i].path, r, rows[i].result);
        assert_true(is_staged(&f));
    }
    f.mounts[0].writable = false;
    assert_int_equal(land(&f, "/a.txt", false), -EXDEV);
    assert_content(&f, "a.txt", "old");
    finish(&f);
}

static void a_link_that_stands_there_goes_and_what_it_leads_to_stays(void **given)
{
    struct field f = start(given);
    assert_int_equal(symlinkat("a.txt", f.work_fd, "leads"), 0);
    assert_int_equal(land(&f, "/leads", false), 0);
    assert_content(&f, "a.txt", "old");
    assert_content(&f, "leads", "new");
    finish(&f);
}

static void only_a_plain_file_of_the_calls_folder_lands(void **given)
{
    struct field f = start(given);
    assert_int_equal(land_in(&f, "stage-none", "/a.txt", ".", false), -ENOENT);
    assert_int_equal(land_in(&f, "../work/sub", "/a.txt", ".", false), -EINVAL);
    assert_int_equal(symlinkat(STAGE, f.call_fd, "stage-link"), 0);
    assert_int_equal(land_in(&f, "stage-link", "/a.txt", ".", false), -EPERM);
    assert_int_equal(mkfifoat(f.call_fd, "stage-fifo", 0600), 0);
    assert_int_equal(land_in(&f, "stage-fifo", "/a.txt", ".", false), -EPERM);
    assert_int_equal(fchmodat(f.call_fd, STAGE, 04755, 0), 0);
    assert_int_equal(land(&f, "/a.txt", false), -EPERM);
    assert_content(&f, "a.txt", "old");
    finish(&f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        T(it_takes_the_place_of_what_stood_there),
        T(a_new_name_never_takes_another_ones_place),
        T(it_stays_within_what_the_run_may_write),
        T(a_link_that_stands_there_goes_and_what_it_leads_to_stays),
        T(only_a_plain_file_of_the_calls_folder_lands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
