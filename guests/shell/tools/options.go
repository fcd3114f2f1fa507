package tools

import (
	"strconv"
	"strings"
)

// option is one that was given: its letter (of a long one, that of the letter it stands for) and its value.
type option struct {
	letter rune
	value  string
}

// spec is the options of a command: letters as getopt(3) has them, a colon behind those with a value; long names with
// the letter they stand for. A long name whose letter has a '?' in optional takes its value only behind '='.
type spec struct {
	letters  string
	long     map[string]rune
	optional string
	inOrder  bool // the first operand ends the options (commands that run commands)
	numbers  rune // -NUM is short for this letter with NUM as its value; 0: no such form
	bad      int  // the status of a wrong option; 0 means 1
}

// options takes the words apart. Operands come back in their order.
func (c *Call) options(s spec) (given []option, operands []string) {
	words := c.Args
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch {
		case word == "--":
			return given, append(operands, words...)
		case strings.HasPrefix(word, "--"):
			var o option
			o, words = c.longOption(s, word[2:], words)
			given = append(given, o)
		case len(word) > 1 && word[0] == '-' && s.numbers != 0 && isDigits(word[1:]):
			given = append(given, option{s.numbers, word[1:]})
		case len(word) > 1 && word[0] == '-':
			given, words = c.shortOptions(s, given, word[1:], words)
		case s.inOrder:
			return given, append([]string{word}, words...)
		default:
			operands = append(operands, word)
		}
	}
	return given, operands
}

func (c *Call) longOption(s spec, word string, rest []string) (option, []string) {
	name, value, hasValue := strings.Cut(word, "=")
	letter, known := s.long[name]
	if !known {
		for full, l := range s.long {
			if strings.HasPrefix(full, name) && name != "" {
				if known && l != letter {
					c.usage(s, "option '--%s' is ambiguous", name)
				}
				letter, known = l, true
			}
		}
	}
	if !known {
		c.usage(s, "unrecognized option '--%s'", name)
	}
	if strings.ContainsRune(s.optional, letter) {
		return option{letter, value}, rest
	}
	wants := s.wants(letter)
	if hasValue && !wants {
		c.usage(s, "option '--%s' doesn't allow an argument", name)
	}
	if wants && !hasValue {
		if len(rest) == 0 {
			c.usage(s, "option '--%s' requires an argument", name)
		}
		value, rest = rest[0], rest[1:]
	}
	return option{letter, value}, rest
}

func (s spec) wants(letter rune) bool {
	i := strings.IndexRune(s.letters, letter)
	return i >= 0 && strings.HasPrefix(s.letters[i+len(string(letter)):], ":")
}

func (c *Call) shortOptions(s spec, given []option, cluster string, rest []string) ([]option, []string) {
	for i, letter := range cluster {
		if letter == ':' || !strings.ContainsRune(s.letters, letter) {
			c.usage(s, "invalid option -- '%c'", letter)
		}
		after := cluster[i+len(string(letter)):]
		if strings.ContainsRune(s.optional, letter) {
			return append(given, option{letter, after}), rest
		}
		if !s.wants(letter) {
			given = append(given, option{letter, ""})
			continue
		}
		if after == "" {
			if len(rest) == 0 {
				c.usage(s, "option requires an argument -- '%c'", letter)
			}
			after, rest = rest[0], rest[1:]
		}
		return append(given, option{letter, after}), rest
	}
	return given, rest
}

// usage ends the command over a wrong option, and says which are right.
func (c *Call) usage(s spec, format string, values ...any) {
	c.warnAs(max(s.bad, 1), format, values...)
	if t := Find(c.Name); t != nil {
		_, _ = c.Err.Write([]byte("usage: " + t.Usage + "\n"))
	}
	panic(stop{max(s.bad, 1)})
}

// last is the value given last for a letter.
func last(given []option, letter rune) (string, bool) {
	for i := len(given) - 1; i >= 0; i-- {
		if given[i].letter == letter {
			return given[i].value, true
		}
	}
	return "", false
}

func has(given []option, letters string) bool {
	for _, o := range given {
		if strings.ContainsRune(letters, o.letter) {
			return true
		}
	}
	return false
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// number reads a value of an option: decimal, within a range.
func (c *Call) number(what, text string, least, most int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		c.fail(max(1, badStatus(c.Name)), "invalid %s: '%s'", what, text)
	}
	return n
}

// size reads a count with the suffixes of coreutils: 10, 4K, 1M, 2G (1024s), 3kB (1000s), 5b (512).
func (c *Call) size(what, text string) int64 {
	digits := strings.TrimRight(text, "bkKmMGgBi")
	suffix := text[len(digits):]
	factor, known := map[string]int64{"": 1, "b": 512, "k": 1 << 10, "K": 1 << 10, "m": 1 << 20, "M": 1 << 20, "G": 1 << 30,
		"g": 1 << 30, "kB": 1000, "KB": 1000, "MB": 1000 * 1000, "GB": 1000 * 1000 * 1000, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[suffix]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 0 || n > (1<<60)/factor {
		c.fail(max(1, badStatus(c.Name)), "invalid %s: '%s'", what, text)
	}
	return n * factor
}

// badStatus is the status of a wrong call where it is not 1.
func badStatus(name string) int {
	switch name {
	case "grep", "egrep", "fgrep", "sort", "ls", "diff", "cmp", "test", "expr":
		return 2
	}
	return 1
}
