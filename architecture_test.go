package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the table of docs/architecture.md: which of our packages each may import outside its tests.
var mayImport = map[string][]string{
	".":                {"dns", "inventory", "probe", "report", "scan", "store", "triage"},
	"inventory":        {},
	"dns":              {},
	"probe":            {},
	"triage":           {"dns", "inventory", "probe"},
	"scan":             {"dns", "inventory", "probe", "triage"},
	"report":           {"triage"},
	"store":            {"report"},
	"fixtures":         {},
	"fixtures/compare": {},
	"fixtures/demo":    {"fixtures"},
	"fixtures/soak":    {"dns", "fixtures", "inventory", "probe", "report", "scan", "triage"},
}

// onlyIn names the packages that alone may import a library.
var onlyIn = map[string][]string{
	"github.com/miekg/dns":            {"dns", "fixtures", "fixtures/demo"},
	"github.com/urfave/cli":           {"."},
	"github.com/goccy/go-yaml":        {".", "inventory"},
	"github.com/olekukonko":           {"report"},
	"github.com/schollz":              {"report"},
	"github.com/xuri":                 {"report"},
	"golang.org/x/crypto":             {"probe"},
	"golang.org/x/sys":                {"dns"},
	"golang.org/x/net/idna":           {"inventory"},
	"golang.org/x/text":               {"inventory"},
	"net/http":                        {"dns", "probe", "fixtures", "fixtures/demo"},
	"os/exec":                         {"fixtures", "fixtures/compare", "fixtures/demo"},
	"crypto/tls":                      {"dns", "probe", "fixtures", "fixtures/demo"},
	"database/sql":                    {"store"},
	"github.com/jackc/pgx":            {"store"},
	"github.com/pressly/goose":        {"store"},
	"modernc.org/sqlite":              {"store"},
	"github.com/go-acme/lego":         {},
	"github.com/slack-go/slack":       {},
	"github.com/rogpeppe":             {},
	"golang.org/x/net/dns/dnsmessage": {"dns"},
}

// parsed is one Go file of the module.
type parsed struct {
	pkg, path string // folder ("." for the root) and file
	test      bool
	file      *ast.File
	fset      *token.FileSet
}

// module parses every Go file outside tools/.
func module(t *testing.T) []parsed {
	t.Helper()
	var out []parsed
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path == "tools" || path == "bin" || strings.HasPrefix(d.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		p := parsed{pkg: filepath.ToSlash(filepath.Dir(path)), path: path, test: strings.HasSuffix(path, "_test.go"), fset: token.NewFileSet()}
		p.file, err = parser.ParseFile(p.fset, path, nil, parser.SkipObjectResolution)
		out = append(out, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (p parsed) imports() []string {
	var out []string
	for _, spec := range p.file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		out = append(out, path)
	}
	return out
}

func TestImportGraph(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range module(t) {
		seen[p.pkg] = true
		allowed, known := mayImport[p.pkg]
		if !known {
			t.Errorf("%s: package %q has no row in the table of imports: give it one here and in docs/architecture.md", p.path, p.pkg)
		}
		if p.test {
			continue
		}
		for _, path := range p.imports() {
			if ours, ok := strings.CutPrefix(path, "certscan/"); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s: package %q may import %v of ours", p.path, ours, p.pkg, allowed)
			}
			for library, homes := range onlyIn {
				if (path == library || strings.HasPrefix(path, library+"/")) && !slices.Contains(homes, p.pkg) {
					t.Errorf("%s imports %s: only %v may", p.path, path, homes)
				}
			}
		}
	}
	for pkg := range mayImport {
		if !seen[pkg] {
			t.Errorf("the table of imports names %q, which does not exist", pkg)
		}
	}
}

// TestNoBareGo holds that whoever starts a goroutine waits for it (sync.WaitGroup.Go): the two exceptions read
// a terminal and write to a pipe, which nothing can wake.
func TestNoBareGo(t *testing.T) {
	t.Parallel()
	allowed := map[string]int{"input.go": 1, "output.go": 1}
	for _, p := range module(t) {
		n := 0
		ast.Inspect(p.file, func(node ast.Node) bool {
			if g, ok := node.(*ast.GoStmt); ok {
				if n++; n > allowed[p.path] {
					t.Errorf("%s: a bare go statement: use sync.WaitGroup.Go and wait", p.fset.Position(g.Pos()))
				}
			}
			return true
		})
	}
}

// TestNoSleep holds that nothing waits by the clock: tests poll with a deadline, the program has timers. Where time is
// simulated a sleep takes none.
func TestNoSleep(t *testing.T) {
	t.Parallel()
	for _, p := range module(t) {
		if slices.Contains(p.imports(), "testing/synctest") {
			continue
		}
		ast.Inspect(p.file, func(node ast.Node) bool {
			if s, ok := node.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
					t.Errorf("%s: time.Sleep", p.fset.Position(s.Pos()))
				}
			}
			return true
		})
	}
}
