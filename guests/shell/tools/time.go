package tools

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// date, sleep, timeout, time. Times are UTC: a sandbox has no zone of its own.

func date(c *Call) int {
	given, operands := c.options(spec{letters: "uRId:r:f:s:", optional: "I", long: map[string]rune{"utc": 'u', "universal": 'u', "rfc-email": 'R',
		"iso-8601": 'I', "date": 'd', "reference": 'r', "set": 's'}})
	when := time.Now()
	format := "%a %b %e %H:%M:%S UTC %Y"
	for _, o := range given {
		switch o.letter {
		case 'd':
			var err error
			if when, err = parseDate(o.value, when); err != nil {
				c.fail(1, "invalid date '%s'", o.value)
			}
		case 'r':
			info, err := Stat(c.path(o.value), true)
			if err != nil {
				c.fail(1, "%s: %s", o.value, reason(err))
			}
			when = info.ModTime()
		case 'R':
			format = "%a, %d %b %Y %H:%M:%S +0000"
		case 'I':
			switch o.value {
			case "", "date":
				format = "%Y-%m-%d"
			case "hours":
				format = "%Y-%m-%dT%H+00:00"
			case "minutes":
				format = "%Y-%m-%dT%H:%M+00:00"
			case "seconds":
				format = "%Y-%m-%dT%H:%M:%S+00:00"
			case "ns":
				format = "%Y-%m-%dT%H:%M:%S,%N+00:00"
			default:
				c.fail(1, "invalid argument '%s' for '--iso-8601'", o.value)
			}
		case 's', 'f':
			c.fail(1, "the clock cannot be set")
		}
	}
	for _, word := range operands {
		if !strings.HasPrefix(word, "+") {
			c.fail(1, "invalid date '%s'", word)
		}
		format = word[1:]
	}
	c.Out.line(strftime(format, when.UTC()))
	return 0
}

// strftime knows the conversions of C and GNU's %N, %s, %P and the flags - _ 0 ^.
func strftime(format string, t time.Time) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		flag := byte(0)
		start := i
		for i++; i < len(format)-1 && strings.IndexByte("-_0^#", format[i]) >= 0; i++ {
			flag = format[i]
		}
		width := 0
		for ; i < len(format)-1 && format[i] >= '1' && format[i] <= '9'; i++ {
			width = int(format[i] - '0')
		}
		text, ok := strftimeOne(format[i], t, flag, width)
		if !ok {
			text = format[start : i+1]
		}
		out.WriteString(text)
	}
	return out.String()
}

func strftimeOne(letter byte, t time.Time, flag byte, width int) (string, bool) {
	number := func(n, digits int, pad byte) (string, bool) {
		switch flag {
		case '-':
			return strconv.Itoa(n), true
		case '_':
			pad = ' '
		case '0':
			pad = '0'
		}
		text := strconv.Itoa(n)
		return strings.Repeat(string(pad), max(0, digits-len(text))) + text, true
	}
	text := func(layout string) (string, bool) {
		s := t.Format(layout)
		if flag == '^' {
			s = strings.ToUpper(s)
		}
		return s, true
	}
	hour12 := (t.Hour()+11)%12 + 1
	year, week := t.ISOWeek()
	switch letter {
	case 'a':
		return text("Mon")
	case 'A':
		return text("Monday")
	case 'b', 'h':
		return text("Jan")
	case 'B':
		return text("January")
	case 'c':
		return t.Format("Mon Jan _2 15:04:05 2006"), true
	case 'C':
		return number(t.Year()/100, 2, '0')
	case 'd':
		return number(t.Day(), 2, '0')
	case 'D', 'x':
		return t.Format("01/02/06"), true
	case 'e':
		return number(t.Day(), 2, ' ')
	case 'F':
		return t.Format("2006-01-02"), true
	case 'g':
		return number(year%100, 2, '0')
	case 'G':
		return number(year, 4, '0')
	case 'H':
		return number(t.Hour(), 2, '0')
	case 'I':
		return number(hour12, 2, '0')
	case 'j':
		return number(t.YearDay(), 3, '0')
	case 'k':
		return number(t.Hour(), 2, ' ')
	case 'l':
		return number(hour12, 2, ' ')
	case 'm':
		return number(int(t.Month()), 2, '0')
	case 'M':
		return number(t.Minute(), 2, '0')
	case 'n':
		return "\n", true
	case 'N':
		return fmt.Sprintf("%09d", t.Nanosecond())[:map[bool]int{true: 9, false: width}[width == 0 || width > 9]], true
	case 'p':
		return text("PM")
	case 'P':
		return t.Format("pm"), true
	case 'q':
		return strconv.Itoa((int(t.Month())-1)/3 + 1), true
	case 'r':
		return t.Format("03:04:05 PM"), true
	case 'R':
		return t.Format("15:04"), true
	case 's':
		return strconv.FormatInt(t.Unix(), 10), true
	case 'S':
		return number(t.Second(), 2, '0')
	case 't':
		return "\t", true
	case 'T', 'X':
		return t.Format("15:04:05"), true
	case 'u':
		return strconv.Itoa((int(t.Weekday())+6)%7 + 1), true
	case 'U':
		return number((t.YearDay()+6-int(t.Weekday()))/7, 2, '0')
	case 'V':
		return number(week, 2, '0')
	case 'w':
		return strconv.Itoa(int(t.Weekday())), true
	case 'W':
		return number((t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2, '0')
	case 'y':
		return number(t.Year()%100, 2, '0')
	case 'Y':
		return number(t.Year(), 4, '0')
	case 'z':
		return "+0000", true
	case 'Z':
		return "UTC", true
	case '%':
		return "%", true
	}
	return "", false
}

var dateLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST",
	"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02", "20060102", "2006/01/02", "01/02/2006",
	"Mon, 02 Jan 2006 15:04:05 -0700", "Mon, 02 Jan 2006 15:04:05 MST", "Mon Jan _2 15:04:05 MST 2006", "Mon Jan _2 15:04:05 2006", "2 Jan 2006",
	"2 January 2006", "Jan 2 2006", "Jan 2, 2006", "January 2, 2006", "2 Jan 2006 15:04:05", "Jan 2 2006 15:04:05", "Jan 2, 2006 15:04:05",
}

// parseDate reads @SECONDS, the usual written forms, now/today/yesterday/tomorrow, and steps such as "2 days ago", "+1 week"
// behind a date or alone.
func parseDate(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "@") {
		seconds, err := strconv.ParseFloat(text[1:], 64)
		whole := int64(seconds)
		return time.Unix(whole, int64((seconds-float64(whole))*1e9)), err
	}
	words := strings.Fields(strings.NewReplacer("+ ", "+", " - ", " -").Replace(text))
	for used := len(words); used >= 0; used-- {
		base, ok := dateBase(strings.Join(words[:used], " "), now)
		if !ok {
			continue
		}
		if when, ok := dateSteps(words[used:], base); ok {
			return when, nil
		}
	}
	return now, fmt.Errorf("invalid date format")
}

func dateBase(text string, now time.Time) (time.Time, bool) {
	switch strings.ToLower(text) {
	case "", "now", "today":
		return now, true
	case "yesterday":
		return now.AddDate(0, 0, -1), true
	case "tomorrow":
		return now.AddDate(0, 0, 1), true
	}
	for _, layout := range dateLayouts {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t, true
		}
	}
	if t, err := time.Parse("15:04:05", text); err == nil {
		u := now.UTC()
		return time.Date(u.Year(), u.Month(), u.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC), true
	}
	return now, false
}

func dateSteps(words []string, t time.Time) (time.Time, bool) {
	for len(words) > 0 {
		n, sign := 1, 1
		first := strings.ToLower(words[0])
		switch v, err := strconv.Atoi(first); {
		case err == nil:
			n, words = v, words[1:]
		case first == "next":
			words = words[1:]
		case first == "last":
			n, words = -1, words[1:]
		default:
			return t, false
		}
		if len(words) == 0 {
			return t, false
		}
		unit := strings.TrimSuffix(strings.ToLower(words[0]), "s")
		if words = words[1:]; len(words) > 0 && strings.ToLower(words[0]) == "ago" {
			sign, words = -1, words[1:]
		}
		n *= sign
		switch unit {
		case "sec", "second":
			t = t.Add(time.Duration(n) * time.Second)
		case "min", "minute":
			t = t.Add(time.Duration(n) * time.Minute)
		case "hour":
			t = t.Add(time.Duration(n) * time.Hour)
		case "day":
			t = t.AddDate(0, 0, n)
		case "week":
			t = t.AddDate(0, 0, 7*n)
		case "fortnight":
			t = t.AddDate(0, 0, 14*n)
		case "month":
			t = t.AddDate(0, n, 0)
		case "year":
			t = t.AddDate(n, 0, 0)
		default:
			return t, false
		}
	}
	return t, true
}

// parseStamp reads touch -t: [[CC]YY]MMDDhhmm[.ss].
func parseStamp(text string) (time.Time, error) {
	digits, seconds, _ := strings.Cut(text, ".")
	if seconds == "" {
		seconds = "00"
	}
	switch len(digits) {
	case 8:
		digits = strconv.Itoa(time.Now().UTC().Year()) + digits
	case 10:
		if digits < "69" {
			digits = "20" + digits
		} else {
			digits = "19" + digits
		}
	}
	return time.ParseInLocation("20060102150405", digits+seconds, time.UTC)
}

// duration reads 5, 0.5, 1m, 2h, 1d.
func (c *Call) duration(text string) time.Duration {
	unit := time.Second
	digits := strings.TrimRight(text, "smhd")
	switch text[len(digits):] {
	case "", "s":
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = 24 * time.Hour
	default:
		digits = ""
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || n > 1e9 {
		c.fail(1, "invalid time interval '%s'", text)
	}
	return time.Duration(n * float64(unit))
}

func sleep(c *Call) int {
	_, operands := c.options(spec{})
	if len(operands) == 0 {
		c.usage(spec{}, "missing operand")
	}
	var all time.Duration
	for _, text := range operands {
		all += c.duration(text)
	}
	end, bounded := c.Context.Deadline()
	if left := time.Until(end); bounded && left < all {
		time.Sleep(max(0, left))
		panic(stop{124})
	}
	time.Sleep(all)
	return 0
}

func timeout(c *Call) int {
	_, operands := c.options(spec{letters: "k:s:pfv", inOrder: true, long: map[string]rune{"kill-after": 'k', "signal": 's',
		"preserve-status": 'p', "foreground": 'f', "verbose": 'v'}})
	if len(operands) < 2 {
		c.usage(spec{}, "a time and a command are wanted")
	}
	length := c.duration(operands[0])
	if length == 0 {
		length = 1000000 * time.Hour
	}
	ctx := Within(c.Context, length)
	status := c.Start(Command{Context: ctx, Args: operands[1:], Dir: c.Dir, In: c.In, Out: c.Out.plain(), Err: c.Err})
	if ctx.Over() {
		return 124
	}
	return status
}

func timeTool(c *Call) int {
	_, operands := c.options(spec{letters: "p", inOrder: true})
	if len(operands) == 0 {
		return 0
	}
	start := time.Now()
	status := c.Start(Command{Context: c.Context, Args: operands, Dir: c.Dir, In: c.In, Out: c.Out.plain(), Err: c.Err})
	fmt.Fprintf(c.Err, "real %.2f\nuser 0.00\nsys 0.00\n", time.Since(start).Seconds())
	return status
}
