package tools

import (
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

var errIsFolder = syscall.EISDIR

// Executable is what -x of test and find says: a folder, or a file that says which program reads it.
func Executable(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return true
	}
	var head [2]byte
	n, _ := f.Read(head[:])
	return string(head[:n]) == "#!"
}

// --- copying and moving ---

type copying struct {
	c                                     *Call
	recursive, force, noClobber, update   bool
	verbose, keepTimes, keepLinks, follow bool
}

// targets finds the folder or the name that sources go to.
func (c *Call) targets(given []option, operands []string, do func(from, to string)) {
	if len(operands) == 0 {
		c.fail(1, "missing file operand")
	}
	folder, toFolder := last(given, 't')
	if !toFolder {
		if len(operands) == 1 {
			c.fail(1, "missing destination file operand after '%s'", operands[0])
		}
		folder, operands = operands[len(operands)-1], operands[:len(operands)-1]
		info, err := Stat(c.path(folder), true)
		isFolder := err == nil && info.IsDir() && !has(given, "T")
		if !isFolder {
			if len(operands) > 1 {
				c.fail(1, "target '%s' is not a directory", folder)
			}
			do(operands[0], folder)
			return
		}
	}
	for _, from := range operands {
		do(from, path.Join(folder, path.Base(strings.TrimSuffix(from, "/"))))
	}
}

func (k *copying) mayReplace(from fs.FileInfo, to string) bool {
	old, err := Stat(k.c.path(to), true)
	if err != nil {
		return true
	}
	return !k.noClobber && !(k.update && !from.ModTime().After(old.ModTime()))
}

func cp(c *Call) int {
	given, operands := c.options(spec{letters: "afinpPrRTuvLdt:l", long: map[string]rune{"archive": 'a', "force": 'f', "interactive": 'i',
		"no-clobber": 'n', "preserve": 'p', "recursive": 'r', "no-target-directory": 'T', "target-directory": 't', "update": 'u', "verbose": 'v',
		"no-dereference": 'P', "dereference": 'L'}})
	k := &copying{c: c, recursive: has(given, "arR"), noClobber: has(given, "n"), update: has(given, "u"), verbose: has(given, "v"),
		keepTimes: has(given, "ap"), keepLinks: has(given, "adP") || has(given, "rR") && !has(given, "L"), force: has(given, "f")}
	c.targets(given, operands, func(from, to string) {
		top := !has(given, "adP") && !k.recursive
		k.copy(from, to, top, 0)
	})
	return 0
}

func (k *copying) copy(from, to string, follow bool, depth int) {
	c := k.c
	c.look()
	info, err := Stat(c.path(from), follow || !k.keepLinks)
	if err != nil {
		c.warn("cannot stat '%s': %s", from, reason(err))
		return
	}
	if old, err := Stat(c.path(to), true); err == nil && os.SameFile(info, old) {
		c.warn("'%s' and '%s' are the same file", from, to)
		return
	}
	switch {
	case info.IsDir():
		k.folder(from, to, info, depth)
		return
	case !k.mayReplace(info, to):
		return
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(c.path(from))
		if err == nil {
			os.Remove(c.path(to))
			err = os.Symlink(target, c.path(to))
		}
		if err != nil {
			c.warn("cannot create symbolic link '%s': %s", to, reason(err))
			return
		}
	default:
		if err := k.file(from, to); err != nil {
			c.warn("cannot copy '%s' to '%s': %s", from, to, reason(err))
			return
		}
		k.times(info, to)
	}
	if k.verbose {
		c.Out.printf("'%s' -> '%s'\n", from, to)
	}
}

func (k *copying) times(info fs.FileInfo, to string) {
	if k.keepTimes {
		_ = os.Chtimes(k.c.path(to), info.ModTime(), info.ModTime())
	}
}

func (k *copying) file(from, to string) error {
	f, err := k.c.tryOpen(from)
	if err != nil {
		return err
	}
	defer f.Close()
	out, err := Open(k.c.path(to), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, Streams{Out: k.c.Out, Err: k.c.Err})
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, f); err != nil {
		return err
	}
	return out.Close()
}

func (k *copying) folder(from, to string, info fs.FileInfo, depth int) {
	c := k.c
	if !k.recursive {
		c.warn("-r not specified; omitting directory '%s'", from)
		return
	}
	if inside, _ := filepath.Rel(path.Clean(c.path(from)), path.Clean(c.path(to))); depth == 0 && inside != "" && !strings.HasPrefix(inside, "..") {
		c.warn("cannot copy a directory, '%s', into itself, '%s'", from, to)
		return
	}
	if depth > 200 {
		c.warn("'%s': nested too deep", from)
		return
	}
	if err := os.Mkdir(c.path(to), 0o777); err != nil {
		if old, e := Stat(c.path(to), true); e != nil || !old.IsDir() {
			c.warn("cannot create directory '%s': %s", to, reason(err))
			return
		}
	}
	entries, err := os.ReadDir(c.path(from))
	if err != nil {
		c.warn("cannot access '%s': %s", from, reason(err))
		return
	}
	for _, entry := range entries {
		k.copy(from+"/"+entry.Name(), to+"/"+entry.Name(), false, depth+1)
	}
	k.times(info, to)
}

func mv(c *Call) int {
	given, operands := c.options(spec{letters: "finTuvt:", long: map[string]rune{"force": 'f', "interactive": 'i', "no-clobber": 'n',
		"no-target-directory": 'T', "target-directory": 't', "update": 'u', "verbose": 'v'}})
	k := &copying{c: c, recursive: true, keepLinks: true, keepTimes: true, noClobber: has(given, "n"), update: has(given, "u")}
	c.targets(given, operands, func(from, to string) {
		info, err := Stat(c.path(from), false)
		if err != nil {
			c.warn("cannot stat '%s': %s", from, reason(err))
			return
		}
		if !k.mayReplace(info, to) {
			return
		}
		if old, err := Stat(c.path(to), false); err == nil && os.SameFile(info, old) && path.Clean(c.path(from)) == path.Clean(c.path(to)) {
			c.warn("'%s' and '%s' are the same file", from, to)
			return
		}
		err = os.Rename(c.path(from), c.path(to))
		if isErrno(err, syscall.EXDEV) { // between mounts: a copy, then the old one goes
			before := c.status
			c.status = 0
			k.copy(from, to, false, 0)
			if err = nil; c.status == 0 {
				err = os.RemoveAll(c.path(from))
				c.status = before
			}
		}
		if err != nil {
			c.warn("cannot move '%s' to '%s': %s", from, to, reason(err))
		} else if has(given, "v") {
			c.Out.printf("renamed '%s' -> '%s'\n", from, to)
		}
	})
	return 0
}

func isErrno(err error, number syscall.Errno) bool {
	for err != nil {
		switch e := err.(type) {
		case syscall.Errno:
			return e == number
		case *fs.PathError:
			err = e.Err
		case *os.LinkError:
			err = e.Err
		default:
			return false
		}
	}
	return false
}

// --- removing and making ---

func rm(c *Call) int {
	given, operands := c.options(spec{letters: "dfirRvI", long: map[string]rune{"force": 'f', "recursive": 'r', "dir": 'd', "verbose": 'v',
		"interactive": 'i', "preserve-root": 'i', "one-file-system": 'i'}, optional: ""})
	force, recursive := has(given, "f"), has(given, "rR")
	if len(operands) == 0 && !force {
		c.usage(spec{}, "missing operand")
	}
	for _, name := range operands {
		full := path.Clean(c.path(name))
		base := path.Base(strings.TrimSuffix(name, "/"))
		switch info, err := Stat(strings.TrimSuffix(c.path(name), "/"), false); {
		case name == "":
			c.warn("cannot remove '': %s", syscall.ENOENT)
		case base == "." || base == "..":
			c.warn("refusing to remove '.' or '..' directory: skipping '%s'", name)
		case full == "/":
			c.warn("refusing to remove '/'; name what is in it")
		case err != nil:
			if !force || !os.IsNotExist(err) && !isErrno(err, syscall.ENOTDIR) {
				c.warn("cannot remove '%s': %s", name, reason(err))
			}
		case info.IsDir() && recursive:
			c.removeTree(name, has(given, "v"), 0)
		case info.IsDir() && !has(given, "d"):
			c.warn("cannot remove '%s': Is a directory", name)
		default:
			c.remove(name, info.IsDir(), has(given, "v"))
		}
	}
	return 0
}

func (c *Call) remove(name string, isFolder, verbose bool) {
	if err := os.Remove(strings.TrimSuffix(c.path(name), "/")); err != nil {
		c.warn("cannot remove '%s': %s", name, reason(err))
	} else if verbose {
		what := ""
		if isFolder {
			what = "directory "
		}
		c.Out.printf("removed %s'%s'\n", what, name)
	}
}

func (c *Call) removeTree(name string, verbose bool, depth int) {
	c.look()
	if depth > 200 {
		c.warn("cannot remove '%s': nested too deep", name)
		return
	}
	entries, err := os.ReadDir(c.path(name))
	if err != nil {
		c.warn("cannot remove '%s': %s", name, reason(err))
		return
	}
	for _, entry := range entries {
		inner := strings.TrimSuffix(name, "/") + "/" + entry.Name()
		if entry.IsDir() {
			c.removeTree(inner, verbose, depth+1)
		} else {
			c.remove(inner, false, verbose)
		}
	}
	c.remove(name, true, verbose)
}

func rmdir(c *Call) int {
	given, operands := c.options(spec{letters: "pvI", long: map[string]rune{"parents": 'p', "verbose": 'v', "ignore-fail-on-non-empty": 'I'}})
	if len(operands) == 0 {
		c.usage(spec{}, "missing operand")
	}
	for _, name := range operands {
		for name = strings.TrimSuffix(name, "/"); name != "." && name != "/" && name != ""; name = path.Dir(name) {
			info, err := Stat(c.path(name), false)
			if err == nil && !info.IsDir() {
				err = syscall.ENOTDIR
			}
			if err == nil {
				err = os.Remove(c.path(name))
			}
			if err != nil {
				if !(has(given, "I") && isErrno(err, syscall.ENOTEMPTY)) {
					c.warn("failed to remove '%s': %s", name, reason(err))
				}
				break
			}
			if has(given, "v") {
				c.Out.printf("rmdir: removing directory, '%s'\n", name)
			}
			if !has(given, "p") {
				break
			}
		}
	}
	return 0
}

func mkdir(c *Call) int {
	given, operands := c.options(spec{letters: "pvm:", long: map[string]rune{"parents": 'p', "verbose": 'v', "mode": 'm'}})
	if len(operands) == 0 {
		c.usage(spec{}, "missing operand")
	}
	for _, name := range operands {
		var err error
		if has(given, "p") {
			err = os.MkdirAll(c.path(name), 0o777)
		} else {
			err = os.Mkdir(strings.TrimSuffix(c.path(name), "/"), 0o777)
		}
		if err != nil {
			c.warn("cannot create directory '%s': %s", name, reason(err))
		} else if has(given, "v") {
			c.Out.printf("mkdir: created directory '%s'\n", name)
		}
	}
	return 0
}

func touch(c *Call) int {
	given, operands := c.options(spec{letters: "acmd:r:t:", long: map[string]rune{"no-create": 'c', "date": 'd', "reference": 'r', "time": 'a'}})
	if len(operands) == 0 {
		c.usage(spec{}, "missing file operand")
	}
	when := time.Now()
	for _, o := range given {
		var err error
		switch o.letter {
		case 'd':
			when, err = parseDate(o.value, when)
		case 't':
			when, err = parseStamp(o.value)
		case 'r':
			var info fs.FileInfo
			if info, err = Stat(c.path(o.value), true); err == nil {
				when = info.ModTime()
			}
		}
		if err != nil {
			c.fail(1, "%s: %s", o.value, reason(err))
		}
	}
	for _, name := range operands {
		full := c.path(name)
		if _, err := Stat(full, true); err != nil {
			if has(given, "c") {
				continue
			}
			f, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE, 0o666)
			if err != nil {
				c.warn("cannot touch '%s': %s", name, reason(err))
				continue
			}
			f.Close()
			if !has(given, "drt") {
				continue
			}
		}
		if err := os.Chtimes(full, when, when); err != nil {
			c.warn("setting times of '%s': %s", name, reason(err))
		}
	}
	return 0
}

func ln(c *Call) int {
	given, operands := c.options(spec{letters: "fnrsvTt:", long: map[string]rune{"symbolic": 's', "force": 'f', "no-dereference": 'n',
		"relative": 'r', "verbose": 'v', "no-target-directory": 'T', "target-directory": 't'}})
	if len(operands) == 1 {
		operands = append(operands, path.Base(operands[0]))
	}
	c.targets(given, operands, func(target, link string) {
		full := c.path(link)
		if has(given, "f") {
			if info, err := Stat(full, false); err == nil && !info.IsDir() {
				os.Remove(full)
			}
		}
		var err error
		if has(given, "s") {
			if has(given, "r") {
				target, _ = filepath.Rel(path.Dir(full), c.path(target))
			}
			err = os.Symlink(target, full)
		} else {
			err = os.Link(c.path(target), full)
		}
		if err != nil {
			c.warn("failed to create link '%s': %s", link, reason(err))
		} else if has(given, "v") {
			c.Out.printf("'%s' -> '%s'\n", link, target)
		}
	})
	return 0
}

func chmod(c *Call) int {
	words := []string{}
	for _, word := range c.Args { // a mode may begin with a minus
		switch word {
		case "-R", "-v", "-c", "-f", "--recursive":
		default:
			words = append(words, word)
		}
	}
	if len(words) < 2 {
		c.fail(1, "a mode and a file are wanted")
	}
	if mode := strings.Trim(words[0], "ugoarwxXst+-=,01234567"); mode != "" {
		c.fail(1, "invalid mode: '%s'", words[0])
	}
	for _, name := range words[1:] {
		if _, err := Stat(c.path(name), true); err != nil {
			c.warn("cannot access '%s': %s", name, reason(err))
		}
	}
	return 0
}

// --- names ---

func realpath(c *Call) int {
	given, operands := c.options(spec{letters: "emsqzT:", long: map[string]rune{"canonicalize-existing": 'e', "canonicalize-missing": 'm',
		"strip": 's', "no-symlinks": 's', "quiet": 'q', "zero": 'z', "relative-to": 'T'}})
	if len(operands) == 0 {
		c.usage(spec{}, "missing operand")
	}
	end := "\n"
	if has(given, "z") {
		end = "\x00"
	}
	for _, name := range operands {
		full, err := c.resolve(name, has(given, "m"), has(given, "e"), has(given, "s"))
		if err == nil {
			if base, ok := last(given, 'T'); ok {
				full, err = filepath.Rel(c.path(base), full)
			}
		}
		if err != nil {
			if has(given, "q") {
				c.status = 1
			} else {
				c.warn("%s: %s", name, reason(err))
			}
			continue
		}
		c.Out.text(full + end)
	}
	return 0
}

// resolve is a path without links; the last part may be missing, with missing any part.
func (c *Call) resolve(name string, missing, existing, plain bool) (string, error) {
	full := path.Clean(c.path(name))
	if plain {
		return full, nil
	}
	out, err := filepath.EvalSymlinks(full)
	if err == nil || existing {
		return out, err
	}
	parent, perr := filepath.EvalSymlinks(path.Dir(full))
	if perr == nil {
		return path.Join(parent, path.Base(full)), nil
	}
	if missing {
		return full, nil
	}
	return "", perr
}

func readlink(c *Call) int {
	given, operands := c.options(spec{letters: "femnqsz", long: map[string]rune{"canonicalize": 'f', "canonicalize-existing": 'e',
		"canonicalize-missing": 'm', "no-newline": 'n', "quiet": 'q', "zero": 'z'}})
	if len(operands) == 0 {
		c.usage(spec{}, "missing operand")
	}
	for _, name := range operands {
		var out string
		var err error
		if has(given, "fem") {
			out, err = c.resolve(name, has(given, "m"), has(given, "e"), false)
		} else {
			out, err = os.Readlink(c.path(name))
		}
		if err != nil {
			c.status = 1
			continue
		}
		c.Out.text(out)
		if !has(given, "n") {
			c.Out.byte('\n')
		}
	}
	return 0
}

func mktemp(c *Call) int {
	given, operands := c.options(spec{letters: "dqutp:S:", long: map[string]rune{"directory": 'd', "dry-run": 'u', "quiet": 'q', "tmpdir": 'p', "suffix": 'S'}})
	template, folder := "tmp.XXXXXXXXXX", ""
	if len(operands) > 0 {
		template = operands[0]
	} else {
		folder = c.Env("TMPDIR")
	}
	if given, ok := last(given, 'p'); ok {
		folder = given
	}
	suffix, _ := last(given, 'S')
	at := strings.LastIndex(template, "XXX")
	if at < 0 {
		c.fail(1, "too few X's in template '%s'", template)
	}
	from := at
	for from > 0 && template[from-1] == 'X' {
		from--
	}
	for range 100 {
		letters := make([]byte, at+3-from)
		_, _ = noise{}.Read(letters)
		for i := range letters {
			letters[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[letters[i]%62]
		}
		name := path.Join(folder, template[:from]+string(letters)+template[at+3:]+suffix)
		if !strings.HasPrefix(name, "/") && folder == "" && len(operands) == 0 {
			name = c.path(name)
		}
		var err error
		switch {
		case has(given, "u"):
		case has(given, "d"):
			err = os.Mkdir(c.path(name), 0o700)
		default:
			var f *os.File
			if f, err = os.OpenFile(c.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
				f.Close()
			}
		}
		if err == nil {
			c.Out.line(name)
			return 0
		}
		if !os.IsExist(err) {
			c.fail(1, "failed to create '%s': %s", name, reason(err))
		}
	}
	return 1
}

func truncate(c *Call) int {
	given, operands := c.options(spec{letters: "cs:r:", long: map[string]rune{"no-create": 'c', "size": 's', "reference": 'r'}})
	text, ok := last(given, 's')
	if !ok || len(operands) == 0 {
		c.usage(spec{}, "a size and a file are wanted")
	}
	sign := strings.TrimRight(text[:1], "0123456789")
	size := c.size("number", text[len(sign):])
	for _, name := range operands {
		full := c.path(name)
		info, err := Stat(full, true)
		now := int64(0)
		if err == nil {
			now = info.Size()
		} else if has(given, "c") {
			continue
		} else if f, err := os.OpenFile(full, os.O_WRONLY|os.O_CREATE, 0o666); err == nil {
			f.Close()
		}
		to := size
		switch sign {
		case "+":
			to = now + size
		case "-":
			to = max(0, now-size)
		case "<":
			to = min(now, size)
		case ">":
			to = max(now, size)
		}
		if err := os.Truncate(full, to); err != nil {
			c.warn("cannot open '%s' for writing: %s", name, reason(err))
		}
	}
	return 0
}

func tee(c *Call) int {
	given, operands := c.options(spec{letters: "aip", long: map[string]rune{"append": 'a', "ignore-interrupts": 'i'}})
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if has(given, "a") {
		flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	type output struct {
		name string
		f    io.WriteCloser
	}
	var files []output
	for _, name := range operands {
		f, err := Open(c.path(name), flags, Streams{c.In, c.Out, c.Err})
		if err != nil {
			c.warn("%s: %s", name, reason(err))
			continue
		}
		files = append(files, output{name, f})
	}
	defer func() {
		for _, o := range files {
			o.f.Close()
		}
	}()
	buffer := make([]byte, 32<<10)
	in := looking{c, io.NopCloser(c.In)}
	for {
		n, err := in.Read(buffer)
		for _, o := range files {
			if _, err := o.f.Write(buffer[:n]); err != nil && n > 0 {
				c.warn("%s: %s", o.name, reason(err))
			}
		}
		c.Out.Write(buffer[:n])
		c.Out.Flush()
		if err != nil {
			return 0
		}
	}
}
