/* libedit does the editing; reading is ours, so that a signal ends it at once: the characters come through a loop that watches
 * standard input and the signals together. Where the loop is, no handler runs. */
#include "edge/chat_input.h"

#include "os/env.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/fs.h"
#include "os/loop.h"
#include "os/term.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define HISTORY_MAX 1000
#define NAMES_MAX 200

struct chat_input {
    const char *const *words;
    const char *history_file; /* own; NULL = none */
    int work_dir_fd;
    struct os_loop *loop;             /* own */
    struct os_watch *input, *signals; /* own */
    bool is_ready, is_over, goes_on;  /* goes_on: this line continues another */
    int signal;
    EditLine *edit; /* own; NULL when it is no terminal */
    History *history;
    struct buf line;
};

static void on_input(int fd, unsigned events, void *arg)
{
    (void)fd;
    (void)events;
    ((struct chat_input *)arg)->is_ready = true;
}

static void on_signal(int signal, void *arg)
{
    struct chat_input *in = arg;
    if (signal == SIGWINCH && in->edit)
        el_resize(in->edit);
    else if (signal != SIGWINCH)
        in->signal = signal;
}

/* One byte. 1 | 0 end or signal | -errno */
static int read_byte(struct chat_input *in, char *ret)
{
    in->is_ready = false;
    int r = os_watch_set_events(in->input, OS_READ);
    while (r == 0 && !in->is_ready && !in->signal)
        r = os_loop_once(in->loop, -1);
    if (r == 0)
        r = os_watch_set_events(in->input, 0);
    if (r < 0 || in->signal)
        return r;
    ssize_t n = os_read(0, ret, 1);
    in->is_over = n == 0;
    return (int)n;
}

/* --- libedit's callbacks --- */

static struct chat_input *input_of(EditLine *edit)
{
    void *data = NULL;
    (void)el_get(edit, EL_CLIENTDATA, &data);
    return data;
}

static int get_char(EditLine *edit, wchar_t *ret)
{
    struct chat_input *in = input_of(edit);
    char bytes[4];
    int r = read_byte(in, &bytes[0]);
    if (r <= 0)
        return r < 0 ? -1 : 0;
    unsigned char first = (unsigned char)bytes[0];
    size_t len = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < len; i++)
        if ((r = read_byte(in, &bytes[i])) <= 0)
            return r < 0 ? -1 : 0;
    *ret = L'?';
    if (utf8_valid((struct str){bytes, len})) {
        uint32_t code = len == 1 ? first : first & (0x7fu >> len);
        for (size_t i = 1; i < len; i++)
            code = code << 6 | ((unsigned char)bytes[i] & 0x3f);
        *ret = (wchar_t)code;
    }
    return 1;
}

static char *prompt_text(EditLine *edit)
{
    static char first[] = "> ", more[] = "| ";
    return input_of(edit)->goes_on ? more : first;
}

struct names {
    struct str prefix;
    char found[NAMES_MAX][256];
    size_t count;
};

static int keep_name(const char *name, unsigned char type, void *arg)
{
    (void)type;
    struct names *n = arg;
    if (str_starts(str_of(name), n->prefix) && n->count < NAMES_MAX &&
        strlen(name) < sizeof(n->found[0]))
        snprintf(n->found[n->count++], sizeof(n->found[0]), "%s", name);
    return 0;
}

/* The longest beginning that all candidates share goes in; a single one gets a blank behind it. */
static unsigned char insert_common(EditLine *edit, const struct names *n)
{
    char text[260];
    if (n->count == 0)
        return CC_ERROR;
    size_t len = strlen(n->found[0]);
    for (size_t i = 1; i < n->count; i++) {
        size_t same = 0;
        while (same < len && n->found[i][same] == n->found[0][same])
            same++;
        len = same;
    }
    if (len <= n->prefix.len && n->count > 1)
        return CC_REFRESH_BEEP;
    snprintf(text, sizeof(text), "%.*s%s", (int)(len - n->prefix.len), n->found[0] + n->prefix.len,
             n->count == 1 ? " " : "");
    return el_insertstr(edit, text) == 0 ? CC_REFRESH : CC_ERROR;
}

static void find_file_names(struct chat_input *in, struct str typed, struct names *n)
{
    size_t cut = typed.len;
    while (cut > 0 && typed.at[cut - 1] != '/')
        cut--;
    auto_free char *dir = str_dup(cut > 0 ? (struct str){typed.at, cut} : STR("."));
    n->prefix = (struct str){typed.at + cut, typed.len - cut};
    auto_close int fd =
        dir ? os_open_at(in->work_dir_fd, dir, O_RDONLY | O_DIRECTORY, 0, OS_BENEATH) : -ENOMEM;
    if (fd >= 0)
        (void)!os_list_dir(fd, 4096, keep_name, n);
}

static unsigned char complete(EditLine *edit, int key)
{
    (void)key;
    struct chat_input *in = input_of(edit);
    const LineInfo *info = el_line(edit);
    size_t len = (size_t)(info->cursor - info->buffer), from = len;
    while (from > 0 && info->buffer[from - 1] != ' ')
        from--;
    auto_free struct names *n = calloc(1, sizeof(*n));
    if (!n)
        return CC_ERROR;
    struct str typed = {info->buffer + from, len - from};
    if (typed.len > 0 && typed.at[0] == '@') {
        find_file_names(in, (struct str){typed.at + 1, typed.len - 1}, n);
    } else if (from == 0 && typed.len > 0 && typed.at[0] == '/') {
        n->prefix = typed;
        for (const char *const *word = in->words; *word; word++)
            (void)keep_name(*word, 0, n);
    }
    return insert_common(edit, n);
}

/* --- life --- */

static int start_editing(struct chat_input *in)
{
    HistEvent event;
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        (void)setlocale(LC_CTYPE, "");
    in->edit = el_init("boxagnts", stdin, stderr, stderr);
    in->history = history_init();
    if (!in->edit || !in->history)
        return -ENOMEM;
    (void)history(in->history, &event, H_SETSIZE, HISTORY_MAX);
    (void)history(in->history, &event, H_SETUNIQUE, 1);
    if (in->history_file)
        (void)history(in->history, &event, H_LOAD, in->history_file);
    (void)el_set(in->edit, EL_CLIENTDATA, in);
    (void)el_set(in->edit, EL_EDITOR, "emacs");
    (void)el_set(in->edit, EL_SIGNAL, 0);
    (void)el_set(in->edit, EL_PROMPT, prompt_text);
    (void)el_set(in->edit, EL_GETCFN, get_char);
    (void)el_set(in->edit, EL_HIST, history, in->history);
    (void)el_set(in->edit, EL_ADDFN, "complete", "complete a command or a file's name", complete);
    (void)el_set(in->edit, EL_BIND, "^I", "complete", NULL);
    (void)el_set(in->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    return 0;
}

int chat_input_new(const char *const *words, int work_dir_fd, const char *history,
                   own struct chat_input **ret, struct fault *reterr)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, 0};
    auto_(chat_input) struct chat_input *in = calloc(1, sizeof(*in));
    const char *term = os_env("TERM");
    if (!in)
        return -ENOMEM;
    in->words = words;
    in->work_dir_fd = work_dir_fd;
    in->history_file = history ? str_dup(str_of(history)) : NULL;
    buf_init(&in->line, CHAT_MESSAGE_MAX);
    int r = os_loop_new(&in->loop);
    if (r == 0)
        r = os_loop_watch_fd(in->loop, 0, 0, on_input, in, &in->input);
    if (r == 0)
        r = os_loop_watch_signals(in->loop, signals, on_signal, in, &in->signals);
    if (r == 0 && os_is_terminal(0) && os_is_terminal(2) && term && strcmp(term, "dumb") != 0)
        r = start_editing(in);
    if (r < 0)
        return fault_set(reterr, -r, "chat: cannot read what is typed: %s", fault_sentence(r));
    *ret = take(in);
    return 0;
}

void chat_input_free(own struct chat_input *in)
{
    HistEvent event;
    if (!in)
        return;
    if (in->history && in->history_file)
        (void)history(in->history, &event, H_SAVE, in->history_file);
    if (in->edit)
        el_end(in->edit);
    if (in->history)
        history_end(in->history);
    os_watch_free(in->input);
    os_watch_free(in->signals);
    os_loop_free(in->loop);
    free((char *)(uintptr_t)in->history_file);
    buf_done(&in->line);
    free(in);
}

bool chat_input_is_terminal(const struct chat_input *in)
{
    return in->edit != NULL;
}

/* --- reading --- */

/* in->line without its end. CHAT_TEXT, CHAT_END, ... */
static int read_edited(struct chat_input *in)
{
    int count = 0;
    errno = 0;
    const char *text = el_gets(in->edit, &count);
    if (in->signal || !text || count <= 0) {
        fputc('\n', stderr);
        return CHAT_END;
    }
    return buf_add(&in->line, text, strcspn(text, "\n")) < 0 ? buf_error(&in->line) : CHAT_TEXT;
}

static int read_plain(struct chat_input *in)
{
    char c;
    int r;
    while ((r = read_byte(in, &c)) == 1 && c != '\n')
        if (buf_add_c(&in->line, c) < 0)
            return buf_error(&in->line);
    if (r < 0)
        return r;
    return r == 0 && in->line.len == 0 ? CHAT_END : CHAT_TEXT;
}

static int read_line(struct chat_input *in)
{
    buf_reset(&in->line);
    in->signal = 0;
    int r = in->edit ? read_edited(in) : read_plain(in);
    if (in->signal == SIGINT)
        return CHAT_INTERRUPT;
    return in->signal ? CHAT_KILLED : r;
}

static void remember(struct chat_input *in, const struct buf *text)
{
    HistEvent event;
    if (in->history && text->len > 0 && !memchr(text->at, '\n', text->len))
        (void)history(in->history, &event, H_ENTER, text->at);
}

int chat_input_read(struct chat_input *in, struct buf *ret)
{
    buf_reset(ret);
    for (in->goes_on = false;; in->goes_on = true) {
        int r = read_line(in);
        if (r != CHAT_TEXT)
            return r == CHAT_END && ret->len > 0 ? CHAT_TEXT : r;
        bool goes_on = in->line.len > 0 && in->line.at[in->line.len - 1] == '\\';
        if (goes_on)
            in->line.at[in->line.len - 1] = '\n';
        if (buf_add_str(ret, buf_str(&in->line)) < 0)
            return buf_error(ret);
        if (goes_on)
            continue;
        remember(in, ret);
        return CHAT_TEXT;
    }
}
