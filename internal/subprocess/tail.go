package subprocess

import (
	"bytes"
)

// maxTail bounds what is kept of an output, in bytes.
const maxTail = 1024

// Tail keeps the end of what is written to it.
type Tail struct{ kept []byte }

// Write implements io.Writer.
func (t *Tail) Write(data []byte) (int, error) {
	t.kept = append(t.kept, data[max(0, len(data)-maxTail):]...)
	t.kept = t.kept[max(0, len(t.kept)-maxTail):]
	return len(data), nil
}

// Last is the last line that is not blank, as it was written.
func (t *Tail) Last() string {
	text := bytes.TrimSpace(t.kept)
	if at := bytes.LastIndexAny(text, "\r\n"); at >= 0 {
		text = bytes.TrimSpace(text[at+1:])
	}
	return string(text)
}
