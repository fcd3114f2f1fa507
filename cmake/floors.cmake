# The floor plan: which room stands on which floor, where it lives, and which rooms it may use. This file is data; the
# rules are in rooms.cmake, and tests/shape reads the same lines.
#
# A room uses only rooms on lower floors that it names here. It sees exactly their headers and its own, nothing else, so
# an include of a room that is not named does not compile. Headers are spelled by the room's folder without lib/ or src/:
#     lib/base/buf.h -> "base/buf.h"      src/host/ask/protocol.h -> "host/ask/protocol.h"
# Subfolders are rooms of their own. Floors are ordered integers; the four trust layers (host 3x, sandbox 4x, tools 5x,
# query 6x) are cut by the side of the process border on which the code runs:
#     *_ask and jail run in every program, the rest only in the programs listed below.
# LIBS are third-party libraries; only a room that names one may include its headers.

room(base        FLOOR  0 DIR lib/base            LIBS crypto)
room(os          FLOOR 10 DIR lib/os              USES base)
room(wire        FLOOR 20 DIR lib/wire            USES base                                              LIBS jansson)
room(store       FLOOR 20 DIR lib/store           USES base os                                           LIBS sqlite)
room(net         FLOOR 20 DIR lib/net             USES base os                                           LIBS curl)

room(host_ask    FLOOR 30 DIR src/host/ask        USES base os wire                                      LIBS jansson)
room(host        FLOOR 31 DIR src/host            USES base os wire store host_ask                       LIBS jansson crypto)
room(host_egress FLOOR 31 DIR src/host/egress     USES base os wire net host_ask                         LIBS jansson)

room(jail        FLOOR 40 DIR src/sandbox/jail    USES base os wire host_ask                             LIBS jansson seccomp)
room(run         FLOOR 40 DIR src/sandbox/run     USES base wire host_ask                                LIBS jansson)
room(wasi        FLOOR 41 DIR src/sandbox/wasi    USES base os)
room(sandbox_ask FLOOR 42 DIR src/sandbox/ask     USES base os wire host host_ask jail run               LIBS jansson)
room(sandbox     FLOOR 42 DIR src/sandbox         USES base os wire host_ask jail run wasi               LIBS jansson engine_run)
room(keeper      FLOOR 42 DIR src/sandbox/keeper  USES base os wire host_ask jail run                    LIBS jansson)
room(compile     FLOOR 42 DIR src/sandbox/compile USES base os wire host_ask jail run                    LIBS jansson engine_compile)

room(tools       FLOOR 50 DIR src/tools           USES base os wire run sandbox_ask host host_ask        LIBS jansson pcre2)
room(query       FLOOR 60 DIR src/query           USES base wire host_ask                                LIBS jansson)
room(edge        FLOOR 70 DIR edge                USES base os wire store host host_ask jail run sandbox_ask tools LIBS jansson edit)
room(edge_agent  FLOOR 70 DIR edge/agent          USES base os wire host_ask jail query                  LIBS jansson)

# The programs. What a program links is what it can be made to do: the link list is the trust map.
# WHOLE: linked with the libraries' archives where this machine has them, because its start is a good part of what one native
# command costs.
program(boxagnts         SOURCE apps/boxagnts.c USES edge base)
program(boxagnts-agent   SOURCE apps/agent.c    USES edge_agent base)
program(boxagnts-worker  SOURCE apps/worker.c   USES sandbox jail base)
program(boxagnts-egress  SOURCE apps/egress.c   USES host_egress jail wire base)
program(boxagnts-compile SOURCE apps/compile.c  USES compile jail base)
program(boxagnts-jail    SOURCE apps/jail.c     USES keeper jail base WHOLE)
