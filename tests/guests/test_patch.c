/* Patches: both forms, what models get wrong in them, where hunks fit, and what must not be guessed. */
#include "check.h"
#include "patch.h"

struct row {
    const char *name, *before, *patch,
        *after; /* after NULL: refused, with `after_why` in the reason */
    const char *why;
};

#define HEAD "--- a/f\n+++ b/f\n"
#define V4A "*** Begin Patch\n*** Update File: f\n"

static const struct row rows[] = {
    /* unified */
    {"one line", "a\nb\nc\n", HEAD "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", "a\nB\nc\n", NULL},
    {"two hunks", "1\n2\n3\n4\n5\n6\n",
     HEAD "@@ -1,2 +1,2 @@\n-1\n+one\n 2\n@@ -5,2 +5,2 @@\n 5\n-6\n+six\n",
     "one\n2\n3\n4\n5\nsix\n", NULL},
    {"wrong counts", "a\nb\nc\n", HEAD "@@ -1,9 +1,1 @@\n a\n-b\n+B\n c\n", "a\nB\nc\n", NULL},
    {"no numbers", "a\nb\nc\n", HEAD "@@ ... @@\n a\n-b\n+B\n", "a\nB\nc\n", NULL},
    {"wrong line", "0\n0\n0\na\nb\nc\n", HEAD "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n",
     "0\n0\n0\na\nB\nc\n", NULL},
    {"the nearest of two places", "x\ny\n1\n2\nx\ny\n", HEAD "@@ -4,2 +4,2 @@\n x\n-y\n+Y\n",
     "x\ny\n1\n2\nx\nY\n", NULL},
    {"the drift of one hunk helps the next", "n\nn\nn\na\nx\nx\nx\n",
     HEAD "@@ -1,1 +1,1 @@\n-a\n+A\n@@ -3,1 +3,1 @@\n-x\n+X\n", "n\nn\nn\nA\nx\nX\nx\n", NULL},
    {"insertion by line", "a\nb\n", HEAD "@@ -1,0 +2,1 @@\n+x\n", "a\nx\nb\n", NULL},
    {"insertion at the top", "a\n", HEAD "@@ -0,0 +1,1 @@\n+x\n", "x\na\n", NULL},
    {"into an empty file", "", HEAD "@@ -0,0 +1,2 @@\n+x\n+y\n", "x\ny\n", NULL},
    {"everything out", "a\nb\n", HEAD "@@ -1,2 +0,0 @@\n-a\n-b\n", "", NULL},
    {"a blank line that lost its blank", "a\n\nb\n", HEAD "@@ -1,3 +1,3 @@\n a\n\n-b\n+B\n",
     "a\n\nB\n", NULL},
    {"a removed line that looks like a head", "-- x\nb\n", HEAD "@@ -1,2 +1,1 @@\n--- x\n b\n",
     "b\n", NULL},
    {"blanks at ends of lines", "a  \nb\t\nc\n", HEAD "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n",
     "a  \nB\nc\n", NULL},
    {"other indentation", "\ta\n\tb\n", HEAD "@@ -1,2 +1,2 @@\n     a\n-    b\n+\tB\n",
     "\ta\n\tB\n", NULL},
    {"outer context that is old", "new\na\nb\nc\n", HEAD "@@ -1,4 +1,4 @@\n old\n a\n-b\n+B\n c\n",
     "new\na\nB\nc\n", NULL},
    {"line ends of the file", "a\r\nb\r\n", HEAD "@@ -1,2 +1,2 @@\n a\n-b\n+B\n", "a\r\nB\r\n",
     NULL},
    {"line ends of the patch", "a\nb\n",
     "--- a/f\r\n+++ b/f\r\n@@ -1,2 +1,2 @@\r\n a\r\n-b\r\n+B\r\n", "a\nB\n", NULL},
    {"no newline at the end stays", "a\nb", HEAD "@@ -1,2 +1,2 @@\n-a\n+A\n b\n", "A\nb", NULL},
    {"no newline is taken away", "a\nb\n",
     HEAD "@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n", "a\nb", NULL},
    {"a newline is put", "a\nb", HEAD "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n",
     "a\nb\n", NULL},
    {"lines behind a last line without newline", "a\nb", HEAD "@@ -1,2 +1,3 @@\n a\n b\n+c\n",
     "a\nb\nc", NULL},
    {"git's head", "a\n",
     "diff --git a/f b/f\nindex 12..34 100644\n--- a/f\n+++ b/f\n@@ -1 +1 @@ int main(void)\n-a\n+b\n-- \n2.39\n",
     "b\n", NULL},
    {"not there", "a\n", HEAD "@@ -1,1 +1,1 @@\n-zzz\n+b\n", NULL, "not there"},
    {"hunks in the wrong order", "a\nb\n",
     HEAD "@@ -2,1 +2,1 @@\n-b\n+B\n@@ -1,1 +1,1 @@\n-a\n+A\n", NULL, "behind the hunk before"},
    {"context alone", "a\n", HEAD "@@ -1,1 +1,1 @@\n a\n", NULL, "changes nothing"},
    {"no hunk", "a\n", HEAD, NULL, "no hunk"},
    {"a hunk without lines", "a\n", HEAD "@@ -1 +1 @@\n", NULL, "should have lines"},
    {"a head without its second line", "a\n", "--- a/f\n@@ -1 +1 @@\n-a\n", NULL,
     "should be \"+++ name\""},
    {"a range that is none", "a\n", HEAD "@@ -x +y @@\n-a\n", NULL, "is no \"@@"},
    {"a hunk before a name", "a\n", "@@ -1 +1 @@\n-a\n+b\n", NULL, "before any"},
    {"bytes", "a\n", "diff --git a/f b/f\nGIT binary patch\n", NULL, "bytes"},
    {"no patch", "a\n", "hello\n", NULL, "neither"},
    {"nothing", "a\n", "", NULL, "neither"},
    {"huge numbers", "a\nb\n",
     HEAD "@@ -99999999999999999999,1 +1,99999999999999999999 @@\n-a\n+b\n", "b\nb\n", NULL},

    /* V4A */
    {"update", "a\nb\nc\n", V4A "@@\n a\n-b\n+B\n c\n*** End Patch\n", "a\nB\nc\n", NULL},
    {"no @@, no end", "a\nb\n", V4A " a\n-b\n+B\n", "a\nB\n", NULL},
    {"an anchor chooses", "def f\n  x\ndef g\n  x\n", V4A "@@ def g\n-  x\n+  y\n*** End Patch",
     "def f\n  x\ndef g\n  y\n", NULL},
    {"two anchors", "class A\n def f\n  x\nclass B\n def f\n  x\n",
     V4A "@@ class B\n@@  def f\n-  x\n+  y\n", "class A\n def f\n  x\nclass B\n def f\n  y\n",
     NULL},
    {"an anchor and only new lines", "a\nb\n", V4A "@@ a\n+x\n*** End Patch", "a\nx\nb\n", NULL},
    {"only new lines", "a\n", V4A "+x\n*** End Patch", "a\nx\n", NULL},
    {"at the end of the file", "x\ny\nx\n", V4A "@@\n-x\n+z\n*** End of File\n*** End Patch",
     "x\ny\nz\n", NULL},
    {"two places", "x\ny\nx\ny\n", V4A "-x\n+z\n", NULL, "fit at 2 places"},
    {"two places, but one is exact", "x \ny\nx\ny\n", V4A "-x\n+z\n", "x \ny\nz\ny\n", NULL},
    {"an anchor that is not there", "x\n", V4A "@@ nowhere\n-x\n+z\n", NULL, "no line \"nowhere\""},
    {"a line without sign", "x\n", V4A "x\n", NULL, "must begin with"},
    {"an unknown line", "x\n", "*** Begin Patch\n*** Rename File: f\n", NULL, "none of"},
    {"no file", "x\n", "*** Begin Patch\n*** End Patch\n", NULL, "names no file"},
    {"no name", "x\n", "*** Begin Patch\n*** Update File: \n", NULL, "names no file"},
    {"a new file without lines", "", "*** Begin Patch\n*** Add File: f\n*** End Patch\n", "", NULL},
    {"a deletion with lines", "x\n", "*** Begin Patch\n*** Delete File: f\n-x\n", NULL, "no lines"},
};

static void run(const struct row *row)
{
    struct patch patch;
    struct patch_report report;
    struct buf why;
    struct buf text = {.at = NULL};
    struct str source = tight(row->patch);
    struct str before = tight(row->before);
    bool is_done;

    buf_init(&why, 64 << 10);
    is_done = patch_parse(source, &patch, &why);
    if (is_done) {
        is_done = patch_apply(&patch, &patch.files[0], before, &text, &report, &why) == PATCH_OK;
        patch_done(&patch);
    }
    CHECK(is_done == (row->after != NULL), "%s: %s", row->name, buf_str(&why).at);
    if (is_done && row->after != NULL)
        CHECK(same(buf_str(&text), row->after), "%s gave\n%s<", row->name, buf_str(&text).at);
    if (row->after == NULL)
        CHECK(str_find(buf_str(&why), str_of(row->why), 0) != SIZE_MAX, "%s: %s", row->name,
              buf_str(&why).at);
    buf_done(&text);
    buf_done(&why);
    tight_free(source);
    tight_free(before);
}

static void test_files_of_a_patch(void)
{
    static const char text[] =
        "diff --git a/old b/new\nsimilarity index 100%\nrename from old\nrename to new\n"
        "diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/y\n@@ -1 +1 @@\n-1\n+2\n"
        "--- /dev/null\n+++ b/n\t2024-01-01\n@@ -0,0 +1 @@\n+hi\n"
        "--- a/d\n+++ /dev/null\n@@ -1 +0,0 @@\n-bye\n"
        "--- p.orig\n+++ p\n@@ -1 +1 @@\n-1\n+2\n";
    static const struct {
        enum patch_op op;
        const char *path, *new_path;
        size_t count;
    } wanted[] = {{PATCH_UPDATE, "old", "new", 0},
                  {PATCH_UPDATE, "x", "y", 1},
                  {PATCH_CREATE, "n", "", 1},
                  {PATCH_DELETE, "d", "", 1},
                  {PATCH_UPDATE, "p", "", 1}};
    struct patch patch;
    struct buf why;

    buf_init(&why, 1000);
    CHECK(patch_parse(STR(text), &patch, &why), "%s", buf_str(&why).at);
    CHECK(patch.file_count == 5, "%zu files", patch.file_count);
    for (size_t i = 0; i < 5 && i < patch.file_count; i++) {
        CHECK(patch.files[i].op == wanted[i].op && patch.files[i].count == wanted[i].count,
              "file %zu", i);
        CHECK(same(patch.files[i].path, wanted[i].path) &&
                  same(patch.files[i].new_path, wanted[i].new_path),
              "file %zu: %.*s", i, (int)patch.files[i].path.len, patch.files[i].path.at);
    }
    patch_done(&patch);
    buf_done(&why);
}

static void test_the_report_says_what_was_loose(void)
{
    struct patch patch;
    struct patch_report report;
    struct buf why;
    struct buf text;

    buf_init(&why, 1000);
    CHECK(patch_parse(STR(HEAD "@@ -1,2 +1,2 @@\n a\n-b\n+B\n+C\n@@ -20,3 +1,2 @@\n old\n x\n-y\n"),
                      &patch, &why),
          "parse");
    CHECK(patch_apply(&patch, &patch.files[0], STR("a \nb\nx\ny\n"), &text, &report, &why) ==
              PATCH_OK,
          "%s", buf_str(&why).at);
    CHECK(same(buf_str(&text), "a \nB\nC\nx\n"), "%s", text.at);
    CHECK(report.added == 2 && report.removed == 2, "counts");
    CHECK(report.loose == 1 && report.trimmed == 1 && report.moved == 1, "%zu %zu %zu",
          report.loose, report.trimmed, report.moved);
    buf_done(&text);
    buf_done(&why);
    patch_done(&patch);
}

/* A file of one line over and over, and a hunk of it that does not quite fit. */
static void test_a_hostile_hunk_ends(void)
{
    struct buf file;
    struct buf source;
    struct buf why;
    struct buf text;
    struct patch patch;
    struct patch_report report;

    buf_init(&file, 4 << 20);
    buf_init(&source, 4 << 20);
    buf_init(&why, 8 << 10);
    while (file.len < 1 << 20)
        buf_add(&file, STR("x\n"));
    buf_add(&source, STR(HEAD "@@ -1,1 +1,1 @@\n"));
    while (source.len < 300000)
        buf_add(&source, STR("-x\n"));
    buf_add(&source, STR("-y\n+z\n"));
    CHECK(patch_parse(buf_str(&source), &patch, &why), "%s", buf_str(&why).at);
    CHECK(patch_apply(&patch, &patch.files[0], buf_str(&file), &text, &report, &why) ==
              PATCH_TOO_COSTLY,
          "ends");
    patch_done(&patch);
    buf_done(&file);
    buf_done(&source);
    buf_done(&why);
}

static void test_a_patch_has_maxima(void)
{
    struct buf source;
    struct buf why;
    struct patch patch;

    buf_init(&source, 4 << 20);
    buf_init(&why, 1000);
    buf_add(&source, STR("*** Begin Patch\n"));
    for (int i = 0; i <= PATCH_FILES_MAX; i++)
        buf_addf(&source, "*** Delete File: f%d\n", i);
    CHECK(!patch_parse(buf_str(&source), &patch, &why), "101 files");
    source.len = 0;
    why.len = 0;
    buf_add(&source, STR(HEAD "@@ -1 +1 @@\n"));
    while (source.len < 3 * PATCH_LINES_MAX + 100)
        buf_add(&source, STR("+x\n"));
    CHECK(!patch_parse(buf_str(&source), &patch, &why), "200,001 lines");
    buf_done(&source);
    buf_done(&why);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        run(&rows[i]);
    test_files_of_a_patch();
    test_the_report_says_what_was_loose();
    test_a_hostile_hunk_ends();
    test_a_patch_has_maxima();
    return check_failed != 0;
}
