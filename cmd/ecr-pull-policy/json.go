package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// schema is the version of the JSON output, which docs/command-line.md documents. While it stays the same, members can be
// added, but none is renamed or removed. Lists are never null.
const schema = 1

// format is the format of the output of a command.
type format string

const (
	textFormat format = "text"
	jsonFormat format = "json"
)

// registerFormat adds the flag for the format of the output.
func registerFormat(command *cobra.Command) *format {
	f := textFormat
	choose(command.Flags(), &f, "output", "format of the output", textFormat, jsonFormat)
	return &f
}

// writeJSON writes a value as JSON, which is indented only on a terminal, because white space doubles the size of a plan.
func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	if isTerminal(out) {
		encoder.SetIndent("", "  ")
	}
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// planJSON is the output of plan.
type planJSON struct {
	Schema       int              `json:"schema"`
	Account      string           `json:"account"`
	Region       string           `json:"region"`
	Stack        string           `json:"stack"`
	PolicyLevel  policy.Level     `json:"policyLevel"`
	Lists        []listJSON       `json:"lists"`
	Totals       planTotalsJSON   `json:"totals"`
	Calls        callsJSON        `json:"calls"`
	Registry     registryJSON     `json:"registryPolicy"`
	Repositories []repositoryJSON `json:"repositories"`
}

// callsJSON is the number of calls that write.
type callsJSON struct {
	PutRegistryPolicy      int `json:"putRegistryPolicy"`
	DeleteRegistryPolicy   int `json:"deleteRegistryPolicy"`
	SetRepositoryPolicy    int `json:"setRepositoryPolicy"`
	DeleteRepositoryPolicy int `json:"deleteRepositoryPolicy"`
}

// registryJSON is the planned outcome for the registry policy, which is "" if the plan isn't about it.
type registryJSON struct {
	Outcome    plan.Outcome     `json:"outcome"`
	Statements []plan.Statement `json:"statements"`
	Before     json.RawMessage  `json:"before"`
	After      json.RawMessage  `json:"after"`
}

type listJSON struct {
	Name         string `json:"name"`
	Source       string `json:"source"`
	Version      int64  `json:"version"`
	VersionInUse int64  `json:"versionInUse"`
	Problem      string `json:"problem"`
}

type planTotalsJSON struct {
	Change     int `json:"change"`
	Unchanged  int `json:"unchanged"`
	Blocked    int `json:"blocked"`
	NoList     int `json:"noList"`
	Gone       int `json:"gone"`
	Failed     int `json:"failed"`
	OutOfScope int `json:"outOfScope"`
}

type repositoryJSON struct {
	Name       string           `json:"name"`
	Outcome    plan.Outcome     `json:"outcome"`
	Statements []plan.Statement `json:"statements"`
	Before     json.RawMessage  `json:"before"`
	After      json.RawMessage  `json:"after"`
	Warnings   []string         `json:"warnings"`
	Notices    []noticeJSON     `json:"notices"`
	Error      string           `json:"error"`
}

type noticeJSON struct {
	Text    string `json:"text"`
	Remedy  string `json:"remedy"`
	Command string `json:"command"`
}

// planJSON returns a plan in the form for programs.
func (s *session) planJSON(p planned) planJSON {
	counts := count(p.repositories)
	document := planJSON{
		Schema: schema, Account: s.Standard.Registry.AccountID, Region: s.Standard.Registry.Region, Stack: s.Stack,
		PolicyLevel: s.Standard.Level, Lists: s.listsJSON(p.lists), Calls: p.calls(), Registry: p.registryJSON(),
		Totals: planTotalsJSON{
			Change: counts[plan.Change], Unchanged: counts[plan.Unchanged], Blocked: counts[plan.Blocked], NoList: counts[plan.NoList],
			Gone: counts[plan.Gone], Failed: counts[plan.Failed], OutOfScope: p.outOfScope,
		},
		Repositories: []repositoryJSON{},
	}
	for _, one := range p.repositories {
		repository := repositoryJSON{
			Name: one.Name, Outcome: one.Outcome, Statements: []plan.Statement{}, Before: rawJSON(one.Before), After: rawJSON(one.After), Warnings: []string{},
			Notices: []noticeJSON{},
		}
		repository.Statements = append(repository.Statements, one.Diff...)
		repository.Warnings = append(repository.Warnings, one.Deleted...)
		for _, n := range one.Notices {
			repository.Notices = append(repository.Notices, noticeJSON(n))
		}
		if one.Err != nil {
			repository.Error = awsclient.ErrorText(one.Err)
		}
		document.Repositories = append(document.Repositories, repository)
	}
	return document
}

func (p planned) registryJSON() registryJSON {
	if p.registry == nil {
		return registryJSON{Statements: []plan.Statement{}}
	}
	return registryJSON{p.registry.Outcome, append([]plan.Statement{}, p.registry.Diff...), rawJSON(p.registry.Before), rawJSON(p.registry.After)}
}

func (s *session) listsJSON(snapshot accountlist.Snapshot) []listJSON {
	var lists []listJSON
	for _, list := range snapshot.All() {
		one := listJSON{Name: list.Name, Source: "SSM", Version: list.Version, VersionInUse: list.InUse}
		if list.Problem != nil {
			one.Problem = list.Problem.Error()
		}
		for _, override := range s.lists {
			if override.name == list.Name {
				one.Source, one.Version, one.VersionInUse = override.source, 0, 0
			}
		}
		lists = append(lists, one)
	}
	return lists
}

// rawJSON returns a policy as a JSON value, which is null for no policy.
func rawJSON(document string) json.RawMessage {
	if document == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(document)
}

// validateJSON is the output of validate.
type validateJSON struct {
	Schema            int             `json:"schema"`
	File              string          `json:"file"`
	Valid             bool            `json:"valid"`
	Problems          []problemJSON   `json:"problems"`
	Notices           []string        `json:"notices"`
	Consumers         consumersJSON   `json:"consumers"`
	Policy            json.RawMessage `json:"policy"`
	Characters        int             `json:"characters"`
	PrincipalsChecked int             `json:"principalsChecked"`
}

type problemJSON struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Entry  string `json:"entry"`
	Reason string `json:"reason"`
}

type consumersJSON struct {
	Accounts            []string `json:"accounts"`
	Principals          []string `json:"principals"`
	Organizations       []string `json:"organizations"`
	OrganizationalUnits []string `json:"organizationalUnits"`
}

// json returns the result in the form for programs.
func (v validation) json() validateJSON {
	list := func(values []string) []string { return append([]string{}, values...) }
	c := v.list.Consumers
	document := validateJSON{
		Schema: schema, File: v.file, Valid: len(v.problems) == 0, Problems: []problemJSON{}, Notices: list(v.notices),
		Consumers:  consumersJSON{list(c.Accounts), list(c.Principals), list(c.Organizations), list(c.OrganizationalUnits)},
		Policy:     rawJSON(v.document),
		Characters: characters(v.document), PrincipalsChecked: v.checked,
	}
	for _, p := range v.problems {
		document.Problems = append(document.Problems, problemJSON(p))
	}
	return document
}

// doctorJSON is the output of doctor.
type doctorJSON struct {
	Schema   int              `json:"schema"`
	Account  string           `json:"account"`
	Region   string           `json:"region"`
	Stack    string           `json:"stack"`
	Totals   doctorTotalsJSON `json:"totals"`
	Findings []findingJSON    `json:"findings"`
}

type doctorTotalsJSON struct {
	OK       int `json:"ok"`
	Notes    int `json:"notes"`
	Warnings int `json:"warnings"`
	Problems int `json:"problems"`
}

type findingJSON struct {
	Severity doctor.Severity `json:"severity"`
	Subject  string          `json:"subject"`
	Message  string          `json:"message"`
	Remedy   string          `json:"remedy"`
	Commands []string        `json:"commands"`
}

// doctorJSON returns findings in the form for programs.
func (s *session) doctorJSON(findings []doctor.Finding) doctorJSON {
	counts := countFindings(findings)
	document := doctorJSON{
		Schema: schema, Account: s.Standard.Registry.AccountID, Region: s.Standard.Registry.Region, Stack: s.Stack,
		Totals:   doctorTotalsJSON{counts[doctor.OK], counts[doctor.Note], counts[doctor.Warning], counts[doctor.Problem]},
		Findings: []findingJSON{},
	}
	for _, f := range findings {
		f.Commands = append([]string{}, f.Commands...)
		document.Findings = append(document.Findings, findingJSON(f))
	}
	return document
}
