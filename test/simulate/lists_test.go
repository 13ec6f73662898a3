package simulate

import (
	"maps"
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
}

// moment is which lists are in force between two edits, by name. A list that isn't is not in the map.
type moment map[string]*inForce

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
		l.inForce = &inForce{parsed.Consumers, w.granted(parsed.Consumers)}
		w.past[name] = append(w.past[name], l.inForce.grants)
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

// granted returns what a list grants.
func (w *world) granted(c policy.Consumers) grants {
	all := grants{}
	for _, id := range c.Accounts {
		all["account "+id] = true
		if w.standard.Lambda {
			all["functions of "+id] = true
		}
	}
	for _, arn := range c.Principals {
		all["principal "+arn] = true
	}
	for _, id := range c.Organizations {
		all["organization "+id] = true
	}
	for _, path := range c.OrganizationalUnits {
		all["unit "+path] = true
	}
	return all
}

// pathOf returns the names of the lists that may apply to a repository, the account list first.
func pathOf(repository string) []string {
	path := []string{root}
	for part := range strings.SplitSeq(repository, "/") {
		path = append(path, path[len(path)-1]+"/"+part)
	}
	return path
}
