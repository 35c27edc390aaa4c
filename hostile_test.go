package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"certscan/fixtures"
	"certscan/report"
)

// spite is what a stranger may write wherever he can: escape codes, line breaks, NUL, bidirectional and zero-width
// characters, a formula, cells, markup, and what is no UTF-8.
const spite = "=HYPERLINK(\"http://evil\")|`id`<b>\x1b]0;pwn\x07\x1b[2J\r\nURGENT fake.example\x00\u202egnp.exe\u200b\u2028\u009b[x](http://evil)"

// spiteful serves names of hostile.test that are hostile in every text that a stranger can choose.
func spiteful(t *testing.T) *loopback {
	t.Helper()
	lo, err := startLoopback()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lo.net.Close)
	lo.net.Zone("hostile.test", `
cert     A     127.40.0.1
issuer   A     127.40.0.1
header   A     127.40.0.1
location A     127.40.0.1
long     A     127.40.0.1
alias    CNAME =1+1\124\096\027[2J\000\226\128\174\013\010
=1+1\124\096\027[2J\000\226\128\174\013\010 A 127.40.0.1
dangling CNAME \027]0\;x\007\226\128\139.gone
ede      A     127.40.0.1
`)
	lo.net.Fault("ede.hostile.test", fixtures.DNSFault{RCode: 2, EDE: &fixtures.EDE{Code: 22, Text: spite}})
	issue := func(l fixtures.Leaf) fixtures.Chain { return lo.net.CA().Issue(l) }
	lo.net.Serve(net.JoinHostPort("127.40.0.1", strconv.Itoa(int(lo.tls))),
		fixtures.Site{Names: []string{"cert.hostile.test"}, Chain: issue(fixtures.Leaf{
			CommonName: spite, Names: []string{"\x1b[2J\r\n|`.test", "=1+1.test", "-" + strings.Repeat("x", 60_000)},
		})},
		fixtures.Site{Names: []string{"issuer.hostile.test"}, Chain: issue(fixtures.Leaf{
			CommonName: spite, Names: []string{"issuer.hostile.test"}, SelfSigned: true, Send: "leaf",
		})},
		fixtures.Site{Names: []string{"long.hostile.test"}, Chain: issue(fixtures.Leaf{
			CommonName: "@" + strings.Repeat("\u202e", 20_000), Names: []string{"long.hostile.test"}, SelfSigned: true, Send: "leaf",
		})},
		fixtures.Site{Names: []string{"header.hostile.test"}, Handler: raw("HTTP/1.1 503 " + spite + "\r\nServer: " + spite + "\r\n\r\n")},
		fixtures.Site{Names: []string{"location.hostile.test"}, Handler: raw("HTTP/1.1 302 \x1b[2J\r\nServer: =1\x1b[2J\u202e\r\n" +
			"Location: https://location.hostile.test/\x1b[2J|`" + strings.Repeat("\u202e", 20_000) + "\r\nContent-Length: 0\r\n\r\n")},
	)
	if err := lo.net.Err(); err != nil {
		t.Fatal(err)
	}
	return lo
}

// raw answers with bytes that net/http would not write.
func raw(response string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = buf.WriteString(response)
		_ = buf.Flush()
		_ = conn.Close()
	})
}

// spitefulList is a list with texts of its own that are hostile: names, owners, managers.
func spitefulList(t *testing.T) string {
	t.Helper()
	quoted := `"` + strings.NewReplacer(`"`, `""`, "\r\n", "\x0b").Replace(spite) + `"`
	var b strings.Builder
	b.WriteString("domain,owner,manager\n")
	for _, name := range []string{"cert", "issuer", "header", "location", "long", "alias", "dangling", "ede"} {
		fmt.Fprintf(&b, "%s.hostile.test,%s,%s\n", name, quoted, quoted)
	}
	fmt.Fprintf(&b, "%s,,\n\"=HYPERLINK(1).test\",,\n\u202e.test,,\n@x|`.test,,\n%s.test,,\n\x1b[2J.test,,\n",
		quoted, strings.Repeat("=", 60_000))
	path := filepath.Join(t.TempDir(), "list\x1b[2J\u202e.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// scanned runs certscan in the internet and returns what it wrote.
func scanned(t *testing.T, lo *loopback, args ...string) (stdout, stderr string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, lo.net.CA().RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, v := range lo.env() {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	env["CERTSCAN_CA_FILE"], env["STATE_DIRECTORY"] = root, t.TempDir()
	var out, notes strings.Builder
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	run(t.Context(), append([]string{"certscan"}, args...), streams{strings.NewReader(""), &out, &notes, lookup})
	return out.String(), notes.String()
}

// hidden returns the first character in a text that acts on its reader instead of being read.
func hidden(text string) string {
	if !utf8.ValidString(text) {
		return "what is no UTF-8"
	}
	for i, r := range text {
		if r != '\n' && !unicode.IsGraphic(r) {
			return fmt.Sprintf("%U behind %q", r, text[max(0, i-40):i])
		}
	}
	return ""
}

// TestHostileTexts holds that nothing raw reaches a terminal, a spreadsheet, Markdown, a monitoring server or the log,
// whoever wrote it, and that JSON stays exact.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	lo, list := spiteful(t), spitefulList(t)
	for _, format := range report.AuditFormats {
		if format == report.FormatXLSX {
			continue // report.TestHostileWorkbook holds it
		}
		t.Run("audit as "+string(format), func(t *testing.T) {
			t.Parallel()
			stdout, stderr := scanned(t, lo, "audit", "-f", list, "--format", string(format))
			if found := hidden(stdout + stderr); found != "" || !strings.Contains(stdout, "dangling.hostile.test") && !strings.Contains(stdout, "dangling.hostile\\.test") {
				t.Errorf("holds %s:\n%.2000s", found, stdout)
			}
		})
	}
	for _, format := range report.Formats {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			stdout, stderr := scanned(t, lo, "-f", list, "--format", string(format))
			for name, text := range map[string]string{"standard output": stdout, "standard error": stderr} {
				if found := hidden(text); found != "" {
					t.Errorf("%s holds %s", name, found)
				}
			}
			for line := range strings.Lines(stderr) {
				if len(line) > 4096 {
					t.Errorf("a line of %d bytes on standard error", len(line))
				}
			}
			if strings.Contains(stdout, "\nURGENT fake") || strings.Count(stdout, "hostile.test") < 4 {
				t.Errorf("a record of a stranger's making, or none:\n%.2000s", stdout)
			}
			holds(t, format, stdout)
		})
	}
	t.Run("explain", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"cert", "issuer", "header", "location", "long", "alias", "dangling", "ede"} {
			stdout, stderr := scanned(t, lo, "explain", name+".hostile.test")
			if found := hidden(stdout + stderr); found != "" || len(stdout) < 100 {
				t.Errorf("%s: explanation holds %s:\n%s", name, found, stdout)
			}
		}
	})
	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{{"-f", "no\x1b[2J\u202e"}, {"--ours", "\x1b[2J", "a.test"}, {"--\x1b[2J", "a.test"}, {"-o", "no\x1b/\u202e", "a.test"}, {"completion", "\x1b"}} {
			_, stderr := scanned(t, lo, args...)
			if found := hidden(stderr); found != "" || !strings.HasPrefix(stderr, "certscan: ") {
				t.Errorf("%q: the error holds %s: %q", args, found, stderr)
			}
		}
	})
}

// holds checks what is the format's own to hold.
func holds(t *testing.T, format report.Format, stdout string) {
	t.Helper()
	switch format {
	case report.FormatJSONL, report.FormatJSON:
		exact(t, format, stdout)
	case report.FormatCSV:
		rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
		if err != nil || len(rows) < 12 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, row := range rows {
			for i, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(cell)[0]) && rows[0][i] != "days_left" {
					t.Errorf("%s is a formula: %q", rows[0][i], cell)
				}
			}
		}
	case report.FormatMarkdown:
		bare := regexp.MustCompile(`\\[[:punct:]]`).ReplaceAllString(stdout, "")
		if strings.ContainsAny(bare, "`<>[]") {
			t.Errorf("markup:\n%s", bare)
		}
		for line := range strings.Lines(bare) {
			if n := strings.Count(line, "|"); n != 0 && n != 6 && n != 4 {
				t.Errorf("%d bars in %q", n, line)
			}
		}
	case report.FormatNagios:
		if n := strings.Count(stdout, "|"); n != 1 || strings.ContainsAny(stdout, "`$<>\"'\\") {
			t.Errorf("%d bars, or characters for a shell:\n%s", n, stdout)
		}
	case report.FormatTable, report.FormatXLSX, report.FormatHTML:
	}
}

// exact holds that the texts come out of JSON as they went in.
func exact(t *testing.T, format report.Format, stdout string) {
	t.Helper()
	var records []json.RawMessage
	if format == report.FormatJSON {
		var document struct{ Records []json.RawMessage }
		if err := json.Unmarshal([]byte(stdout), &document); err != nil {
			t.Fatal(err)
		}
		records = document.Records
	} else {
		for d := json.NewDecoder(strings.NewReader(stdout)); ; {
			var line json.RawMessage
			if err := d.Decode(&line); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			records = append(records, line)
		}
		records = records[:len(records)-1] // the run
	}
	seen := 0
	for _, line := range records {
		r, err := report.DecodeRecord(line)
		if err != nil {
			t.Fatal(err)
		}
		switch r.Name {
		case "cert.hostile.test", "issuer.hostile.test":
			seen++
			if c := r.Endpoints[0].TLS.Cert; c.CommonName != spite {
				t.Errorf("%s: common name %q, want %q", r.Name, c.CommonName, spite)
			}
		case "ede.hostile.test":
			seen++
			if len(r.DNS.EDE) == 0 || r.DNS.EDE[0].Text != spite {
				t.Errorf("EDE %+v, want %q", r.DNS.EDE, spite)
			}
		}
	}
	if seen != 3 {
		t.Errorf("%d of 3 records seen in %d", seen, len(records))
	}
}
