/* Test guest: exits with the code in argv[1]. */
#include <stdlib.h>

int main(int argc, char **argv)
{
    exit(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0);
}
