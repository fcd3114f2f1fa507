/* The answer side of boxagnts-egress: the one program with sockets to the outside and with keys. Serves model
 * requests of the monitor, several at a time. docs/egress.md. */
#pragma once

#include "base/base.h"
#include "base/fault.h"

struct egress; /* opaque */
struct channel;

/* Before the lockdown: starts the libraries and takes the locked memory for the keys. channel_fd own. */
must_use int egress_new(int channel_fd, own struct egress **ret);
void egress_free(own struct egress *e); /* wipes the keys */
DEFINE_FREEP(egress, struct egress);
struct channel *egress_channel(struct egress *e);
/* After the lockdown: until the monitor hangs up (0), or a fault. */
must_use int egress_serve(struct egress *e, struct fault *reterr);
/* Says MONITOR_FAULT; the program ends after it. */
void egress_give_up(struct egress *e, int r, struct fault *why);
