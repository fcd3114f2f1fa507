package tools

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Commands that change or pick lines: tac, rev, nl, fold, expand, unexpand, paste, join, comm, uniq, split.

func tac(c *Call) int {
	_, operands := c.options(spec{})
	c.each(operands, func(name string, f io.Reader) {
		b := c.whole(name, f)
		for end := len(b); end > 0; {
			start := bytes.LastIndexByte(b[:end-1], '\n') + 1
			c.Out.Write(b[start:end])
			end = start
		}
	})
	return 0
}

func rev(c *Call) int {
	_, operands := c.options(spec{})
	c.each(operands, func(name string, f io.Reader) {
		c.lines(name, f, func(line []byte) bool {
			text, ended := chomp(line)
			for len(text) > 0 {
				_, size := utf8.DecodeLastRune(text)
				c.Out.Write(text[len(text)-size:])
				text = text[:len(text)-size]
			}
			if ended {
				c.Out.byte('\n')
			}
			return true
		})
	})
	return 0
}

func nl(c *Call) int {
	given, operands := c.options(spec{letters: "b:n:s:v:i:w:p", long: map[string]rune{"body-numbering": 'b',
		"number-format": 'n', "number-separator": 's', "starting-line-number": 'v', "line-increment": 'i', "number-width": 'w'}})
	which, format, separator := "t", "rn", "\t"
	number, step, width := int64(1), int64(1), int64(6)
	for _, o := range given {
		switch o.letter {
		case 'b':
			which = o.value
		case 'n':
			format = o.value
		case 's':
			separator = o.value
		case 'v':
			number = c.number("starting line number", o.value, -1<<40, 1<<40)
		case 'i':
			step = c.number("line number increment", o.value, -1<<40, 1<<40)
		case 'w':
			width = c.number("line number field width", o.value, 1, 1000)
		}
	}
	numbered := func([]byte) bool { return false }
	switch {
	case which == "a":
		numbered = func([]byte) bool { return true }
	case which == "t":
		numbered = func(text []byte) bool { return len(text) > 0 }
	case strings.HasPrefix(which, "p"):
		re := c.pattern(which[1:], false, false)
		numbered = func(text []byte) bool { return re.Match(text) }
	case which != "n":
		c.fail(1, "invalid body numbering style: '%s'", which)
	}
	if format != "ln" && format != "rn" && format != "rz" {
		c.fail(1, "invalid line numbering format: '%s'", format)
	}
	c.each(operands, func(name string, f io.Reader) {
		c.lines(name, f, func(line []byte) bool {
			text, _ := chomp(line)
			if !numbered(text) {
				c.Out.text(strings.Repeat(" ", int(width)+len(separator)))
			} else {
				switch format {
				case "ln":
					c.Out.printf("%-*d%s", width, number, separator)
				case "rn":
					c.Out.printf("%*d%s", width, number, separator)
				default:
					c.Out.printf("%0*d%s", width, number, separator)
				}
				number += step
			}
			c.Out.Write(text)
			c.Out.byte('\n')
			return true
		})
	})
	return 0
}

func fold(c *Call) int {
	given, operands := c.options(spec{letters: "bsw:", numbers: 'w', long: map[string]rune{"bytes": 'b', "spaces": 's', "width": 'w'}})
	width := 80
	if text, ok := last(given, 'w'); ok {
		width = int(c.number("number of columns", text, 1, 1<<30))
	}
	byBytes, atSpaces := has(given, "b"), has(given, "s")
	c.each(operands, func(name string, f io.Reader) {
		c.lines(name, f, func(line []byte) bool {
			c.foldLine(line, width, byBytes, atSpaces)
			return true
		})
	})
	return 0
}

func (c *Call) foldLine(line []byte, width int, byBytes, atSpaces bool) {
	text, ended := chomp(line)
	start, column, space := 0, 0, -1
	advance := func(b byte, column int) int {
		switch {
		case byBytes:
			return column + 1
		case b == '\t':
			return column + 8 - column%8
		case b == '\b':
			return max(0, column-1)
		case b == '\r':
			return 0
		}
		return column + 1
	}
	for i := 0; i < len(text); i++ {
		next := advance(text[i], column)
		if next > width && i > start {
			cut := i
			if atSpaces && space >= start {
				cut = space + 1
			}
			c.Out.Write(text[start:cut])
			c.Out.byte('\n')
			start, column, space = cut, 0, -1
			for j := cut; j < i; j++ {
				column = advance(text[j], column)
			}
			next = advance(text[i], column)
		}
		column = next
		if text[i] == ' ' || text[i] == '\t' {
			space = i
		}
	}
	c.Out.Write(text[start:])
	if ended {
		c.Out.byte('\n')
	}
}

func expand(c *Call) int {
	given, operands := c.options(spec{letters: "it:", numbers: 't', long: map[string]rune{"tabs": 't', "initial": 'i'}})
	tab := c.tabStop(given)
	c.each(operands, func(name string, f io.Reader) {
		c.lines(name, f, func(line []byte) bool {
			column, leading := 0, true
			for _, b := range line {
				if b == '\t' && (leading || !has(given, "i")) {
					n := tab - column%tab
					c.Out.text(strings.Repeat(" ", n))
					column += n
					continue
				}
				if leading = leading && b == ' '; b&0xc0 != 0x80 {
					column++
				}
				c.Out.byte(b)
			}
			return true
		})
	})
	return 0
}

func (c *Call) tabStop(given []option) int {
	if text, ok := last(given, 't'); ok {
		return int(c.number("tab size", text, 1, 1000))
	}
	return 8
}

func unexpand(c *Call) int {
	given, operands := c.options(spec{letters: "at:", long: map[string]rune{"tabs": 't', "all": 'a'}})
	tab := c.tabStop(given)
	all := has(given, "at")
	c.each(operands, func(name string, f io.Reader) {
		c.lines(name, f, func(line []byte) bool {
			column, blanks, leading := 0, 0, true
			flush := func() { // blanks that reach no tab stop
				c.Out.text(strings.Repeat(" ", blanks))
				blanks = 0
			}
			for _, b := range line {
				if (b == ' ' || b == '\t') && (leading || all) {
					step := 1
					if b == '\t' {
						step = tab - column%tab
					}
					column, blanks = column+step, blanks+step
					if column%tab == 0 && (blanks > 1 || b == '\t') {
						c.Out.byte('\t')
						blanks = 0
					}
					continue
				}
				flush()
				leading = false
				column++
				c.Out.byte(b)
			}
			flush()
			return true
		})
	})
	return 0
}

func paste(c *Call) int {
	given, operands := c.options(spec{letters: "sd:z", long: map[string]rune{"serial": 's', "delimiters": 'd', "zero-terminated": 'z'}})
	delimiters := []string{"\t"}
	if list, ok := last(given, 'd'); ok {
		delimiters = splitDelimiters(list)
	}
	end := byte('\n')
	if has(given, "z") {
		end = 0
	}
	if len(operands) == 0 {
		operands = []string{"-"}
	}
	if has(given, "s") {
		c.each(operands, func(name string, f io.Reader) {
			for i, line := range splitLines(c.whole(name, f), end) {
				if i > 0 {
					c.Out.text(delimiters[(i-1)%len(delimiters)])
				}
				c.Out.Write(line)
			}
			c.Out.byte(end)
		})
		return 0
	}
	return c.pasteSideBySide(operands, delimiters, end)
}

func splitDelimiters(list string) []string {
	var out []string
	for i := 0; i < len(list); {
		if list[i] == '\\' && i+1 < len(list) {
			switch list[i+1] {
			case 'n':
				out = append(out, "\n")
			case 't':
				out = append(out, "\t")
			case '0':
				out = append(out, "")
			default:
				out = append(out, list[i+1:i+2])
			}
			i += 2
			continue
		}
		_, size := utf8.DecodeRuneInString(list[i:])
		out = append(out, list[i:i+size])
		i += size
	}
	if len(out) == 0 {
		out = []string{""}
	}
	return out
}

func (c *Call) pasteSideBySide(operands, delimiters []string, end byte) int {
	// "-" given twice takes turns in standard input.
	var stdin *[][]byte
	columns := make([]*[][]byte, len(operands))
	for i, name := range operands {
		if name == "-" && stdin != nil {
			columns[i] = stdin
			continue
		}
		f := c.open(name)
		if f == nil {
			c.fail(1, "nothing was pasted")
		}
		lines := splitLines(c.whole(name, f), end)
		f.Close()
		columns[i] = &lines
		if name == "-" {
			stdin = &lines
		}
	}
	for {
		any := false
		for _, column := range columns {
			any = any || len(*column) > 0
		}
		if !any {
			return 0
		}
		for i, column := range columns {
			if i > 0 {
				c.Out.text(delimiters[(i-1)%len(delimiters)])
			}
			if len(*column) > 0 {
				c.Out.Write((*column)[0])
				*column = (*column)[1:]
			}
		}
		c.Out.byte(end)
	}
}

func comm(c *Call) int {
	given, operands := c.options(spec{letters: "123z", long: map[string]rune{"zero-terminated": 'z', "check-order": 'x', "nocheck-order": 'x'}})
	if len(operands) != 2 {
		c.usage(spec{}, "two files are wanted, not %d", len(operands))
	}
	a, b := c.allLines(operands[:1], '\n'), c.allLines(operands[1:], '\n')
	indent2, indent3 := "\t", "\t\t"
	if has(given, "1") {
		indent2, indent3 = "", "\t"
	}
	if has(given, "2") {
		indent3 = strings.TrimPrefix(indent3, "\t")
	}
	put := func(hide, indent string, line []byte) {
		if !has(given, hide) {
			c.Out.text(indent)
			c.Out.Write(line)
			c.Out.byte('\n')
		}
	}
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		default:
			order = bytes.Compare(a[0], b[0])
		}
		switch {
		case order < 0:
			put("1", "", a[0])
			a = a[1:]
		case order > 0:
			put("2", indent2, b[0])
			b = b[1:]
		default:
			put("3", indent3, a[0])
			a, b = a[1:], b[1:]
		}
	}
	return 0
}

func uniq(c *Call) int {
	given, operands := c.options(spec{letters: "cdDiuzf:s:w:", long: map[string]rune{"count": 'c', "repeated": 'd',
		"all-repeated": 'D', "ignore-case": 'i', "unique": 'u', "zero-terminated": 'z', "skip-fields": 'f', "skip-chars": 's', "check-chars": 'w'}})
	limit := func(letter rune, otherwise int64) int64 {
		if text, ok := last(given, letter); ok {
			return c.number("number", text, 0, 1<<40)
		}
		return otherwise
	}
	fields, skip, width := limit('f', 0), limit('s', 0), limit('w', 1<<40)
	key := func(line []byte) []byte {
		for range fields {
			line = bytes.TrimLeft(line, " \t")
			if i := bytes.IndexAny(line, " \t"); i >= 0 {
				line = line[i:]
			} else {
				line = nil
			}
		}
		line = line[min(skip, int64(len(line))):]
		line = line[:min(width, int64(len(line)))]
		if has(given, "i") {
			line = bytes.ToLower(line)
		}
		return line
	}
	end := byte('\n')
	if has(given, "z") {
		end = 0
	}
	var group [][]byte
	var count int64
	var out bytes.Buffer
	show := func() {
		if count == 0 || has(given, "dD") && count == 1 || has(given, "u") && count > 1 {
			return
		}
		for _, line := range group {
			if has(given, "c") {
				out.WriteString(padLeft(strconv.FormatInt(count, 10), 7) + " ")
			}
			out.Write(line)
			out.WriteByte(end)
		}
		if len(operands) < 2 && out.Len() > 8<<10 {
			c.Out.Write(out.Bytes())
			out.Reset()
		}
	}
	c.each(operands[:min(1, len(operands))], func(name string, f io.Reader) {
		c.pieces(name, f, end, func(piece []byte) bool {
			line := bytes.TrimSuffix(piece, []byte{end})
			if count > 0 && bytes.Equal(key(line), key(group[0])) {
				count++
				if has(given, "D") {
					group = append(group, bytes.Clone(line))
				}
				return true
			}
			show()
			group, count = append(group[:0], bytes.Clone(line)), 1
			return true
		})
	})
	show()
	if len(operands) > 1 {
		if err := c.put(operands[1], out.Bytes()); err != nil {
			c.warn("%s: %s", operands[1], reason(err))
		}
		return 0
	}
	c.Out.Write(out.Bytes())
	return 0
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-len(s))) + s
}

func split(c *Call) int {
	given, operands := c.options(spec{letters: "l:b:n:a:d", numbers: 'l', long: map[string]rune{"lines": 'l', "bytes": 'b',
		"number": 'n', "suffix-length": 'a', "numeric-suffixes": 'd', "additional-suffix": 'A'}, optional: ""})
	if len(operands) > 2 {
		c.usage(spec{}, "extra operand '%s'", operands[2])
	}
	in, prefix := "-", "x"
	if len(operands) > 0 {
		in = operands[0]
	}
	if len(operands) > 1 {
		prefix = operands[1]
	}
	f := c.open(in)
	if f == nil {
		return 1
	}
	defer f.Close()
	b := c.whole(in, f)
	for i, part := range c.splitParts(given, b) {
		width := int64(2)
		if text, ok := last(given, 'a'); ok {
			width = c.number("suffix length", text, 1, 20)
		}
		suffix, ok := splitSuffix(i, int(width), has(given, "d"))
		if !ok {
			c.fail(1, "output file suffixes exhausted")
		}
		extra, _ := last(given, 'A')
		if err := c.put(prefix+suffix+extra, part); err != nil {
			c.fail(1, "%s: %s", prefix+suffix+extra, reason(err))
		}
	}
	return 0
}

func (c *Call) splitParts(given []option, b []byte) (parts [][]byte) {
	if text, ok := last(given, 'n'); ok {
		n := int(c.number("number of chunks", strings.TrimPrefix(text, "l/"), 1, 100000))
		for i := range n {
			from, to := len(b)/n*i, len(b)/n*(i+1)
			if i == n-1 {
				to = len(b)
			}
			if strings.HasPrefix(text, "l/") {
				from, to = lineStart(b, from), lineStart(b, to)
			}
			parts = append(parts, b[from:to])
		}
		return parts
	}
	if text, ok := last(given, 'b'); ok {
		size := max(1, int(c.size("number of bytes", text)))
		for len(b) > 0 {
			n := min(size, len(b))
			parts = append(parts, b[:n])
			b = b[n:]
		}
		return parts
	}
	lines := int64(1000)
	if text, ok := last(given, 'l'); ok {
		lines = c.number("number of lines", text, 1, 1<<40)
	}
	for len(b) > 0 {
		end := 0
		for n := int64(0); n < lines && end < len(b); n++ {
			if i := bytes.IndexByte(b[end:], '\n'); i >= 0 {
				end += i + 1
			} else {
				end = len(b)
			}
		}
		parts = append(parts, b[:end])
		b = b[end:]
	}
	return parts
}

// lineStart is the first start of a line at or after an offset.
func lineStart(b []byte, at int) int {
	if at == 0 || at >= len(b) || b[at-1] == '\n' {
		return min(at, len(b))
	}
	if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(b)
}

func splitSuffix(n, width int, digits bool) (string, bool) {
	base, first := 26, byte('a')
	if digits {
		base, first = 10, '0'
	}
	out := make([]byte, width)
	for i := width - 1; i >= 0; i-- {
		out[i] = first + byte(n%base)
		n /= base
	}
	return string(out), n == 0
}
