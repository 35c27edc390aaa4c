// Package report renders results: a table, JSON, JSON lines, the progress of a run, and the explanation of one name.
//
// It decides nothing and probes nothing. What it promises:
//   - There is one [Record], one encoder ([Record.AppendJSON]) and one decoder ([DecodeRecord]); every format that
//     needs a record takes this one.
//   - No byte of remote text reaches a sink unescaped: text.go holds one function a sink, and a terminal that shows the
//     raw JSON is as safe as one that shows the table.
//   - JSON lines are written out as each record completes and hold nothing back; the sorted formats hold what they
//     print until they are closed.
//   - No line of a table is wider than it was told, whatever the script of the names.
//   - Nothing here reads a clock of its own or starts a goroutine.
package report
