package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line of input, in bytes without its newline.
const MaxLine = 16 << 20

// firstBuffer is the size of the buffer as long as no line is larger, in bytes.
const firstBuffer = 64 << 10

// lines reads lines. A bufio.Scanner would leave copies of them in memory.
type lines struct {
	from io.Reader
	buf  []byte
	// start and end bound what was read and not yet returned.
	start, end int
	number     int
	eof        bool
}

func newLines(from io.Reader) *lines { return &lines{from: from, buf: make([]byte, firstBuffer)} }

// next returns the next line without its newline, LF or CRLF; nil at the end. It
// is valid until the next call. The last line needs no newline.
func (l *lines) next() ([]byte, error) {
	l.number++
	searched := 0
	for {
		if at := bytes.IndexByte(l.buf[l.start+searched:l.end], '\n'); at >= 0 {
			return l.take(searched+at, 1), nil
		}
		searched = l.end - l.start
		switch {
		case l.eof && searched == 0:
			return nil, nil
		case l.eof:
			return l.take(searched, 0), nil
		case searched > MaxLine:
			return nil, fmt.Errorf("line %d has more than %d MiB", l.number, MaxLine>>20)
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

func (l *lines) take(size, newline int) []byte {
	line := l.buf[l.start : l.start+size]
	l.start += size + newline
	return bytes.TrimSuffix(line, []byte("\r"))
}

// fill reads more, and makes room for it first.
func (l *lines) fill() error {
	if l.end == len(l.buf) {
		into := l.buf
		if l.start < len(l.buf)/2 {
			into = make([]byte, 2*len(l.buf))
		}
		left := copy(into, l.buf[l.start:l.end])
		if len(into) > len(l.buf) {
			clear(l.buf)
		}
		l.buf, l.start, l.end = into, 0, left
	}
	n, err := l.from.Read(l.buf[l.end:])
	l.end += n
	if errors.Is(err, io.EOF) {
		l.eof = true
		return nil
	}
	return err
}

func (l *lines) wipe() { clear(l.buf) }
