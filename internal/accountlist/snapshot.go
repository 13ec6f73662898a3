// Package accountlist represents account lists: the account list itself and the namespace lists, with the version of
// each that is in use. Package parameterstore reads them from SSM.
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

var errMissing = errors.New("the parameter does not exist, so no policy is changed because of it; write a list to it, or none to revoke all grants")

// IsMissing reports whether the problem of a list is that its parameter doesn't exist.
func IsMissing(problem error) bool { return errors.Is(problem, errMissing) }

// List is one account list at one point in time.
type List struct {
	Name      string            // the name of the SSM parameter
	Version   int64             // the newest version
	Value     string            // the value of the newest version
	Modified  time.Time         // when the newest version was written
	Problem   error             // why the newest version can't be used; nil if it can
	InUse     int64             // the version in use: the newest one that can be used; 0 for none
	Consumers *policy.Consumers // the consumers of the version in use; nil if there is none
	Notices   []string          // notices about the version in use
	Oversized *policy.Consumers // the consumers of the newest version if its policy is too large; otherwise nil
}

// Snapshot is the lists at one point in time.
type Snapshot struct {
	root  string          // the name of the account list
	names []string        // the names of the lists that it covers; none for all lists
	lists map[string]List // the lists that exist, by name
}

// NewSnapshot returns a snapshot of the lists that exist. root is the name of the account list. names are the names of
// the lists that the snapshot covers, or none if it covers all lists.
func NewSnapshot(root string, names []string, lists []List) Snapshot {
	s := Snapshot{root: root, names: names, lists: make(map[string]List, len(lists))}
	for _, list := range lists {
		s.lists[list.Name] = list
	}
	return s
}

// Revoking returns a snapshot in which every list on the paths of the repositories is none, so that no managed statement
// remains.
func Revoking(root string, repositories []string) Snapshot {
	s := Snapshot{root: root, lists: map[string]List{}}
	revoke := func(name string) {
		s.lists[name] = List{Name: name, InUse: 1, Consumers: &policy.Consumers{None: true}}
	}
	revoke(root)
	for _, repository := range repositories {
		for _, name := range Path(root, repository) {
			revoke(name)
		}
	}
	return s
}

// Names returns the names of the lists that the snapshot covers, whether they exist or not. It returns none if the
// snapshot covers all lists.
func (s Snapshot) Names() []string { return s.names }

// Path returns the names of the lists on the path of a repository, the account list first. A parameter name has at most
// 15 levels: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-hierarchies.html
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

// Path returns the names of the lists on the path of a repository, the account list first.
func (s Snapshot) Path(repository string) []string { return Path(s.root, repository) }

// Namespace returns the namespace of the list with a parameter name, or "" for the account list, which has the name root.
func Namespace(root, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
}

// Covers reports whether a list applies to a repository: the account list to all of them, a namespace list to the
// repository of that name and to those below it.
func (s Snapshot) Covers(list List, repository string) bool {
	return slices.Contains(Path(s.root, repository), list.Name)
}

// Listed returns the consumers in the lists on the path of a repository, the account list first, as an argument of
// policy.Standard's Merge.
func (s Snapshot) Listed(repository string) []policy.Listed {
	path := Path(s.root, repository)
	listed := make([]policy.Listed, len(path))
	for depth, name := range path {
		list := s.lists[name]
		listed[depth] = policy.Listed{Consumers: list.Consumers, Oversized: list.Oversized}
	}
	return listed
}

// Consumers returns the consumers in all lists of the snapshot, sorted and without duplicates.
func (s Snapshot) Consumers() policy.Consumers {
	var all policy.Consumers
	for _, list := range s.lists {
		if c := list.Consumers; c != nil {
			all.Accounts = union(all.Accounts, c.Accounts)
			all.Principals = union(all.Principals, c.Principals)
			all.Organizations = union(all.Organizations, c.Organizations)
			all.OrganizationalUnits = union(all.OrganizationalUnits, c.OrganizationalUnits)
		}
	}
	return all
}

func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// ListedByNamespace returns the consumers in all lists, as an argument of policy.Standard's Merge for the registry policy.
func (s Snapshot) ListedByNamespace() []policy.Listed {
	var listed []policy.Listed
	for _, list := range s.All() {
		listed = append(listed, policy.Listed{Namespace: Namespace(s.root, list.Name), Consumers: list.Consumers, Oversized: list.Oversized})
	}
	return listed
}

// Version returns the versions in use of the lists on the path of a repository, such as "7" or "7 team-a:3". It is
// empty if no list can be used.
func (s Snapshot) Version(repository string) string { return s.versions(s.on(repository)) }

// Versions returns the versions in use of all lists, in the form of Version.
func (s Snapshot) Versions() string { return s.versions(s.All()) }

// on returns the lists on the path of a repository that exist, the account list first.
func (s Snapshot) on(repository string) []List {
	var lists []List
	for _, name := range Path(s.root, repository) {
		if list, ok := s.lists[name]; ok {
			lists = append(lists, list)
		}
	}
	return lists
}

func (s Snapshot) versions(lists []List) string {
	var versions []string
	for _, list := range lists {
		switch {
		case list.Consumers == nil:
		case list.Name == s.root:
			versions = append(versions, fmt.Sprint(list.InUse))
		default:
			versions = append(versions, fmt.Sprintf("%s:%d", Namespace(s.root, list.Name), list.InUse))
		}
	}
	return strings.Join(versions, " ")
}

// Modified returns when the newest of the lists on the path of a repository was written. It is zero if the newest
// version of one of them can't be used.
func (s Snapshot) Modified(repository string) time.Time { return modified(s.on(repository)) }

// AnyModified returns when the newest of all lists was written. It is zero if the newest version of one of them can't be
// used.
func (s Snapshot) AnyModified() time.Time { return modified(s.All()) }

func modified(lists []List) time.Time {
	var newest time.Time
	for _, list := range lists {
		if list.Problem != nil {
			return time.Time{}
		}
		if list.Modified.After(newest) {
			newest = list.Modified
		}
	}
	return newest
}

// List returns the list with a parameter name. If it doesn't exist, it has a problem for which IsMissing is true.
func (s Snapshot) List(name string) List {
	if list, ok := s.lists[name]; ok {
		return list
	}
	return List{Name: name, Problem: errMissing}
}

// All returns the lists in the order of their names. They include the account list even if it doesn't exist.
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

// IsEmpty reports whether no list can be used.
func (s Snapshot) IsEmpty() bool {
	for _, list := range s.lists {
		if list.Consumers != nil {
			return false
		}
	}
	return true
}
