/* boxagnts-worker: runs WASM guests inside a jail, for one agent. Started by the monitor only. */
#include "sandbox/worker.h"

int main(int argc, char **argv)
{
    return worker_main(argc, argv);
}
