package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"
)

func listingSample(rows ...[]any) Listing {
	return Listing{
		Name:    "things",
		Columns: []Column{{Key: "text", Heading: "TEXT"}, {Key: "n", Heading: "N"}, {Key: "at", Heading: "AT"}, {Key: "more"}, {Heading: "SHOWN"}},
		Rows: func(yield func([]any, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		},
		Summary: func(dst []byte) []byte { return append(dst, `{"sum":1}`...) }, SummaryName: "whole",
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 10, 0, 0, 5, time.UTC)
	rows := [][]any{{"a", 1, at, "b", "c"}, {"=x,\"", -2, time.Time{}, "", "|"}}
	for format, want := range map[Format]string{
		FormatTable:    "TEXT  N   AT                    SHOWN\na     1   2026-11-20T10:00:00Z  c\n=x,\"  -2                        |\n",
		FormatJSON:     `{"schema":1,"things":[{"text":"a","n":1,"at":"2026-11-20T10:00:00Z","more":"b"},{"text":"=x,\"","n":-2,"at":null,"more":""}],"whole":{"sum":1}}` + "\n",
		FormatJSONL:    `{"text":"a","n":1,"at":"2026-11-20T10:00:00Z","more":"b"}` + "\n" + `{"text":"=x,\"","n":-2,"at":null,"more":""}` + "\n" + `{"whole":{"sum":1}}` + "\n",
		FormatCSV:      "text,n,at,more\na,1,2026-11-20T10:00:00Z,b\n\"'=x,\"\"\",-2,,\n",
		FormatMarkdown: "| TEXT | N | AT | SHOWN |\n|---|---|---|---|\n| a | 1 | 2026-11-20T10:00:00Z | c |\n| =x,\" | -2 |  | \\| |\n",
	} {
		var b bytes.Buffer
		if err := WriteListing(&b, format, listingSample(rows...), 0); err != nil || b.String() != want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", format, err, b.String(), want)
		}
	}
	var b bytes.Buffer
	if err := WriteListing(&b, FormatNagios, listingSample(), 0); err == nil || !strings.Contains(err.Error(), "no such form of it") {
		t.Errorf("%v", err)
	}
}

// TestListingHostile gives every cell what a stranger may write: no form lets it act.
func TestListingHostile(t *testing.T) {
	t.Parallel()
	l := listingSample([]any{hostile, 1, time.Time{}, hostile, hostile})
	for _, format := range []Format{FormatTable, FormatJSON, FormatJSONL, FormatCSV, FormatMarkdown} {
		for _, width := range []int{0, 20, 40, 80} {
			var b bytes.Buffer
			if err := WriteListing(&b, format, l, width); err != nil {
				t.Fatal(err)
			}
			for _, r := range strings.ReplaceAll(b.String(), "\n", "") {
				if hidden(r) {
					t.Fatalf("%s: %q holds %q", format, b.String(), r)
				}
			}
			for line := range strings.Lines(b.String()) {
				if format == FormatTable && width > 0 && cells(strings.TrimSpace(line)) > width {
					t.Errorf("%d cells for %d: %q", cells(line), width, line)
				}
			}
			switch format { //nolint:exhaustive // those that a parser reads
			case FormatJSON:
				if !json.Valid(b.Bytes()) {
					t.Errorf("%s", b.Bytes())
				}
			case FormatCSV:
				if rows, err := csv.NewReader(&b).ReadAll(); err != nil || len(rows) != 2 || len(rows[1]) != 4 {
					t.Errorf("%q, %v", rows, err)
				}
			}
		}
	}
}

// TestListingErrors holds that an error of the rows is that of the writing, and that nothing stands for an empty table.
func TestListingErrors(t *testing.T) {
	t.Parallel()
	bad := errors.New("gone")
	l := listingSample()
	l.Rows = iter.Seq2[[]any, error](func(yield func([]any, error) bool) { yield(nil, bad) })
	for _, format := range []Format{FormatTable, FormatJSON, FormatJSONL, FormatCSV, FormatMarkdown} {
		var b bytes.Buffer
		if err := WriteListing(&b, format, l, 0); !errors.Is(err, bad) {
			t.Errorf("%s: %v", format, err)
		}
	}
	var b bytes.Buffer
	if err := WriteListing(&b, FormatTable, listingSample(), 0); err != nil || b.Len() > 0 {
		t.Errorf("%q, %v", b.String(), err)
	}
}
