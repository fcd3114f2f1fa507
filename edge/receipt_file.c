/* One receipt to where the person wants it. */
#include "edge/receipt_file.h"

#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int receipt_file_write(const char *path, const json_t *receipt, struct fault *reterr)
{
    auto_done(buf) struct buf text;
    buf_init(&text, (size_t)64 << 20);
    int r = json_print(receipt, &text);
    if (r == 0)
        r = buf_add_c(&text, '\n');
    if (r < 0)
        return r;
    if (strcmp(path, "-") == 0) {
        fflush(stdout);
        fputs(buf_str(&text).at, stderr);
        return 0;
    }
    const char *slash = strrchr(path, '/');
    auto_free char *dir =
        slash ? str_dup((struct str){path, slash == path ? 1 : (size_t)(slash - path)})
              : str_dup(STR("."));
    if (!dir)
        return -ENOMEM;
    auto_close int dir_fd = os_open_dir_trusted(dir);
    r = dir_fd < 0
            ? dir_fd
            : os_write_file_at(dir_fd, slash ? slash + 1 : path, buf_str(&text), 0644, false);
    return r < 0 ? fault_sys(reterr, -r, "cannot write the receipt to %s", path) : 0;
}
