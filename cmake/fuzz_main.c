/* Replays a corpus through a fuzz target where libFuzzer is not linked, so that every preset runs every seed.
 *
 * Arguments are files or folders; missing ones are skipped, because a target may have no seeds yet. Besides each input
 * it runs the empty one and every short prefix: cut input is the most common bad input there is. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PREFIX_MAX = 512, INPUT_MAX = 16 << 20 };

/* The copy is exactly `size` bytes, so that a sanitizer sees a read past the end. */
static void run_one(const char *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t run_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    char *bytes = malloc(INPUT_MAX);
    if (!file || !bytes) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    size_t size = fread(bytes, 1, INPUT_MAX, file);
    fclose(file);
    run_one(bytes, size);
    for (size_t cut = 0; cut < size && cut < PREFIX_MAX; cut++)
        run_one(bytes, cut);
    free(bytes);
    return 1;
}

static size_t run_folder(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < sizeof name)
            count += run_file(name);
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    run_one("", 0);
    for (int i = 1; i < argc; i++)
        count += run_folder(argv[i]);
    printf("%zu seeds\n", count);
    return 0;
}
