package organization

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Selection specifies accounts of an organization.
type Selection struct {
	parents   []string // OUs and roots; none for all roots
	recursive bool     // includes the OUs below the parents
	tags      map[string][]string
	excluded  []string // accounts and OUs
}

// IDs of OUs and roots: https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccountsForParent.html
const (
	unitPattern = `ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}`
	rootPattern = `r-[0-9a-z]{4,32}`
)

// NewSelection returns the selection of all accounts in OUs and roots, given by their IDs, that have all of the tags.
// Tags are written as KEY=VALUE. Of two tags with the same key, an account needs only one. excluded are the IDs of
// accounts and OUs.
func NewSelection(parents []string, recursive bool, tags, excluded []string) (Selection, error) {
	s := Selection{parents: parents, recursive: recursive, tags: map[string][]string{}, excluded: excluded}
	var errs []error
	for _, id := range parents {
		if !regexp.MustCompile(`^(` + unitPattern + `|` + rootPattern + `)$`).MatchString(id) {
			errs = append(errs, fmt.Errorf("%q: invalid ID; expected that of an OU, such as ou-ab12-11111111, or of a root, such as r-ab12", id))
		}
	}
	for _, id := range excluded {
		if !isAccount(id) && !regexp.MustCompile(`^`+unitPattern+`$`).MatchString(id) {
			errs = append(errs, fmt.Errorf("%q: invalid ID; expected that of an account, which has 12 digits, or of an OU, such as ou-ab12-11111111", id))
		}
	}
	for _, tag := range tags {
		key, value, ok := strings.Cut(tag, "=")
		if !ok || key == "" {
			errs = append(errs, fmt.Errorf("%q: invalid tag; expected KEY=VALUE", tag))
		}
		s.tags[key] = append(s.tags[key], value)
	}
	if len(parents) == 0 && len(tags) == 0 {
		errs = append(errs, errors.New("no accounts are selected; pass the ID of an OU or a root, or a tag"))
	}
	return s, errors.Join(errs...)
}

// matches reports whether an account with these tags has all tags of the selection.
func (s Selection) matches(tags map[string]string) bool {
	for key, values := range s.tags {
		if value, ok := tags[key]; !ok || !slices.Contains(values, value) {
			return false
		}
	}
	return true
}
