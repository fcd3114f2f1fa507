/* The limits of a run: one table of {name, unit, default, range, help} that the settings, the exec
 * flags (dashes for underscores), tool manifests and the JSON Schema of the settings are made from.
 * "The tighter one wins" is limits_tighten(). Defaults are limits, never "unlimited". */
#pragma once

#include "base/base.h"
#include "base/fault.h"
#include "base/str.h"
#include "wire/json.h"

struct sandbox_limits {
    int64_t wasm_fuel;            /* fuel units */
    int64_t wasm_timeout_ns;      /* wall, from the first instruction, host calls included */
    int64_t wasm_max_memory_size; /* bytes */
    int64_t wasm_max_wasm_stack;  /* bytes */
    int64_t wasm_max_table_elements;
    int64_t max_output_bytes;
    int64_t max_write_bytes;
    int64_t max_open_files;
    int64_t max_created_files;
    int64_t max_http_requests, max_http_bytes; /* counted and enforced by egress */
    int64_t max_dir_entries; /* entries that fd_readdir gives, all folders of the call together */
    /* of native commands */
    int64_t command_timeout_ns;    /* wall, from the start of the program */
    int64_t command_max_cpu_ns;    /* of all its processes */
    int64_t command_max_memory;    /* bytes, of all its processes, /tmp and /dev/shm */
    int64_t command_max_processes; /* at once, threads counted */
    int64_t command_max_temporary; /* bytes of /tmp */
};

/* Which kinds of run a limit is for. */
enum { LIMITS_OF_MODULES = 1, LIMITS_OF_COMMANDS = 2 };

struct limit_row {
    const char *key;  /* "wasm_fuel" */
    const char *unit; /* "fuel units", "s", "bytes", "" */
    unsigned of;      /* LIMITS_OF_* */
    unsigned scale;   /* decimal digits after the point that are kept: 9 for seconds, 0 else */
    int64_t fallback, min, max;
    size_t offset; /* of the int64_t in struct sandbox_limits */
    const char *help;
};
extern const struct limit_row sandbox_limit_rows[];
extern const size_t sandbox_limit_row_count;

/* Who said the value that holds. The names are the receipt's `limits.KEY.by`. */
enum limit_door {
    LIMIT_DEFAULT,
    LIMIT_MANAGED,  /* the managed settings */
    LIMIT_FLAG,     /* an option of the command line */
    LIMIT_SETTINGS, /* --settings FILE */
    LIMIT_LOCAL,    /* .boxagnts/settings.local.json */
    LIMIT_PROJECT,  /* .boxagnts/settings.json */
    LIMIT_USER,     /* the user's own settings */
    LIMIT_TOOL,     /* the tool's manifest */
    LIMIT_AGENT,    /* agent_limits of the settings, for the agent whose call it is */
    LIMIT_DOORS
};
const char *limit_door_name(enum limit_door door);

#define SANDBOX_LIMITS_MAX 24
/* Beside a struct sandbox_limits: the door of each row, by its place in the table. */
struct limit_doors {
    uint8_t by[SANDBOX_LIMITS_MAX]; /* enum limit_door */
};

void limits_default(struct sandbox_limits *ret);
void limits_loosest(struct sandbox_limits *ret);     /* each at its maximum: tightens nothing */
const struct limit_row *limits_find(struct str key); /* NULL = no such limit */
/* Text ("20e9", "30", "0.5", "256MiB" for bytes) -> value; -FAULT_USAGE names key, value and range. */
must_use int limits_set_text(struct sandbox_limits *l, const struct limit_row *row, struct str text,
                             struct fault *reterr);
/* JSON number -> value; -FAULT_CONFIG. */
must_use int limits_set_json(struct sandbox_limits *l, const struct limit_row *row,
                             const json_t *value, struct fault *reterr);
/* Each field of l becomes the smaller of the two, and its door (doors may be NULL) follows; of two equal values the one
 * that was there first stands. */
void limits_tighten(struct sandbox_limits *l, struct limit_doors *doors,
                    const struct sandbox_limits *other, enum limit_door door);
/* {KEY: {"value": N, "by": DOOR}} of the rows that are `of` (LIMITS_OF_*): what a receipt says was in force, in the units of the settings (seconds with
 * their fraction). NULL on no memory. */
own json_t *limits_receipt_json(const struct sandbox_limits *l, const struct limit_doors *doors,
                                unsigned of);
own json_t *limits_json(const struct sandbox_limits *l);
must_use int limits_from_json(const json_t *object, struct sandbox_limits *ret,
                              struct fault *reterr); /* all keys required */
