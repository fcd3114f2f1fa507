package tools

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"time"

	"boxagnts/shell/regex"
)

// visit is one file that find is at.
type visit struct {
	shown string // as the operand began it
	info  fs.FileInfo
	depth int
	prune bool
}

type test func(*visit) bool

type finding struct {
	c                *Call
	words            []string
	follow, operands bool
	least, most      int
	deep, acts, quit bool
	batches          []*findBatch
}

type findBatch struct {
	words, files []string
	folder       string
}

func find(c *Call) int {
	f := &finding{c: c, most: 1 << 30}
	words := c.Args
	for len(words) > 0 && (words[0] == "-H" || words[0] == "-L" || words[0] == "-P") {
		f.follow, f.operands = words[0] == "-L", words[0] == "-H"
		words = words[1:]
	}
	var starts []string
	for len(words) > 0 && !strings.HasPrefix(words[0], "-") && words[0] != "(" && words[0] != "!" {
		starts = append(starts, words[0])
		words = words[1:]
	}
	if len(starts) == 0 {
		starts = []string{"."}
	}
	f.words = words
	expression := f.or()
	if len(f.words) > 0 {
		c.fail(1, "unexpected '%s'", f.words[0])
	}
	if !f.acts {
		tests := expression
		expression = func(v *visit) bool { return tests(v) && f.print(v, "\n") }
	}
	for _, start := range starts {
		info, err := Stat(c.path(start), f.follow || f.operands)
		if err != nil && (f.follow || f.operands) {
			info, err = Stat(c.path(start), false)
		}
		if err != nil {
			c.warn("'%s': %s", start, reason(err))
			continue
		}
		f.walk(&visit{shown: start, info: info}, expression)
		if f.quit {
			break
		}
	}
	for _, b := range f.batches {
		f.flush(b)
	}
	return 0
}

func (f *finding) walk(v *visit, expression test) {
	f.c.look()
	if f.quit {
		return
	}
	if !f.deep && v.depth >= f.least {
		expression(v)
	}
	if v.info.IsDir() && !(v.prune && !f.deep) && v.depth < f.most && !f.quit {
		entries, err := os.ReadDir(f.c.path(v.shown))
		if err != nil {
			f.c.warn("'%s': %s", v.shown, reason(err))
		}
		for _, entry := range entries {
			shown := strings.TrimSuffix(v.shown, "/") + "/" + entry.Name()
			info, err := Stat(f.c.path(shown), f.follow)
			if err != nil {
				if info, err = Stat(f.c.path(shown), false); err != nil {
					f.c.warn("'%s': %s", shown, reason(err))
					continue
				}
			}
			if v.depth > 200 {
				f.c.fail(1, "'%s': nested too deep", shown)
			}
			f.walk(&visit{shown: shown, info: info, depth: v.depth + 1}, expression)
		}
	}
	if f.deep && v.depth >= f.least && !f.quit {
		expression(v)
	}
}

func (f *finding) take(what string) string {
	if len(f.words) == 0 {
		f.c.fail(1, "missing argument to '%s'", what)
	}
	word := f.words[0]
	f.words = f.words[1:]
	return word
}

func (f *finding) sees(words ...string) bool {
	if len(f.words) > 0 && contains(words, f.words[0]) {
		f.words = f.words[1:]
		return true
	}
	return false
}

func (f *finding) or() test {
	left := f.and()
	for f.sees("-o", "-or") {
		l, r := left, f.and()
		left = func(v *visit) bool { return l(v) || r(v) }
	}
	return left
}

func (f *finding) and() test {
	var all []test
	for len(f.words) > 0 && f.words[0] != "-o" && f.words[0] != "-or" && f.words[0] != ")" {
		if f.sees("-a", "-and") {
			continue
		}
		all = append(all, f.not())
	}
	return func(v *visit) bool {
		for _, one := range all {
			if !one(v) {
				return false
			}
		}
		return true
	}
}

func (f *finding) not() test {
	if f.sees("!", "-not") {
		inner := f.not()
		return func(v *visit) bool { return !inner(v) }
	}
	if f.sees("(") {
		inner := f.or()
		if !f.sees(")") {
			f.c.fail(1, "expected ')'")
		}
		return inner
	}
	return f.primary(f.take("!"))
}

func (f *finding) primary(name string) test {
	switch name {
	case "-name", "-iname":
		pattern, fold := f.glob(name), name == "-iname"
		return func(v *visit) bool { return globMatch(pattern, path.Base(v.shown), fold) }
	case "-path", "-wholename", "-ipath":
		pattern, fold := f.glob(name), name == "-ipath"
		return func(v *visit) bool { return globMatch(pattern, v.shown, fold) }
	case "-regex", "-iregex":
		re, err := regex.Compile(f.take(name), regex.Options{Flavour: regex.Extended, IgnoreCase: name == "-iregex", WholeLine: true})
		if err != nil {
			f.c.fail(1, "%s", err)
		}
		return func(v *visit) bool { return re.Match([]byte(v.shown)) }
	case "-type":
		kinds := f.take(name)
		return func(v *visit) bool { return strings.ContainsRune(kinds, kindLetter(v.info.Mode())) }
	case "-size":
		return f.size(f.take(name))
	case "-empty":
		return func(v *visit) bool {
			if v.info.IsDir() {
				entries, err := os.ReadDir(f.c.path(v.shown))
				return err == nil && len(entries) == 0
			}
			return v.info.Mode().IsRegular() && v.info.Size() == 0
		}
	case "-newer":
		than, err := Stat(f.c.path(f.words[0]), true)
		other := f.take(name)
		if err != nil {
			f.c.fail(1, "'%s': %s", other, reason(err))
		}
		return func(v *visit) bool { return v.info.ModTime().After(than.ModTime()) }
	case "-mtime", "-mmin":
		unit := 24 * time.Hour
		if name == "-mmin" {
			unit = time.Minute
		}
		compare, now := f.number(name), time.Now()
		return func(v *visit) bool { return compare(int64(now.Sub(v.info.ModTime()) / unit)) }
	case "-maxdepth":
		f.most = int(f.c.number("depth", f.take(name), 0, 1<<30))
	case "-mindepth":
		f.least = int(f.c.number("depth", f.take(name), 0, 1<<30))
	case "-depth":
		f.deep = true
	case "-mount", "-xdev", "-true", "-noleaf":
	case "-false":
		return func(*visit) bool { return false }
	case "-readable", "-writable":
		return func(*visit) bool { return true }
	case "-executable":
		return func(v *visit) bool { return Executable(f.c.path(v.shown)) }
	case "-perm", "-user", "-group", "-uid", "-gid", "-links", "-inum":
		f.c.fail(1, "%s is not there: WASI keeps no permissions, owners or links", name)
	default:
		return f.action(name)
	}
	return func(*visit) bool { return true }
}

func (f *finding) glob(name string) string { return f.take(name) }

// globMatch is fnmatch without regard to slashes.
func globMatch(pattern, name string, fold bool) bool {
	if fold {
		pattern, name = strings.ToLower(pattern), strings.ToLower(name)
	}
	// path.Match stops at slashes: they are put out of the way.
	const other = "\x01"
	ok, err := path.Match(strings.ReplaceAll(strings.ReplaceAll(pattern, "[!", "[^"), "/", other), strings.ReplaceAll(name, "/", other))
	return err == nil && ok
}

func kindLetter(mode fs.FileMode) rune {
	switch {
	case mode.IsDir():
		return 'd'
	case mode&fs.ModeSymlink != 0:
		return 'l'
	case mode&fs.ModeCharDevice != 0:
		return 'c'
	case mode&fs.ModeNamedPipe != 0:
		return 'p'
	}
	return 'f'
}

// number reads +N, -N or N.
func (f *finding) number(name string) func(int64) bool { return f.compare(name, f.take(name)) }

func (f *finding) compare(name, word string) func(int64) bool {
	n, err := strconv.ParseInt(strings.TrimLeft(word, "+-"), 10, 64)
	if err != nil {
		f.c.fail(1, "invalid argument '%s' to '%s'", word, name)
	}
	switch word[0] {
	case '+':
		return func(value int64) bool { return value > n }
	case '-':
		return func(value int64) bool { return value < n }
	}
	return func(value int64) bool { return value == n }
}

func (f *finding) size(word string) test {
	unit := int64(512)
	digits := strings.TrimRight(word, "cwbkMG")
	switch word[len(digits):] {
	case "c":
		unit = 1
	case "w":
		unit = 2
	case "k":
		unit = 1 << 10
	case "M":
		unit = 1 << 20
	case "G":
		unit = 1 << 30
	}
	if digits == "" {
		f.c.fail(1, "invalid argument '%s' to '-size'", word)
	}
	compare := f.compare("-size", digits)
	return func(v *visit) bool { return compare((v.info.Size() + unit - 1) / unit) }
}

func (f *finding) print(v *visit, end string) bool {
	f.c.Out.text(v.shown + end)
	return true
}

func (f *finding) action(name string) test {
	if name != "-prune" {
		f.acts = true
	}
	switch name {
	case "-print":
		return func(v *visit) bool { return f.print(v, "\n") }
	case "-print0":
		return func(v *visit) bool { return f.print(v, "\x00") }
	case "-printf":
		format := f.take(name)
		return func(v *visit) bool { f.c.Out.text(f.format(format, v)); return true }
	case "-ls":
		return func(v *visit) bool {
			l := &listing{c: f.c, long: true}
			l.row(fileRow{name: v.shown, path: f.c.path(v.shown), info: v.info}, lsWidths{1, 5})
			return true
		}
	case "-prune":
		return func(v *visit) bool { v.prune = true; return true }
	case "-quit":
		return func(*visit) bool { f.quit = true; return true }
	case "-delete":
		f.deep = true
		return func(v *visit) bool {
			if v.shown == "." {
				return true
			}
			if err := os.Remove(f.c.path(v.shown)); err != nil {
				f.c.warn("cannot delete '%s': %s", v.shown, reason(err))
				return false
			}
			return true
		}
	case "-exec", "-execdir", "-ok":
		return f.exec(name)
	}
	f.c.fail(1, "unknown predicate '%s'", name)
	return nil
}

func (f *finding) exec(name string) test {
	if name == "-ok" {
		f.c.fail(1, "-ok is not there: nobody can be asked")
	}
	var words []string
	for {
		word := f.take(name)
		if word == ";" {
			break
		}
		if word == "+" && len(words) > 0 && words[len(words)-1] == "{}" {
			b := &findBatch{words: words[:len(words)-1]}
			f.batches = append(f.batches, b)
			return func(v *visit) bool {
				if b.files = append(b.files, v.shown); len(b.files) >= 1000 {
					f.flush(b)
				}
				return true
			}
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		f.c.fail(1, "missing argument to '%s'", name)
	}
	return func(v *visit) bool {
		shown, folder := v.shown, f.c.Dir
		if name == "-execdir" {
			folder = path.Dir(f.c.path(v.shown))
			shown = "./" + path.Base(v.shown)
		}
		args := make([]string, len(words))
		for i, word := range words {
			args[i] = strings.ReplaceAll(word, "{}", shown)
		}
		f.c.Out.Flush()
		return f.c.Start(Command{Context: f.c.Context, Args: args, Dir: folder, In: f.c.In, Out: f.c.Out.plain(), Err: f.c.Err}) == 0
	}
}

func (f *finding) flush(b *findBatch) {
	if len(b.files) == 0 {
		return
	}
	f.c.Out.Flush()
	args := append(append([]string{}, b.words...), b.files...)
	b.files = b.files[:0]
	if f.c.Start(Command{Context: f.c.Context, Args: args, Dir: f.c.Dir, In: f.c.In, Out: f.c.Out.plain(), Err: f.c.Err}) != 0 {
		f.c.status = 1
	}
}

func (f *finding) format(format string, v *visit) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		b := format[i]
		if b == '\\' && i+1 < len(format) {
			i++
			if at := strings.IndexByte("ntr0\\", format[i]); at >= 0 {
				out.WriteByte("\n\t\r\x00\\"[at])
			} else {
				out.WriteString(format[i-1 : i+1])
			}
			continue
		}
		if b != '%' || i+1 == len(format) {
			out.WriteByte(b)
			continue
		}
		i++
		switch format[i] {
		case 'p':
			out.WriteString(v.shown)
		case 'f':
			out.WriteString(path.Base(v.shown))
		case 'h':
			out.WriteString(path.Dir(v.shown))
		case 'P':
			parts := strings.SplitN(v.shown, "/", 2)
			if v.depth > 0 && len(parts) == 2 {
				out.WriteString(parts[1])
			}
		case 's':
			out.WriteString(strconv.FormatInt(v.info.Size(), 10))
		case 'd':
			out.WriteString(strconv.Itoa(v.depth))
		case 'y':
			out.WriteRune(kindLetter(v.info.Mode()))
		case 'l':
			if v.info.Mode()&fs.ModeSymlink != 0 {
				to, _ := os.Readlink(f.c.path(v.shown))
				out.WriteString(to)
			}
		case 't':
			out.WriteString(v.info.ModTime().UTC().Format("Mon Jan _2 15:04:05.0000000000 2006"))
		case 'T':
			if i+1 < len(format) {
				i++
				out.WriteString(strftime("%"+string(format[i]), v.info.ModTime().UTC()))
			}
		case '%':
			out.WriteByte('%')
		default:
			out.WriteString(format[i-1 : i+1])
		}
	}
	return out.String()
}

// --- xargs ---

type xargsRun struct {
	c                     *Call
	words                 []string
	replace, end          string
	perCall, perLine      int64
	chars                 int64
	emptyToo, trace, quit bool
	worst                 int
}

func xargs(c *Call) int {
	given, operands := c.options(spec{letters: "0rtxa:d:E:I:L:n:P:s:i", inOrder: true, long: map[string]rune{"null": '0', "no-run-if-empty": 'r',
		"verbose": 't', "arg-file": 'a', "delimiter": 'd', "max-lines": 'L', "max-args": 'n', "max-procs": 'P', "max-chars": 's', "replace": 'I', "exit": 'x'}})
	x := &xargsRun{c: c, words: operands, emptyToo: !has(given, "r"), trace: has(given, "t"), chars: 128 << 10}
	if len(operands) == 0 {
		x.words = []string{"echo"}
	}
	var in io.Reader = looking{c, io.NopCloser(c.In)}
	end := ""
	for _, o := range given {
		switch o.letter {
		case '0':
			end = "\x00"
		case 'd':
			end = awkUnescape(o.value)
			if len(end) != 1 {
				c.fail(1, "a delimiter is one character, not '%s'", o.value)
			}
		case 'E':
			x.end = o.value
		case 'I':
			x.replace, x.perLine = o.value, 1
		case 'i':
			x.replace, x.perLine = "{}", 1
		case 'L':
			x.perLine = c.number("number of lines", o.value, 1, 1<<40)
		case 'n':
			x.perCall = c.number("number of words", o.value, 1, 1<<40)
		case 's':
			x.chars = c.number("number of characters", o.value, 1, 1<<30)
		case 'a':
			f := c.open(o.value)
			if f == nil {
				panic(stop{1})
			}
			defer f.Close()
			in = f
		}
	}
	text := string(c.whole("standard input", in))
	x.run(x.items(text, end))
	return x.worst
}

// items is a list per line; without lines, one list.
func (x *xargsRun) items(text, end string) (lines [][]string) {
	switch {
	case end != "":
		for _, item := range splitLines([]byte(text), end[0]) {
			lines = append(lines, []string{string(item)})
		}
	case x.replace != "":
		for _, line := range splitLines([]byte(text), '\n') {
			if item := strings.TrimLeft(string(line), " \t"); item != "" {
				lines = append(lines, []string{item})
			}
		}
	default:
		for _, line := range strings.Split(text, "\n") {
			words, err := shellLikeWords(line)
			if err != nil {
				x.c.fail(1, "%s", err)
			}
			if x.end != "" && contains(words, x.end) {
				for i, word := range words {
					if word == x.end {
						return append(lines, words[:i])
					}
				}
			}
			if len(words) > 0 {
				lines = append(lines, words)
			}
		}
	}
	return lines
}

func shellLikeWords(line string) (words []string, err error) {
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		b := line[i]
		switch {
		case quote != 0:
			if b == quote {
				quote = 0
			} else {
				word.WriteByte(b)
			}
		case b == '\'' || b == '"':
			quote, in = b, true
		case b == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			in = true
		case b == ' ' || b == '\t' || b == '\r' || b == '\v' || b == '\f':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteByte(b)
			in = true
		}
	}
	if quote != 0 {
		return nil, errors.New("unmatched quote; by default quotes are special to xargs unless you use the -0 option")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

func (x *xargsRun) run(lines [][]string) {
	if x.replace != "" {
		for _, line := range lines {
			args := make([]string, len(x.words))
			for i, word := range x.words {
				args[i] = strings.ReplaceAll(word, x.replace, line[0])
			}
			x.start(args)
		}
		return
	}
	var args []string
	size, held, inLines := int64(0), int64(0), int64(0)
	flush := func() {
		x.start(append(append([]string{}, x.words...), args...))
		args, size, held, inLines = nil, 0, 0, 0
	}
	ran := false
	for _, line := range lines {
		for _, word := range line {
			if held > 0 && (x.perCall > 0 && held >= x.perCall || size+int64(len(word))+1 > x.chars) {
				flush()
				ran = true
			}
			args = append(args, word)
			held++
			size += int64(len(word)) + 1
		}
		if inLines++; x.perLine > 0 && inLines >= x.perLine {
			flush()
			ran = true
		}
	}
	if held > 0 || !ran && x.emptyToo && len(lines) == 0 {
		flush()
	}
}

func (x *xargsRun) start(args []string) {
	if x.quit {
		return
	}
	x.c.look()
	x.c.Out.Flush()
	if x.trace {
		_, _ = x.c.Err.Write([]byte(strings.Join(args, " ") + "\n"))
	}
	status := x.c.Start(Command{Context: x.c.Context, Args: args, Dir: x.c.Dir, In: nothing{}, Out: x.c.Out.plain(), Err: x.c.Err})
	switch {
	case status == 0:
	case status == 255:
		x.worst, x.quit = 124, true
	case status >= 126:
		x.worst, x.quit = status, true
	default:
		x.worst = 123
	}
}

func sortedNames(entries []fs.DirEntry) []fs.DirEntry {
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name() < entries[j].Name() })
	return entries
}
