/* The trials of the jail's own tests, for the profiles of keeper and command. */
#include "unit/jail/trial.c"
