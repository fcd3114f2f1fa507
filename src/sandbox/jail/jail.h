/* The lockdown that each of our programs puts on itself before it reads the first byte from outside.
 * One file per facet (namespaces, mounts, landlock, seccomp, capabilities, rlimits, fds and environment);
 * this face runs the facets of a profile in order, measures each by trying a forbidden thing, and
 * says what is really in force. A required facet that is missing is -FAULT_SANDBOX, never a
 * silent downgrade. Nothing here can be undone in the process. */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "wire/json.h"

struct channel; /* host/ask/channel.h */

enum jail_program {
    JAIL_MONITOR,
    JAIL_AGENT,
    JAIL_WORKER,
    JAIL_EGRESS,
    JAIL_COMPILE,
    JAIL_KEEPER,  /* boxagnts-jail: first process of a native command's namespaces */
    JAIL_COMMAND, /* the native command itself, up to its exec */
    JAIL_PROGRAM_COUNT
};

enum jail_facet {
    JAIL_NO_NEW_PRIVS = 1 << 0,
    JAIL_NAMESPACES = 1 << 1, /* user, mnt (empty root), net, ...: begun by the spawner's clone */
    JAIL_LANDLOCK = 1 << 2,
    JAIL_SECCOMP = 1 << 3,
    JAIL_CAPABILITIES = 1 << 4,
    JAIL_RLIMITS = 1 << 5,
    JAIL_FDS_ENV = 1 << 6, /* closed fds, cleaned environment, dumpable off */
    JAIL_PARENT_DEATH = 1 << 7,
};
#define JAIL_FACET_COUNT 8
#define JAIL_ALL 0xffu
/* Without namespaces a native command could not be kept from the network, nor its descendants be found: it is then not
 * run at all. */
#define JAIL_REQUIRED_OF_COMMANDS JAIL_ALL
#define JAIL_REQUIRED_DEFAULT                                                                      \
    (JAIL_NO_NEW_PRIVS | JAIL_LANDLOCK | JAIL_SECCOMP | JAIL_CAPABILITIES | JAIL_RLIMITS |         \
     JAIL_FDS_ENV | JAIL_PARENT_DEATH)

struct jail_mount {
    /* Held open (O_PATH is enough). With namespaces on, the number is made to mean the same folder as a
     * mount of its own, an O_PATH descriptor: open "." in it to list it. */
    int dir_fd;
    bool writable;
    const char *place; /* keeper and command: where it is seen; absolute, straight */
};

/* Where a native command finds its proxy. Below 1024, so that nothing the command starts could want it or stand there. */
#define JAIL_PROXY_PORT 1008

/* What a native command may use, as far as the kernel counts it. */
struct jail_command_limits {
    uint64_t data_bytes;      /* of each process */
    uint64_t cpu_seconds;     /* of each process, at least 1 */
    uint64_t file_bytes;      /* of each file */
    uint64_t processes;       /* of all, threads included */
    uint64_t files;           /* open in each process */
    uint64_t temporary_bytes; /* of /tmp */
    uint64_t created_files;   /* names in /tmp, and in /dev/shm */
    bool loopback; /* 127.0.0.1 works within, so that a test may talk to its own server */
    bool
        proxy; /* a listener stands at 127.0.0.1:JAIL_PROXY_PORT within; of the network nothing else when loopback is false */
};

/* Who and where the spawner is. Inside, only a comparison with it shows which namespaces are new, and
 * the user is not known there until mapped. It travels as one argument of the program:
 *     char outer[JAIL_OUTSIDE_ARG_SIZE];
 *     jail_outside_arg(outer);                              argv = {"boxagnts-worker", outer, ...}
 * and there:
 *     struct jail_outside outside;
 *     jail_outside_from_argv(argc, argv, &outside);         profile.outside = &outside; */
struct jail_outside {
    uint32_t uid, gid;
    uint64_t namespaces[7]; /* 0 = the spawner did not know either */
};
#define JAIL_OUTSIDE_ARG_SIZE 200
void jail_outside_arg(char ret[JAIL_OUTSIDE_ARG_SIZE]); /* "--outer=UID:GID:..." */
/* 0 found; 1 no such argument; -FAULT_USAGE malformed. */
must_use int jail_outside_from_argv(int argc, char *const *argv, struct jail_outside *ret);

/* What Landlock lets through of a root. */
enum jail_access {
    JAIL_LIST,
    JAIL_READ,
    JAIL_RUN,
    JAIL_WRITE,
    JAIL_WRITE_ALL /* pipes and sockets, too */
};
struct jail_grant {
    const char *path;
    int fd; /* instead of path; -1 = path */
    enum jail_access access;
};
#define JAIL_GRANTS_MAX 128

/* A root that holds more than nothing: how it is made, measured, and what of it is granted. By pointers, because only
 * the keeper's program may contain the code that makes one. */
struct jail_profile;
struct jail_root {
    /* 0, or -errno and *ret_what: what could not be shown */
    int (*make)(const struct jail_profile *p, const char **ret_what);
    bool (*holds)(const struct jail_profile *p);
    /* is_made: the root is the current one; else the host's is */
    int (*grants)(const struct jail_profile *p, bool is_made,
                  struct jail_grant ret[JAIL_GRANTS_MAX], size_t *ret_count);
    /* of the new network, as the profile's command wants it: makes 127.0.0.1 work, and the proxy's listener */
    int (*network)(const struct jail_profile *p);
};

struct jail_profile {
    enum jail_program program;
    int channel_fd;      /* kept; its peer must be there; -1 for the monitor */
    const int *keep_fds; /* besides 0, 1, 2, channel_fd and the mounts */
    size_t keep_count;
    const struct jail_mount *mounts; /* worker: the directories that stay reachable */
    size_t mount_count;
    const uint16_t *connect_ports; /* egress: TCP ports it may connect to */
    size_t port_count;
    bool connects_anywhere;        /* egress: to every TCP port; connect_ports is not looked at */
    const char *const *read_paths; /* egress: more to read (a CA bundle); NULL-terminated or NULL */
    const struct jail_outside *outside;        /* NULL = not started by us: no namespaces */
    uint64_t address_space_max;                /* RLIMIT_AS; 0 = the program's default */
    uint64_t cpu_seconds_max;                  /* RLIMIT_CPU; 0 = the program's default */
    uint64_t file_size_max;                    /* RLIMIT_FSIZE; 0 = the program's default */
    const struct jail_command_limits *command; /* keeper and command */
    const struct jail_root *root;              /* likewise */
    bool has_own_namespaces;                   /* command: its keeper's stand */
    int *ret_listener;                         /* keeper: own; of the proxy, -1 = none; or NULL */
    int *ret_memory_fds; /* keeper: own; /tmp and /dev/shm, to ask for their use; [2] or NULL */
    uint32_t facets;     /* JAIL_ALL; tests turn single ones on */
    uint32_t required;   /* JAIL_REQUIRED_DEFAULT, and what settings add; cut down to
                                         * jail_facets() */
};

/* What is in force, as measured. */
struct jail_report {
    uint32_t in_force;         /* enum jail_facet bits */
    int landlock_abi;          /* 0 = none */
    char seccomp[80];          /* "sha256:..." of the filter program, "" = none */
    const char *namespaces[8]; /* "user","mnt",...; NULL-terminated; static strings */
    const char *cgroup;        /* "none" | "v1" | "v2" */
    char missing[200]; /* why the first facet that is not in force is not; "" = none is missing */
};

/* The facets that the kernel can give here without doing anything to this process (doctor). */
struct jail_ability {
    int landlock_abi;
    bool seccomp, user_namespaces, cgroup_v2_delegated;
    char why_not[256]; /* for the first that is missing */
};
void jail_probe(struct jail_ability *ret);

/* Locks this process down. Order matters and is argued in jail.c. Call it before the first thread.
 * returns 0 and the report; -FAULT_SANDBOX with the facet's name and what to do. */
must_use int jail_enter(const struct jail_profile *profile, struct jail_report *ret,
                        struct fault *reterr);

/* The same for a program whose profile is nothing but its channel and its arguments (agent, compile,
 * egress):
 *   --outer=...              as above
 *   --required=FACET,...     more than JAIL_REQUIRED_DEFAULT
 *   --connect=PORT,...|any   connect_ports, connects_anywhere
 *   --read=PATH              read_paths; may be repeated
 * Enters, and says READY on the channel. */
must_use int jail_enter_from_argv(enum jail_program program, int argc, char *const *argv,
                                  int channel_fd, struct channel *channel, struct fault *reterr);

/* The "confinement" object of receipts and READY: {engine?, landlock_abi, seccomp, namespaces, cgroup, rlimits,
 * facets}. NULL on no memory. */
own json_t *jail_report_json(const struct jail_report *r);

/* Which namespaces the spawner should ask for, for a program (OS_NS_* bits). Egress keeps the network.
 * None where nobody could map the user in them: no usable /proc, or root without CAP_SETFCAP. */
uint32_t jail_namespaces(enum jail_program program);
/* Which facets mean something for a program. Not for the monitor: namespaces (it makes them for others), Landlock
 * (landlock.c), parent death (its parent is the operator's shell). */
uint32_t jail_facets(enum jail_program program);
const char *jail_program_name(enum jail_program program);
const char *jail_facet_name(enum jail_facet facet);
/* "landlock,seccomp" -> bits. -FAULT_CONFIG names the word that is no facet. */
must_use int jail_facets_parse(const char *words, uint32_t *ret, struct fault *reterr);
