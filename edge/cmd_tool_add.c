/* boxagnts tool add | remove: the person's own tools, in one folder. A tool is there whole or not at all: the manifest goes in first,
 * the module, which is what makes it a tool, last; out in the other order. */
#include "edge/cmd_tool.h"

#include "base/digest.h"
#include "edge/app.h"
#include "edge/tool_help.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/fs.h"
#include "sandbox/ask/code.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define MODULE_MAX ((size_t)64 << 20)

struct adding {
    const char *file;
    int dir_fd;       /* own; where FILE lies */
    char *dir, *name; /* own; FILE's two parts */
    struct buf wasm,
        beside; /* beside: the manifest's or the help's text; empty: it is in the module */
    const char *beside_suffix;
    char sha256[DIGEST_HEX_SIZE]; /* of the module */
    struct tool *tool;            /* own */
};

static void adding_done(struct adding *x)
{
    os_close(x->dir_fd);
    free(x->dir);
    free(x->name);
    buf_done(&x->wasm);
    buf_done(&x->beside);
    tool_free(x->tool);
}

/* "a/b.wasm" -> the folder, held open, and the name. */
static int find_file(struct adding *x, struct fault *reterr)
{
    const char *slash = strrchr(x->file, '/');
    struct str dir = slash ? (struct str){x->file, (size_t)(slash - x->file) + 1} : STR(".");
    x->dir = str_dup(dir);
    x->name = str_dup(str_of(slash ? slash + 1 : x->file));
    if (!x->dir || !x->name)
        return -ENOMEM;
    if (!str_ends(str_of(x->name), STR(".wasm")) || strlen(x->name) == strlen(".wasm"))
        return fault_set(reterr, FAULT_USAGE, "%s: a tool is a file NAME.wasm", x->file);
    x->dir_fd = os_open_trusted(x->dir, O_RDONLY | O_DIRECTORY, 0);
    int r = x->dir_fd < 0 ? x->dir_fd : os_read_file_at(x->dir_fd, x->name, &x->wasm);
    if (r == -FAULT_CAP)
        return fault_set(reterr, FAULT_MODULE, "%s: larger than 64 MiB", x->file);
    if (r < 0)
        return fault_set(reterr, FAULT_USAGE, "cannot read %s: %s", x->file, fault_sentence(r));
    struct digest digest;
    digest_sha256(x->wasm.at, x->wasm.len, &digest);
    digest_hex(&digest, x->sha256);
    return 0;
}

/* What a module without any manifest says about itself when it is asked; named after its file. */
static int describe_by_help(const struct app *app, struct adding *x, struct fault *reterr)
{
    auto_done(buf) struct buf help;
    buf_init(&help, TOOL_HELP_MAX);
    int r = tool_help(app, buf_str(&x->wasm), &help, reterr);
    if (r < 0)
        return r;
    buf_reset(&x->beside);
    buf_addf(&x->beside, "%s\n", x->sha256);
    r = buf_add_str(&x->beside, buf_str(&help));
    x->beside_suffix = TOOL_HELP_SUFFIX;
    return r < 0 ? r : tool_from_help(x->name, buf_str(&x->beside), x->sha256, &x->tool, reterr);
}

static int describe(const struct app *app, struct adding *x, struct fault *reterr)
{
    struct str section;
    char beside[300];
    int r = tool_manifest_section(buf_str(&x->wasm), &section);
    if (r == 0)
        return tool_from_manifest(section, &x->tool, reterr);
    if (r < 0)
        return fault_set(reterr, FAULT_MODULE, "%s is not a WebAssembly module, or a broken one",
                         x->file);
    int n = snprintf(beside, sizeof(beside), "%.*s" TOOL_SIDECAR_SUFFIX,
                     (int)(strlen(x->name) - strlen(".wasm")), x->name);
    r = n < (int)sizeof(beside) ? os_read_file_at(x->dir_fd, beside, &x->beside) : -ENOENT;
    if (r == -ENOENT)
        return describe_by_help(app, x, reterr);
    if (r < 0)
        return fault_set(reterr, FAULT_CONFIG, "cannot read %s beside it: %s", beside,
                         fault_sentence(r));
    x->beside_suffix = TOOL_SIDECAR_SUFFIX;
    r = tool_from_manifest(buf_str(&x->beside), &x->tool, reterr);
    if (r < 0)
        fault_prefix(reterr, "the sidecar");
    return r;
}

/* It is compiled now, so that a module that is none is refused here and not at its first call. */
static int check_code(const struct app *app, const struct adding *x, struct fault *reterr)
{
    auto_close int code_fd = -1;
    char key[65];
    return sandbox_code(app->cache, app->compile_program, buf_str(&x->wasm), key, &code_fd, NULL,
                        reterr);
}

static bool is_own(const struct app *app, const struct tool *t)
{
    size_t len = app->own_tools ? strlen(app->own_tools) : 0;
    return len > 0 && strncmp(t->path, app->own_tools, len) == 0 && t->path[len] == '/';
}

static int check_name(const struct app *app, const struct adding *x, bool force,
                      struct fault *reterr)
{
    const struct tool *there = registry_find(app->registry, str_of(x->tool->name));
    if (!there)
        return 0;
    bool is_mine = is_own(app, there);
    if (is_mine && force)
        return 0;
    int r = fault_set(reterr, FAULT_CONFIG, "a tool is called \"%s\" already: %s", x->tool->name,
                      there->path);
    fault_next(reterr, is_mine ? "--force replaces it"
                               : "it is not one of your own: give the new one another name");
    return r;
}

/* Removes what lies there of a tool, but not what `keep` names ("" = nothing of it). */
static int remove_parts(int fd, const char *name, const char *keep, bool with_module)
{
    static const char *const suffixes[] = {".wasm", TOOL_SIDECAR_SUFFIX, TOOL_HELP_SUFFIX};
    for (size_t i = with_module ? 0 : 1; i < ARRAY_LEN(suffixes); i++) {
        char file[300];
        if (strcmp(suffixes[i], keep) == 0)
            continue;
        snprintf(file, sizeof(file), "%s%s", name, suffixes[i]);
        int r = os_unlink_at(fd, file, 0);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    return 0;
}

static int write_part(int fd, const struct adding *x, const char *suffix, struct str bytes)
{
    char file[300];
    snprintf(file, sizeof(file), "%s%s", x->tool->name, suffix);
    return os_write_file_at(fd, file, bytes, 0600, true);
}

static int put(const struct app *app, const struct adding *x, struct fault *reterr)
{
    if (!app->own_tools)
        return fault_set(reterr, FAULT_CONFIG,
                         "there is no home folder to keep tools in; set XDG_DATA_HOME");
    int r = os_mkdir_parents(app->own_tools, 0700);
    auto_close int fd = r < 0 ? r : os_open_trusted(app->own_tools, O_RDONLY | O_DIRECTORY, 0);
    bool has_beside = x->beside.len > 0;
    r = fd < 0 ? fd : has_beside ? write_part(fd, x, x->beside_suffix, buf_str(&x->beside)) : 0;
    if (r == 0)
        r = remove_parts(fd, x->tool->name, has_beside ? x->beside_suffix : "", false);
    if (r == 0)
        r = write_part(fd, x, ".wasm", buf_str(&x->wasm));
    return r < 0 ? fault_sys(reterr, -r, "cannot write the tool into %s", app->own_tools) : 0;
}

static int say_added(const struct app *app, const struct adding *x)
{
    if (app->json) {
        auto_json json_t *line =
            json_pack("{s:s, s:s, s:s, s:b}", "name", x->tool->name, "sha256", x->sha256, "origin",
                      x->tool->origin, "verified", x->tool->verified);
        return line ? app_print_json(line) : -ENOMEM;
    }
    printf("added %s (%s)%s\n", x->tool->name, x->tool->origin,
           x->tool->verified ? "" : ": described by its --help only, so it asks before it is used");
    return 0;
}

int tool_add(const struct parsed *p, struct fault *reterr)
{
    struct app app;
    struct adding x = {.file = p->positional[1], .dir_fd = -1};
    buf_init(&x.wasm, MODULE_MAX);
    buf_init(&x.beside, (size_t)1 << 20);
    int r = app_open(&app, p, APP_STATE | APP_TOOLS, reterr);
    if (r == 0)
        r = find_file(&x, reterr);
    if (r == 0)
        r = describe(&app, &x, reterr);
    if (r == 0)
        r = check_name(&app, &x, option_flag(p, OPT_FORCE), reterr);
    if (r == 0)
        r = check_code(&app, &x, reterr);
    if (r == 0)
        r = put(&app, &x, reterr);
    if (r == 0)
        r = say_added(&app, &x);
    adding_done(&x);
    app_done(&app);
    return r;
}

int tool_remove(const struct parsed *p, struct fault *reterr)
{
    struct app app;
    const char *name = p->positional[1];
    int r = app_open(&app, p, APP_TOOLS, reterr);
    const struct tool *t = r == 0 ? registry_find(app.registry, str_of(name)) : NULL;
    if (r == 0 && !t)
        r = tool_not_there(&app, name, reterr);
    if (r == 0 && !is_own(&app, t))
        r = fault_set(reterr, FAULT_USAGE, "%s is not one of your own tools: it lies in %s", name,
                      t->path);
    auto_close int fd = r < 0 ? -1 : os_open_trusted(app.own_tools, O_RDONLY | O_DIRECTORY, 0);
    if (r == 0 && ((r = fd) < 0 || (r = remove_parts(fd, name, "", true)) < 0))
        r = fault_sys(reterr, -r, "cannot remove the tool from %s", app.own_tools);
    if (r == 0 && !app.json)
        printf("removed %s\n", name);
    else if (r == 0) {
        auto_json json_t *line = json_pack("{s:s}", "removed", name);
        r = line ? app_print_json(line) : -ENOMEM;
    }
    app_done(&app);
    return r < 0 ? r : 0;
}
