// Command sample writes the report of a sample registry with every kind of finding, for example to see the HTML page, or
// to measure the size of a format:
//
//	go run ./internal/audit/sample > report.html
//	go run ./internal/audit/sample -repositories 800 -accounts 80 -output json | wc -c
package main

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

//go:embed registry.json
var registry []byte

// sample is the content of registry.json.
type sample struct {
	Registry     policy.Registry
	Lists        map[string]*string // by namespace, "" for the account list; null for a missing list
	Standard     []string           // repositories with the standard policy only
	Differing    []string           // repositories without the standard policy
	Repositories map[string]json.RawMessage

	RegistryPolicy json.RawMessage
}

func main() {
	repositories := flag.Int("repositories", 0, "number of additional `repositories` with the standard policy")
	accounts := flag.Int("accounts", 0, "number of additional `accounts` in the account list")
	output := flag.String("output", "html", "format of the report: html, json, csv, sarif, or table")
	flag.Parse()
	if err := write(os.Stdout, *repositories, *accounts, *output); err != nil {
		log.Fatal(err)
	}
}

// writers returns the writers of the formats.
func writers() map[string]func(io.Writer, audit.Report) error {
	return map[string]func(io.Writer, audit.Report) error{
		"html": audit.WriteHTML, "json": audit.WriteJSON, "csv": audit.WriteCSV, "sarif": audit.WriteSARIF,
		"table": func(w io.Writer, r audit.Report) error { return audit.WriteTable(w, r, audit.TextOptions{}) },
	}
}

func write(w io.Writer, repositories, accounts int, output string) error {
	writer, ok := writers()[output]
	if !ok {
		return fmt.Errorf("-output %q must be one of %q", output, slices.Sorted(maps.Keys(writers())))
	}
	var s sample
	if err := json.Unmarshal(registry, &s); err != nil {
		return err
	}
	list := *s.Lists[""]
	for i := range accounts {
		list += fmt.Sprintf(" 1%011d", i)
	}
	s.Lists[""] = &list
	for i := range repositories {
		s.Standard = append(s.Standard, fmt.Sprintf("team-%02d/service-%03d", i%25, i))
	}
	standard := policy.Standard{Registry: s.Registry, Style: policy.GrantPrincipal, Lambda: true}
	documents, err := s.documents(standard)
	if err != nil {
		return err
	}
	registryPolicy, err := s.registryPolicy(standard)
	if err != nil {
		return err
	}
	report, err := audit.Run(standard, registryPolicy, documents, time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC))
	if err != nil {
		return err
	}
	return writer(w, report)
}

// registryPolicy returns the registry policy, with a statement for the account list from before a change of the policy
// level.
func (s sample) registryPolicy(standard policy.Standard) (audit.Document, error) {
	list, err := policy.ParseList(*s.Lists[""], s.Registry)
	if err != nil {
		return audit.Document{}, err
	}
	existing, err := policy.ParseRegistryDocument(string(s.RegistryPolicy), s.Registry)
	if err != nil {
		return audit.Document{}, err
	}
	lists := []policy.Listed{{Consumers: &list.Consumers}}
	standard.Level = policy.LevelRegistry
	change, err := standard.Merge(existing, lists)
	return audit.Document{Text: change.Document, Lists: lists}, err
}

// documents returns the policies of the repositories. They have the standard policy, except in the repositories that
// differ.
func (s sample) documents(standard policy.Standard) ([]audit.Document, error) {
	texts := map[string]string{"data/lake": oversized(s.Registry.AccountID)}
	for _, name := range s.Standard {
		texts[name] = ""
	}
	for name, document := range s.Repositories {
		var broken string
		if json.Unmarshal(document, &broken) != nil {
			texts[name] = string(document)
		} else {
			texts[name] = broken // or "" for null
		}
	}
	var documents []audit.Document
	for name, text := range texts {
		document, err := s.document(standard, name)
		if err != nil {
			return nil, err
		}
		document.Text = text
		_, hasUnmanaged := s.Repositories[name]
		if !hasUnmanaged || text != "" && !slices.Contains(s.Differing, name) {
			existing, err := policy.ParseDocument(text, standard.Registry)
			if err == nil {
				if change, err := standard.Merge(existing, document.Lists); err == nil {
					document.Text = change.Document
				}
			}
		}
		documents = append(documents, document)
	}
	return documents, nil
}

// oversized returns a policy whose size leaves no space for the standard policy.
func oversized(account string) string {
	var tags []string
	for i := range 700 {
		tags = append(tags, fmt.Sprintf(`"reader-%04d"`, i))
	}
	return `{"Version":"2012-10-17","Statement":[{"Sid":"DataReaders","Effect":"Allow","Principal":{"AWS":"` + account +
		`"},"Action":"ecr:BatchGetImage","Condition":{"StringEquals":{"aws:PrincipalTag/service":[` + strings.Join(tags, ",") + `]}}}]}`
}

// document returns a document with the lists on the repository's path.
func (s sample) document(standard policy.Standard, repository string) (audit.Document, error) {
	namespace, _, _ := strings.Cut(repository, "/")
	d := audit.Document{Repository: repository, OutOfScope: namespace == "scratch"}
	for _, name := range slices.Compact([]string{"", namespace}) {
		text := s.Lists[name]
		if text == nil {
			d.Lists = append(d.Lists, policy.Listed{})
			continue
		}
		list, err := policy.ParseList(*text, standard.Registry)
		if err != nil {
			return d, err
		}
		d.Lists = append(d.Lists, policy.Listed{Consumers: &list.Consumers})
	}
	return d, nil
}
