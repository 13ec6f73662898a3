package policy

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// place is where a document has the statements of one list.
//
// In the policy of a repository, a list is known by its depth in the
// repository's path, and in the registry policy by its namespace.
type place struct {
	suffix    string // of the Sids
	label     string // of the list, for errors
	level     Level
	depth     int    // of the list, in the policy of a repository
	namespace string // of the list, in the registry policy

	// all are the ARN patterns of all repositories that the list can be for; nil
	// in the policy of a repository, which has no Resource elements.
	all []string
}

// placed is a list with its place.
type placed struct {
	place
	Listed

	// others are the other lists that are for all repositories of the list. A
	// document at another level than that of the standard needs them.
	others []placed
}

// hasOnPath reports whether a consumer stays in the statements of a list in a
// document that follows the lists: if the list has it, or another one that can
// be used. A consumer that moves from one list to another is always on a list.
func (l placed) hasOnPath(c consumer) bool { return l.has(c) || l.othersHave(c) }

func (l placed) othersHave(c consumer) bool {
	return slices.ContainsFunc(l.others, func(other placed) bool { return other.Consumers != nil && other.has(c) })
}

// places returns the lists with their places, in the order of the document. In
// the registry policy, a list that isn't given but has statements can't be used.
func (d Document) places(r Registry, lists []Listed) []placed {
	var all []placed
	if !d.level.isRegistry() {
		for depth, list := range lists {
			all = append(all, placed{place: placeAt(depth), Listed: list})
		}
		for i := range all {
			all[i].others = slices.Concat(all[:i], all[i+1:])
		}
		return all
	}
	byNamespace := map[string]Listed{}
	for _, namespace := range d.Namespaces() {
		byNamespace[namespace] = Listed{}
	}
	for _, list := range lists {
		if isNamespace(list.Namespace) {
			byNamespace[list.Namespace] = list
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		list := placed{place: r.placeOf(namespace), Listed: byNamespace[namespace]}
		for _, other := range all {
			if other.namespace == "" || strings.HasPrefix(namespace, other.namespace+"/") {
				list.others = append(list.others, other)
			}
		}
		all = append(all, list)
	}
	return all
}

// placeAt returns the place of the list at a depth in the policy of a
// repository. The account list is at depth 0, and its Sids have no suffix.
func placeAt(depth int) place {
	p := place{label: "account list at depth " + strconv.Itoa(depth), depth: depth}
	if depth > 0 {
		p.suffix = strconv.Itoa(depth)
	}
	return p
}

// placeOf returns the place of the list of a namespace, or of the account list
// for "", in the registry policy.
func (r Registry) placeOf(namespace string) place {
	p := place{suffix: suffixOf(namespace), label: "account list", level: LevelRegistry, namespace: namespace, all: []string{r.RepositoryARN("*")}}
	if namespace != "" {
		p.label = "list of the namespace " + quote(namespace)
		p.all = []string{r.RepositoryARN(namespace), r.RepositoryARN(namespace + "/*")}
	}
	return p
}

// The suffix of a namespace has words for the characters that a Sid can't have,
// such as InteamDashaSlashapi for team-a/api. A namespace has no uppercase
// letters, so that no other namespace has the same suffix.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
const inNamespace = "In"

func suffixOf(namespace string) string {
	if namespace == "" {
		return ""
	}
	return inNamespace + strings.NewReplacer("-", "Dash", "_", "Underscore", ".", "Dot", "/", "Slash").Replace(namespace)
}

// namespaceOf is the inverse of suffixOf.
func namespaceOf(suffix string) (string, bool) {
	name := strings.TrimPrefix(suffix, inNamespace)
	namespace := strings.NewReplacer("Dash", "-", "Underscore", "_", "Dot", ".", "Slash", "/").Replace(name)
	return namespace, isNamespace(namespace) && suffixOf(namespace) == suffix
}

// isNamespace reports whether there can be repositories in a namespace, or
// whether it is that of the account list. Each segment of a repository's name
// has lowercase letters, digits, and some punctuation:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
func isNamespace(s string) bool {
	return s == "" || consistsOf(s, isNamespaceCharacter) && !strings.Contains("/"+s+"/", "//")
}

func isNamespaceCharacter(c byte) bool {
	return isLowerOrDigitOrHyphen(c) || c == '_' || c == '.' || c == '/'
}

// Namespaces returns the namespaces of the lists that have statements in a
// registry policy, sorted; "" is that of the account list. In the policy of a
// repository, lists have no namespaces.
func (d Document) Namespaces() []string {
	var namespaces []string
	for _, m := range d.managed {
		if _, p, ok := d.identify(m); ok && d.level.isRegistry() {
			namespaces = append(namespaces, p.namespace)
		}
	}
	return sortedUnique(namespaces)
}
