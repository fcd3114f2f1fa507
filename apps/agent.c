/* boxagnts-agent: one per agent. Reads model bytes; no files, no network, no keys. */
#include "edge/agent/agent.h"

int main(int argc, char **argv)
{
    return agent_main(argc, argv);
}
