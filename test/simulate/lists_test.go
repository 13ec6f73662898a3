package simulate

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// list is an account list as it really is.
type list struct {
	versions int
	inForce  *inForce // its newest valid version; nil if there is none
}

// inForce is a valid version of a list.
type inForce struct {
	consumers policy.Consumers
	grants    grants

	// The forms of its statements in either style.
	byName, byCondition string
}

// has reports whether statements grant what the list says, in a style that the stack lets them have.
func (l *inForce) has(statements []statement, style policy.GrantStyle) bool {
	f := forms(statements)
	return f == l.byCondition || style == policy.GrantPrincipal && f == l.byName
}

// moment is which lists are in force between two edits, by name. A list that isn't is not in the map.
type moment map[string]*inForce

// isOn reports whether some list on a path can be used.
func (m moment) isOn(path []string) bool {
	return slices.ContainsFunc(path, func(name string) bool { return m[name] != nil })
}

// now returns the present moment.
func (w *world) now() moment { return w.moments[len(w.moments)-1] }

// put writes a list.
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
		err = w.standard.Fits(parsed.Consumers)
	}
	if err == nil {
		depth := strings.Count(name, "/") - strings.Count(root, "/")
		byName := w.statementsFor(parsed.Consumers, depth, policy.GrantPrincipal)
		byCondition := w.statementsFor(parsed.Consumers, depth, policy.GrantCondition)
		l.inForce = &inForce{parsed.Consumers, grants{}, forms(byName), forms(byCondition)}
		for _, s := range byName {
			maps.Copy(l.inForce.grants, s.grants)
		}
		w.past[name] = append(w.past[name], l.inForce)
	}
	w.edited(name, operation, value)
}

func (w *world) remove(name string) {
	w.cloud.DeleteParameter(name)
	delete(w.lists, name)
	w.edited(name, "Delete", "")
}

func (w *world) edited(name, operation, value string) {
	next := maps.Clone(w.now())
	delete(next, name)
	version := 0
	if l := w.lists[name]; l != nil {
		version = l.versions
		if l.inForce != nil {
			next[name] = l.inForce
		}
	}
	w.moments = append(w.moments, next)
	w.note("%s of %s, version %d: %.60q", operation, name, version, value)
	w.publish(listChanged(name, operation))
}

// statementsFor returns the statements that the design wants for consumers, made without the code under test.
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
			test, _ := testOf(kind)
			operator, key, _ := strings.Cut(test, " ")
			element["Condition"] = map[string]any{operator: map[string]any{key: values}}
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
	add("Lambda", map[string]any{"Service": "lambda.amazonaws.com"}, lambdaActions(), patterns)
	return statements
}

// names reports whether a list makes policies name a principal, an account ID or an ARN.
func (l *inForce) names(principal string) bool {
	return slices.Contains(l.consumers.Accounts, principal) || slices.Contains(l.consumers.Principals, principal)
}

// pathOf returns the names of the lists that may apply to a repository, the account list first.
func pathOf(repository string) []string {
	path := []string{root}
	for part := range strings.SplitSeq(repository, "/") {
		path = append(path, path[len(path)-1]+"/"+part)
	}
	return path
}
