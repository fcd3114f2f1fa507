/* boxagnts: the monitor and its command line. Owns policy, ledger, journal, approvals; no engine, no TLS. */
#include "edge/commands.h"

int main(int argc, char **argv)
{
    return edge_main(argc, argv);
}
