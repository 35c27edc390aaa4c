package report

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestTerminal(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, in, want string }{
		{"plain", `C:\x "quoted" <b>`, `C:\x "quoted" <b>`},
		{"scripts stay", "пример 例え e\u0301 💩", "пример 例え e\u0301 💩"},
		{"window title", "a\x1b]0;pwn\x07b", `a\x1b]0;pwn\x07b`},
		{"screen cleared", "\x1b[2J", `\x1b[2J`},
		{"line broken", "a\r\nb\tc", `a\x0d\x0ab\x09c`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"C1", "\u009b2J\u0085", `\u009b2J\u0085`},
		{"raw C1 byte", "\x9b2J", `\x9b2J`},
		{"not UTF-8", "\xff\xc3(", `\xff\xc3(`},
		{"replacement character itself", "\uFFFD", "\uFFFD"},
		{"surrogate bytes", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"right to left", "\u202egnp.exe\u2066\u200f\u061c", `\u202egnp.exe\u2066\u200f\u061c`},
		{"zero width", "pay\u200bpal\u200d\u2060\ufeff", `pay\u200bpal\u200d\u2060\ufeff`},
		{"separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"tag characters", "a\U000E0041", `a\U000e0041`},
		{"at the limit", strings.Repeat("é", 512), strings.Repeat("é", 512)},
		{"above the limit", strings.Repeat("é", 513), strings.Repeat("é", 511) + "…"},
		{"an escape is not cut in two", strings.Repeat("a", 509) + "\x1bzz", strings.Repeat("a", 509) + "…"},
		{"an escape fits exactly", strings.Repeat("a", 508) + "\x1b", strings.Repeat("a", 508) + `\x1b`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := Terminal(row.in); got != row.want {
				t.Errorf("Terminal(%q)\n got %q\nwant %q", row.in, got, row.want)
			}
		})
	}
}

func FuzzTerminal(f *testing.F) {
	f.Add(hostile)
	f.Add(strings.Repeat("\x1b", 300))
	f.Fuzz(func(t *testing.T, s string) {
		got := Terminal(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 512 {
			t.Errorf("Terminal(%q) = %q: not UTF-8, or too long", s, got)
		}
		for _, r := range got {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("Terminal(%q) = %q lets %U through", s, got, r)
			}
		}
		if again := Terminal(got); again != got {
			t.Errorf("Terminal is not idempotent: %q, then %q", got, again)
		}
	})
}

func FuzzJSONString(f *testing.F) {
	f.Add(hostile)
	f.Add("\U000E0041\U0010FFFF\uFFFD")
	f.Fuzz(func(t *testing.T, s string) {
		raw := appendJSON(nil, s)
		for _, r := range string(raw) {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("%q is encoded as %q, which lets %U through", s, raw, r)
			}
		}
		var back string
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatalf("%q is encoded as %q: %v", s, raw, err)
		}
		if want := string([]rune(s)); back != want {
			t.Errorf("%q came back as %q", want, back)
		}
	})
}

func TestJSONStringKeepsMarkup(t *testing.T) {
	t.Parallel()
	if got, want := string(appendJSON(nil, "<a&b>\n\x7f\u2028\U000E0041é")), `"<a&b>\n\u007f\u2028\udb40\udc41é"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		in    string
		width int
		want  string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"例え例え", 8, "例え例え"},
		{"例え例え", 7, "例え例…"},
		{"例え例え", 6, "例え…"},
		{"例え", 1, "…"},
		{"abc", 0, ""},
	} {
		got := fit(row.in, row.width)
		if got != row.want || cells(got) > max(0, row.width) {
			t.Errorf("fit(%q, %d) = %q, want %q", row.in, row.width, got, row.want)
		}
	}
}
