package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxDocumentCharacters is ECR's limit for the text of a repository policy, in
// characters, not bytes:
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
const MaxDocumentCharacters = 10240

// SizeError is the error for a policy document that exceeds ECR's limit.
type SizeError struct {
	Characters int // of the document
	Limit      int // MaxDocumentCharacters
	Unmanaged  int // characters of the document's unmanaged statements

	// Style and Lambda are the settings of the standard that affect the size.
	Style  GrantStyle
	Lambda bool
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
	return fmt.Sprintf("the policy document would have %d characters%s, and ECR's limit is %d; to make it smaller, %s",
		e.Characters, unmanaged, e.Limit, strings.Join(remedies, ", or "))
}

// Fits returns nil if the policy for consumers fits in a repository without
// other statements. It checks the standard's style and also the style
// condition, which is used when ECR rejects a principal. Otherwise it returns a *[SizeError]. It fails like [Standard.Merge] if the standard or the
// consumers are invalid.
func (s Standard) Fits(c Consumers) error {
	for _, style := range []GrantStyle{s.Style, GrantCondition} {
		if _, err := s.MergeAs(style, Document{}, []Listed{{Consumers: &c}}); err != nil {
			return err
		}
	}
	return nil
}

// checkSize returns a *SizeError if the text with these unmanaged statements is
// too large.
func (s Standard) checkSize(text string, d Document, style GrantStyle) error {
	count := utf8.RuneCountInString(text)
	if count <= MaxDocumentCharacters {
		return nil
	}
	unmanaged := 0
	for _, raw := range d.unmanaged {
		unmanaged += utf8.RuneCount(raw)
	}
	return &SizeError{Characters: count, Limit: MaxDocumentCharacters, Unmanaged: unmanaged, Style: style, Lambda: s.Lambda}
}
