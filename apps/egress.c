/* boxagnts-egress: the only program with sockets to the outside; holds the keys of model services. */
#include "host/egress/egress.h"
#include "base/fault.h"
#include "sandbox/jail/jail.h"

#define CHANNEL_FD 3

int main(int argc, char **argv)
{
    auto_(egress) struct egress *egress = NULL;
    struct fault why = {0};
    if (egress_new(CHANNEL_FD, &egress) < 0)
        return 1;
    int r = jail_enter_from_argv(JAIL_EGRESS, argc, argv, CHANNEL_FD, egress_channel(egress), &why);
    if (r == 0)
        r = egress_serve(egress, &why);
    if (r < 0)
        egress_give_up(egress, r, &why);
    return r < 0 ? fault_exit_code(r) : 0;
}
