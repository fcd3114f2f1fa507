/* What a question offers and warns of. An offer is narrow on purpose: one folder, one program (with its first word where the program is
 * many programs), never a program that runs whatever its arguments say. */
#include "edge/question.h"

#include <string.h>

/* "git *" would be nearly everything: the next word belongs to the name. */
static const char *const with_verb[] = {"git", "npm", "yarn", "pnpm",    "cargo",     "go",
                                        "pip", "uv",  "apt",  "kubectl", "systemctl", "gh"};
/* Takes a program or a place from its arguments and may do anything with it: only word for word. */
static const char *const never[] = {
    "sh",   "bash", "dash",   "zsh",   "fish",  "env", "sudo",  "su",   "doas",  "xargs",
    "perl", "ruby", "node",   "php",   "lua",   "awk", "eval",  "exec", "nohup", "timeout",
    "ssh",  "find", "docker", "nice",  "time",  "rm",  "mv",    "dd",   "chmod", "chown",
    "tar",  "curl", "wget",   "rsync", "watch", "scp", "strace"};
/* The same, unless a module is named that is a test runner: python -m pytest. */
static const char *const pythons[] = {"python", "python3"};

static bool is_one_of(struct str word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_is(word, words[i]))
            return true;
    return false;
}

static bool is_plain(struct str word)
{
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.at[i];
        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && !strchr("._-+/", c))
            return false;
    }
    return word.len > 0 && word.at[0] != '-';
}

static struct str next_word(struct str *rest)
{
    struct str word = *rest, tail = {rest->at + rest->len, 0};
    (void)str_split(*rest, ' ', &word, &tail);
    *rest = tail;
    return word;
}

static bool offer_command(const char *line, char ret[GRANT_PATTERN_MAX])
{
    struct str rest = str_of(line), program = next_word(&rest), name = program;
    for (size_t i = program.len; i > 0; i--)
        if (program.at[i - 1] == '/') {
            name = (struct str){program.at + i, program.len - i};
            break;
        }
    if (strpbrk(line, "*$`<>|&;()\n\\\"'") || !is_plain(program) ||
        is_one_of(name, never, ARRAY_LEN(never)))
        return false;
    struct str verb = next_word(&rest);
    if (is_one_of(name, pythons, ARRAY_LEN(pythons))) {
        struct str module = next_word(&rest);
        if (!str_is(verb, "-m") ||
            !is_one_of(module, (const char *const[]){"pytest", "unittest"}, 2))
            return false;
        return snprintf(ret, GRANT_PATTERN_MAX, "Exec(%.*s -m %.*s *)", STR_FMT(program),
                        STR_FMT(module)) < GRANT_PATTERN_MAX;
    }
    if (!is_one_of(name, with_verb, ARRAY_LEN(with_verb)))
        return snprintf(ret, GRANT_PATTERN_MAX, "Exec(%.*s *)", STR_FMT(program)) <
               GRANT_PATTERN_MAX;
    return is_plain(verb) && snprintf(ret, GRANT_PATTERN_MAX, "Exec(%.*s %.*s *)", STR_FMT(program),
                                      STR_FMT(verb)) < GRANT_PATTERN_MAX;
}

/* The folder of the file. In the root itself only what has the same ending: its folder would be everything. Nothing for what is
 * hidden. */
static bool offer_folder(const struct effect *e, bool is_again, char ret[GRANT_PATTERN_MAX])
{
    const char *dot = strrchr(e->target, '.');
    if (strstr(e->target, "/."))
        return false;
    if (is_again && !e->outside_work_dir && !e->recursive)
        return snprintf(ret, GRANT_PATTERN_MAX, "%s(/**)", effect_name(e->kind)) > 0;
    if (strrchr(e->target, '/') == e->target && dot && !strpbrk(dot, "*?[]\\!()"))
        return snprintf(ret, GRANT_PATTERN_MAX, "%s(/*%s)", effect_name(e->kind), dot) <
               GRANT_PATTERN_MAX;
    const char *slash = strrchr(e->target, '/');
    if (!slash || slash == e->target || strpbrk(e->target, "*?[]\\!()"))
        return false;
    return snprintf(ret, GRANT_PATTERN_MAX, "%s(%.*s/**)", effect_name(e->kind),
                    (int)(slash - e->target), e->target) < GRANT_PATTERN_MAX;
}

bool question_offer(const struct effect *e, bool is_again, char ret[GRANT_PATTERN_MAX])
{
    bool has = e->kind == EFFECT_EXEC                              ? offer_command(e->target, ret)
               : e->kind == EFFECT_WRITE || e->kind == EFFECT_READ ? offer_folder(e, is_again, ret)
                                                                   : false;
    /* an offer that would not answer the question itself is none */
    if (!has || !grant_pattern_covers(ret, e))
        ret[0] = '\0';
    return ret[0] != '\0';
}

/* --- at worst --- */

static void add_folders(const struct effect_mount *mounts, size_t count, bool only_writable,
                        struct buf *out)
{
    size_t shown = 0;
    for (size_t i = 0; i < count; i++)
        if (!only_writable || mounts[i].writable)
            (void)buf_addf(out, "%s%.100s", shown++ ? ", " : "", mounts[i].guest);
    if (shown == 0)
        (void)buf_add_z(out, "no folder");
}

static void worst_of_command(const struct effect_mount *mounts, size_t count, struct buf *out)
{
    (void)buf_add_z(out, "reads everything in ");
    add_folders(mounts, count, false, out);
    (void)buf_add_z(out,
                    ", and uses time and processes up to its limits; it changes files only where a "
                    "Write is allowed, and reaches no host but those that are allowed");
}

void question_worst(const struct effect *e, const struct tool *tool,
                    const struct effect_mount *mounts, size_t mount_count, bool has_read,
                    struct buf *out)
{
    char backstop[256];
    const char *beneath = e->recursive ? " and all beneath it" : "";
    policy_backstop(e, mounts, mount_count, backstop);
    switch (e->kind) {
    case EFFECT_WRITE:
        (void)buf_addf(out, "changes or deletes %.600s%s", e->target, beneath);
        if (!tool->is_native)
            (void)buf_add_z(out, " (undo puts it back)");
        break;
    case EFFECT_READ: (void)buf_addf(out, "reads %.600s%s", e->target, beneath); break;
    case EFFECT_NET:
        (void)buf_addf(out, "sends %s to %.600s",
                       has_read ? "anything that was read in this session, your files included,"
                                : "anything that was said in this session",
                       e->target);
        break;
    case EFFECT_EXEC: worst_of_command(mounts, mount_count, out); break;
    case EFFECT_SPEND: (void)buf_addf(out, "spends %.100s dollars", e->target); break;
    case EFFECT_TOOL: (void)buf_addf(out, "does what %.200s does", e->target); break;
    }
    (void)buf_addf(out, "; below it stands: %s", backstop);
}
