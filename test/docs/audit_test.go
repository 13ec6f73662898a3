package docs_test

import (
	"bytes"
	"encoding"
	"encoding/csv"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
)

// The page has every kind of finding, kind of access, column and field, and no other.
func TestAuditPage(t *testing.T) {
	p := readPage(t, filepath.Join(root, "docs", "audit.md"))
	var kinds []string
	for _, k := range audit.Kinds() {
		kinds = append(kinds, string(k))
	}
	var accesses, actions []string
	for _, a := range audit.Accesses() {
		accesses = append(accesses, string(a))
		actions = append(actions, strings.Join(audit.ActionsOf()[a], ", "))
	}
	var header bytes.Buffer
	if err := audit.WriteCSV(&header, audit.Report{}); err != nil {
		t.Fatal(err)
	}
	columns, err := csv.NewReader(&header).Read()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want []string }{
		"kinds":    {cells(p.rows(t, "kind", "severity"), 0), kinds},
		"accesses": {cells(p.rows(t, "access", "actions"), 0), accesses},
		"actions":  {cells(p.rows(t, "access", "actions"), 1), actions},
		"columns":  {cells(p.rows(t, "column", "content"), 0), columns},
		"fields":   {cells(p.rows(t, "field", "content"), 0), fields(reflect.TypeFor[audit.Output](), "", map[reflect.Type]bool{})},
	} {
		slices.Sort(c.got)
		slices.Sort(c.want)
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s\nof the page %q\nof the code %q", name, c.got, c.want)
		}
	}
}

// The example of a file of accepted findings is valid, and the page describes each of its fields.
func TestAcceptedFindings(t *testing.T) {
	p := readPage(t, filepath.Join(root, "docs", "audit.md"))
	i := slices.IndexFunc(p.blocks, func(b block) bool { return b.language == "json" })
	if _, err := audit.ParseAccepted("accepted.json", []byte(p.blocks[i].text)); err != nil {
		t.Error(err)
	}
	got, want := cells(p.rows(t, "field of an entry", "meaning"), 0), fields(reflect.TypeFor[audit.Acceptance](), "", map[reflect.Type]bool{})
	if !slices.Equal(got, want) {
		t.Errorf("fields of the page %q, of the code %q", got, want)
	}
}

// cells returns the cells of one column, without marks.
func cells(rows [][]string, column int) []string {
	var all []string
	for _, row := range rows {
		all = append(all, strings.ReplaceAll(row[column], "`", ""))
	}
	return all
}

// fields returns the paths of the fields in the JSON of a type. Those of a type are returned only where it occurs first.
func fields(of reflect.Type, path string, seen map[reflect.Type]bool) []string {
	for of.Kind() == reflect.Slice {
		of, path = of.Elem(), path+"[]"
	}
	if of.Kind() != reflect.Struct || of.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || seen[of] {
		return []string{path}
	}
	seen[of] = true
	var all []string
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			all = append(all, fields(field.Type, path, seen)...)
		case field.IsExported() && name != "-":
			all = append(all, fields(field.Type, strings.TrimPrefix(path+"."+name, "."), seen)...)
		}
	}
	return all
}
