package tools

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printf: the interpreter's own has no precision, so the shell sends it here.

type printing struct {
	c     *Call
	words []string
	used  bool // a word was taken in this round
	ended bool // \c
}

func printfTool(c *Call) int {
	words := c.Args
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		c.usage(spec{bad: 2}, "a format is wanted")
	}
	if words[0] == "-v" {
		c.fail(2, "-v is not there: use NAME=$(printf ...)")
	}
	p := &printing{c: c, words: words[1:]}
	for {
		p.used = false
		p.round(words[0])
		if p.ended || !p.used || len(p.words) == 0 {
			return 0
		}
	}
}

func (p *printing) word() string {
	p.used = true
	if len(p.words) == 0 {
		return ""
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

func (p *printing) round(format string) {
	for i := 0; i < len(format) && !p.ended; i++ {
		switch format[i] {
		case '\\':
			text, size := printfEscape(format[i:], false)
			p.c.Out.text(text)
			i += size - 1
		case '%':
			i += p.directive(format[i:]) - 1
		default:
			p.c.Out.byte(format[i])
		}
	}
}

// printfEscape reads one escape; in a word of %b octal numbers begin with 0, and \c ends everything (size 0).
func printfEscape(text string, inWord bool) (string, int) {
	if len(text) < 2 {
		return `\`, 1
	}
	switch b := text[1]; b {
	case 'a', 'b', 'f', 'n', 'r', 't', 'v', '\\', '"', 'e':
		return string("\a\b\f\n\r\t\v\\\"\x1b"[strings.IndexByte("abfnrtv\\\"e", b)]), 2
	case 'c':
		if inWord {
			return "", 0
		}
	case 'x', 'u', 'U':
		most := map[byte]int{'x': 2, 'u': 4, 'U': 8}[b]
		n := 2
		for n < len(text) && n < 2+most && strings.IndexByte("0123456789abcdefABCDEF", text[n]) >= 0 {
			n++
		}
		v, err := strconv.ParseUint(text[2:n], 16, 32)
		if err != nil {
			return text[:2], 2
		}
		if b == 'x' {
			return string([]byte{byte(v)}), n
		}
		return string(rune(v)), n
	case '0', '1', '2', '3', '4', '5', '6', '7':
		most := 4
		if inWord && b == '0' {
			most = 5
		}
		n := 1
		for n < len(text) && n < most && text[n] >= '0' && text[n] <= '7' {
			n++
		}
		v, _ := strconv.ParseUint(text[1:n], 8, 16)
		return string([]byte{byte(v)}), n
	}
	return text[:2], 2
}

// directive prints one % form and says how long it is.
func (p *printing) directive(text string) int {
	i := 1
	for i < len(text) && strings.IndexByte("-+ #0'", text[i]) >= 0 {
		i++
	}
	flags := strings.ReplaceAll(text[1:i], "'", "")
	width, i := p.size(text, i)
	precision := ""
	if i < len(text) && text[i] == '.' {
		var digits string
		digits, i = p.size(text, i+1)
		if precision = "." + digits; strings.HasPrefix(digits, "-") {
			precision = ""
		}
	}
	for i < len(text) && strings.IndexByte("hlLjzt", text[i]) >= 0 {
		i++
	}
	if i == len(text) {
		p.c.fail(1, "%s: missing conversion", text)
	}
	if strings.HasPrefix(width, "-") {
		flags, width = flags+"-", width[1:]
	}
	form := "%" + flags + width + precision
	switch letter := text[i]; letter {
	case '%':
		p.c.Out.byte('%')
	case 's':
		p.text(form, p.word())
	case 'c':
		word := p.word()
		_, size := utf8.DecodeRuneInString(word)
		p.text("%"+flags+width, word[:size])
	case 'b':
		p.text(form, p.escaped(p.word()))
	case 'q':
		p.text(form, quoted(p.word()))
	case 'd', 'i':
		p.integer(flags, width, precision, p.number())
	case 'u', 'o', 'x', 'X':
		n := p.number()
		if n.Sign() < 0 {
			n.Add(n, new(big.Int).Lsh(big.NewInt(1), 64))
		}
		p.unsigned(letter, flags, width, precision, n)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		p.c.Out.printf(form+string(letter), p.float())
	case 'a', 'A':
		p.c.Out.printf(form+string(letter+'x'-'a'), p.float())
	default:
		p.c.fail(1, "%%%c: invalid conversion specification", letter)
	}
	return i + 1
}

func (p *printing) size(text string, i int) (string, int) {
	if i < len(text) && text[i] == '*' {
		n, err := strconv.Atoi(p.word())
		if err != nil || n > 100000 || n < -100000 {
			n = 0
		}
		return strconv.Itoa(n), i + 1
	}
	start := i
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	if i-start > 6 {
		p.c.fail(1, "%s: a width of more than six digits", text)
	}
	return text[start:i], i
}

// text pads by bytes, as the shells of Unix do.
func (p *printing) text(form, value string) {
	width, precision, _ := strings.Cut(strings.TrimLeft(form, "%-+ #0"), ".")
	if strings.Contains(form, ".") {
		n, _ := strconv.Atoi(precision)
		value = value[:min(n, len(value))]
	}
	n, _ := strconv.Atoi(width)
	pad := strings.Repeat(" ", max(0, n-len(value)))
	if strings.Contains(form[:len(form)-len(width)], "-") {
		value += pad
	} else {
		value = pad + value
	}
	p.c.Out.text(value)
}

func (p *printing) escaped(word string) string {
	var out strings.Builder
	for i := 0; i < len(word); {
		if word[i] != '\\' {
			out.WriteByte(word[i])
			i++
			continue
		}
		text, size := printfEscape(word[i:], true)
		if size == 0 {
			p.ended = true
			break
		}
		out.WriteString(text)
		i += size
	}
	return out.String()
}

func quoted(word string) string {
	if word == "" {
		return "''"
	}
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=@%+") == "" {
		return word
	}
	var out strings.Builder
	for _, r := range word {
		switch {
		case r < 32 || r == 127:
			return "$'" + strings.NewReplacer("\\", `\\`, "'", `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(word) + "'"
		case strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=@%+", r) || r >= utf8.RuneSelf:
		default:
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

func (p *printing) number() *big.Int {
	word := p.word()
	if word == "" {
		return new(big.Int)
	}
	if word[0] == '\'' || word[0] == '"' {
		r, _ := utf8.DecodeRuneInString(word[1:])
		return big.NewInt(int64(r))
	}
	text := strings.TrimLeft(word, " \t")
	for end := len(text); end > 0; end-- {
		if n, ok := new(big.Int).SetString(text[:end], 0); ok && len(text) < 100 && !strings.Contains(text, "_") {
			if end < len(text) {
				p.c.warn("'%s': value not completely converted", word)
			}
			if !n.IsInt64() && !n.IsUint64() {
				p.c.warn("'%s': Numerical result out of range", word)
				n.SetInt64(1<<63 - 1)
			}
			return n
		}
	}
	p.c.warn("'%s': expected a numeric value", word)
	return new(big.Int)
}

func (p *printing) integer(flags, width, precision string, n *big.Int) {
	sign := ""
	switch {
	case n.Sign() < 0:
		sign = "-"
	case strings.Contains(flags, "+"):
		sign = "+"
	case strings.Contains(flags, " "):
		sign = " "
	}
	p.padded(flags, width, precision, sign, new(big.Int).Abs(n).String())
}

func (p *printing) unsigned(letter byte, flags, width, precision string, n *big.Int) {
	base := map[byte]int{'u': 10, 'o': 8, 'x': 16, 'X': 16}[letter]
	digits, prefix := n.Text(base), ""
	if strings.Contains(flags, "#") && n.Sign() != 0 {
		prefix = map[byte]string{'o': "0", 'x': "0x", 'X': "0x"}[letter]
	}
	if letter == 'X' {
		digits, prefix = strings.ToUpper(digits), strings.ToUpper(prefix)
	}
	p.padded(flags, width, precision, prefix, digits)
}

func (p *printing) padded(flags, width, precision, sign, digits string) {
	total, _ := strconv.Atoi(width)
	if precision != "" {
		least, _ := strconv.Atoi(precision[1:])
		digits = strings.Repeat("0", max(0, least-len(digits))) + digits
	} else if strings.Contains(flags, "0") && !strings.Contains(flags, "-") {
		digits = strings.Repeat("0", max(0, total-len(sign)-len(digits))) + digits
	}
	text, pad := sign+digits, strings.Repeat(" ", max(0, total-len(sign)-len(digits)))
	if strings.Contains(flags, "-") {
		p.c.Out.text(text + pad)
	} else {
		p.c.Out.text(pad + text)
	}
}

func (p *printing) float() float64 {
	word := p.word()
	if word == "" {
		return 0
	}
	if word[0] == '\'' || word[0] == '"' {
		r, _ := utf8.DecodeRuneInString(word[1:])
		return float64(r)
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
	if err != nil {
		if n, ok := new(big.Int).SetString(word, 0); ok {
			whole, _ := new(big.Float).SetInt(n).Float64()
			return whole
		}
		p.c.warn("'%s': expected a numeric value", word)
	}
	return f
}
