package jsonscan

const hexDigits = "0123456789abcdef"

// short has the two-character escapes of RFC 8785, section 3.2.2.2.
var short = [256]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r', '"': '"', '\\': '\\'}

// QuotedLen is how many bytes AppendQuoted appends for text.
func QuotedLen(text []byte) int {
	n := len(text) + 2
	for _, c := range text {
		switch {
		case short[c] != 0:
			n++
		case c < ' ':
			n += 5
		}
	}
	return n
}

// AppendQuoted appends text, which is valid UTF-8, as a JSON string in the
// canonical form of RFC 8785. A dst with room for QuotedLen more bytes is not
// outgrown, so that no copy of a secret stays behind.
func AppendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case short[c] != 0:
			dst = append(dst, '\\', short[c])
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
