package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
)

// Acceptance is an entry of a file of accepted findings. Until its end date, it accepts the findings of a kind in the
// statements that give no access and apply to no consumer that the entry doesn't list, that have exactly its conditions,
// and that exactly its Deny statements limit. The severity can't be higher. A statement that is extended later is reported
// again.
type Acceptance struct {
	Kind       Kind     `json:"kind"`
	Repository string   `json:"repository"` // a name, a pattern, or "registry policy"
	Statement  string   `json:"statement"`  // a Sid, or "" for any statement
	Consumers  []string `json:"consumers"`  // as in the report, or * for any
	Access     []Access `json:"access"`
	Conditions []string `json:"conditions"` // as in the report, or * for any
	Denies     []string `json:"denies"`     // as in the report, or * for any
	Severity   Severity `json:"severity"`   // the highest
	Reason     string   `json:"reason"`
	Until      string   `json:"until"` // the last day

	place        string // file and line
	repositories scope.Scope
}

// AcceptedFinding is a finding that an entry accepts.
type AcceptedFinding struct {
	Finding
	Reason string `json:"reason"`
	Until  string `json:"until"`
}

// ParseAccepted parses a file of accepted findings, which is a JSON array. The error lists all malformed entries.
func ParseAccepted(file string, text []byte) ([]Acceptance, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	place := func(offset int64) string {
		return fmt.Sprintf("%s:%d", file, 1+bytes.Count(text[:min(offset, int64(len(text)))], []byte("\n")))
	}
	invalid := func(err error) error {
		offset := decoder.InputOffset()
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = syntax.Offset
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			offset, err = int64(len(text)), errors.New("the file ends too early; close all brackets and braces")
		}
		return fmt.Errorf("%s: %w", place(offset), err)
	}
	if first, err := decoder.Token(); err != nil {
		return nil, invalid(err)
	} else if first != json.Delim('[') {
		return nil, invalid(fmt.Errorf("a file of accepted findings must be a JSON array, found %v", first))
	}
	var accepted []Acceptance
	var errs []error
	for decoder.More() {
		var entry json.RawMessage
		if err := decoder.Decode(&entry); err != nil {
			return nil, invalid(err)
		}
		a, err := parseAcceptance(entry)
		a.place = place(decoder.InputOffset() - int64(len(entry)))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.place, err))
		}
		accepted = append(accepted, a)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, invalid(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, invalid(errors.New("there is text after the array; remove it"))
	}
	return accepted, errors.Join(errs...)
}

func parseAcceptance(entry json.RawMessage) (Acceptance, error) {
	var a Acceptance
	decoder := json.NewDecoder(bytes.NewReader(entry))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&a)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		expected := "a string"
		if wrong.Type.Kind() == reflect.Slice {
			expected = "an array of strings"
		}
		return a, fmt.Errorf("%s must be %s, found %s", wrong.Field, expected, wrong.Value)
	}
	if err != nil {
		return a, fmt.Errorf("%s; an entry has kind, repository, statement, consumers, access, conditions, denies, severity, reason, and until", strings.TrimPrefix(err.Error(), "json: "))
	}
	if !slices.Contains(Kinds(), a.Kind) {
		return a, fmt.Errorf("kind %q doesn't exist; use one of %s", a.Kind, all(asStrings(Kinds())))
	}
	if a.Repository == "" {
		return a, errors.New("repository is missing; add a name, or a pattern such as team-a/**")
	}
	if a.repositories, err = scope.New([]string{a.Repository}, nil); err != nil {
		return a, fmt.Errorf("repository: %w", err)
	}
	for _, access := range a.Access {
		if !slices.Contains(Accesses(), access) {
			return a, fmt.Errorf("access %q doesn't exist; use %s", access, all(asStrings(Accesses())))
		}
	}
	if a.Severity == 0 {
		return a, errors.New("severity is missing; add the severity of the finding: critical, high, medium, or low")
	}
	if strings.TrimSpace(a.Reason) == "" {
		return a, errors.New("reason is missing; add why the finding is accepted")
	}
	if _, err := time.Parse(time.DateOnly, a.Until); err != nil {
		return a, fmt.Errorf("until %q must be the last day, for example 2027-06-30", a.Until)
	}
	return a, nil
}

// Accept moves the accepted findings of the report to Accepted, and returns the problems of the entries: those that
// have expired and those that accept nothing. Of an entry whose repositories aren't in the report, it doesn't know this
// unless the report is of the whole registry.
func (r *Report) Accept(accepted []Acceptance, whole bool) (problems []string) {
	today := r.Generated.Format(time.DateOnly)
	for _, a := range accepted {
		if a.Until < today {
			problems = append(problems, fmt.Sprintf("%s: expired on %s; remove the entry, or set a later day in until", a.place, a.Until))
			continue
		}
		used, reason := r.accept(a)
		audited := a.covers("") || slices.ContainsFunc(r.Repositories, func(one Repository) bool { return a.covers(one.Name) })
		switch {
		case used || !audited && !whole:
		case reason != "":
			problems = append(problems, fmt.Sprintf("%s: accepts no finding, because %s; correct the policy, or update the entry", a.place, reason))
		default:
			problems = append(problems, a.place+": accepts no finding; remove the entry, or correct its kind, repository, and statement")
		}
	}
	r.Totals = totals(*r)
	return problems
}

// accept moves the findings that an entry accepts, and reports whether there are any. The reason is why it doesn't
// accept a finding of its kind.
func (r *Report) accept(a Acceptance) (used bool, reason string) {
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		if f.Kind != a.Kind || !a.covers(f.Repository) || a.Statement != "" && f.Sid != a.Statement {
			return false
		}
		if excess := a.excess(f, r.statement(f), r.Account); excess != "" {
			reason = fmt.Sprintf("%s in %s %s", statementName(f.Statement, f.Sid), f.Place(), excess)
			return false
		}
		r.Accepted = append(r.Accepted, AcceptedFinding{f, a.Reason, a.Until})
		used = true
		return true
	})
	return used, reason
}

// covers reports whether an entry is for a repository, or for the registry policy if the name is empty. A pattern is
// never for the registry policy, whose findings are about all repositories.
func (a Acceptance) covers(repository string) bool {
	if repository == "" {
		return a.Repository == registryPolicy
	}
	return a.repositories.Contains(repository)
}

// statement returns the statement of a finding, or the zero statement if it is about the policy as a whole.
func (r *Report) statement(f Finding) Statement {
	statements := r.RegistryPolicy.Statements
	if f.Repository != "" {
		i, _ := slices.BinarySearchFunc(r.Repositories, f.Repository, func(one Repository, name string) int { return cmp.Compare(one.Name, name) })
		statements = r.Repositories[i].Statements
	}
	for _, s := range statements {
		if s.Position == f.Statement {
			return s
		}
	}
	return Statement{}
}

// excess returns what a finding or its statement has beyond what the entry accepts, as the end of a sentence. The
// access of the registry's own account is no excess.
func (a Acceptance) excess(f Finding, s Statement, own string) string {
	listed := func(c iampolicy.Consumer) bool {
		return c.Account == own || slices.Contains(a.Consumers, "*") || slices.Contains(a.Consumers, labels([]iampolicy.Consumer{c}, all)[0])
	}
	if consumers := slices.DeleteFunc(slices.Clone(s.Consumers), listed); len(consumers) > 0 {
		return "also applies to " + all(labels(consumers, all))
	}
	access := slices.DeleteFunc(slices.Clone(s.Access), func(kind Access) bool {
		return slices.Contains(a.Access, kind) || kind == Read && slices.Contains(a.Access, Pull)
	})
	if len(access) > 0 {
		return "also covers the access " + join(asStrings(access))
	}
	conditions := s.conditionTexts()
	if !accepts(a.Conditions, conditions) {
		if len(conditions) == 0 {
			return "has no conditions"
		}
		return "has the conditions " + s.conditionText()
	}
	if !accepts(a.Denies, f.Denies) {
		if len(f.Denies) == 0 {
			return "isn't limited by Deny statements"
		}
		return "is limited by the Deny statements " + visible(strings.Join(f.Denies, "; "))
	}
	if f.Severity > a.Severity {
		return "has the severity " + f.Severity.String()
	}
	return ""
}

// accepts reports whether an entry lists exactly the given texts, in any order, or any.
func accepts(listed, texts []string) bool {
	return slices.Contains(listed, "*") || slices.Equal(slices.Sorted(slices.Values(texts)), slices.Sorted(slices.Values(listed)))
}
