package docs_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// rows returns the rows of the tables whose headers start with the given cells, without the header and separator rows.
// The test fails if there are none.
func (p page) rows(t *testing.T, header ...string) [][]string {
	t.Helper()
	var rows [][]string
	inTable := false
	for _, l := range p.text {
		cells := strings.Split(strings.Trim(l.text, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !strings.HasPrefix(l.text, "|"):
			inTable = false
		case inTable:
			rows = append(rows, cells)
		case len(cells) >= len(header) && strings.Join(cells[:len(header)], "|") == strings.Join(header, "|"):
			inTable = true
		}
	}
	if len(rows) < 2 {
		t.Fatalf("%s has no table with the header %q", p.path, header)
	}
	return rows[1:] // the first row separates the header
}

// code returns the text of a cell without backquotes.
func code(cell string) string { return strings.Trim(cell, "`") }

// TestParameters checks that configuration.md lists all parameters of the template with their defaults, and that a
// stack with the example values works.
func TestParameters(t *testing.T) {
	text, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters map[string]struct{ Default json.RawMessage }
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	examples := map[string]string{}
	for _, row := range readPage(t, filepath.Join(root, "docs", "configuration.md")).rows(t, "parameter", "default", "example") {
		name := code(row[0])
		examples[name] = code(row[2])
		if parameter, ok := template.Parameters[name]; !ok || strings.Trim(string(parameter.Default), `"`) != code(row[1]) {
			t.Errorf("%s: the page has the default %s, but the template has %s", name, row[1], parameter.Default)
		}
		if examples[name] == "" || examples[name] == code(row[1]) {
			t.Errorf("%s: the example is missing or is the default", name)
		}
	}
	for name := range template.Parameters {
		if _, ok := examples[name]; !ok {
			t.Errorf("%s: the page doesn't list the parameter", name)
		}
	}

	local, err := localaws.Start(t.Context(), localaws.Options{Progress: t.Output(), Parameters: examples})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	if err := local.PutList(t.Context(), examples["AccountListName"], "111111111111"); err != nil {
		t.Fatal(err)
	}
	if err := local.CreateRepository(t.Context(), "shared/base", ""); err != nil {
		t.Fatal(err)
	}
	activity, err := local.Settle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	has := func(function, part string) bool {
		return slices.ContainsFunc(activity.Of(function), func(i localaws.Invocation) bool { return strings.Contains(string(i.Response), part) })
	}
	if !has(localaws.OnAccount, `"registryPolicy":"would-update"`) || !has(localaws.OnRepo, `"unchanged":1`) {
		t.Errorf("with the example values, the functions don't report that they would update only the registry policy: %v", activity.Invocations)
	}
}

// TestListEntries checks that the list entries in the documentation are valid.
func TestListEntries(t *testing.T) {
	registry := policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}
	parseEntries(t, registry, readPage(t, filepath.Join(root, "README.md")).rows(t, "entry"))
	configuration := readPage(t, filepath.Join(root, "docs", "configuration.md"))
	parseEntries(t, registry, configuration.rows(t, "entry"))
	if _, err := policy.ParseList(configuration.blocks[0].text, registry); err != nil {
		t.Error(err)
	}
}

func parseEntries(t *testing.T, registry policy.Registry, rows [][]string) {
	t.Helper()
	for _, row := range rows {
		for i, entry := range strings.Split(row[0], "`") {
			if i%2 == 0 || entry == "user/…" {
				continue
			}
			if _, err := policy.ParseList(entry, registry); err != nil {
				t.Error(err)
			}
		}
	}
}
