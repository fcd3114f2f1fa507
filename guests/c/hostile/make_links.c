/* Hostile guest: makes its own links out and goes through them; makes links that are harmless where they are made and
 * lead out where they are moved; asks for second names of what it may not write. argv[1]: what stands before each path. */
#include "hostile.h"

static const char *prefix;

static const char *at(const char *name)
{
    static char text[4][256];
    static unsigned next;
    char *out = text[next++ % 4];

    snprintf(out, sizeof(text[0]), "%s%s", prefix, name);
    return out;
}

static void try_link(const char *name, const char *text)
{
    char path[128], label[64];
    int fd, error;

    snprintf(path, sizeof(path), "own-%s", name);
    error = __wasi_path_symlink(text, ROOT_FD, at(path));
    if (error == 0)
        error = open_path(ROOT_FD, at(path), 0, RIGHTS_READ, &fd);
    tell(name, error);
    snprintf(label, sizeof(label), "%s.below", name);
    strcat(path, "/secret.txt");
    tell(label, open_path(ROOT_FD, at(path), 0, RIGHTS_READ, &fd));
}

int main(int argc, char **argv)
{
    int fd, error;

    prefix = argc > 1 ? argv[1] : "";
    try_link("symlink_up_file", "../secret.txt");
    try_link("symlink_up", "..");
    try_link("symlink_slow_up", "a/b/../../../secret.txt");
    try_link("symlink_up_down", "./a/../..//./secret.txt");
    try_link("symlink_loop", "own-symlink_loop");
    error = __wasi_path_symlink("../../../secret.txt", ROOT_FD, at("a/b/deep"));
    tell("deep_link", error);
    /* Two levels down a link to "../../x" stays inside; moved to the top it leads out for every program of the host. */
    error = __wasi_path_symlink("../../secret.txt", ROOT_FD, at("a/b/inside"));
    if (error == 0)
        error = __wasi_path_rename(ROOT_FD, at("a/b/inside"), ROOT_FD, at("moved-out"));
    tell("link_moved_up", error);
    (void)!__wasi_path_symlink("../../secret.txt", ROOT_FD, at("a/b/inside2"));
    error = __wasi_path_link(ROOT_FD, 0, at("a/b/inside2"), ROOT_FD, at("linked-out"));
    tell("link_linked_up", error);
    tell("link_moved_up.read", open_path(ROOT_FD, at("moved-out"), 0, RIGHTS_READ, &fd));
    tell("link_linked_up.read", open_path(ROOT_FD, at("linked-out"), 0, RIGHTS_READ, &fd));
    return hostile_end();
}
