// Package accountlist is the account lists as values: the account list itself and the namespace lists below it, with the
// version of each that is in use. Package parameterstore in it reads them from SSM.
package accountlist

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

var errMissing = errors.New("the parameter does not exist: nothing changes because of it; write a list, or none to revoke all grants")

// IsMissing reports whether the problem of a list is that its parameter doesn't exist.
func IsMissing(problem error) bool { return errors.Is(problem, errMissing) }

// List is one account list at one moment.
type List struct {
	Name      string            // of the SSM parameter
	Version   int64             // the newest
	Value     string            // of the newest version
	Modified  time.Time         // when the newest version was written
	Problem   error             // why the newest version can't be used; nil if it can
	InUse     int64             // the newest version that can be used; 0 if none can
	Consumers *policy.Consumers // of the version in use; nil if there is none
	Notices   []string          // about the version in use
	Oversized *policy.Consumers // of the newest version if its policy is too large; otherwise nil
}

// Snapshot is the lists at one moment.
type Snapshot struct {
	root  string // the name of the account list
	asked []string
	lists map[string]List // by name
}

// NewSnapshot returns a snapshot of lists that exist. root is the name of the account list, and asked are the names that the
// snapshot is about; none for all lists.
func NewSnapshot(root string, asked []string, lists []List) Snapshot {
	s := Snapshot{root: root, asked: asked, lists: make(map[string]List, len(lists))}
	for _, list := range lists {
		s.lists[list.Name] = list
	}
	return s
}

// Asked returns the names that the snapshot is about; none for all lists.
func (s Snapshot) Asked() []string { return s.asked }

// Path returns the names of the lists on the path of a repository, the account list first. A parameter name has at most 15
// levels: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-hierarchies.html
func Path(root, repository string) []string {
	const maxLevels = 15
	path := []string{root}
	name := root
	for segment := range strings.SplitSeq(repository, "/") {
		name += "/" + segment
		if strings.Count(name, "/") > maxLevels {
			break
		}
		path = append(path, name)
	}
	return path
}

// namespace returns the repository name that a list is named after; "" for the account list.
func (s Snapshot) namespace(list string) string {
	return strings.TrimPrefix(strings.TrimPrefix(list, s.root), "/")
}

// Covers reports whether a list applies to a repository: the account list to all of them, a namespace list to the
// repository of that name and to those below it.
func (s Snapshot) Covers(list List, repository string) bool {
	return slices.Contains(Path(s.root, repository), list.Name)
}

// Listed returns what the lists on the path of a repository say, the account list first, as policy.Standard's Merge
// takes it.
func (s Snapshot) Listed(repository string) []policy.Listed {
	path := Path(s.root, repository)
	listed := make([]policy.Listed, len(path))
	for depth, name := range path {
		list := s.lists[name]
		listed[depth] = policy.Listed{Consumers: list.Consumers, Oversized: list.Oversized}
	}
	return listed
}

// Version returns the versions of the lists on its path that a repository follows: "7", or "7 team-a:3". It is empty if
// no list can be used.
func (s Snapshot) Version(repository string) string {
	var versions []string
	for _, name := range Path(s.root, repository) {
		list := s.lists[name]
		switch {
		case list.Consumers == nil:
		case list.Name == s.root:
			versions = append(versions, fmt.Sprint(list.InUse))
		default:
			versions = append(versions, fmt.Sprintf("%s:%d", s.namespace(list.Name), list.InUse))
		}
	}
	return strings.Join(versions, " ")
}

// Modified returns when the newest of the lists that a repository follows was written. It is zero if the newest version of
// one of them can't be used: the version in use was written earlier.
func (s Snapshot) Modified(repository string) time.Time {
	var newest time.Time
	for _, name := range Path(s.root, repository) {
		list := s.lists[name]
		if list.Problem != nil {
			return time.Time{}
		}
		if list.Modified.After(newest) {
			newest = list.Modified
		}
	}
	return newest
}

// List returns the list with that parameter name. If it is missing, that is its problem.
func (s Snapshot) List(name string) List {
	if list, ok := s.lists[name]; ok {
		return list
	}
	return List{Name: name, Problem: errMissing}
}

// All returns the lists in the order of their names, the account list even if it is missing.
func (s Snapshot) All() []List {
	all := slices.Collect(maps.Values(s.lists))
	if _, ok := s.lists[s.root]; !ok {
		all = append(all, s.List(s.root))
	}
	slices.SortFunc(all, func(a, b List) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Unusable returns the lists whose newest version can't be used, in the order of All.
func (s Snapshot) Unusable() []List {
	return slices.DeleteFunc(s.All(), func(list List) bool { return list.Problem == nil })
}

// IsEmpty reports whether no list can be used, so that there is nothing to do for any repository.
func (s Snapshot) IsEmpty() bool {
	for _, list := range s.lists {
		if list.Consumers != nil {
			return false
		}
	}
	return true
}
