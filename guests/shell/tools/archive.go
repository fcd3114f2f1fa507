package tools

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// tar and gzip. What an archive says it unpacks to is counted by the sandbox as it is written; names that climb out of the
// folder are refused here as well, and the sandbox would not open them.

func gzipTool(c *Call) int { return c.gzip(false) }
func gunzip(c *Call) int   { return c.gzip(true) }

func zcat(c *Call) int {
	c.Args = append([]string{"-cd"}, c.Args...)
	return c.gzip(true)
}

func (c *Call) gzip(unpack bool) int {
	given, operands := c.options(spec{letters: "cdfkqtnvN123456789", long: map[string]rune{"stdout": 'c', "to-stdout": 'c', "decompress": 'd',
		"uncompress": 'd', "force": 'f', "keep": 'k', "quiet": 'q', "test": 't', "best": '9', "fast": '1', "no-name": 'n'}})
	unpack = unpack || has(given, "dt")
	level := gzip.DefaultCompression
	for _, o := range given {
		if o.letter >= '1' && o.letter <= '9' {
			level = int(o.letter - '0')
		}
	}
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	for _, name := range operands {
		f := c.open(name)
		if f == nil {
			continue
		}
		if name == "-" || has(given, "ct") {
			var to io.Writer = c.Out
			if has(given, "t") {
				to = io.Discard
			}
			c.gzipStream(name, f, to, unpack, level)
			f.Close()
			continue
		}
		c.gzipFile(name, f, given, unpack, level)
	}
	return 0
}

func (c *Call) gzipStream(name string, f io.Reader, to io.Writer, unpack bool, level int) bool {
	var err error
	if unpack {
		var r *gzip.Reader
		if r, err = gzip.NewReader(bufio.NewReader(f)); err == nil {
			_, err = io.Copy(to, r)
		} else {
			c.warn("%s: not in gzip format", name)
			return false
		}
	} else {
		w, _ := gzip.NewWriterLevel(to, level)
		if _, err = io.Copy(w, f); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		c.warn("%s: %s", name, reason(err))
	}
	return err == nil
}

func (c *Call) gzipFile(name string, f io.ReadCloser, given []option, unpack bool, level int) {
	defer f.Close()
	to := name + ".gz"
	if unpack {
		switch {
		case strings.HasSuffix(name, ".tgz"):
			to = strings.TrimSuffix(name, ".tgz") + ".tar"
		case strings.HasSuffix(name, ".gz"):
			to = strings.TrimSuffix(name, ".gz")
		default:
			c.warn("%s: unknown suffix -- ignored", name)
			return
		}
	} else if strings.HasSuffix(name, ".gz") {
		c.warn("%s already has .gz suffix -- unchanged", name)
		return
	}
	if _, err := Stat(c.path(to), false); err == nil && !has(given, "f") {
		c.warn("%s already exists; not overwritten", to)
		return
	}
	out, err := os.OpenFile(c.path(to), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		c.warn("%s: %s", to, reason(err))
		return
	}
	good := c.gzipStream(name, f, out, unpack, level)
	if err := out.Close(); err != nil && good {
		c.warn("%s: %s", to, reason(err))
		good = false
	}
	if !good {
		os.Remove(c.path(to))
	} else if !has(given, "k") {
		os.Remove(c.path(name))
	}
}

// --- tar ---

type tarring struct {
	c                       *Call
	dir, archive            string
	gzipped, verbose, toOut bool
	strip                   int64
	exclude, operands       []string
	keepOld, noTimes        bool
}

func tarTool(c *Call) int {
	if len(c.Args) > 0 && c.Args[0] != "" && c.Args[0][0] != '-' { // tar xzf
		c.Args = append([]string{"-" + c.Args[0]}, c.Args[1:]...)
	}
	given, operands := c.options(spec{letters: "cxtrvzOkmpajf:C:T:X:S:", bad: 2, long: map[string]rune{"create": 'c', "extract": 'x', "get": 'x',
		"list": 't', "file": 'f', "directory": 'C', "gzip": 'z', "verbose": 'v', "to-stdout": 'O', "exclude": 'X', "strip-components": 'S',
		"keep-old-files": 'k', "touch": 'm', "auto-compress": 'a', "files-from": 'T'}})
	t := &tarring{c: c, dir: c.Dir, archive: "-", gzipped: has(given, "z"), verbose: has(given, "v"), toOut: has(given, "O"), operands: operands,
		keepOld: has(given, "k"), noTimes: has(given, "m")}
	for _, o := range given {
		switch o.letter {
		case 'f':
			t.archive = o.value
		case 'C':
			t.dir = path.Join(t.dir, o.value)
			if strings.HasPrefix(o.value, "/") {
				t.dir = o.value
			}
		case 'X':
			t.exclude = append(t.exclude, o.value)
		case 'S':
			t.strip = c.number("number of components", o.value, 0, 100)
		case 'T':
			for _, line := range c.allLines([]string{o.value}, '\n') {
				t.operands = append(t.operands, string(line))
			}
		case 'j', 'r':
			c.fail(2, "-%c is not there", o.letter)
		}
	}
	t.gzipped = t.gzipped || has(given, "a") && (strings.HasSuffix(t.archive, "gz"))
	switch {
	case has(given, "c"):
		t.create()
	case has(given, "xt"):
		t.read(has(given, "t"))
	default:
		c.usage(spec{bad: 2}, "one of -c, -x, -t is wanted")
	}
	if c.status > 0 {
		return 2
	}
	return 0
}

func (t *tarring) create() {
	c := t.c
	if len(t.operands) == 0 {
		c.fail(2, "refusing to create an empty archive")
	}
	var out io.Writer = c.Out
	if t.archive != "-" {
		f, err := Open(c.path(t.archive), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, Streams{c.In, c.Out, c.Err})
		if err != nil {
			c.fail(2, "%s: %s", t.archive, reason(err))
		}
		defer f.Close()
		out = f
	}
	if t.gzipped {
		z := gzip.NewWriter(out)
		defer z.Close()
		out = z
	}
	w := tar.NewWriter(out)
	for _, name := range t.operands {
		t.add(w, name, 0)
	}
	if err := w.Close(); err != nil {
		c.warnAs(2, "%s", reason(err))
	}
}

func (t *tarring) at(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return path.Join(t.dir, name)
}

func (t *tarring) excluded(name string) bool {
	for _, pattern := range t.exclude {
		if globMatch(pattern, path.Base(name), false) || globMatch(strings.TrimSuffix(pattern, "/"), strings.TrimPrefix(name, "./"), false) {
			return true
		}
	}
	return false
}

func (t *tarring) add(w *tar.Writer, name string, depth int) {
	c := t.c
	c.look()
	full := t.at(name)
	if t.excluded(name) || depth > 200 || t.archive != "-" && path.Clean(full) == path.Clean(c.path(t.archive)) {
		return
	}
	info, err := Stat(full, false)
	if err != nil {
		c.warnAs(2, "%s: Cannot stat: %s", name, reason(err))
		return
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		target, _ = os.Readlink(full)
	}
	mode := int64(0o644)
	if info.IsDir() {
		mode = 0o755
	}
	header := &tar.Header{Name: strings.TrimLeft(name, "/"), Mode: mode, ModTime: info.ModTime(), Linkname: target, Uname: ownerName, Gname: ownerName, Uid: 1000, Gid: 1000}
	switch {
	case info.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, strings.TrimSuffix(header.Name, "/")+"/"
	case target != "":
		header.Typeflag = tar.TypeSymlink
	default:
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	}
	if t.verbose {
		t.talk(header.Name)
	}
	if err := w.WriteHeader(header); err != nil {
		c.fail(2, "%s: %s", name, reason(err))
	}
	if header.Typeflag == tar.TypeReg {
		f, err := os.Open(full)
		if err == nil {
			_, err = io.CopyN(w, f, info.Size())
			f.Close()
		}
		if err != nil {
			c.fail(2, "%s: %s", name, reason(err))
		}
	}
	if info.IsDir() {
		entries, err := os.ReadDir(full)
		if err != nil {
			c.warnAs(2, "%s: Cannot open: %s", name, reason(err))
		}
		for _, entry := range entries {
			t.add(w, strings.TrimSuffix(name, "/")+"/"+entry.Name(), depth+1)
		}
	}
}

// talk is -v: on stdout, or on stderr when the archive is there.
func (t *tarring) talk(name string) {
	if t.archive == "-" || t.toOut {
		_, _ = t.c.Err.Write([]byte(name + "\n"))
	} else {
		t.c.Out.line(name)
	}
}

func (t *tarring) read(list bool) {
	c := t.c
	f, err := c.tryOpen(t.archive)
	if err != nil {
		c.fail(2, "%s: Cannot open: %s", t.archive, reason(err))
	}
	defer f.Close()
	buffered := bufio.NewReader(f)
	var in io.Reader = buffered
	if head, _ := buffered.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		if in, err = gzip.NewReader(buffered); err != nil {
			c.fail(2, "%s: %s", t.archive, reason(err))
		}
	}
	r := tar.NewReader(in)
	wanted := map[string]bool{}
	for _, name := range t.operands {
		wanted[strings.TrimSuffix(name, "/")] = false
	}
	for {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			c.fail(2, "This does not look like a tar archive: %s", err)
		}
		c.look()
		if !t.picks(header.Name, wanted) || t.excluded(strings.TrimSuffix(header.Name, "/")) {
			continue
		}
		if list {
			t.list(header)
		} else {
			t.extract(header, r)
		}
	}
	for name, found := range wanted {
		if !found {
			c.warnAs(2, "%s: Not found in archive", name)
		}
	}
}

func (t *tarring) picks(name string, wanted map[string]bool) bool {
	if len(wanted) == 0 {
		return true
	}
	for part := strings.TrimSuffix(name, "/"); part != "." && part != "/" && part != ""; part = path.Dir(part) {
		if _, ok := wanted[part]; ok {
			wanted[part] = true
			return true
		}
	}
	return false
}

func (t *tarring) list(h *tar.Header) {
	if !t.verbose {
		t.c.Out.line(h.Name)
		return
	}
	info := h.FileInfo()
	name := h.Name
	if h.Typeflag == tar.TypeSymlink {
		name += " -> " + h.Linkname
	}
	t.c.Out.printf("%s %s/%s %9d %s %s\n", modeText(info.Mode()), h.Uname, h.Gname, h.Size, h.ModTime.UTC().Format("2006-01-02 15:04"), name)
}

func (t *tarring) extract(h *tar.Header, r io.Reader) {
	c := t.c
	name := h.Name
	for range t.strip {
		_, rest, ok := strings.Cut(name, "/")
		if !ok || rest == "" {
			return
		}
		name = rest
	}
	name = strings.TrimLeft(name, "/")
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			c.warnAs(2, "%s: Member name contains '..': left out", h.Name)
			return
		}
	}
	if t.toOut {
		if h.Typeflag == tar.TypeReg {
			_, _ = io.Copy(c.Out, r)
		}
		return
	}
	if t.verbose {
		t.talk(h.Name)
	}
	full := path.Join(t.dir, name)
	if err := t.place(h, full, r); err != nil {
		c.warnAs(2, "%s: Cannot open: %s", h.Name, reason(err))
	}
}

func (t *tarring) place(h *tar.Header, full string, r io.Reader) error {
	if h.Typeflag == tar.TypeDir {
		return os.MkdirAll(full, 0o755)
	}
	if err := os.MkdirAll(path.Dir(full), 0o755); err != nil {
		return err
	}
	if old, err := os.Lstat(full); err == nil {
		if t.keepOld {
			return fs.ErrExist
		}
		if !old.IsDir() && old.Mode()&fs.ModeSymlink != 0 {
			os.Remove(full)
		}
	}
	switch h.Typeflag {
	case tar.TypeReg:
		f, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		if _, err = io.Copy(f, r); err != nil {
			return err
		}
		if err = f.Close(); err == nil && !t.noTimes {
			_ = os.Chtimes(full, h.ModTime, h.ModTime)
		}
		return err
	case tar.TypeSymlink:
		os.Remove(full)
		return os.Symlink(h.Linkname, full)
	case tar.TypeLink:
		os.Remove(full)
		return os.Link(path.Join(t.dir, strings.TrimLeft(h.Linkname, "/")), full)
	}
	return nil // devices and the like are left out
}
