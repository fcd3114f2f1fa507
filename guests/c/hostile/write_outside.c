/* Hostile guest: tries to leave something outside its folders, by files, folders, links and renames. Exits 0 when
 * every try was refused, 42 when one was not. It first makes inside.txt in its own folder (that is allowed). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int done;

static void tell(const char *what, const char *path, int result)
{
    if (result < 0) {
        printf("refused  %s %s: %s\n", what, path, strerror(errno));
        return;
    }
    printf("DONE     %s %s\n", what, path);
    done++;
}

int main(void)
{
    static const char *const places[] = {
        "/tmp/boxagnts-escaped",           "../boxagnts-escaped",
        "../../tmp/boxagnts-escaped",      "/../boxagnts-escaped",
        "/etc/cron.d/boxagnts-escaped",    "/var/tmp/../tmp/boxagnts-escaped",
        "/proc/self/cwd/boxagnts-escaped",
    };
    int own_file = open("inside.txt", O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (own_file >= 0)
        close(own_file);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        tell("create", places[i], open(places[i], O_WRONLY | O_CREAT, 0666));
        tell("folder", places[i], mkdir(places[i], 0777));
        tell("link to", places[i], link("inside.txt", places[i]));
        tell("move to", places[i], rename("inside.txt", places[i]));
        tell("remove", places[i], unlink(places[i]));
    }
    printf("%d done\n", done);
    return done > 0 ? 42 : 0;
}
