/* Hostile guest: as many as it can of one thing. argv[1]: which; argv[2]: how many it must not get. */
#include "hostile.h"

#include <stdlib.h>

static char name[4096];

static const char *numbered(const char *text, long i)
{
    snprintf(name, sizeof(name), "%s%ld", text, i);
    return name;
}

/* Folders in folders, each opened from the last: a real name longer than any path. */
static int deeper(long most, long *ret_done)
{
    int dir = ROOT_FD, error = 0;

    memset(name, 'd', 200);
    name[200] = '\0';
    for (*ret_done = 0; error == 0 && *ret_done < most; (*ret_done)++) {
        int next = -1;

        error = __wasi_path_create_directory((__wasi_fd_t)dir, name);
        if (error == 0)
            error = open_path(dir, name, __WASI_OFLAGS_DIRECTORY,
                              (1LL << 28) - 1 - __WASI_RIGHTS_FD_WRITE, &next);
        if (error == 0 && dir != ROOT_FD)
            (void)!__wasi_fd_close((__wasi_fd_t)dir);
        dir = next;
    }
    return error;
}

static int one(const char *what, long i)
{
    static char entries[32];
    __wasi_size_t n;
    int fd, error;

    if (strcmp(what, "files") == 0) {
        error = open_path(ROOT_FD, numbered("file-", i), __WASI_OFLAGS_CREAT, RIGHTS_WRITE, &fd);
        return error != 0 ? error : __wasi_fd_close((__wasi_fd_t)fd);
    }
    if (strcmp(what, "folders") == 0)
        return __wasi_path_create_directory(ROOT_FD, numbered("dir-", i));
    if (strcmp(what, "links") == 0)
        return __wasi_path_symlink("x", ROOT_FD, numbered("link-", i));
    if (strcmp(what, "hard") == 0)
        return __wasi_path_link(ROOT_FD, 0, "a.txt", ROOT_FD, numbered("hard-", i));
    if (strcmp(what, "open") == 0)
        return open_path(ROOT_FD, "a.txt", 0, RIGHTS_READ, &fd);
    if (strcmp(what, "streams") == 0) { /* a folder that is being read costs the host memory */
        error = open_path(ROOT_FD, ".", __WASI_OFLAGS_DIRECTORY, RIGHTS_READ, &fd);
        return error != 0
                   ? error
                   : __wasi_fd_readdir((__wasi_fd_t)fd, (uint8_t *)entries, sizeof(entries), 0, &n);
    }
    if (strcmp(what, "refused") == 0) /* each one a line of the receipt */
        return open_path(ROOT_FD, numbered("/etc/", i), 0, RIGHTS_READ, &fd) == 0;
    if (strcmp(what, "remake") == 0) { /* what was removed counts all the same */
        error = __wasi_path_create_directory(ROOT_FD, "again");
        return error != 0 ? error : __wasi_path_remove_directory(ROOT_FD, "again");
    }
    return 28;
}

/* There and back, with long names that the log must escape: each a line of the log of changes, and no file more. */
static int renames(long most, long *ret_done)
{
    static char names[2][2048];
    int error = 0, fd;

    for (size_t depth = 0; depth < 7; depth++) {
        memset(names[0] + strlen(names[0]), 1, 240);
        (void)!__wasi_path_create_directory(ROOT_FD, names[0]);
        strcat(names[0], "/");
    }
    strcpy(names[1], names[0]);
    strcat(names[0], "here");
    strcat(names[1], "there");
    error = open_path(ROOT_FD, names[0], __WASI_OFLAGS_CREAT, RIGHTS_READ, &fd);
    for (*ret_done = 0; error == 0 && *ret_done < most; (*ret_done)++)
        error =
            __wasi_path_rename(ROOT_FD, names[*ret_done & 1], ROOT_FD, names[(*ret_done & 1) ^ 1]);
    return error;
}

/* Files with the longest names there are, in the deepest folder there is: each a line of the receipt. */
static int long_names(long most, long *ret_done)
{
    int dir = ROOT_FD, error = 0, fd;

    memset(name, 1, 240);
    name[240] = '\0';
    for (int depth = 0; depth < 31; depth++) {
        int next = -1;

        (void)!__wasi_path_create_directory((__wasi_fd_t)dir, name);
        if (open_path(dir, name, __WASI_OFLAGS_DIRECTORY, (1LL << 28) - 1 - __WASI_RIGHTS_FD_WRITE,
                      &next) != 0)
            break;
        if (dir != ROOT_FD)
            (void)!__wasi_fd_close((__wasi_fd_t)dir);
        dir = next;
    }
    for (*ret_done = 0; error == 0 && *ret_done < most; (*ret_done)++) {
        snprintf(name + 200, 41, "%ld", *ret_done);
        error = open_path(dir, name, __WASI_OFLAGS_CREAT, RIGHTS_READ, &fd);
        if (error == 0)
            error = __wasi_fd_close((__wasi_fd_t)fd);
    }
    return error;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "files";
    long most = argc > 2 ? strtol(argv[2], NULL, 10) : 100000, done = 0;
    int error = 0;

    if (strcmp(what, "deep") == 0)
        error = deeper(most, &done);
    else if (strcmp(what, "renames") == 0)
        error = renames(most, &done);
    else if (strcmp(what, "long_names") == 0)
        error = long_names(most, &done);
    else
        for (; error == 0 && done < most; done++)
            error = one(what, done);
    printf("%ld done\n", done);
    tell(what, error);
    return hostile_end();
}
