//go:build unix

package crashtest

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// call is a system call in the log of strace -f -ttt -y -qq -xx. One that
// another thread interrupts in the log takes two lines, and comes up twice:
// when it begins and when it ends.
type call struct {
	// at is the time of the line, in microseconds since 1970.
	at   int64
	pid  int
	name string
	args []string
	// ended says that the result is known.
	ended bool
	// ret is the result, path that of a returned file, errno the error's name.
	ret   int64
	path  string
	errno string
	// begun is the same call when it began, nil if that was on this line.
	begun *call
}

// maxLine is far more than the longest line, in bytes: four for each byte that
// is written at once.
const maxLine = 64 << 20

const (
	unfinished = " <unfinished ...>"
	resumed    = " resumed>"
)

// readTrace calls visit for each call of the log, in its order. Whatever it
// cannot read is an error: what is skipped would not be replayed.
func readTrace(r io.Reader, visit func(*call) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<20), maxLine)
	p := parser{open: map[int]pending{}}
	for n := 1; lines.Scan(); n++ {
		c, err := p.line(lines.Text())
		if err == nil && c != nil {
			err = visit(c)
		}
		if err != nil {
			return fmt.Errorf("line %d of the trace: %w", n, err)
		}
	}
	return lines.Err()
}

type pending struct {
	call *call
	text string
}

// parser has the calls that began and did not end, by thread.
type parser struct{ open map[int]pending }

// line reads a line; its call is nil if the line is about none.
func (p *parser) line(line string) (*call, error) {
	pid, rest, err := number(line)
	if err != nil {
		return nil, err
	}
	at, text, err := stamp(rest)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(text, "+++ "): // the thread is gone, in a call or not
		delete(p.open, pid)
		return nil, nil
	case strings.HasPrefix(text, "<... "):
		return p.resume(pid, at, text)
	case strings.HasSuffix(text, unfinished):
		if _, twice := p.open[pid]; twice {
			return nil, errors.New("thread is in two calls")
		}
		text = strings.TrimSuffix(text, unfinished)
		c := &call{at: at, pid: pid}
		if err := c.head(text); err != nil {
			return nil, err
		}
		p.open[pid] = pending{c, text}
		return c, nil
	}
	c := &call{at: at, pid: pid}
	return c, c.whole(text)
}

func (p *parser) resume(pid int, at int64, text string) (*call, error) {
	name, rest, found := strings.Cut(strings.TrimPrefix(text, "<... "), resumed)
	begun, inside := p.open[pid]
	if !found || !inside || begun.call.name != name {
		return nil, errors.New("call is resumed that did not begin")
	}
	delete(p.open, pid)
	c := &call{at: at, pid: pid, begun: begun.call}
	return c, c.whole(begun.text + rest)
}

// whole reads name(args) = result.
func (c *call) whole(text string) error {
	i := strings.LastIndex(text, "= ")
	if i < 0 {
		return errors.New("no result")
	}
	head := strings.TrimRight(text[:i], " ")
	if !strings.HasSuffix(head, ")") {
		return errors.New("no end of the arguments")
	}
	if err := c.head(strings.TrimSuffix(head, ")")); err != nil {
		return err
	}
	return c.result(text[i+len("= "):])
}

// head reads "name(arg, arg", without the closing parenthesis.
func (c *call) head(text string) error {
	name, list, found := strings.Cut(text, "(")
	if !found || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return errors.New("no name of a call")
	}
	c.name = name
	depth, from := 0, 0
	for i := range len(list) {
		switch list[i] {
		case '(', '[', '{', '<':
			depth++
		case ')', ']', '}', '>':
			depth--
		case ',':
			if depth == 0 {
				c.args = append(c.args, strings.TrimSpace(list[from:i]))
				from = i + 1
			}
		}
	}
	if last := strings.TrimSpace(list[from:]); last != "" {
		c.args = append(c.args, last)
	}
	return nil
}

// result reads 5<path>, 0x7f00, -1 ENOENT (words), or ? where the process
// ended in the call.
func (c *call) result(text string) error {
	c.ended = true
	value, rest, _ := strings.Cut(text, " ")
	if value == "?" {
		c.errno = "?"
		return nil
	}
	value, path, found := strings.Cut(value, "<")
	if found {
		decoded, err := unhex(strings.TrimSuffix(path, ">"))
		if err != nil {
			return err
		}
		c.path = string(decoded)
	}
	ret, err := strconv.ParseInt(value, 0, 64)
	if err != nil {
		return errors.New("result is no number")
	}
	c.ret = ret
	if ret < 0 {
		c.errno, _, _ = strings.Cut(rest, " ")
	}
	return nil
}

func (c *call) failed() bool { return c.errno != "" }

// arg is the i-th argument, empty if the call has none.
func (c *call) arg(i int) string {
	if i >= len(c.args) {
		return ""
	}
	return c.args[i]
}

// number cuts a decimal number and the spaces behind it off the text.
func number(text string) (n int, rest string, err error) {
	digits, rest, found := strings.Cut(text, " ")
	n, err = strconv.Atoi(digits)
	if !found || err != nil || n < 0 {
		return 0, "", errors.New("no thread number")
	}
	return n, strings.TrimLeft(rest, " "), nil
}

// stamp cuts seconds.microseconds off the text.
func stamp(text string) (at int64, rest string, err error) {
	word, rest, found := strings.Cut(text, " ")
	seconds, micros, dot := strings.Cut(word, ".")
	s, errS := strconv.ParseInt(seconds, 10, 40)
	us, errU := strconv.ParseInt(micros, 10, 32)
	if !found || !dot || len(micros) != 6 || errS != nil || errU != nil || s < 0 || us < 0 {
		return 0, "", errors.New("no time")
	}
	return s*1e6 + us, rest, nil
}

// content reads a "string" argument. One that strace cut short is an error.
func content(arg string) ([]byte, error) {
	inner, ok := strings.CutPrefix(arg, `"`)
	if inner, ok2 := strings.CutSuffix(inner, `"`); ok && ok2 {
		return unhex(inner)
	}
	return nil, errors.New("argument is no whole string")
}

// unhex reads \xNN\xNN.
func unhex(text string) ([]byte, error) {
	if len(text)%4 != 0 {
		return nil, errors.New("string is not in hex")
	}
	digits := make([]byte, 0, len(text)/2)
	for i := 0; i < len(text); i += 4 {
		if text[i] != '\\' || text[i+1] != 'x' {
			return nil, errors.New("string is not in hex")
		}
		digits = append(digits, text[i+2], text[i+3])
	}
	out := make([]byte, len(digits)/2)
	_, err := hex.Decode(out, digits)
	return out, err
}

// descriptor is a file that an argument names by number.
type descriptor struct {
	number  int
	path    string
	deleted bool
}

// file reads 5<path>, AT_FDCWD<path>, with "(deleted)" behind it if the file
// has no name any more.
func file(arg string) (descriptor, error) {
	arg, deleted := strings.CutSuffix(arg, "(deleted)")
	name, path, found := strings.Cut(arg, "<")
	d := descriptor{number: -1, deleted: deleted}
	if name != "AT_FDCWD" {
		n, err := strconv.Atoi(name)
		if err != nil {
			return d, errors.New("argument is no file")
		}
		d.number = n
	}
	if !found {
		return d, nil // a number that is no file of the process
	}
	decoded, err := unhex(strings.TrimSuffix(path, ">"))
	if err != nil {
		return d, err
	}
	d.path = string(decoded)
	return d, nil
}
