package tools

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cat

func cat(c *Call) int {
	given, operands := c.options(spec{letters: "AbEensTtuv", long: map[string]rune{"number": 'n', "number-nonblank": 'b',
		"show-all": 'A', "show-ends": 'E', "show-tabs": 'T', "squeeze-blank": 's', "show-nonprinting": 'v'}})
	style := catStyle{
		numbers: has(given, "n"), blankless: has(given, "b"), ends: has(given, "AEe"), squeeze: has(given, "s"),
		tabs: has(given, "ATt"), visible: has(given, "Avet"), atStart: true,
	}
	plain := !has(given, "AbEensTtv")
	c.each(operands, func(name string, f io.Reader) {
		if plain {
			if _, err := io.Copy(c.Out, f); err != nil {
				c.warn("%s: %s", name, reason(err))
			}
			return
		}
		c.lines(name, f, func(line []byte) bool {
			style.write(c.Out, line)
			return true
		})
	})
	return 0
}

type catStyle struct {
	numbers, blankless, ends, squeeze, tabs, visible bool
	atStart, wasBlank                                bool
	number                                           int
}

func (s *catStyle) write(out *Out, line []byte) {
	text, ended := chomp(line)
	blank := len(text) == 0 && s.atStart
	if s.squeeze && blank && s.wasBlank {
		return
	}
	s.wasBlank = blank
	if s.atStart && (s.blankless && !blank || s.numbers && !s.blankless) {
		s.number++
		out.printf("%6d\t", s.number)
	}
	for _, b := range text {
		out.text(s.shown(b))
	}
	if s.atStart = ended; ended {
		if s.ends {
			out.byte('$')
		}
		out.byte('\n')
	}
}

func (s *catStyle) shown(b byte) string {
	switch {
	case b == '\t' && s.tabs:
		return "^I"
	case b == '\t' || !s.visible:
		return string([]byte{b})
	case b >= 128:
		return "M-" + s.control(b-128)
	}
	return s.control(b)
}

func (*catStyle) control(b byte) string {
	switch {
	case b < 32:
		return "^" + string(rune(b+64))
	case b == 127:
		return "^?"
	}
	return string(rune(b))
}

// head and tail

func (c *Call) ends() (given []option, operands []string, count int64, bytes, plus, headers bool) {
	given, operands = c.options(spec{letters: "n:c:qvzfF", numbers: 'n', long: map[string]rune{"lines": 'n', "bytes": 'c',
		"quiet": 'q', "silent": 'q', "verbose": 'v', "zero-terminated": 'z', "follow": 'f'}})
	count, text := 10, "10"
	for _, o := range given {
		if o.letter == 'n' || o.letter == 'c' {
			text, bytes = o.value, o.letter == 'c'
		}
	}
	what := "number of lines"
	if bytes {
		what = "number of bytes"
	}
	plus = strings.HasPrefix(text, "+")
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "+"), "-")
	count = c.size(what, digits)
	if strings.HasPrefix(text, "-") && c.Name == "head" {
		count = -count
		if count == 0 {
			count = allOfIt
		}
	}
	headers = len(operands) > 1
	for _, o := range given {
		if o.letter == 'q' || o.letter == 'v' {
			headers = o.letter == 'v'
		}
	}
	return given, operands, count, bytes, plus, headers
}

const allOfIt = int64(1) << 62

func (c *Call) header(name string, first *bool) {
	if !*first {
		c.Out.byte('\n')
	}
	*first = false
	if name == "-" {
		name = "standard input"
	}
	c.Out.printf("==> %s <==\n", name)
}

func head(c *Call) int {
	given, operands, count, byBytes, _, headers := c.ends()
	end, first := byte('\n'), true
	if has(given, "z") {
		end = 0
	}
	c.each(operands, func(name string, f io.Reader) {
		if headers {
			c.header(name, &first)
		}
		switch {
		case count < 0:
			all := c.whole(name, f)
			c.Out.Write(all[:cutAt(all, -count, byBytes, end)])
		case byBytes:
			io.Copy(c.Out, io.LimitReader(f, count))
		case count > 0:
			left := count
			c.headLines(f, end, &left)
		}
	})
	return 0
}

// headLines takes no more from the reader than it must where that can be seen: `(head -n1; cat)` shares its input.
func (c *Call) headLines(f io.Reader, end byte, left *int64) {
	buffer := make([]byte, 4096)
	for *left > 0 {
		n, err := f.Read(buffer)
		part := buffer[:n]
		for at := 0; at < len(part); {
			i := bytes.IndexByte(part[at:], end)
			if i < 0 {
				break
			}
			at += i + 1
			if *left--; *left == 0 {
				c.giveBack(f, part[at:])
				part = part[:at]
			}
		}
		c.Out.Write(part)
		if err != nil {
			return
		}
	}
}

// giveBack moves a file's position back over what was read too much, as head does on what it can seek in.
func (c *Call) giveBack(f io.Reader, rest []byte) {
	for {
		switch r := f.(type) {
		case looking:
			f = r.f
			continue
		case io.Seeker:
			_, _ = r.Seek(-int64(len(rest)), io.SeekCurrent)
		}
		return
	}
}

// cutAt is the offset in b of the last count lines or bytes.
func cutAt(b []byte, count int64, byBytes bool, end byte) int {
	if byBytes {
		return max(0, len(b)-int(min(count, int64(len(b)))))
	}
	if count == 0 {
		return len(b)
	}
	at := len(b)
	if at > 0 && b[at-1] == end {
		at--
	}
	for ; count > 0; count-- {
		at = bytes.LastIndexByte(b[:at], end)
		if at < 0 {
			return 0
		}
	}
	return at + 1
}

func tail(c *Call) int {
	given, operands, count, byBytes, plus, headers := c.ends()
	end, first := byte('\n'), true
	if has(given, "z") {
		end = 0
	}
	if has(given, "fF") {
		c.fail(1, "-f would wait for ever: nothing else writes while this shell runs")
	}
	c.each(operands, func(name string, f io.Reader) {
		if headers {
			c.header(name, &first)
		}
		if !plus {
			c.tailOf(name, f, count, byBytes, end)
			return
		}
		if byBytes {
			io.CopyN(io.Discard, f, max(0, count-1))
			io.Copy(c.Out, f)
			return
		}
		line := int64(0)
		c.pieces(name, f, end, func(piece []byte) bool {
			if line++; line >= count {
				c.Out.Write(piece)
			}
			return true
		})
	})
	return 0
}

// tailOf keeps no more than twice what it will show.
func (c *Call) tailOf(name string, f io.Reader, count int64, byBytes bool, end byte) {
	var kept []byte
	buffer := make([]byte, 32<<10)
	next := 256 << 10
	for {
		n, err := f.Read(buffer)
		kept = append(kept, buffer[:n]...)
		if len(kept) > next || err != nil {
			kept = kept[cutAt(kept, count, byBytes, end):]
			next = 2*len(kept) + 256<<10
		}
		if len(kept) > wholeMax {
			c.fail(1, "%s: more than %d MiB asked for", name, wholeMax>>20)
		}
		if err != nil {
			if err != io.EOF {
				c.warn("%s: %s", name, reason(err))
			}
			break
		}
	}
	c.Out.Write(kept)
}

// wc

type counts struct{ lines, words, chars, bytes, longest int64 }

func (n *counts) add(o counts) {
	n.lines += o.lines
	n.words += o.words
	n.chars += o.chars
	n.bytes += o.bytes
	n.longest = max(n.longest, o.longest)
}

func countOf(c *Call, name string, f io.Reader, runes bool) (n counts) {
	buffer := make([]byte, 32<<10)
	inWord, width, left := false, int64(0), 0
	for {
		got, err := f.Read(buffer[left:])
		part := buffer[:left+got]
		left = 0
		n.bytes += int64(got)
		for len(part) > 0 {
			r, size := rune(part[0]), 1
			if runes && r >= utf8.RuneSelf {
				if err == nil && !utf8.FullRune(part) {
					left = copy(buffer, part)
					break
				}
				r, size = utf8.DecodeRune(part)
			}
			if !(r == utf8.RuneError && size == 1) {
				n.chars++
			}
			part = part[size:]
			switch {
			case r == '\n':
				n.lines++
				n.longest, width = max(n.longest, width), 0
			case r == '\t':
				width += 8 - width%8
			case unicode.IsPrint(r):
				width++
			}
			isSpace := r == ' ' || r >= '\t' && r <= '\r' || r >= utf8.RuneSelf && unicode.IsSpace(r)
			if !isSpace && !inWord {
				n.words++
			}
			inWord = !isSpace
		}
		if err == io.EOF {
			n.longest = max(n.longest, width)
			return n
		}
		if err != nil {
			c.warn("%s: %s", name, reason(err))
			return n
		}
	}
}

func wc(c *Call) int {
	given, operands := c.options(spec{letters: "clLmw", long: map[string]rune{"bytes": 'c', "chars": 'm', "lines": 'l',
		"words": 'w', "max-line-length": 'L'}})
	if !has(given, "clLmw") {
		given = []option{{'l', ""}, {'w', ""}, {'c', ""}}
	}
	type row struct {
		n    counts
		name string
	}
	var rows []row
	var total counts
	noName := len(operands) == 0
	c.each(operands, func(name string, f io.Reader) {
		n := countOf(c, name, f, true)
		total.add(n)
		rows = append(rows, row{n, name})
	})
	if len(operands) > 1 {
		rows = append(rows, row{total, "total"})
	}
	width := len(fmt.Sprint(total.bytes))
	columns := 0
	for _, letter := range "lwmcL" {
		if has(given, string(letter)) {
			columns++
		}
	}
	if columns == 1 && len(operands) <= 1 {
		width = 1
	} else if noName || contains(operands, "-") {
		width = 7
	}
	for _, r := range rows {
		var cells []string
		for _, column := range []struct {
			letter string
			value  int64
		}{{"l", r.n.lines}, {"w", r.n.words}, {"m", r.n.chars}, {"c", r.n.bytes}, {"L", r.n.longest}} {
			if has(given, column.letter) {
				cells = append(cells, fmt.Sprintf("%*d", width, column.value))
			}
		}
		if !noName {
			cells = append(cells, r.name)
		}
		c.Out.line(strings.Join(cells, " "))
	}
	return 0
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}
