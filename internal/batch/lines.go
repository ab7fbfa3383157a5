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
	read       int // lines that were returned
	eof        bool
}

func newLines(from io.Reader) *lines { return &lines{from: from, buf: make([]byte, firstBuffer)} }

// next returns the next lines with their newlines, as many as a task takes of
// those that are there: it waits for one line only. At the end there are none.
// They are valid until the next call. The last line needs no newline.
func (l *lines) next() (text []byte, count int, err error) {
	for {
		if size, count := whole(l.buf[l.start:l.end]); count > 0 {
			return l.take(size, count), count, nil
		}
		searched := l.end - l.start
		switch {
		case l.eof && searched == 0:
			return nil, 0, nil
		case l.eof:
			return l.take(searched, 1), 1, nil
		case searched > MaxLine:
			return nil, 0, fmt.Errorf("line %d has more than %d MiB", l.read+1, MaxLine>>20)
		}
		if err := l.fill(); err != nil {
			return nil, 0, err
		}
	}
}

// whole returns the size and the number of the lines that text begins with.
func whole(text []byte) (size, count int) {
	for count < taskLines && (count == 0 || size < taskBytes) {
		at := bytes.IndexByte(text[size:], '\n')
		if at < 0 {
			break
		}
		size += at + 1
		count++
	}
	return size, count
}

func (l *lines) take(size, count int) []byte {
	text := l.buf[l.start : l.start+size]
	l.start += size
	l.read += count
	return text
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
