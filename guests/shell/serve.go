package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"sort"
	"strings"
	"unicode/utf8"

	"boxagnts/shell/shell"
	"boxagnts/shell/tools"
)

// request is what the tool is called with; tool.json says the same as a schema.
type request struct {
	Command string            `json:"command"`
	Cwd     string            `json:"cwd"`
	Stdin   string            `json:"stdin"`
	Env     map[string]string `json:"env"`
	Timeout float64           `json:"timeout"`
}

const (
	// Less than what the sandbox allows by default, so that what was written until then is shown.
	timeoutDefault = 25
	headMax        = 32 << 10
	tailMax        = 48 << 10
	errorsHeadMax  = 8 << 10
	errorsTailMax  = 8 << 10
)

// kept is output with its middle left out when it is long.
type kept struct {
	head, tail       []byte
	headMax, tailMax int
	dropped          int64
}

func (k *kept) Write(b []byte) (int, error) {
	n := len(b)
	if room := k.headMax - len(k.head); room > 0 {
		took := min(room, len(b))
		k.head = append(k.head, b[:took]...)
		b = b[took:]
	}
	k.tail = append(k.tail, b...)
	if len(k.tail) > 2*k.tailMax {
		k.cut()
	}
	return n, nil
}

func (k *kept) cut() {
	if over := len(k.tail) - k.tailMax; over > 0 {
		k.dropped += int64(over)
		k.tail = append(k.tail[:0], k.tail[over:]...)
	}
}

// text is what is shown: whole characters, and a mark where something is missing.
func (k *kept) text() string {
	k.cut()
	head, tail := string(k.head), string(k.tail)
	if k.dropped == 0 {
		return clean(head + tail)
	}
	for tail != "" && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
		k.dropped++
	}
	for i := 0; i < utf8.UTFMax && head != ""; i++ {
		if r, size := utf8.DecodeLastRuneInString(head); r != utf8.RuneError || size > 1 {
			break
		}
		head = head[:len(head)-1]
		k.dropped++
	}
	return clean(head) + fmt.Sprintf("\n[... %d bytes left out ...]\n", k.dropped) + clean(tail)
}

// clean shows bytes that are no UTF-8 as what they are.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&out, `\x%02x`, s[0])
		} else {
			out.WriteString(s[:size])
		}
		s = s[size:]
	}
	return out.String()
}

// serve is one call of the tool.
func serve(in io.Reader, out io.Writer) int {
	var q request
	if err := json.NewDecoder(in).Decode(&q); err != nil {
		return answer(out, "the arguments are no JSON object: "+err.Error(), 2, nil)
	}
	dir := path.Clean("/" + q.Cwd)
	if info, err := tools.Stat(dir, true); err != nil || !info.IsDir() {
		return answer(out, fmt.Sprintf("cwd %s is no folder that this shell can see", dir), 2, nil)
	}
	if q.Timeout <= 0 {
		q.Timeout = timeoutDefault
	}
	given := []string{}
	for name, value := range q.Env {
		given = append(given, name+"="+value)
	}
	sort.Strings(given)
	stdout, stderr := &kept{headMax: headMax, tailMax: tailMax}, &kept{headMax: errorsHeadMax, tailMax: errorsTailMax}
	ctx := withDeadline(q.Timeout)
	status := shell.Run(ctx, q.Command, shell.Options{Dir: dir, Env: environment(append(hostEnviron(), given...)), In: strings.NewReader(q.Stdin), Out: stdout, Err: stderr})
	notes := []string{}
	if ctx.Over() {
		notes = append(notes, fmt.Sprintf("[stopped after %g s; what it wrote until then is above. timeout takes more seconds, up to the limit wasm_timeout]", q.Timeout))
		status = 124
	}
	return answer(out, shown(stdout.text(), stderr.text(), status, notes), status, map[string]any{"exit_code": status})
}

// shown joins both streams: stdout as it is, stderr below a mark, and the status when it is not 0.
func shown(stdout, stderr string, status int, notes []string) string {
	text := stdout
	line := func() {
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
	}
	if stderr != "" {
		line()
		text += "[stderr]\n" + stderr
	}
	if status != 0 {
		notes = append(notes, fmt.Sprintf("[exit code %d]", status))
	}
	for _, note := range notes {
		line()
		text += note + "\n"
	}
	return text
}

func answer(out io.Writer, text string, status int, structured map[string]any) int {
	reply := map[string]any{"content": text, "is_error": status != 0}
	if structured != nil {
		reply["structured"] = structured
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(reply); err != nil {
		return 1
	}
	return status
}
