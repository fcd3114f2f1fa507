/* Hostile guest: climbs out of its folder by many forms of path, each with every call that takes one.
 * argv[1]: what stands before each path ("" or "work/"); argv[2]: absolute path of the folder that holds the target.
 * The target is secret.txt beside the folder. With argv[1] = "work/" and the folder above mounted, the same paths stay
 * inside and are reached. */
#include "hostile.h"

#include <stdlib.h>

static char long_climb[4096];
static const char *prefix;

static void put(char *out, size_t size, const char *form, const char *name)
{
    snprintf(out, size, "%s%s%s", form[0] == '/' ? "" : prefix, form, name);
}

/* One form with all calls: how the outside is named is `form`, with its slash. */
static void try_form(const char *name, const char *form)
{
    static char out[8192], in[256], label[128];
    int fd, error;
    __wasi_filestat_t st;

#define TELL(call) (snprintf(label, sizeof(label), "%s.%s", name, call), tell(label, error))
    put(out, sizeof(out), form, "secret.txt");
    error = open_path(ROOT_FD, out, 0, RIGHTS_READ, &fd);
    TELL("read");
    error = open_path(ROOT_FD, out, __WASI_OFLAGS_CREAT, RIGHTS_WRITE, &fd);
    TELL("write");
    error = __wasi_path_filestat_get(ROOT_FD, 1, out, &st);
    TELL("stat");
    error = __wasi_path_filestat_set_times(ROOT_FD, 1, out, 1, 1, __WASI_FSTFLAGS_MTIM);
    TELL("set_times");
    snprintf(in, sizeof(in), "%sgot-%s", prefix, name);
    error = __wasi_path_link(ROOT_FD, 0, out, ROOT_FD, in);
    TELL("link_from");
    put(out, sizeof(out), form, "new-");
    strcat(out, name);
    error = open_path(ROOT_FD, out, __WASI_OFLAGS_CREAT | __WASI_OFLAGS_EXCL, RIGHTS_WRITE, &fd);
    TELL("create");
    error = __wasi_path_unlink_file(ROOT_FD, out);
    TELL("unlink");
    error = __wasi_path_create_directory(ROOT_FD, out);
    TELL("mkdir");
    error = __wasi_path_remove_directory(ROOT_FD, out);
    TELL("rmdir");
    error = __wasi_path_symlink("x", ROOT_FD, out);
    TELL("symlink");
    snprintf(in, sizeof(in), "%smine-%s", prefix, name);
    error = open_path(ROOT_FD, in, __WASI_OFLAGS_CREAT, RIGHTS_WRITE, &fd);
    if (error == 0)
        error = __wasi_fd_close((__wasi_fd_t)fd);
    if (error == 0)
        error = __wasi_path_rename(ROOT_FD, in, ROOT_FD, out);
    TELL("rename_out");
    put(out, sizeof(out), form, "moved-");
    strcat(out, name);
    (void)!open_path(ROOT_FD, in, __WASI_OFLAGS_CREAT, RIGHTS_WRITE, &fd);
    error = __wasi_path_link(ROOT_FD, 0, in, ROOT_FD, out);
    TELL("link_out");
}

/* The folder number of a folder that leads out, and then a plain name. */
static void try_folder(const char *name, const char *path)
{
    char at[512];
    int dir, fd, error;

    put(at, sizeof(at), path, "");
    error = open_path(ROOT_FD, at, __WASI_OFLAGS_DIRECTORY, RIGHTS_READ | __WASI_RIGHTS_PATH_OPEN,
                      &dir);
    if (error == 0)
        error = open_path(dir, "secret.txt", 0, __WASI_RIGHTS_FD_READ, &fd);
    tell(name, error);
}

static void try_below(void)
{
    char at[64];
    int dir, fd, error;

    put(at, sizeof(at), "a/b", "");
    error = open_path(ROOT_FD, at, __WASI_OFLAGS_DIRECTORY, RIGHTS_READ | __WASI_RIGHTS_PATH_OPEN,
                      &dir);
    if (error == 0)
        error = open_path(dir, "../b/../../b2/../../secret.txt", 0, __WASI_RIGHTS_FD_READ, &fd);
    tell("climb_from_folder", error);
}

int main(int argc, char **argv)
{
    char absolute[1024];
    int fd;

    prefix = argc > 1 ? argv[1] : "";
    for (int i = 0; i < 660; i++)
        strcat(long_climb, "a/../");
    strcat(long_climb, "../");
    try_form("dotdot", "../");
    try_form("dotdot_inner", "a/b/../../../");
    try_form("double_slash", "..////");
    try_form("dots", "./././.././");
    try_form("after_link", "inlink/../../../");
    try_form("link_to_parent", "out-dir/");
    try_form("link_then_dots", "out-dir/work/../");
    try_form("link_chain", "chain/");
    try_form("long", long_climb);
    try_folder("folder_of_link", "out-dir");
    try_folder("folder_of_link_slash", "out-dir/");
    try_folder("folder_of_dotdot", "..");
    try_below();
    if (argc > 2) {
        snprintf(absolute, sizeof(absolute), "%s/", argv[2]);
        try_form("absolute", absolute);
        snprintf(absolute, sizeof(absolute), "/%s/", argv[2]);
        try_form("absolute_double", absolute);
        try_form("absolute_link", "out-abs/");
    }
    snprintf(absolute, sizeof(absolute), "%sfile-link", prefix);
    tell("link_to_file", open_path(ROOT_FD, absolute, 0, RIGHTS_READ, &fd));
    tell("link_to_file_trunc",
         open_path(ROOT_FD, absolute, __WASI_OFLAGS_TRUNC, RIGHTS_WRITE, &fd));
    snprintf(absolute, sizeof(absolute), "%sdangling", prefix);
    tell("dangling_create", open_path(ROOT_FD, absolute, __WASI_OFLAGS_CREAT, RIGHTS_WRITE, &fd));
    return hostile_end();
}
