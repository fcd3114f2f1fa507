/* See ignore.h. The rules are those of gitignore(5); a file below an ignored folder is never asked about here,
 * because the walk does not enter that folder. */
#include "ignore.h"

#include "path.h"
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

struct ignore_rule {
    struct pattern pattern;
    bool keeps;
};

struct ignore_file {
    struct ignore_rule *rules;
    size_t count;
};

/* Trailing blanks do not count unless escaped. */
static struct str trim_end(struct str line)
{
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t')) {
        if (line.len > 1 && line.at[line.len - 2] == '\\')
            break;
        line.len--;
    }
    return line;
}

static bool parse_rule(struct str line, struct ignore_rule *ret_rule)
{
    struct ignore_rule rule = {0};

    line = trim_end(line);
    if (line.len == 0 || line.at[0] == '#')
        return false;
    if (line.at[0] == '!') {
        rule.keeps = true;
        line = str_part(line, 1, line.len);
    }
    if (pattern_init(&rule.pattern, line) != PATTERN_OK)
        return false;
    *ret_rule = rule;
    return true;
}

own struct ignore_file *ignore_new(struct str text, size_t *ret_dropped)
{
    struct ignore_file *file = mem_need(sizeof(*file));

    *file = (struct ignore_file){0};
    *ret_dropped = 0;
    if (text.len >= 3 && memcmp(text.at, "\xEF\xBB\xBF", 3) == 0)
        text = str_part(text, 3, text.len);
    for (size_t at = 0; at < text.len;) {
        size_t end = str_line_end(text, at);
        size_t stop = text.at[end - 1] == '\n' ? end - 1 : end;
        struct ignore_rule rule;

        if (parse_rule(str_part(text, at, stop), &rule)) {
            if (file->count == IGNORE_MAX_RULES) {
                pattern_done(&rule.pattern);
                ++*ret_dropped;
            } else {
                /* grow by doubling: at the powers of two */
                if ((file->count & (file->count - 1)) == 0)
                    file->rules = mem_grow(file->rules, file->count == 0 ? 1 : file->count * 2,
                                           sizeof(file->rules[0]));
                file->rules[file->count++] = rule;
            }
        }
        at = end;
    }
    return file;
}

void ignore_free(own struct ignore_file *file)
{
    if (file == NULL)
        return;
    for (size_t i = 0; i < file->count; i++)
        pattern_done(&file->rules[i].pattern);
    free(file->rules);
    free(file);
}

enum ignore_verdict ignore_check(const struct ignore_file *file, struct str path, bool is_folder)
{
    struct str name = path_name(path);

    for (size_t i = file->count; i-- > 0;) {
        const struct ignore_rule *rule = &file->rules[i];

        if (rule->pattern.wants_folder && !is_folder)
            continue;
        if (!pattern_match(&rule->pattern, rule->pattern.is_anchored ? path : name))
            continue;
        return rule->keeps ? IGNORE_KEEP : IGNORE_HIDE;
    }
    return IGNORE_SILENT;
}
