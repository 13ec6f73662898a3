// Sample writes the HTML report of a registry with every kind of finding, to look at:
//
//	go run ./internal/audit/sample > report.html
//	go run ./internal/audit/sample -repositories 1000 -accounts 50 > large.html
package main

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

//go:embed registry.json
var registry []byte

// sample is what registry.json has.
type sample struct {
	Registry     policy.Registry
	Lists        map[string]*string // by namespace, "" for the account list; null for one that is gone
	Standard     []string           // repositories with the standard policy alone
	Differing    []string           // repositories that lack it
	Repositories map[string]json.RawMessage
}

func main() {
	repositories := flag.Int("repositories", 0, "so many more `repositories` with the standard policy")
	accounts := flag.Int("accounts", 0, "so many more `accounts` on the list")
	flag.Parse()
	if err := write(os.Stdout, *repositories, *accounts); err != nil {
		log.Fatal(err)
	}
}

func write(w io.Writer, repositories, accounts int) error {
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
	report, err := audit.Run(standard, documents, time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC))
	if err != nil {
		return err
	}
	return audit.WriteHTML(w, report)
}

// documents returns the policies as the registry has them: brought to the standard, except where the sample says that
// they differ.
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
		_, isForeign := s.Repositories[name]
		if !isForeign || text != "" && !slices.Contains(s.Differing, name) {
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

// oversized is a policy that leaves no room for the standard one.
func oversized(account string) string {
	var tags []string
	for i := range 700 {
		tags = append(tags, fmt.Sprintf(`"reader-%04d"`, i))
	}
	return `{"Version":"2012-10-17","Statement":[{"Sid":"DataReaders","Effect":"Allow","Principal":{"AWS":"` + account +
		`"},"Action":"ecr:BatchGetImage","Condition":{"StringEquals":{"aws:PrincipalTag/service":[` + strings.Join(tags, ",") + `]}}}]}`
}

// document has the lists on the repository's path.
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
