package expression_test

import (
	"errors"
	"testing"

	"github.com/sealrelay/sealrelay/internal/js7joc/expression"
)

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"":                    `""`,
		"enc:AAA= BBB= CCC=":  `"enc:AAA= BBB= CCC="`,
		`a"b`:                 `"a\"b"`,
		`a\b`:                 `"a\\b"`,
		"$HOME ${x} $$":       `"\$HOME \${x} \$\$"`,
		"two\nlines":          `"two\nlines"`,
		`\n`:                  `"\\n"`,
		`it's`:                `"it's"`,
		`" ++ $other ++ "`:    `"\" ++ \$other ++ \""`,
		"pä€𝄞":                `"pä€𝄞"`,
		`toFile("x", "*.sh")`: `"toFile(\"x\", \"*.sh\")"`,
		`\"`:                  `"\\\""`,
	} {
		got, err := expression.Quote(text)
		if err != nil || got != want {
			t.Errorf("%q is written %s, %v; want %s", text, got, err, want)
		}
		if back, ok := expression.Unquote(got); !ok || back != text {
			t.Errorf("%s is read as %q, %t", got, back, ok)
		}
	}
	for _, text := range []string{"a\rb", "a\tb", "a\x00b", "a\x7f", "a\u0085b", "a\xffb"} {
		if got, err := expression.Quote(text); !errors.Is(err, expression.ErrExpression) {
			t.Errorf("%q is written %s, %v", text, got, err)
		}
	}
}

func TestUnquote(t *testing.T) {
	for text, want := range map[string]string{
		`'a $b \n "c"'`: `a $b \n "c"`,
		`''`:            "",
	} {
		if got, ok := expression.Unquote(text); !ok || got != want {
			t.Errorf("%s is read as %q, %t", text, got, ok)
		}
	}
	for _, text := range []string{
		"", `"`, `'`, "enc:A B C", `"a`, `a"`, `"a'`, `"a" ++ "b"`, `'a' ++ 'b'`, `"$x"`, `"a\"`, `"a\t"`, "\"a\nb\"", "\"\x7f\"", `$x`, `toFile("a", "b")`, "\"\xff\"",
	} {
		if got, ok := expression.Unquote(text); ok {
			t.Errorf("%s is read as %q", text, got)
		}
	}
}

// Whatever is written is read back, and whatever is read back was one string.
func FuzzQuote(f *testing.F) {
	for _, text := range []string{"", "enc:A B C", `"\$`, "a\nb", `'a'`, `"a" ++ "b"`, "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if quoted, err := expression.Quote(text); err == nil {
			if back, ok := expression.Unquote(quoted); !ok || back != text {
				t.Errorf("%q is written %s and read as %q", text, quoted, back)
			}
		}
		if value, ok := expression.Unquote(text); ok && text[0] == '"' {
			if again, err := expression.Quote(value); err == nil && again != text {
				t.Errorf("%s is read as %q, which is written %s", text, value, again)
			}
		}
	})
}
