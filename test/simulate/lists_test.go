package simulate

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// list is the actual state of an account list or namespace list.
type list struct {
	versions int
	inUse    *listVersion // newest valid version, or nil if there is none
}

// listVersion is a valid version of a list.
type listVersion struct {
	consumers policy.Consumers
	grants    grants

	// Canonical forms of the statements that the version specifies, in each grant style.
	principalForm, conditionForm string

	registryForm string // canonical form of the statements in the registry policy
	lambdaForm   string // canonical form of the statements for Lambda in the policy of a repository
}

// matches reports whether statements are those that the list specifies, in a grant style that the settings allow. With
// style principal, both grant styles are allowed.
func (l *listVersion) matches(statements []statement, style policy.GrantStyle) bool {
	f := forms(statements)
	return f == l.conditionForm || style == policy.GrantPrincipal && f == l.principalForm
}

// moment contains the list versions in use between two list edits, by name. Lists without a valid version aren't in the
// map.
type moment map[string]*listVersion

// of returns the versions of lists.
func (m moment) of(lists []string) (versions []*listVersion) {
	for _, list := range lists {
		versions = append(versions, m[list])
	}
	return versions
}

// now returns the current moment.
func (w *world) now() moment { return w.moments[len(w.moments)-1] }

// put writes a new version of a list.
func (w *world) put(name, value string) {
	operation := "Update"
	l := w.lists[name]
	if l == nil {
		operation = "Create"
		l = &list{}
		w.lists[name] = l
	}
	l.versions++
	w.cloud.PutList(name, value)
	parsed, err := policy.ParseList(value, w.standard.Registry)
	if err == nil {
		err = w.standard.Fits(accountlist.Namespace(root, name), parsed.Consumers)
	}
	if err == nil {
		depth := strings.Count(name, "/") - strings.Count(root, "/")
		principalStatements := w.statementsFor(parsed.Consumers, depth, policy.GrantPrincipal)
		conditionStatements := w.statementsFor(parsed.Consumers, depth, policy.GrantCondition)
		lambda, _ := forLambda(principalStatements)
		l.inUse = &listVersion{parsed.Consumers, grants{}, forms(principalStatements), forms(conditionStatements), forms(w.registryStatements(parsed.Consumers, name)), forms(lambda)}
		for _, s := range principalStatements {
			maps.Copy(l.inUse.grants, s.grants)
		}
		w.past[name] = append(w.past[name], l.inUse)
	}
	w.edited(name, operation, value)
}

// remove deletes a list.
func (w *world) remove(name string) {
	w.cloud.DeleteParameter(name)
	delete(w.lists, name)
	w.edited(name, "Delete", "")
}

// edited adds a moment after an edit of a list, and publishes the event of the edit.
func (w *world) edited(name, operation, value string) {
	next := maps.Clone(w.now())
	delete(next, name)
	version := 0
	if l := w.lists[name]; l != nil {
		version = l.versions
		if l.inUse != nil {
			next[name] = l.inUse
		}
	}
	w.moments = append(w.moments, next)
	w.note("%s of %s, version %d: %.60q", operation, name, version, value)
	w.publish(listChanged(name, operation))
}

// statementsFor returns the managed statements for consumers. It builds them without the code under test.
func (w *world) statementsFor(c policy.Consumers, depth int, style policy.GrantStyle) []statement {
	var statements []statement
	add := func(kind string, principal any, actions []string, values []string) {
		if len(values) == 0 {
			return
		}
		element := map[string]any{"Sid": policy.SidPrefix + kind, "Effect": "Allow", "Principal": principal, "Action": actions}
		if depth > 0 {
			element["Sid"] = policy.SidPrefix + kind + strconv.Itoa(depth)
		}
		if principal == nil {
			element["Principal"] = map[string]any{"AWS": values}
		} else {
			condition, _ := conditionOf(kind)
			operator, key, _ := strings.Cut(condition, " ")
			conditions := map[string]any{operator: map[string]any{key: values}}
			if strings.HasPrefix(kind, "LambdaO") {
				conditions["ArnLike"] = map[string]any{"aws:SourceArn": functionsOf("*")}
			}
			element["Condition"] = conditions
		}
		statements = append(statements, readStatement(toJSON(element)))
	}
	actions := slices.Concat(pullActions(), w.standard.ExtraActions)
	var names, patterns []string
	for _, id := range c.Accounts {
		names = append(names, "arn:aws:iam::"+id+":root")
		if w.standard.Lambda {
			patterns = append(patterns, functionsOf(id))
		}
	}
	if style == policy.GrantPrincipal {
		add("Accounts", nil, actions, append(names, c.Principals...))
	} else {
		add("Accounts", "*", actions, c.Accounts)
		add("Principals", "*", actions, c.Principals)
	}
	add("Organizations", "*", actions, c.Organizations)
	add("OrganizationalUnits", "*", actions, c.OrganizationalUnits)
	service := map[string]any{"Service": "lambda.amazonaws.com"}
	add("Lambda", service, lambdaActions(), patterns)
	if w.standard.Lambda {
		add("LambdaOrganizations", service, lambdaActions(), c.Organizations)
		add("LambdaOrganizationalUnits", service, lambdaActions(), c.OrganizationalUnits)
	}
	return statements
}

// names reports whether a list contains a principal, which is an account ID or the ARN of a role.
func (l *listVersion) names(principal string) bool {
	return slices.Contains(l.consumers.Accounts, principal) || slices.Contains(l.consumers.Principals, principal)
}

// pathOf returns the names of the lists that can apply to a repository, the account list first.
func pathOf(repository string) []string {
	path := []string{root}
	for part := range strings.SplitSeq(repository, "/") {
		path = append(path, path[len(path)-1]+"/"+part)
	}
	return path
}
