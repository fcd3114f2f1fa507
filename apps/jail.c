/* boxagnts-jail: keeps one native command. Started by the monitor only; for people there is `boxagnts jail`. */
#include "sandbox/keeper/keeper.h"

int main(int argc, char **argv)
{
    return keeper_main(argc, argv);
}
