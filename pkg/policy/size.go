package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxDocumentCharacters is ECR's limit for the text of a repository policy and of
// the registry policy, in characters, not bytes:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
// and
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutRegistryPolicy.html
const MaxDocumentCharacters = 10240

// SizeError is the error for a policy document that exceeds ECR's limit.
type SizeError struct {
	Characters int // of the document
	Limit      int // MaxDocumentCharacters
	Unmanaged  int // characters of the document's unmanaged statements

	// Style, Lambda, and Level are what affects the size. Level is that of the
	// document.
	Style  GrantStyle
	Lambda bool
	Level  Level
}

// Error returns the size, the limit, and how to make the document smaller.
func (e *SizeError) Error() string {
	remedies := []string{"list an organization (o-…) instead of its accounts, roles and users"}
	if e.Style == GrantPrincipal {
		remedies = append(remedies, "set the grant style to "+string(GrantCondition))
	}
	if e.Lambda {
		remedies = append(remedies, "turn off the Lambda statement")
	}
	unmanaged := ""
	if e.Unmanaged > 0 {
		unmanaged = fmt.Sprintf(" (%d of them in unmanaged statements)", e.Unmanaged)
		remedies = append(remedies, "shorten the unmanaged statements")
	}
	document, shared := "policy document", ""
	if e.Level.isRegistry() {
		document, shared = "registry policy", ", which all lists share"
		remedies = append(remedies, "set the policy level to "+string(LevelRepository))
	}
	return fmt.Sprintf("the %s would have %d characters%s, and ECR's limit is %d%s; to make it smaller, %s",
		document, e.Characters, unmanaged, e.Limit, shared, strings.Join(remedies, ", or "))
}

// Fits returns nil if the policies for the list of a namespace, or for the
// account list if it is "", fit without other lists and other statements. It
// checks the policy of a repository in the standard's style and also in the
// style condition, which is used when ECR rejects a principal, and at the level
// of the registry its policy. Otherwise it returns a *[SizeError]. It fails like
// [Standard.Merge] if the standard or the consumers are invalid, or if a
// registry policy can't express the repositories of the list.
func (s Standard) Fits(namespace string, c Consumers) error {
	lists := []Listed{{Namespace: namespace, Consumers: &c}}
	for _, style := range []GrantStyle{s.Style, GrantCondition} {
		if _, err := s.MergeAs(style, Document{}, lists); err != nil {
			return err
		}
	}
	if !s.Level.isRegistry() {
		return nil
	}
	_, err := s.Merge(Document{level: LevelRegistry, registry: s.Registry}, lists)
	return err
}

// checkSize returns a *SizeError if the text with these unmanaged statements is
// too large.
func (s Standard) checkSize(text string, d Document, style GrantStyle) error {
	count := utf8.RuneCountInString(text)
	if count <= MaxDocumentCharacters {
		return nil
	}
	if s.Level.isRegistry() {
		style = GrantCondition // a repository has only the Lambda statement then, which has no style
	}
	unmanaged := 0
	for _, raw := range d.unmanaged {
		unmanaged += utf8.RuneCount(raw)
	}
	return &SizeError{Characters: count, Limit: MaxDocumentCharacters, Unmanaged: unmanaged, Style: style, Lambda: s.Lambda && !d.level.isRegistry(), Level: d.level}
}
