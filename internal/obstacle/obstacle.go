// Package obstacle finds statements that deny consumers the pull that the account lists grant.
package obstacle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Obstacle is a statement that denies a pull to consumers in the lists.
type Obstacle struct {
	Document string // the name of the document
	Position int    // of the statement, from 1
	Sid      string // "" if the statement has none

	Denied    []string // consumers that can't pull because of the statement
	Undecided []string // consumers that can't pull if one of Conditions is true

	Conditions []string // clauses

	Unaffected bool // the lists have other consumers, which the statement never denies a pull
}

// Find returns the statements of documents that deny a pull from a repository to consumers in its lists.
func Find(standard policy.Standard, documents []iampolicy.Document, repository string, lists []policy.Listed) []Obstacle {
	var obstacles []Obstacle
	var listed []iampolicy.Consumer // read only if a statement denies a pull
	for _, d := range documents {
		for i, s := range d.Statements {
			if s.Err != nil || s.Effect != iampolicy.Deny || !slices.ContainsFunc(iampolicy.PullActions(), s.CoversAction) {
				continue
			}
			if listed == nil {
				listed = consumers(standard, lists)
			}
			o := Obstacle{Document: d.Name, Position: i + 1, Sid: s.Sid}
			for _, c := range listed {
				o.add(s, iampolicy.Request{Consumer: c, Resource: standard.Registry.RepositoryARN(repository)})
			}
			if len(o.Denied)+len(o.Undecided) > 0 {
				obstacles = append(obstacles, o)
			}
		}
	}
	return obstacles
}

func (o *Obstacle) add(s iampolicy.Statement, r iampolicy.Request) {
	switch answer, undecided := s.Applies(r); answer {
	case iampolicy.No:
		o.Unaffected = true
	case iampolicy.Yes:
		o.Denied = append(o.Denied, name(r.Consumer))
	case iampolicy.Depends:
		o.Undecided = append(o.Undecided, name(r.Consumer))
		o.Conditions = union(o.Conditions, []string{strings.Join(undecided, " and ")})
	}
}

const functionsPrefix = "Lambda functions of "

func name(c iampolicy.Consumer) string {
	if c.Kind == iampolicy.ServicePrincipal {
		return functionsPrefix + cmp.Or(c.Account, c.OrganizationPath, c.Organization)
	}
	return c.ID
}

// consumers returns the consumers in lists.
func consumers(standard policy.Standard, lists []policy.Listed) []iampolicy.Consumer {
	all := []iampolicy.Consumer{}
	for _, list := range lists {
		if list.Consumers == nil {
			continue
		}
		for _, c := range Consumers(*list.Consumers) {
			all = append(all, c)
			if standard.Lambda && c.Kind != iampolicy.NamedPrincipal {
				all = append(all, functionsOf(standard.Registry, c))
			}
		}
	}
	return all
}

// functionsOf returns the consumer that stands for Lambda on behalf of the functions of an account, organization, or OU.
func functionsOf(registry policy.Registry, c iampolicy.Consumer) iampolicy.Consumer {
	functions := iampolicy.OfLambda(registry.FunctionPattern(cmp.Or(c.Account, "*")))
	functions.Organization = c.Organization
	if c.Kind == iampolicy.OrganizationalUnit {
		functions.OrganizationPath = c.ID
	}
	return functions
}

// Consumers returns the consumers of a list as policies are evaluated for them.
func Consumers(c policy.Consumers) []iampolicy.Consumer {
	var all []iampolicy.Consumer
	for _, kind := range []struct {
		ids []string
		of  func(string) iampolicy.Consumer
	}{
		{c.Accounts, iampolicy.OfAccount},
		{c.Principals, iampolicy.OfARN},
		{c.Organizations, iampolicy.OfOrganization},
		{c.OrganizationalUnits, iampolicy.OfOrganizationalUnit},
	} {
		for _, id := range kind.ids {
			all = append(all, kind.of(id))
		}
	}
	return all
}

// String returns the obstacle as a clause.
func (o Obstacle) String() string {
	statement := fmt.Sprintf("statement %d", o.Position)
	if o.Sid != "" {
		statement += " " + iampolicy.Visible(o.Sid)
	}
	statement += " of the " + o.Document
	return statement + " " + o.Effect()
}

// Effect returns what the statement does, without the statement itself. It doesn't count consumers, so that the same
// statement has the same effect in repositories with different lists.
func (o Obstacle) Effect() string {
	denied, undecided := some(o.Denied), some(o.Undecided)
	if all := "all consumers in the lists"; !o.Unaffected && len(o.Denied)+len(o.Undecided) > 1 {
		switch {
		case len(o.Undecided) == 0:
			denied = all
		case len(o.Denied) == 0:
			undecided = all
		}
	}
	var effects []string
	if len(o.Denied) > 0 {
		effects = append(effects, "denies a pull to "+denied)
	}
	if len(o.Undecided) > 0 {
		effects = append(effects, "can deny a pull to "+undecided+" if "+iampolicy.Visible(strings.Join(shorten(o.Conditions, "another condition is met"), ", or if ")))
	}
	return strings.Join(effects, ", and ")
}

// some joins the first consumers, and the owners of the first Lambda functions.
func some(names []string) string {
	var consumers, owners []string
	for _, name := range names {
		if owner, ok := strings.CutPrefix(name, functionsPrefix); ok {
			owners = append(owners, owner)
		} else {
			consumers = append(consumers, name)
		}
	}
	texts := shorten(consumers, "others")
	if len(owners) > 0 {
		texts = append(texts, functionsPrefix+strings.Join(shorten(owners, "others"), ", "))
	}
	return strings.Join(texts, ", ")
}

// shorten replaces all but the first texts with another text.
func shorten(texts []string, others string) []string {
	const most = 3
	if len(texts) <= most {
		return texts
	}
	return append(slices.Clone(texts[:most]), others)
}

// Merge returns the union of the same statement's effects in two repositories.
func (o Obstacle) Merge(other Obstacle) Obstacle {
	o.Denied = union(o.Denied, other.Denied)
	o.Undecided = union(o.Undecided, other.Undecided)
	o.Conditions = union(o.Conditions, other.Conditions)
	o.Unaffected = o.Unaffected || other.Unaffected
	return o
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}
