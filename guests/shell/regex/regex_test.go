package regex

import (
	"fmt"
	"testing"
)

func TestPatternsMatchAsPosixAndGnuSay(t *testing.T) {
	for _, row := range []struct {
		flavour       Flavour
		pattern, text string
		want          string // "" = no match; else the match with its groups
	}{
		{Basic, `a*`, "aaa", "aaa"}, {Basic, `*a`, "x*a", "*a"}, {Basic, `a\{2,3\}`, "aaaa", "aaa"}, {Basic, `a\+`, "baa", "aa"},
		{Basic, `\(a\|b\)c`, "abc", "bc|b"}, {Basic, `a(b)`, "a(b)", "a(b)"}, {Basic, `a^b$c`, "a^b$c", "a^b$c"}, {Basic, `^a$`, "a", "a"},
		{Basic, `\(.\)\1`, "abccd", "cc|c"}, {Basic, `[]a]*`, "a]b", "a]"}, {Basic, `[^]a]`, "a]b", "b"}, {Basic, `[a-c-]`, "-", "-"},
		{Basic, `[[:digit:]]\+`, "ab12", "12"}, {Basic, `\<b\w*`, "ab bc", "bc"}, {Basic, `[\n]`, "n", ""}, {Basic, `a\.b`, "axb", ""},
		{Extended, `a|ab`, "ab", "ab"}, {Extended, `(a+)(b?)`, "aab", "aab|aa|b"}, {Extended, `a{2}`, "aaa", "aa"}, {Extended, `a{,2}`, "aaa", "aa"},
		{Extended, `a{x`, "a{x", "a{x"}, {Extended, `()`, "a", "|"}, {Extended, `a**`, "aa", "aa"}, {Extended, `(a)(b)\2\1`, "abba", "abba|a|b"},
		{Extended, `x*`, "aaa", ""}, {Extended, `[[.-.]]`, "-", "-"}, {Extended, `a)`, "a)", "a)"},
		{Perl, `\d+`, "a12", "12"}, {Perl, `a.*?c`, "abcbc", "abc"}, {Perl, `(?<=a)b`, "bab", "b"}, {Perl, `a(?!b)`, "abac", "a"},
		{Perl, `foo\Kbar`, "foobar", "bar"}, {Perl, `(?i)AB`, "ab", "ab"}, {Perl, `(?i:a)B`, "AB", "AB"}, {Fixed, `a.b*`, "axa.b*", "a.b*"},
	} {
		re, err := Compile(row.pattern, Options{Flavour: row.flavour})
		if err != nil {
			t.Errorf("%q: %v", row.pattern, err)
			continue
		}
		got := ""
		if m := re.Find([]byte(row.text)); m != nil {
			got = row.text[m[0]:m[1]]
			for i := 2; i < len(m); i += 2 {
				got += "|"
				if m[i] >= 0 {
					got += row.text[m[i]:m[i+1]]
				}
			}
		}
		if got != row.want {
			t.Errorf("%q in %q: %q, want %q", row.pattern, row.text, got, row.want)
		}
	}
}

func TestBrokenPatternsAreRefused(t *testing.T) {
	for _, pattern := range []string{`[a`, `\(a`, `a\)`, `a\{2`, `\1`, `a\`, `[[:nope:]]`, `[b-a]`, `a\{3,2\}`, `a\{1001\}`} {
		if _, err := Compile(pattern, Options{Flavour: Basic}); err == nil {
			t.Errorf("%q was taken", pattern)
		}
	}
}

func TestAPatternThatWouldTakeForEverIsGivenUp(t *testing.T) {
	re, err := Compile(`^(a*)*(a*)*(a*)*(a*)*\1x$`, Options{Flavour: Extended})
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 200)
	for i := range text {
		text[i] = 'a'
	}
	if re.Match(text) || re.Err() != ErrSteps {
		t.Error("it was not given up")
	}
}

func TestEveryMatchIsFoundOnceAlsoByTheWalker(t *testing.T) {
	for _, pattern := range []string{`x*`, `a`, `b*`} {
		linear, _ := Compile(pattern, Options{Flavour: Extended})
		walked, _ := Compile(pattern, Options{Flavour: Extended})
		walked.linear = nil
		for _, text := range []string{"", "abc", "baaac", "aé,bb"} {
			if a, b := fmt.Sprint(linear.FindAll([]byte(text), -1)), fmt.Sprint(walked.FindAll([]byte(text), -1)); a != b {
				t.Errorf("%q in %q: %s and %s", pattern, text, a, b)
			}
		}
	}
}

func FuzzAnyPatternIsReadOrRefused(f *testing.F) {
	for _, seed := range []string{`a\{1,2\}`, `[[:alpha:]-z]`, `(a|b)*\1`, `(?<=x)\K`, `\x{41}`, `[a`, `*`, `{,3}`} {
		f.Add(seed, "abc")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 50 {
			return
		}
		for _, flavour := range []Flavour{Basic, Extended, Perl, Fixed} {
			if re, err := Compile(pattern, Options{Flavour: flavour}); err == nil {
				for _, m := range re.FindAll([]byte(text), -1) {
					if m[0] < 0 || m[1] < m[0] || m[1] > len(text) {
						t.Errorf("%q in %q: %v", pattern, text, m)
					}
				}
			}
		}
	})
}
