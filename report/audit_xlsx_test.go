package report

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"certscan/fixtures"
	"certscan/triage"
)

// TestWorkbook holds the sheets of a workbook, and what is in their cells.
func TestWorkbook(t *testing.T) {
	t.Parallel()
	data := auditAs(t, FormatXLSX, sampleAudit(), 0)
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	want := []string{"free", "expired", "not_delegated", "moved", "mixed", "parked", "unknown", "changes", "method"}
	if got := f.GetSheetList(); !slices.Equal(got, want) {
		t.Errorf("sheets %q, want %q", got, want)
	}
	rows, err := f.GetRows("expired")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(rows[0], "|") + "\n" + strings.Join(rows[1], "|")
	checkGolden(t, "audit_xlsx", []byte(text+"\n"))
	panes, err := f.GetPanes("expired")
	if err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("panes %+v, %v", panes, err)
	}
	changes, err := f.GetRows("changes")
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1+7 {
		t.Errorf("changes %q", changes)
	}
}

// TestWorkbookFailure holds that a name that failed for our own doing, and has no verdict, stands on the sheet of what is unknown.
func TestWorkbookFailure(t *testing.T) {
	t.Parallel()
	a := &Audit{Rows: []AuditRow{{Record: Record{Domain: "failed.example"}, Section: triage.SectionUnknown, Change: triage.ChangeNew}}}
	f, err := excelize.OpenReader(bytes.NewReader(auditAs(t, FormatXLSX, a, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if rows, err := f.GetRows("unknown"); err != nil || len(rows) != 2 || !slices.Contains(rows[1], "failed.example") {
		t.Errorf("%q, %v, sheets %q", rows, err, f.GetSheetList())
	}
}

// TestHostileWorkbook holds that what others wrote stays text in a workbook: no formula, no link, nothing from outside.
func TestHostileWorkbook(t *testing.T) {
	t.Parallel()
	a, _ := hostileAudit()
	data := auditAs(t, FormatXLSX, a, 0)
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(file.Name, "externalLink") || bytes.Contains(part, []byte("<f>")) || bytes.Contains(part, []byte("<hyperlink")) ||
			bytes.Contains(part, []byte(`TargetMode="External"`)) {
			t.Errorf("%s holds more than text", file.Name)
		}
	}
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	rows, err := f.GetRows("moved")
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Rows {
		if got, want := rows[i+1][2], terminal(a.Rows[i].Record.Domain, lineRunes); got != want {
			t.Errorf("%.60q, want %.60q", got, want)
		}
	}
}

// spreadsheet is a flat document of LibreOffice, as far as these tests read it.
type spreadsheet struct {
	Tables []struct {
		Name string `xml:"name,attr"`
		Rows []struct {
			Cells []struct {
				Type     string   `xml:"value-type,attr"`
				Date     string   `xml:"date-value,attr"`
				Formula  string   `xml:"formula,attr"`
				Text     []string `xml:"p"`
				Repeated int      `xml:"number-columns-repeated,attr"`
			} `xml:"table-cell"`
		} `xml:"table-row"`
	} `xml:"body>spreadsheet>table"`
}

// TestWorkbookInLibreOffice opens both workbooks there: dates are dates, numbers are numbers, and every text is a text that reads
// as it was written.
func TestWorkbookInLibreOffice(t *testing.T) {
	t.Parallel()
	office := fixtures.Need(t, "soffice", "libreoffice-calc-nogui")
	dir := t.TempDir()
	bad, _ := hostileAudit()
	for name, a := range map[string]*Audit{"sample": sampleAudit(), "hostile": bad} {
		if err := os.WriteFile(filepath.Join(dir, name+".xlsx"), auditAs(t, FormatXLSX, a, 0), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, office, "-env:UserInstallation=file://"+dir+"/profile", "--headless", "--convert-to", "fods", "--outdir", dir,
		filepath.Join(dir, "sample.xlsx"), filepath.Join(dir, "hostile.xlsx"))
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sample, hostileOne := readSheets(t, filepath.Join(dir, "sample.fods")), readSheets(t, filepath.Join(dir, "hostile.fods"))
	expired := sample["expired"][1]
	for heading, want := range map[string]string{
		"Domain": "string late.example", "Registered": "date 2023-11-20T10:00:00", "Until": "date 2026-11-11T10:00:00", "Since": "date 2026-11-06T10:00:00",
		"Registration": "string redemption", "Proposed": "string call the customer",
	} {
		if got := expired[slices.Index(headings0(sample["expired"]), "string "+heading)]; got != want {
			t.Errorf("%s: %q, want %q", heading, got, want)
		}
	}
	names := ""
	for _, row := range sample["method"] {
		if row[0] == "string Names looked at" {
			names = row[1]
		}
	}
	if names != "float 12000" && names != "float 12,000" {
		t.Errorf("names looked at: %q", names)
	}
	for i := range bad.Rows {
		want := "string " + terminal(bad.Rows[i].Record.Domain, lineRunes)
		for _, column := range []int{0, 1, 2} {
			if got := hostileOne["moved"][i+1][column]; got != want {
				t.Errorf("row %d, column %d: %.80q, want %.80q", i, column, got, want)
			}
		}
	}
}

func headings0(rows [][]string) []string { return rows[0] }

// readSheets returns the cells of each table as their type and text. It holds that none is a formula.
func readSheets(t *testing.T, path string) map[string][][]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc spreadsheet
	if err := xml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string][][]string{}
	for _, table := range doc.Tables {
		for _, row := range table.Rows {
			var cells []string
			for _, c := range row.Cells {
				if c.Formula != "" {
					t.Errorf("%s: formula %s", table.Name, c.Formula)
				}
				text := c.Type + " " + strings.Join(c.Text, "\n")
				if c.Date != "" {
					text = c.Type + " " + c.Date
				}
				for range min(max(1, c.Repeated), 40) {
					cells = append(cells, text)
				}
			}
			out[table.Name] = append(out[table.Name], cells)
		}
	}
	return out
}
