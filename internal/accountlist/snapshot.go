package accountlist

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const (
	errMissing = listError("the parameter does not exist: nothing changes because of it; write a list, or none to revoke everybody")
	errSecure  = listError("the parameter is a SecureString: make it a String")
)

type listError string

func (e listError) Error() string { return string(e) }

// IsMissing tells whether the problem of a list is that its parameter doesn't exist.
func IsMissing(err error) bool { return errors.Is(err, errMissing) }

// List is one account list, as it was at one moment.
type List struct {
	Name      string            // of the SSM parameter
	Version   int64             // the newest
	InForce   int64             // the newest that can be used; 0 if none can
	Consumers *policy.Consumers // of the version in force; nil if there is none
	Oversized *policy.Consumers // of the newest version, if it is too large; else nil
	Modified  time.Time         // when the newest version was written
	Problem   error             // why the newest version cannot be used; nil if it can
	Notices   []string          // about the version in force

	namespace string
	value     string
}

// namespaceOf returns the repository name that a list is named after; empty for the account list, which is the root.
func namespaceOf(root, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
}

// Covers tells whether the list applies to a repository: the account list to all of them, the list of a namespace
// to the repository of that name and to those below it.
func (l List) Covers(repository string) bool {
	return l.namespace == "" || repository == l.namespace || strings.HasPrefix(repository, l.namespace+"/")
}

// Snapshot is what the lists said at one moment.
type Snapshot struct {
	root  string
	path  func(repository string) []string
	names []string // what was asked for; empty for every list there is
	lists map[string]List
}

// Listed returns what the lists on the path of a repository say, the account list first, as policy.Standard's Merge
// takes it.
func (s Snapshot) Listed(repository string) []policy.Listed {
	path := s.path(repository)
	listed := make([]policy.Listed, len(path))
	for depth, name := range path {
		list := s.lists[name]
		listed[depth] = policy.Listed{Consumers: list.Consumers, Oversized: list.Oversized}
	}
	return listed
}

// Version says which versions of the lists on its path a repository follows: "7", or "7 team-a:3". It is empty if
// there is no usable list.
func (s Snapshot) Version(repository string) string {
	var versions []string
	for _, name := range s.path(repository) {
		list := s.lists[name]
		switch {
		case list.Consumers == nil:
		case list.namespace == "":
			versions = append(versions, fmt.Sprint(list.InForce))
		default:
			versions = append(versions, fmt.Sprintf("%s:%d", list.namespace, list.InForce))
		}
	}
	return strings.Join(versions, " ")
}

// Changed returns when the newest of the lists that a repository follows was written. It is zero if the newest version of
// one of them can't be used: what is in force was written earlier.
func (s Snapshot) Changed(repository string) time.Time {
	var newest time.Time
	for _, name := range s.path(repository) {
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
	return List{Name: name, Problem: errMissing, namespace: namespaceOf(s.root, name)}
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

// Unusable returns the lists whose newest version cannot be used, in the order of All.
func (s Snapshot) Unusable() []List {
	return slices.DeleteFunc(s.All(), func(list List) bool { return list.Problem == nil })
}

// IsEmpty tells whether no list can be used, so that there is nothing to do for any repository.
func (s Snapshot) IsEmpty() bool {
	for _, list := range s.lists {
		if list.Consumers != nil {
			return false
		}
	}
	return true
}

// madeOf tells whether the parameters are those of the snapshot. Versions alone would not do: a parameter that was
// deleted and made anew starts at 1 again. Nor would values: an earlier version may be in force.
func (s Snapshot) madeOf(parameters map[string]types.Parameter) bool {
	if len(parameters) != len(s.lists) {
		return false
	}
	for name, p := range parameters {
		list, ok := s.lists[name]
		if !ok || list.Version != p.Version || list.value != aws.ToString(p.Value) || !list.Modified.Equal(aws.ToTime(p.LastModifiedDate)) {
			return false
		}
	}
	return true
}
