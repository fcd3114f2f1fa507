/* A command's configuration as the arguments and the environment of its keeper (sandbox/keeper/order.h says their form). */
#pragma once

#include "sandbox/ask/command.h"

struct command_order {
    char **argv, **env; /* own, and what they point to */
};
/* -FAULT_CONFIG a mount has no place; -FAULT_USAGE too much of something. */
must_use int command_order_new(const struct sandbox_command_config *config,
                               own struct command_order **ret, struct fault *reterr);
void command_order_free(own struct command_order *o);
DEFINE_FREEP(command_order, struct command_order);
