/* boxagnts tool new: a folder with a small tool that builds and passes its transcript, to be made into another one. The files are
 * const texts with @NAME@ in them; the folder is made whole or not at all. */
#include "edge/cmd_tool.h"

#include "edge/app.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/fs.h"
#include "tools/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

static const char manifest[] =
    "{\n"
    "  \"name\": \"@NAME@\",\n"
    "  \"version\": \"0.1.0\",\n"
    "  \"description\": \"Counts the lines and bytes of a text file.\",\n"
    "  \"input_schema\": {\n"
    "    \"type\": \"object\",\n"
    "    \"properties\": {\n"
    "      \"path\": {\"type\": \"string\", \"description\": \"the file, as seen from the work folder\"},\n"
    "      \"only_lines\": {\"type\": \"boolean\", \"description\": \"leave the bytes out\"}\n"
    "    },\n"
    "    \"required\": [\"path\"],\n"
    "    \"additionalProperties\": false\n"
    "  },\n"
    "  \"annotations\": {\"read_only\": true, \"idempotent\": true, \"open_world\": false},\n"
    "  \"effects\": [{\"effect\": \"Read\", \"arg\": \"path\"}],\n"
    "  \"invoke\": \"argv\"\n"
    "}\n";

static const char transcript[] =
    "{\"name\": \"lines and bytes\", \"input\": {\"path\": \"three.txt\"}, \"expect\": {\"content\": \"3 lines, 14 bytes\\n\"}}\n"
    "{\"name\": \"lines only\", \"input\": {\"path\": \"three.txt\", \"only_lines\": true}, \"expect\": {\"content\": \"3 lines\\n\"}}\n"
    "{\"name\": \"a file that is not there\", \"input\": {\"path\": \"none\"}, \"expect\": {\"is_error\": true, \"contains\": \"none\"}}\n"
    "{\"name\": \"an argument that is not known\", \"input\": {\"pth\": \"x\"}, \"expect\": {\"is_error\": true, \"contains\": \"path\"}}\n";

static const char sample[] = "one\ntwo\nthree\n";

#define MAKEFILE(tools, build)                                                                                    \
    "# make: the tool and its manifest in build/; make test: its transcript; make install: into your own tools\n" \
    "BOXAGNTS ?= boxagnts\n" tools "\n"                                                                           \
    "all: build/@NAME@.wasm build/@NAME@.tool.json\n"                                                             \
    "\n" build "\n"                                                                                               \
    "build/@NAME@.tool.json: tool.json\n"                                                                         \
    "\t@mkdir -p build\n"                                                                                         \
    "\tcp tool.json $@\n"                                                                                         \
    "\n"                                                                                                          \
    "test: all\n"                                                                                                 \
    "\t$(BOXAGNTS) tool test -C testdata build/@NAME@.wasm transcript.jsonl\n"                                    \
    "\n"                                                                                                          \
    "install: all\n"                                                                                              \
    "\t$(BOXAGNTS) tool add build/@NAME@.wasm\n"                                                                  \
    "\n"                                                                                                          \
    "clean:\n"                                                                                                    \
    "\trm -rf build\n"                                                                                            \
    "\n"                                                                                                          \
    ".PHONY: all test install clean\n"

static const char c_makefile[] =
    MAKEFILE("CC := clang-19\n",
             "build/@NAME@.wasm: main.c\n"
             "\t@mkdir -p build\n"
             "\t$(CC) --target=wasm32-wasi -O2 -Wall -Wextra -Wl,--strip-all -o $@ main.c\n");
static const char go_makefile[] = MAKEFILE(
    "GO ?= go\n", "build/@NAME@.wasm: main.go go.mod\n"
                  "\t@mkdir -p build\n"
                  "\tGOOS=wasip1 GOARCH=wasm $(GO) build -trimpath -ldflags '-s -w' -o $@ .\n");
static const char rust_makefile[] = MAKEFILE(
    "RUSTC ?= rustc\n",
    "build/@NAME@.wasm: main.rs\n"
    "\t@mkdir -p build\n"
    "\t$(RUSTC) --edition 2021 --target wasm32-wasip1 -O -C strip=symbols -o $@ main.rs\n");

static const char c_source[] =
    "/* The arguments come as words, --name=value (\"invoke\": \"argv\" in tool.json), checked against the schema before this runs.\n"
    " * What goes to stdout is the answer; an exit code that is not 0 makes it an error. There are only the files that are mapped. */\n"
    "#include <errno.h>\n"
    "#include <stdbool.h>\n"
    "#include <stdio.h>\n"
    "#include <string.h>\n"
    "\n"
    "int main(int argc, char **argv)\n"
    "{\n"
    "    const char *path = \"\";\n"
    "    bool only_lines = false;\n"
    "    for (int i = 1; i < argc; i++) {\n"
    "        if (strncmp(argv[i], \"--path=\", 7) == 0)\n"
    "            path = argv[i] + 7;\n"
    "        else if (strcmp(argv[i], \"--only-lines\") == 0)\n"
    "            only_lines = true;\n"
    "    }\n"
    "    FILE *file = fopen(path, \"rb\");\n"
    "    if (!file) {\n"
    "        printf(\"cannot read %s: %s\\n\", path, strerror(errno));\n"
    "        return 1;\n"
    "    }\n"
    "    long lines = 0, bytes = 0;\n"
    "    for (int c; (c = getc(file)) != EOF; bytes++)\n"
    "        lines += c == '\\n';\n"
    "    fclose(file);\n"
    "    if (only_lines)\n"
    "        printf(\"%ld lines\\n\", lines);\n"
    "    else\n"
    "        printf(\"%ld lines, %ld bytes\\n\", lines, bytes);\n"
    "    return 0;\n"
    "}\n";

static const char go_source[] =
    "// The arguments come as words, --name=value (\"invoke\": \"argv\" in tool.json), checked against the schema before this runs.\n"
    "// What goes to stdout is the answer; an exit code that is not 0 makes it an error. There are only the files that are mapped.\n"
    "package main\n"
    "\n"
    "import (\n"
    "\t\"bytes\"\n"
    "\t\"flag\"\n"
    "\t\"fmt\"\n"
    "\t\"os\"\n"
    ")\n"
    "\n"
    "func main() {\n"
    "\tpath := flag.String(\"path\", \"\", \"the file\")\n"
    "\tonlyLines := flag.Bool(\"only-lines\", false, \"leave the bytes out\")\n"
    "\tflag.Parse()\n"
    "\tdata, err := os.ReadFile(*path)\n"
    "\tif err != nil {\n"
    "\t\tfmt.Println(\"cannot read\", err)\n"
    "\t\tos.Exit(1)\n"
    "\t}\n"
    "\tlines := bytes.Count(data, []byte(\"\\n\"))\n"
    "\tif *onlyLines {\n"
    "\t\tfmt.Printf(\"%d lines\\n\", lines)\n"
    "\t} else {\n"
    "\t\tfmt.Printf(\"%d lines, %d bytes\\n\", lines, len(data))\n"
    "\t}\n"
    "}\n";

static const char go_mod[] = "module @NAME@\n\ngo 1.21\n";

static const char rust_source[] =
    "// The arguments come as words, --name=value (\"invoke\": \"argv\" in tool.json), checked against the schema before this runs.\n"
    "// What goes to stdout is the answer; an exit code that is not 0 makes it an error. There are only the files that are mapped.\n"
    "use std::process::exit;\n"
    "\n"
    "fn main() {\n"
    "    let mut path = String::new();\n"
    "    let mut only_lines = false;\n"
    "    for word in std::env::args().skip(1) {\n"
    "        if let Some(value) = word.strip_prefix(\"--path=\") {\n"
    "            path = value.to_string();\n"
    "        } else if word == \"--only-lines\" {\n"
    "            only_lines = true;\n"
    "        }\n"
    "    }\n"
    "    let data = match std::fs::read(&path) {\n"
    "        Ok(data) => data,\n"
    "        Err(error) => {\n"
    "            println!(\"cannot read {path}: {error}\");\n"
    "            exit(1);\n"
    "        }\n"
    "    };\n"
    "    let lines = data.iter().filter(|byte| **byte == b'\\n').count();\n"
    "    if only_lines {\n"
    "        println!(\"{lines} lines\");\n"
    "    } else {\n"
    "        println!(\"{lines} lines, {} bytes\", data.len());\n"
    "    }\n"
    "}\n";

static const char readme[] =
    "# @NAME@\n"
    "\n"
    "A tool for BoxAgnts. `tool.json` says what it is called, which arguments it takes and what it may touch; `transcript.jsonl` what is\n"
    "expected of it. `make test` builds it and plays the transcript in `testdata`; `make install` puts it among your tools.\n";

struct file {
    const char *name, *text;
};
#define COMMON                                                                                     \
    {"tool.json", manifest}, {"transcript.jsonl", transcript},                                     \
    {                                                                                              \
        "README.md", readme                                                                        \
    }

static const struct language {
    const char *name;
    struct file files[8]; /* up to a NULL */
} languages[] = {
    {"c", {COMMON, {"Makefile", c_makefile}, {"main.c", c_source}}},
    {"go", {COMMON, {"Makefile", go_makefile}, {"main.go", go_source}, {"go.mod", go_mod}}},
    {"rust", {COMMON, {"Makefile", rust_makefile}, {"main.rs", rust_source}}},
};

static const struct language *find_language(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(languages); i++)
        if (strcmp(languages[i].name, name) == 0)
            return &languages[i];
    return NULL;
}

static int write_text(int dir_fd, const char *file, const char *text, const char *name)
{
    auto_done(buf) struct buf out;
    buf_init(&out, 65536);
    for (struct str rest = str_of(text); rest.len > 0;) {
        const char *mark = memmem(rest.at, rest.len, "@NAME@", 6);
        size_t len = mark ? (size_t)(mark - rest.at) : rest.len;
        buf_add(&out, rest.at, len);
        if (mark)
            buf_add_z(&out, name);
        size_t used = len + (mark ? 6 : 0);
        rest = (struct str){rest.at + used, rest.len - used};
    }
    return buf_error(&out) < 0 ? buf_error(&out)
                               : os_write_file_at(dir_fd, file, buf_str(&out), 0644, false);
}

static int write_files(int dir_fd, const struct language *l, const char *name)
{
    int r = 0;
    for (const struct file *f = l->files; r == 0 && f->name; f++)
        r = write_text(dir_fd, f->name, f->text, name);
    if (r == 0)
        r = os_mkdir_at(dir_fd, "testdata", 0755);
    auto_close int data =
        r < 0 ? r : os_open_at(dir_fd, "testdata", O_RDONLY | O_DIRECTORY, 0, OS_BENEATH);
    return data < 0 ? data : write_text(data, "three.txt", sample, name);
}

int tool_new(const struct parsed *p, struct fault *reterr)
{
    const char *name = p->positional[1], *lang = option_value(p, OPT_LANG);
    const struct language *l = find_language(lang ? lang : "c");
    if (!l)
        return fault_set(reterr, FAULT_USAGE, "--lang: \"%s\" is not one of c, go, rust", lang);
    if (!tool_name_is_good(str_of(name)))
        return fault_set(
            reterr, FAULT_USAGE,
            "\"%s\" cannot be a tool's name: a letter, then letters, digits, _ and -, at most 64",
            name);
    auto_close int here = os_open_trusted(".", O_RDONLY | O_DIRECTORY, 0);
    int r = here < 0 ? here : os_mkdir_at(here, name, 0755);
    if (r == 1)
        return fault_set(reterr, FAULT_USAGE, "%s is there already", name);
    auto_close int dir = r < 0 ? r : os_open_at(here, name, O_RDONLY | O_DIRECTORY, 0, OS_NO_LINKS);
    r = dir < 0 ? dir : write_files(dir, l, name);
    if (r < 0) {
        if (dir >= 0)
            (void)!os_remove_tree(here, name);
        return fault_sys(reterr, -r, "cannot make %s", name);
    }
    if (option_flag(p, OPT_JSON)) {
        auto_json json_t *line = json_pack("{s:s, s:s}", "name", name, "lang", l->name);
        return line ? app_print_json(line) : -ENOMEM;
    }
    printf("%s/ is a tool in %s: `make -C %s test` builds it and plays its transcript\n", name,
           l->name, name);
    return 0;
}
