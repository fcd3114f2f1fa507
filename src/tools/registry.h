/* Which tools exist. A tool is a wasm module with a manifest (custom section boxagnts.tool, else sidecar
 * NAME.tool.json). A broken one is named and left out; everything else goes on. */
#pragma once

#include "base/base.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"
#include "sandbox/run/limits.h"
#include "tools/net_limits.h"
#include "tools/schema.h"

#define TOOLS_MAX 1024
#define TOOL_EFFECTS_MAX 16

enum effect_kind { EFFECT_READ, EFFECT_WRITE, EFFECT_NET, EFFECT_EXEC, EFFECT_TOOL, EFFECT_SPEND };
const char *effect_name(enum effect_kind k); /* "Read", ... */
bool effect_kind_find(struct str name, enum effect_kind *ret);

/* How effects follow from arguments: one row of the manifest's `effects`. */
struct tool_effect {
    enum effect_kind kind;
    char *arg;      /* own; name of the argument that says the target; NULL = fixed target */
    char *fallback; /* own; target when the argument is absent ("/"), or the fixed target */
    char
        *suffix; /* own; is put behind the argument's text (a database's journal); NULL = nothing */
    char *
        unless; /* own; name of an argument: when it is true there is no such effect; NULL = always */
    bool recursive; /* the whole tree below the target */
    bool optional;  /* Write only: see effects_narrow() */
};

/* How arguments reach the guest: see tools/invoke.h. INVOKE_WORDS is for tools that say nothing but their --help. */
enum tool_invoke { INVOKE_STDIN, INVOKE_ARGV, INVOKE_WORDS };

struct tool {
    char *name, *version, *description; /* own */
    char *path;                         /* own; of the .wasm */
    int module_fd; /* own; the module's file as it was registered, whatever lies at its path now; -1 = only by its path */
    char sha256[65];
    json_t *input_schema_json, *annotations;     /* own */
    struct schema *input_schema, *output_schema; /* own; output may be NULL */
    struct tool_effect effects[TOOL_EFFECTS_MAX];
    size_t effect_count;
    struct sandbox_limits
        limits; /* what the manifest says; what it does not say is at its row's maximum, so that
                                         * limits_tighten(settings, this) is right and an operator can raise a default */
    struct net_limits net; /* own; the manifest's word on its network: see there */
    bool read_only, destructive, idempotent, open_world;
    enum tool_invoke invoke;
    const char *origin; /* "section" | "sidecar" | "help" | "built in" */
    bool is_native; /* no module: a native program in the process jail (command.h); path is NULL */
    bool verified;
    bool is_known; /* its manifest was read before: its schemas are compiled when they are asked */
    struct str
        frozen; /* view into the index: the manifest, not read yet; then only name, version, description, path, sha256,
                        * origin and verified are there. Only registry_peek() and events show such a tool */
    unsigned holders; /* beside the first: see tool_hold() */
};
/* A tool that is to outlive its place in the registry: each hold is given back by tool_free(). */
own const struct tool *tool_hold(const struct tool *t);

struct registry; /* opaque */
must_use int registry_new(own struct registry **ret);
void registry_free(own struct registry *r);
DEFINE_FREEP(registry, struct registry);
typedef void (*registry_broken_fn)(const char *path, const struct fault *why, void *arg);
/* Adds every *.wasm of a folder (trusted: the operator's or the build's). A missing folder is fine, and is looked for again by
 * registry_reload(). Broken tools: on_broken(path, sentence). Later folders do not replace names of earlier ones. At most
 * REGISTRY_FOLDERS_MAX folders: -FAULT_CONFIG. */
#define REGISTRY_FOLDERS_MAX 64
struct tool_index; /* tools/tool_index.h */
/* What is known of modules from before; borrowed for the registry's life. To be set before the first folder is added. */
void registry_set_index(struct registry *r, struct tool_index *index);
must_use int registry_add_dir(struct registry *r, const char *dir, registry_broken_fn on_broken,
                              void *arg, struct fault *reterr);
size_t registry_folder_count(const struct registry *r);
const char *registry_folder(const struct registry *r, size_t i); /* in the order of being added */

/* What a reload did to one name: was NULL = it is new, is NULL = it is gone. Views live for the call. */
typedef void (*registry_change_fn)(const struct tool *was, const struct tool *is, void *arg);
/* Looks at all folders again. A file that changed is read anew; one that is being written is left for the next time; one that is no
 * good any more is told once, and what was known of it stays in force. The table is changed as a whole or, on a fault, not at all.
 * Tools that somebody holds live on. *ret_changes: so many names changed; on_change comes for each, after all of them. */
struct registry_events {
    registry_broken_fn on_broken;
    registry_change_fn on_change;
    void *arg;
};
must_use int registry_reload(struct registry *r, const struct registry_events *events,
                             size_t *ret_changes, struct fault *reterr);
/* Takes t in any case. -FAULT_CONFIG: the name is taken by another module (the same module again is fine). */
must_use int registry_add(struct registry *r, own struct tool *t, struct fault *reterr);
const struct tool *registry_find(const struct registry *r,
                                 struct str name); /* NULL = no such tool */
const struct tool *registry_nearest(const struct registry *r,
                                    struct str name); /* for "did you mean" */
size_t registry_count(const struct registry *r);
const struct tool *registry_at(const struct registry *r, size_t i); /* sorted by name */
/* The same without reading its manifest: see struct tool, frozen. */
const struct tool *registry_peek(const struct registry *r, size_t i);
must_use int tool_wasm(const struct tool *t, struct buf *out,
                       struct fault *reterr); /* reads the module; refuses when its hash changed */
/* Manifest parser by itself (fuzzed): section or sidecar bytes -> tool without path. */
/* A tool that has nothing but its --help: text is the module's SHA-256 in hex, a newline, and what it said when it was run with no
 * capabilities. file: NAME.wasm, which names it. Unverified; its arguments are {"args": [texts]}. -FAULT_CONFIG: the text is another
 * module's, or the file's name is no tool's. */
#define TOOL_HELP_SUFFIX ".help.txt"
#define TOOL_SIDECAR_SUFFIX ".tool.json"
must_use int tool_from_help(const char *file, struct str text, const char *sha256,
                            own struct tool **ret, struct fault *reterr);
bool tool_name_is_good(struct str name);
must_use int tool_from_manifest(struct str json, own struct tool **ret, struct fault *reterr);
/* The same for a text that tool_from_manifest() took before, at less cost. */
must_use int tool_from_known_manifest(struct str json, own struct tool **ret, struct fault *reterr);
struct tool_known; /* tools/tool_index.h */
must_use int tool_frozen(const struct tool_known *known, own struct tool **ret);
must_use int tool_thaw(struct tool *t); /* 0, also when it is not frozen; -FAULT_CONFIG, -ENOMEM */
void tool_free(own struct tool *t);
DEFINE_FREEP(tool, struct tool);
/* Custom section `boxagnts.tool` of a wasm file: view into wasm; 0 | 1 there is none | -FAULT_MODULE. */
must_use int tool_manifest_section(struct str wasm, struct str *ret);
