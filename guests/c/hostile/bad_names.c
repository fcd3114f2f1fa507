/* Hostile guest: names that are no names. argv[1]: an ordinary file of the mount. */
#include "hostile.h"

static char big[1 << 20];

static void try_bytes(const char *name, const char *bytes, size_t len)
{
    int fd;

    tell(name, open_raw(ROOT_FD, bytes, len, 0, RIGHTS_READ, 0, &fd));
    tell(name, open_raw(ROOT_FD, bytes, len, __WASI_OFLAGS_CREAT, RIGHTS_WRITE, 0, &fd));
}

int main(void)
{
    static const char nul[] = "a.txt\0/../../secret.txt", nul_last[] = "a.txt\0";

    memset(big, 'a', sizeof(big));
    try_bytes("nul_inside", nul, sizeof(nul) - 1);
    try_bytes("nul_last", nul_last, sizeof(nul_last) - 1);
    try_bytes("nul_only", "\0", 1);
    try_bytes("empty", "", 0);
    try_bytes("not_utf8", "a\xff\xfe.txt", 7);
    try_bytes("overlong_slash", "..\xc0\xaf..\xc0\xafsecret.txt", 18);
    try_bytes("surrogate", "\xed\xa0\x80", 3);
    try_bytes("component_256", big, 256);
    try_bytes("path_4096", big, 4096);
    try_bytes("path_1MiB", big, sizeof(big));
    try_bytes("past_memory", (const char *)0xfffffff0, 64);
    try_bytes("length_max", big, 0xffffffff);
    memset(big, '.', sizeof(big));
    for (size_t i = 1; i < sizeof(big); i += 2)
        big[i] = '/';
    try_bytes("dots_1MiB", big, sizeof(big));
    try_bytes("file_slash", "a.txt/", 6);
    try_bytes("file_as_folder", "a.txt/../../secret.txt", 22);
    return hostile_end();
}
