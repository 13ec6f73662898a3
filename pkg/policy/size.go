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

// SizeError is the error of a policy document that is larger than ECR takes.
type SizeError struct {
	Characters int // that the document would have
	Limit      int // MaxDocumentCharacters
	Unmanaged  int // characters of unmanaged statements among them

	// Style and Lambda are settings of the standard that bear on the size.
	Style  GrantStyle
	Lambda bool
}

// Error says the size, the limit and what can be done about it.
func (e *SizeError) Error() string {
	remedies := []string{"list an organization (o-…) instead of its accounts, roles and users"}
	if e.Style == GrantPrincipal {
		remedies = append(remedies, "set the grant style to "+string(GrantCondition))
	}
	if e.Lambda {
		remedies = append(remedies, "turn the Lambda statement off")
	}
	size := fmt.Sprintf("%d characters", e.Characters)
	if e.Unmanaged > 0 {
		size += fmt.Sprintf(", %d of them unmanaged statements", e.Unmanaged)
		remedies = append(remedies, "shorten the unmanaged statements")
	}
	return fmt.Sprintf("the policy document would have %s, and ECR's limit is %d; to make it smaller, %s",
		size, e.Limit, strings.Join(remedies, ", or "))
}

// Fits returns a *[SizeError] if the policy for consumers alone, in a repository
// that has no other statements, would be too large in the standard's style or in
// the style condition, which is what ECR gets where it rejects a name. Like
// [Standard.Merge], it fails for an invalid standard and for consumers that no
// valid list names.
func (s Standard) Fits(c Consumers) error {
	for _, style := range []GrantStyle{s.Style, GrantCondition} {
		if _, err := s.MergeAs(style, "", []Listed{{Consumers: &c}}); err != nil {
			return err
		}
	}
	return nil
}

func (s Standard) checkSize(text string, style GrantStyle) error {
	count := utf8.RuneCountInString(text)
	if count <= MaxDocumentCharacters {
		return nil
	}
	doc, err := readDocument(text, s.Registry.Partition)
	if err != nil {
		return err
	}
	unmanaged := 0
	for _, raw := range doc.unmanaged {
		unmanaged += utf8.RuneCount(raw)
	}
	return &SizeError{Characters: count, Limit: MaxDocumentCharacters, Unmanaged: unmanaged, Style: style, Lambda: s.Lambda}
}
