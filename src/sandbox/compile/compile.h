/* The compiler program: the only one with a code generator. It takes one module, answers, and ends. */
#pragma once

#define COMPILE_CHANNEL_FD 3

/* Returns the exit code: 0 answered (also when the module is not valid), 7 the jail cannot be built, 1 anything else. */
int compile_main(int argc, char **argv);
