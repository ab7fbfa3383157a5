package exec

import (
	"bytes"

	"github.com/sealrelay/sealrelay/internal/deliver"
)

const (
	// maxTail bounds what is kept of an output, in bytes.
	maxTail = 1024
	// maxLine bounds what is told of it, in bytes.
	maxLine = 200
)

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

// Write implements io.Writer.
func (t *tail) Write(data []byte) (int, error) {
	t.kept = append(t.kept, data[max(0, len(data)-maxTail):]...)
	t.kept = t.kept[max(0, len(t.kept)-maxTail):]
	return len(data), nil
}

// line is the last line that is not blank, fit for a reason.
func (t *tail) line() string {
	text := bytes.TrimSpace(t.kept)
	if at := bytes.LastIndexAny(text, "\r\n"); at >= 0 {
		text = bytes.TrimSpace(text[at+1:])
	}
	return deliver.Line(string(text), maxLine)
}
