package tools

import (
	"math"
	"math/big"
	"path"
	"sort"
	"strconv"
	"strings"
)

// basename, dirname, seq, yes, expr, env, printenv, which, and who and where one is.

func basename(c *Call) int {
	given, operands := c.options(spec{letters: "as:z", inOrder: true, long: map[string]rune{"multiple": 'a', "suffix": 's', "zero": 'z'}})
	suffix, _ := last(given, 's')
	if len(operands) == 0 {
		c.usage(spec{}, "missing operand")
	}
	if !has(given, "as") {
		if len(operands) > 2 {
			c.fail(1, "extra operand '%s'", operands[2])
		}
		if len(operands) == 2 {
			suffix, operands = operands[1], operands[:1]
		}
	}
	for _, name := range operands {
		base := path.Base(name)
		if name == "" {
			base = ""
		}
		if suffix != "" && base != suffix {
			base = strings.TrimSuffix(base, suffix)
		}
		c.lineOrZero(base, has(given, "z"))
	}
	return 0
}

func (c *Call) lineOrZero(text string, zero bool) {
	c.Out.text(text)
	if zero {
		c.Out.byte(0)
	} else {
		c.Out.byte('\n')
	}
}

func dirname(c *Call) int {
	given, operands := c.options(spec{letters: "z", inOrder: true, long: map[string]rune{"zero": 'z'}})
	if len(operands) == 0 {
		c.usage(spec{}, "missing operand")
	}
	for _, name := range operands {
		trimmed := strings.TrimRight(name, "/")
		folder := "."
		if i := strings.LastIndexByte(trimmed, '/'); i >= 0 {
			folder = strings.TrimRight(trimmed[:i], "/")
			if folder == "" {
				folder = "/"
			}
		} else if trimmed == "" && name != "" {
			folder = "/"
		}
		c.lineOrZero(folder, has(given, "z"))
	}
	return 0
}

func seq(c *Call) int {
	separator, format, wide := "\n", "", false
	words := c.Args
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' && strings.IndexByte("0123456789.", words[0][1]) < 0 {
		switch word := words[0]; {
		case word == "-w" || word == "--equal-width":
			wide = true
		case strings.HasPrefix(word, "-s") && len(word) > 2:
			separator = awkUnescape(word[2:])
		case strings.HasPrefix(word, "-f") && len(word) > 2:
			format = word[2:]
		case (word == "-s" || word == "-f") && len(words) > 1:
			if words = words[1:]; word == "-s" {
				separator = awkUnescape(words[0])
			} else {
				format = words[0]
			}
		case word == "--":
		default:
			c.usage(spec{}, "invalid option '%s'", word)
		}
		words = words[1:]
	}
	if len(words) == 0 || len(words) > 3 {
		c.usage(spec{}, "one to three numbers are wanted")
	}
	first, step, last, decimals, width := 1.0, 1.0, 1.0, 0, 0
	values := make([]float64, len(words))
	for i, word := range words {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil || math.IsNaN(v) {
			c.fail(1, "invalid floating point argument: '%s'", word)
		}
		values[i] = v
		if at := strings.IndexByte(word, '.'); at >= 0 && i < max(1, len(words)-1) {
			decimals = max(decimals, len(word)-at-1)
		}
	}
	switch last = values[len(values)-1]; len(values) {
	case 2:
		first = values[0]
	case 3:
		first, step = values[0], values[1]
	}
	if step == 0 {
		c.fail(1, "invalid Zero increment value: '%s'", words[1])
	}
	if wide {
		width = max(len(strconv.FormatFloat(first, 'f', decimals, 64)), len(strconv.FormatFloat(last, 'f', decimals, 64)))
	}
	if format != "" && strings.Count(strings.ReplaceAll(format, "%%", ""), "%") != 1 {
		c.fail(1, "format '%s' must have one %% directive", format)
	}
	slack := math.Abs(step) * 1e-10
	for i := 0; ; i++ {
		v := first + float64(i)*step
		if step > 0 && v > last+slack || step < 0 && v < last-slack {
			if i > 0 {
				c.Out.byte('\n')
			}
			return 0
		}
		if i > 0 {
			c.Out.text(separator)
		}
		if format != "" {
			c.Out.printf(format, v)
		} else {
			c.Out.printf("%0*s", width, zeroPad(strconv.FormatFloat(v, 'f', decimals, 64), width))
		}
	}
}

func zeroPad(text string, width int) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	return sign + strings.Repeat("0", max(0, width-len(text)-len(sign))) + text
}

func yes(c *Call) int {
	line := "y\n"
	if len(c.Args) > 0 {
		line = strings.Join(c.Args, " ") + "\n"
	}
	block := []byte(strings.Repeat(line, max(1, 4096/len(line))))
	for {
		c.Out.Write(block)
	}
}

// --- expr ---

type exprParser struct {
	c     *Call
	words []string
	depth int
}

func expr(c *Call) int {
	words := c.Args
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		c.fail(2, "missing operand")
	}
	p := &exprParser{c: c, words: words}
	value := p.level(0)
	if len(p.words) > 0 {
		c.fail(2, "syntax error: unexpected argument '%s'", p.words[0])
	}
	c.Out.line(value)
	if value == "" || strings.Trim(strings.TrimPrefix(value, "-"), "0") == "" {
		return 1
	}
	return 0
}

var exprLevels = [][]string{{"|"}, {"&"}, {"<", "<=", "=", "==", "!=", ">=", ">"}, {"+", "-"}, {"*", "/", "%"}, {":"}}

func (p *exprParser) level(n int) string {
	if n == len(exprLevels) {
		return p.primary()
	}
	left := p.level(n + 1)
	for len(p.words) > 0 && contains(exprLevels[n], p.words[0]) {
		sign := p.words[0]
		p.words = p.words[1:]
		left = p.apply(sign, left, p.level(n+1))
	}
	return left
}

func (p *exprParser) primary() string {
	if len(p.words) == 0 {
		p.c.fail(2, "syntax error: missing argument")
	}
	if p.depth++; p.depth > 1000 {
		p.c.fail(2, "nested too deep")
	}
	word := p.words[0]
	p.words = p.words[1:]
	switch word {
	case "(":
		value := p.level(0)
		if len(p.words) == 0 || p.words[0] != ")" {
			p.c.fail(2, "syntax error: expecting ')'")
		}
		p.words = p.words[1:]
		return value
	case "length":
		return strconv.Itoa(len([]rune(p.primary())))
	case "match":
		text := p.primary()
		return p.apply(":", text, p.primary())
	case "index":
		text := p.primary()
		return strconv.Itoa(strings.IndexAny(text, p.primary()) + 1)
	case "substr":
		text := []rune(p.primary())
		from, err1 := strconv.Atoi(p.primary())
		size, err2 := strconv.Atoi(p.primary())
		if err1 != nil || err2 != nil || from < 1 || size < 1 || from > len(text) {
			return ""
		}
		return string(text[from-1 : min(len(text), from-1+size)])
	}
	return word
}

func (p *exprParser) apply(sign, a, b string) string {
	x, okA := new(big.Int).SetString(a, 10)
	y, okB := new(big.Int).SetString(b, 10)
	truth := func(yes bool) string { return map[bool]string{true: "1", false: "0"}[yes] }
	empty := func(s string) bool { return s == "" || s == "0" }
	switch sign {
	case "|":
		if !empty(a) {
			return a
		}
		if empty(b) {
			return "0"
		}
		return b
	case "&":
		if empty(a) || empty(b) {
			return "0"
		}
		return a
	case ":":
		return p.match(a, b)
	case "+", "-", "*", "/", "%":
		if !okA || !okB {
			p.c.fail(2, "non-integer argument")
		}
		if (sign == "/" || sign == "%") && y.Sign() == 0 {
			p.c.fail(2, "division by zero")
		}
		if len(a)+len(b) > 10000 {
			p.c.fail(2, "a number is too large")
		}
		switch sign {
		case "+":
			x.Add(x, y)
		case "-":
			x.Sub(x, y)
		case "*":
			x.Mul(x, y)
		case "/":
			x.Quo(x, y)
		default:
			x.Rem(x, y)
		}
		return x.String()
	}
	order := strings.Compare(a, b)
	if okA && okB {
		order = x.Cmp(y)
	}
	switch sign {
	case "<":
		return truth(order < 0)
	case "<=":
		return truth(order <= 0)
	case "!=":
		return truth(order != 0)
	case ">=":
		return truth(order >= 0)
	case ">":
		return truth(order > 0)
	}
	return truth(order == 0)
}

func (p *exprParser) match(text, pattern string) string {
	re := p.c.pattern("^"+strings.TrimPrefix(pattern, "^"), false, false)
	m := re.Find([]byte(text))
	switch {
	case m == nil && re.Groups() > 0:
		return ""
	case m == nil:
		return "0"
	case re.Groups() > 0:
		if m[2] < 0 {
			return ""
		}
		return text[m[2]:m[3]]
	}
	return strconv.Itoa(len([]rune(text[:m[1]])))
}

// --- the environment ---

func env(c *Call) int {
	given, operands := c.options(spec{letters: "i0u:C:S:", inOrder: true, long: map[string]rune{"ignore-environment": 'i', "null": '0',
		"unset": 'u', "chdir": 'C', "split-string": 'S'}})
	pairs := c.Environ()
	if has(given, "i") {
		pairs = []string{}
	}
	set := func(name, pair string) {
		kept := []string{}
		for _, old := range pairs {
			if !strings.HasPrefix(old, name+"=") {
				kept = append(kept, old)
			}
		}
		if pair != "" {
			kept = append(kept, pair)
		}
		pairs = kept
	}
	dir := c.Dir
	for _, o := range given {
		switch o.letter {
		case 'u':
			set(o.value, "")
		case 'C':
			dir = path.Clean(c.path(o.value))
			if info, err := Stat(dir, true); err != nil || !info.IsDir() {
				c.fail(125, "cannot change directory to '%s'", o.value)
			}
		case 'S':
			words, err := shellLikeWords(o.value)
			if err != nil {
				c.fail(125, "%s", err)
			}
			operands = append(words, operands...)
		}
	}
	for len(operands) > 0 && strings.Contains(operands[0], "=") {
		name, _, _ := strings.Cut(operands[0], "=")
		set(name, operands[0])
		operands = operands[1:]
	}
	if len(operands) == 0 {
		sort.Strings(pairs)
		for _, pair := range pairs {
			c.lineOrZero(pair, has(given, "0"))
		}
		return 0
	}
	return c.Start(Command{Context: c.Context, Args: operands, Dir: dir, Env: pairs, In: c.In, Out: c.Out.plain(), Err: c.Err})
}

func printenv(c *Call) int {
	given, operands := c.options(spec{letters: "0", long: map[string]rune{"null": '0'}})
	pairs := c.Environ()
	sort.Strings(pairs)
	if len(operands) == 0 {
		for _, pair := range pairs {
			c.lineOrZero(pair, has(given, "0"))
		}
		return 0
	}
	for _, name := range operands {
		found := false
		for _, pair := range pairs {
			if strings.HasPrefix(pair, name+"=") {
				c.lineOrZero(pair[len(name)+1:], has(given, "0"))
				found = true
			}
		}
		if !found {
			c.status = 1
		}
	}
	return 0
}

// Known says where a command would be run from; "" when there is none of that name. Set by the shell, which has more.
var Known = func(name string) string {
	if Find(name) != nil {
		return "/bin/" + name
	}
	return ""
}

func which(c *Call) int {
	_, operands := c.options(spec{letters: "as"})
	for _, name := range operands {
		if at := Known(name); at != "" {
			c.Out.line(at)
		} else {
			c.status = 1
		}
	}
	return 0
}

func whoami(c *Call) int { c.Out.line(ownerName); return 0 }

func hostname(c *Call) int { c.Out.line("sandbox"); return 0 }

func nproc(c *Call) int { c.Out.line("1"); return 0 }

func id(c *Call) int {
	given, _ := c.options(spec{letters: "ugGnr"})
	switch {
	case has(given, "n"):
		c.Out.line(ownerName)
	case has(given, "ugG"):
		c.Out.line("1000")
	default:
		c.Out.printf("uid=1000(%[1]s) gid=1000(%[1]s) groups=1000(%[1]s)\n", ownerName)
	}
	return 0
}

func uname(c *Call) int {
	given, _ := c.options(spec{letters: "amnrspvio", long: map[string]rune{"all": 'a'}})
	var out []string
	for _, part := range []struct{ letters, text string }{{"as", "WASI"}, {"an", "sandbox"}, {"ar", "preview1"}, {"av", "BoxAgnts"}, {"ampi", "wasm32"}, {"ao", "WASI"}} {
		if has(given, part.letters) {
			out = append(out, part.text)
		}
	}
	if len(out) == 0 {
		out = []string{"WASI"}
	}
	c.Out.line(strings.Join(out, " "))
	return 0
}
