package tools

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"
	"strconv"
	"strings"
)

// Digests, base64, od, xxd, strings, cmp.

func md5sum(c *Call) int    { return c.sums(md5.New) }
func sha1sum(c *Call) int   { return c.sums(sha1.New) }
func sha256sum(c *Call) int { return c.sums(sha256.New) }
func sha512sum(c *Call) int { return c.sums(sha512.New) }

func (c *Call) sums(make func() hash.Hash) int {
	given, operands := c.options(spec{letters: "cbtzqS", long: map[string]rune{"check": 'c', "quiet": 'q', "status": 'S', "binary": 'b',
		"text": 't', "zero": 'z', "strict": 'b', "warn": 'b'}})
	if has(given, "c") {
		return c.checkSums(make, operands, has(given, "qS"), has(given, "S"))
	}
	c.each(operands, func(name string, f io.Reader) {
		h := make()
		if _, err := io.Copy(h, f); err != nil {
			c.warn("%s: %s", name, reason(err))
			return
		}
		c.Out.text(hex.EncodeToString(h.Sum(nil)) + "  " + name)
		c.lineOrZero("", has(given, "z"))
	})
	return 0
}

func (c *Call) checkSums(make func() hash.Hash, operands []string, quiet, silent bool) int {
	failed, seen := 0, 0
	c.each(operands, func(list string, f io.Reader) {
		c.lines(list, f, func(line []byte) bool {
			text, _ := chomp(line)
			want, name, ok := strings.Cut(string(text), " ")
			if name = strings.TrimLeft(name, " *"); !ok || len(want) != 2*make().Size() {
				return true
			}
			seen++
			in, err := c.tryOpen(name)
			h := make()
			if err == nil {
				_, err = io.Copy(h, in)
				in.Close()
			}
			switch {
			case err != nil:
				c.warn("%s: %s", name, reason(err))
				c.Out.printf("%s: FAILED open or read\n", name)
			case hex.EncodeToString(h.Sum(nil)) != strings.ToLower(want):
				failed++
				if !silent {
					c.Out.printf("%s: FAILED\n", name)
				}
			case !quiet:
				c.Out.printf("%s: OK\n", name)
			}
			return true
		})
	})
	if seen == 0 {
		c.fail(1, "no properly formatted checksum lines found")
	}
	if failed > 0 && !silent {
		noun := "checksums"
		if failed == 1 {
			noun = "checksum"
		}
		c.warn("WARNING: %d computed %s did NOT match", failed, noun)
	}
	return min(failed, 1)
}

func base64Tool(c *Call) int {
	given, operands := c.options(spec{letters: "diw:", long: map[string]rune{"decode": 'd', "ignore-garbage": 'i', "wrap": 'w'}})
	wrap := int64(76)
	if text, ok := last(given, 'w'); ok {
		wrap = c.number("wrap size", text, 0, 1<<30)
	}
	c.each(operands[:min(1, len(operands))], func(name string, f io.Reader) {
		b := c.whole(name, f)
		if has(given, "d") {
			clean := bytes.Map(func(r rune) rune {
				if r == '\n' || r == '\r' || has(given, "i") && !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", r) {
					return -1
				}
				return r
			}, b)
			out := make([]byte, base64.StdEncoding.DecodedLen(len(clean)))
			n, err := base64.StdEncoding.Decode(out, clean)
			c.Out.Write(out[:n])
			if err != nil {
				c.fail(1, "invalid input")
			}
			return
		}
		text := base64.StdEncoding.EncodeToString(b)
		for wrap > 0 && int64(len(text)) > wrap {
			c.Out.line(text[:wrap])
			text = text[wrap:]
		}
		if c.Out.text(text); text != "" && wrap > 0 {
			c.Out.byte('\n')
		}
	})
	return 0
}

// --- od ---

type odType struct {
	kind byte // a c d o u x f
	size int
}

func od(c *Call) int {
	given, operands := c.options(spec{letters: "A:t:j:N:w:bcdosxv", long: map[string]rune{"address-radix": 'A', "format": 't', "skip-bytes": 'j',
		"read-bytes": 'N', "width": 'w', "output-duplicates": 'v'}})
	var types []odType
	radix, width := "o", 16
	skip, most := int64(0), int64(-1)
	for _, o := range given {
		switch o.letter {
		case 'A':
			radix = o.value
		case 't':
			types = append(types, c.odTypes(o.value)...)
		case 'j':
			skip = c.size("skip", o.value)
		case 'N':
			most = c.size("count", o.value)
		case 'w':
			width = int(c.number("width", o.value, 1, 4096))
		case 'b':
			types = append(types, odType{'o', 1})
		case 'c':
			types = append(types, odType{'c', 1})
		case 'd':
			types = append(types, odType{'u', 2})
		case 'o':
			types = append(types, odType{'o', 2})
		case 's':
			types = append(types, odType{'d', 2})
		case 'x':
			types = append(types, odType{'x', 2})
		}
	}
	if len(types) == 0 {
		types = []odType{{'o', 2}}
	}
	if !contains([]string{"d", "o", "x", "n"}, radix) {
		c.fail(1, "invalid output address radix '%s'", radix)
	}
	var b []byte
	c.each(operands, func(name string, f io.Reader) { b = append(b, c.whole(name, f)...) })
	b = b[min(skip, int64(len(b))):]
	if most >= 0 {
		b = b[:min(most, int64(len(b)))]
	}
	c.odDump(b, skip, types, radix, width, has(given, "v"))
	return 0
}

func (c *Call) odTypes(text string) (out []odType) {
	for i := 0; i < len(text); {
		t := odType{text[i], 4}
		switch t.kind {
		case 'a', 'c':
			t.size = 1
		case 'd', 'o', 'u', 'x':
		case 'f':
			t.size = 8
		default:
			c.fail(1, "invalid type string '%s'", text)
		}
		i++
		start := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		if i > start && t.kind != 'a' && t.kind != 'c' {
			t.size, _ = strconv.Atoi(text[start:i])
		} else if i < len(text) && strings.IndexByte("CSIL", text[i]) >= 0 {
			t.size = map[byte]int{'C': 1, 'S': 2, 'I': 4, 'L': 8}[text[i]]
			i++
		}
		for i < len(text) && text[i] == 'z' {
			i++
		}
		if t.size != 1 && t.size != 2 && t.size != 4 && t.size != 8 || t.kind == 'f' && t.size < 4 {
			c.fail(1, "invalid type string '%s'", text)
		}
		out = append(out, t)
	}
	return out
}

func (c *Call) odDump(b []byte, base int64, types []odType, radix string, width int, all bool) {
	address := func(n int64) string {
		switch radix {
		case "n":
			return ""
		case "d":
			return fmt.Sprintf("%07d", n)
		case "x":
			return fmt.Sprintf("%06x", n)
		}
		return fmt.Sprintf("%07o", n)
	}
	block := 0 // columns of eight bytes, the most that any type needs
	for _, t := range types {
		block = max(block, (t.width()+1)*(8/t.size))
	}
	var before []byte
	starred := false
	for at := 0; at < len(b); at += width {
		row := b[at:min(at+width, len(b))]
		if !all && at > 0 && bytes.Equal(row, before) && len(row) == width {
			if !starred {
				c.Out.line("*")
			}
			starred = true
			continue
		}
		starred, before = false, row
		for i, t := range types {
			if i == 0 {
				c.Out.text(address(base + int64(at)))
			} else if radix != "n" {
				c.Out.text(strings.Repeat(" ", len(address(0))))
			}
			for j := 0; j < len(row); j += t.size {
				var one [8]byte
				copy(one[:], row[j:min(j+t.size, len(row))])
				c.Out.printf("%*s", block*t.size/8, t.show(one))
			}
			c.Out.byte('\n')
		}
	}
	if radix != "n" {
		c.Out.line(address(base + int64(len(b))))
	}
}

func (t odType) width() int {
	switch t.kind {
	case 'a', 'c':
		return 3
	case 'o':
		return []int{0, 3, 6, 0, 11, 0, 0, 0, 22}[t.size]
	case 'x':
		return 2 * t.size
	case 'd':
		return []int{0, 4, 6, 0, 11, 0, 0, 0, 20}[t.size]
	case 'f':
		return map[int]int{4: 15, 8: 24}[t.size]
	}
	return []int{0, 3, 5, 0, 10, 0, 0, 0, 20}[t.size]
}

func (t odType) show(b [8]byte) string {
	n := binary.LittleEndian.Uint64(b[:])
	switch t.kind {
	case 'x':
		return fmt.Sprintf("%0*x", 2*t.size, n)
	case 'o':
		return fmt.Sprintf("%0*o", t.width(), n)
	case 'u':
		return strconv.FormatUint(n, 10)
	case 'd':
		shift := uint(64 - 8*t.size)
		return strconv.FormatInt(int64(n<<shift)>>shift, 10)
	case 'f':
		if t.size == 4 {
			return strconv.FormatFloat(float64(math.Float32frombits(uint32(n))), 'g', 8, 32)
		}
		return strconv.FormatFloat(math.Float64frombits(n), 'g', 17, 64)
	case 'a':
		return odNames(b[0] & 127)
	}
	if i := strings.IndexByte("\x00\a\b\f\n\r\t\v", b[0]); i >= 0 {
		return `\` + string("0abfnrtv"[i])
	}
	if b[0] < 32 || b[0] > 126 {
		return fmt.Sprintf("%03o", b[0])
	}
	return string(rune(b[0]))
}

func odNames(b byte) string {
	names := strings.Fields("nul soh stx etx eot enq ack bel bs ht nl vt ff cr so si dle dc1 dc2 dc3 dc4 nak syn etb can em sub esc fs gs rs us sp")
	if int(b) < len(names) {
		return names[b]
	}
	if b == 127 {
		return "del"
	}
	return string(rune(b))
}

func xxd(c *Call) int {
	given, operands := c.options(spec{letters: "pruc:g:l:s:"})
	cols, group := int64(16), int64(2)
	if has(given, "p") {
		cols = 30
	}
	skip, most := int64(0), int64(-1)
	for _, o := range given {
		switch o.letter {
		case 'c':
			cols = c.number("columns", o.value, 1, 256)
		case 'g':
			group = c.number("group", o.value, 0, 256)
		case 'l':
			most = c.size("length", o.value)
		case 's':
			skip = c.size("skip", o.value)
		}
	}
	digits := "%02x"
	if has(given, "u") {
		digits = "%02X"
	}
	c.each(operands[:min(1, len(operands))], func(name string, f io.Reader) {
		b := c.whole(name, f)
		if has(given, "r") {
			c.xxdBack(b, has(given, "p"))
			return
		}
		b = b[min(skip, int64(len(b))):]
		if most >= 0 {
			b = b[:min(most, int64(len(b)))]
		}
		for at := 0; at < len(b); at += int(cols) {
			row := b[at:min(at+int(cols), len(b))]
			if has(given, "p") {
				for _, one := range row {
					c.Out.printf(digits, one)
				}
				c.Out.byte('\n')
				continue
			}
			var hexes, texts strings.Builder
			for i := range int(cols) {
				if i < len(row) {
					fmt.Fprintf(&hexes, digits, row[i])
					if row[i] < 32 || row[i] > 126 {
						texts.WriteByte('.')
					} else {
						texts.WriteByte(row[i])
					}
				} else {
					hexes.WriteString("  ")
				}
				if group > 0 && int64(i+1)%group == 0 {
					hexes.WriteByte(' ')
				}
			}
			if group == 0 || cols%group != 0 {
				hexes.WriteByte(' ')
			}
			c.Out.printf("%08x: %s %s\n", skip+int64(at), hexes.String(), texts.String())
		}
	})
	return 0
}

func (c *Call) xxdBack(b []byte, plain bool) {
	for _, line := range splitLines(b, '\n') {
		text := string(line)
		if !plain {
			_, after, ok := strings.Cut(text, ":")
			if !ok {
				continue
			}
			text, _, _ = strings.Cut(strings.TrimLeft(after, " "), "  ")
		}
		text = strings.Join(strings.Fields(text), "")
		out, err := hex.DecodeString(text[:len(text)&^1])
		c.Out.Write(out)
		if err != nil {
			c.fail(1, "'%s' is no hexadecimal text", text)
		}
	}
}

func stringsTool(c *Call) int {
	given, operands := c.options(spec{letters: "an:t:", numbers: 'n', long: map[string]rune{"bytes": 'n', "radix": 't', "all": 'a'}})
	least := int64(4)
	if text, ok := last(given, 'n'); ok {
		least = c.number("minimum string length", text, 1, 1<<20)
	}
	radix, _ := last(given, 't')
	c.each(operands, func(name string, f io.Reader) {
		b := c.whole(name, f)
		start := 0
		for i := 0; i <= len(b); i++ {
			if i < len(b) && (b[i] >= 32 && b[i] < 127 || b[i] == '\t') {
				continue
			}
			if int64(i-start) >= least {
				switch radix {
				case "d", "o", "x":
					c.Out.printf("%7"+radix+" ", start)
				}
				c.Out.line(string(b[start:i]))
			}
			start = i + 1
		}
	})
	return 0
}

func cmp(c *Call) int {
	given, operands := c.options(spec{letters: "blsn:", bad: 2, long: map[string]rune{"bytes": 'n', "quiet": 's', "silent": 's', "verbose": 'l', "print-bytes": 'b'}})
	if len(operands) == 1 {
		operands = append(operands, "-")
	}
	if len(operands) != 2 {
		c.usage(spec{bad: 2}, "two files are wanted")
	}
	var both [2][]byte
	for i, name := range operands {
		f, err := c.tryOpen(name)
		if err != nil {
			c.fail(2, "%s: %s", name, reason(err))
		}
		both[i] = c.whole(name, f)
		f.Close()
		if text, ok := last(given, 'n'); ok {
			both[i] = both[i][:min(c.size("bytes", text), int64(len(both[i])))]
		}
	}
	a, b := both[0], both[1]
	status, line := 0, 1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			status = 1
			switch {
			case has(given, "s"):
				return 1
			case has(given, "l"):
				c.Out.printf("%*d %3o %3o\n", len(strconv.Itoa(max(len(a), len(b)))), i+1, a[i], b[i])
				continue
			}
			c.Out.printf("%s %s differ: byte %d, line %d\n", operands[0], operands[1], i+1, line)
			return 1
		}
		if a[i] == '\n' {
			line++
		}
	}
	if len(a) != len(b) {
		shorter, n := operands[0], len(a)
		if len(b) < len(a) {
			shorter, n = operands[1], len(b)
		}
		if !has(given, "s") {
			where := fmt.Sprintf(" after byte %d", n)
			if n == 0 {
				where = " which is empty"
			} else if !has(given, "l") {
				lines, tail := bytes.Count(a[:n], []byte{'\n'}), ""
				if a[n-1] != '\n' {
					lines, tail = lines+1, "in "
				}
				where += fmt.Sprintf(", %sline %d", tail, lines)
			}
			fmt.Fprintf(c.Err, "cmp: EOF on %s%s\n", shorter, where)
		}
		return 1
	}
	return status
}
