package tools

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"

	"boxagnts/shell/regex"
)

type grepping struct {
	c                                           *Call
	patterns                                    []*regex.Regexp
	invert, only, count, list, without, quiet   bool
	word, numbers, offsets, names, silent, zero bool
	nameEnd                                     string
	most, before, after                         int64
	end                                         byte
	text                                        bool
	found, shown                                bool
	include, exclude, excludeFolder             []string
}

func (c *Call) pattern(text string, extended, fold bool) *regex.Regexp {
	o := regex.Options{Flavour: regex.Basic, IgnoreCase: fold}
	if extended {
		o.Flavour = regex.Extended
	}
	re, err := regex.Compile(text, o)
	if err != nil {
		c.fail(max(1, badStatus(c.Name)), "%s", err)
	}
	return re
}

var grepSpec = spec{letters: "EFGPivwxcnHhlLoqsrRzabZe:f:m:A:B:C:yUIT", bad: 2, numbers: 'C', optional: "§", long: map[string]rune{
	"extended-regexp": 'E', "fixed-strings": 'F', "basic-regexp": 'G', "perl-regexp": 'P', "regexp": 'e', "file": 'f',
	"ignore-case": 'i', "no-ignore-case": 'ï', "invert-match": 'v', "word-regexp": 'w', "line-regexp": 'x', "count": 'c', "max-count": 'm',
	"line-number": 'n', "with-filename": 'H', "no-filename": 'h', "files-with-matches": 'l', "files-without-match": 'L',
	"only-matching": 'o', "quiet": 'q', "silent": 'q', "no-messages": 's', "recursive": 'r', "dereference-recursive": 'R',
	"null-data": 'z', "null": 'Z', "text": 'a', "byte-offset": 'b', "after-context": 'A', "before-context": 'B', "context": 'C',
	"include": 'ı', "exclude": 'ē', "exclude-dir": 'ď', "color": '§', "colour": '§', "line-buffered": 'U', "binary": 'U',
}}

func grep(c *Call) int {
	s := grepSpec
	s.letters += "ı:ē:ď:ï§"
	given, operands := c.options(s)
	g := &grepping{c: c, most: -1, end: '\n', nameEnd: ":", only: has(given, "o"), invert: has(given, "v"), count: has(given, "c"),
		list: has(given, "l"), without: has(given, "L"), quiet: has(given, "q"), numbers: has(given, "n"), offsets: has(given, "b"),
		silent: has(given, "s"), text: has(given, "a"), zero: has(given, "Z"), word: has(given, "w")}
	if has(given, "z") {
		g.end = 0
	}
	texts, given := g.read(given)
	if texts == nil {
		if len(operands) == 0 {
			c.usage(s, "a pattern is wanted")
		}
		texts, operands = strings.Split(operands[0], "\n"), operands[1:]
	}
	g.compile(given, texts)
	recursive := has(given, "rR")
	if len(operands) == 0 && recursive {
		operands = []string{"."}
		c.walkGrep(g, operands, true, has(given, "R"), given)
	} else {
		c.walkGrep(g, operands, recursive, has(given, "R"), given)
	}
	switch {
	case g.quiet && g.found:
		panic(stop{0})
	case c.status > 1:
		return c.status
	case g.found:
		return 0
	}
	return 1
}

// read takes the options with values; patterns come back nil when none was given.
func (g *grepping) read(given []option) ([]string, []option) {
	var texts []string
	c := g.c
	for _, o := range given {
		switch o.letter {
		case 'e':
			texts = append(texts, strings.Split(o.value, "\n")...)
		case 'f':
			f := c.open(o.value)
			if f == nil {
				panic(stop{2})
			}
			if texts == nil {
				texts = []string{}
			}
			for _, line := range splitLines(c.whole(o.value, f), '\n') {
				texts = append(texts, string(line))
			}
			f.Close()
		case 'm':
			g.most = c.number("max count", o.value, -1, 1<<40)
		case 'A':
			g.after = c.number("context length argument", o.value, 0, 1<<30)
		case 'B':
			g.before = c.number("context length argument", o.value, 0, 1<<30)
		case 'C':
			g.after = c.number("context length argument", o.value, 0, 1<<30)
			g.before = g.after
		case 'ı':
			g.include = append(g.include, o.value)
		case 'ē':
			g.exclude = append(g.exclude, o.value)
		case 'ď':
			g.excludeFolder = append(g.excludeFolder, strings.TrimSuffix(o.value, "/"))
		}
	}
	return texts, given
}

func (g *grepping) compile(given []option, texts []string) {
	flavour := regex.Basic
	switch g.c.Name {
	case "egrep":
		flavour = regex.Extended
	case "fgrep":
		flavour = regex.Fixed
	}
	fold := has(given, "iy")
	for _, o := range given {
		switch o.letter {
		case 'E':
			flavour = regex.Extended
		case 'F':
			flavour = regex.Fixed
		case 'G':
			flavour = regex.Basic
		case 'P':
			flavour = regex.Perl
		}
	}
	for _, text := range texts {
		re, err := regex.Compile(text, regex.Options{Flavour: flavour, IgnoreCase: fold, WholeLine: has(given, "x")})
		if err != nil {
			g.c.fail(2, "%s", err)
		}
		g.patterns = append(g.patterns, re)
	}
}

func (c *Call) walkGrep(g *grepping, operands []string, recursive, follow bool, given []option) {
	g.names = len(operands) > 1 || recursive
	for _, o := range given {
		if o.letter == 'H' || o.letter == 'h' {
			g.names = o.letter == 'H'
		}
	}
	if g.zero {
		g.nameEnd = "\x00"
	}
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	for _, name := range operands {
		if name != "-" && recursive {
			info, err := Stat(c.path(name), true)
			if err == nil && info.IsDir() {
				g.tree(name, follow)
				continue
			}
		}
		if name == "-" || g.wanted(path.Base(name)) {
			g.file(name)
		}
		if g.quiet && g.found {
			return
		}
	}
}

func (g *grepping) wanted(base string) bool {
	for _, pattern := range g.exclude {
		if ok, _ := path.Match(pattern, base); ok {
			return false
		}
	}
	for _, pattern := range g.include {
		if ok, _ := path.Match(pattern, base); ok {
			return true
		}
	}
	return len(g.include) == 0
}

func (g *grepping) tree(folder string, follow bool) {
	entries, err := os.ReadDir(g.c.path(folder))
	if err != nil {
		g.complain(folder, err)
		return
	}
	for _, entry := range entries {
		g.c.look()
		name := strings.TrimSuffix(folder, "/") + "/" + entry.Name()
		kind := entry.Type()
		if kind&fs.ModeSymlink != 0 {
			if !follow {
				continue
			}
			info, err := Stat(g.c.path(name), true)
			if err != nil {
				continue
			}
			kind = info.Mode()
		}
		if kind.IsDir() {
			skip := false
			for _, pattern := range g.excludeFolder {
				ok, _ := path.Match(pattern, entry.Name())
				skip = skip || ok
			}
			if !skip {
				g.tree(name, follow)
			}
		} else if g.wanted(entry.Name()) {
			g.file(name)
		}
		if g.quiet && g.found {
			return
		}
	}
}

func (g *grepping) complain(name string, err error) {
	if g.silent {
		g.c.status = max(g.c.status, 2)
	} else {
		g.c.warnAs(2, "%s: %s", name, reason(err))
	}
}

// matches finds where a line matches: nil, or pairs of offsets of all matches.
func (g *grepping) matches(line []byte, all bool) [][]int {
	var found [][]int
	for _, re := range g.patterns {
		var here [][]int
		switch {
		case g.word:
			here = wordMatches(re, line)
		case all:
			here = re.FindAll(line, -1)
		case re.Match(line):
			here = [][]int{{0, 0}}
		}
		if re.Err() != nil {
			g.c.fail(2, "%s", re.Err())
		}
		if len(here) > 0 && !all {
			return here
		}
		found = append(found, here...)
	}
	if len(g.patterns) > 1 {
		sort.SliceStable(found, func(i, j int) bool {
			if found[i][0] != found[j][0] {
				return found[i][0] < found[j][0]
			}
			return found[i][1] > found[j][1]
		})
	}
	return found
}

// wordMatches is what of a line matches and is bounded by no word's characters; a shorter match is tried as well.
func wordMatches(re *regex.Regexp, line []byte) (found [][]int) {
	for at := 0; at <= len(line); {
		m := re.Find(line[at:])
		if m == nil {
			return found
		}
		from, to := at+m[0], at+m[1]
		for ; to > from && (from > 0 && wordByte(line[from-1]) || to < len(line) && wordByte(line[to])); to-- {
			if from > 0 && wordByte(line[from-1]) {
				to = from
				break
			}
			shorter := re.Find(line[from : to-1])
			if shorter == nil || shorter[0] != 0 {
				to = from
				break
			}
			to = from + shorter[1] + 1
		}
		if to > from {
			found = append(found, []int{from, to})
			at = to
		} else {
			at = from + 1
		}
	}
	return found
}

func wordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= 0x80
}

func (g *grepping) file(name string) {
	f, err := g.c.tryOpen(name)
	if err != nil {
		g.complain(name, err)
		return
	}
	defer f.Close()
	label := name
	if name == "-" {
		label = "(standard input)"
	}
	r := &grepFile{g: g, label: label, lastShown: -1}
	g.c.pieces(name, f, g.end, func(piece []byte) bool { return r.line(piece) })
	if r.count > 0 {
		g.found = true
	}
	switch {
	case g.quiet:
	case g.list && r.count > 0, g.without && r.count == 0:
		end := "\n"
		if g.zero {
			end = "\x00"
		}
		g.c.Out.text(label + end)
		g.found = g.found || g.without
	case g.list, g.without:
	case g.count:
		if g.names {
			g.c.Out.text(label + g.nameEnd)
		}
		g.c.Out.line(strconv.FormatInt(r.count, 10))
	case r.binary && r.count > 0:
		g.c.Out.Flush()
		fmt.Fprintf(g.c.Err, "%s: %s: binary file matches\n", g.c.Name, label)
	}
}

// grepFile is the state within one file.
type grepFile struct {
	g                *grepping
	label            string
	number, offset   int64
	count, lastShown int64
	afterLeft        int64
	kept             []keptLine
	binary           bool
}

type keptLine struct {
	text           []byte
	number, offset int64
}

func (r *grepFile) line(piece []byte) bool {
	g := r.g
	r.number++
	offset := r.offset
	r.offset += int64(len(piece))
	line := bytes.TrimSuffix(piece, []byte{g.end})
	if g.most >= 0 && r.count >= g.most {
		if r.afterLeft == 0 || g.most == 0 {
			return false
		}
		r.afterLeft--
		r.show(line, '-', r.number, offset)
		return true
	}
	if !g.text && g.end != 0 && !r.binary && bytes.IndexByte(line, 0) >= 0 {
		r.binary = true
	}
	found := g.matches(line, g.only || g.offsets && g.only)
	if (len(found) > 0) != g.invert {
		r.count++
		if g.quiet || g.list || g.without || r.binary && !g.count {
			if r.count > 0 && !g.count {
				return false
			}
		}
		if !g.count {
			r.match(line, found, offset)
		}
		return g.most < 0 || r.count < g.most || g.after > 0
	}
	if g.count || g.quiet || g.list || g.without || g.only {
		return true
	}
	if r.afterLeft > 0 {
		r.afterLeft--
		r.show(line, '-', r.number, offset)
	} else if g.before > 0 {
		r.kept = append(r.kept, keptLine{bytes.Clone(line), r.number, offset})
		if int64(len(r.kept)) > g.before {
			r.kept = r.kept[1:]
		}
	}
	return true
}

func (r *grepFile) match(line []byte, found [][]int, offset int64) {
	g := r.g
	if g.only {
		if g.invert {
			return
		}
		end := -1
		for _, m := range found {
			if m[0] >= end && m[1] > m[0] {
				r.put(line[m[0]:m[1]], ':', r.number, offset+int64(m[0]))
				end = m[1]
			}
		}
		return
	}
	for _, k := range r.kept {
		r.show(k.text, '-', k.number, k.offset)
	}
	r.kept = r.kept[:0]
	r.show(line, ':', r.number, offset)
	r.afterLeft = g.after
}

// show puts a line with the mark between groups that do not touch.
func (r *grepFile) show(line []byte, sign byte, number, offset int64) {
	g := r.g
	if (g.before > 0 || g.after > 0) && g.shown && r.lastShown != number-1 {
		g.c.Out.line("--")
	}
	g.shown, r.lastShown = true, number
	r.put(line, sign, number, offset)
}

func (r *grepFile) put(line []byte, sign byte, number, offset int64) {
	out, g := r.g.c.Out, r.g
	if g.names {
		out.text(r.label)
		if g.zero {
			out.byte(0)
		} else {
			out.byte(sign)
		}
	}
	if g.numbers {
		out.printf("%d%c", number, sign)
	}
	if g.offsets {
		out.printf("%d%c", offset, sign)
	}
	out.Write(line)
	out.byte(g.end)
}
