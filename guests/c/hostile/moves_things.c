/* Renames a folder, changes and renames what is in it, removes a file and a link: what undo and diff must keep apart. */
#include "hostile.h"

#include <stdio.h>
#include <unistd.h>

int main(void)
{
    if (rename("x", "y") != 0 || rename("y/moved", "y/changed") != 0 || unlink("y/gone") != 0 ||
        unlink("link") != 0)
        return 1;
    FILE *f = fopen("y/changed", "a");
    if (!f || fputs("more\n", f) < 0 || fclose(f) != 0)
        return 1;
    return 0;
}
