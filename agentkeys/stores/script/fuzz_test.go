package script

import (
	"strings"
	"testing"
)

// FuzzRead: whatever a program answers, it is whole, an error, or refused.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"{\"entry\":{\"alias\":\"a\",\"key\":\"x\"}}\n{\"done\":true}\n", "{\"outcome\":{\"did\":\"added\"}}\n{\"done\":true}", "{\"error\":{\"class\":\"denied\",\"message\":\"x\"}}",
		"{\"done\":true}\n{\"done\":true}", "{}", "[", "\n\n", "{\"entry\":null}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		taken := 0
		err := read(strings.NewReader(text), func(a answer) error {
			taken++
			if (a.Entry == nil) == (a.Outcome == nil) || a.Error != nil || a.Done {
				t.Errorf("taken was %+v", a)
			}
			return nil
		})
		if err == nil && !strings.Contains(text, "done") {
			t.Errorf("%q is whole", text)
		}
	})
}
