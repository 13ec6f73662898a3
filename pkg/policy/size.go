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

// SizeError says that a policy document would be larger than ECR takes.
type SizeError struct {
	Characters int // that the document would have
	Limit      int // MaxDocumentCharacters

	// Style and Lambda are settings of the standard that bear on the size.
	Style  GrantStyle
	Lambda bool
}

// Error tells the size, the limit and what can be done about it.
func (e *SizeError) Error() string {
	remedies := []string{"name an organization (o-…) in the place of its accounts"}
	if e.Style == GrantPrincipal {
		remedies = append(remedies, "set the grant style to "+string(GrantCondition))
	}
	if e.Lambda {
		remedies = append(remedies, "turn the Lambda statement off")
	}
	return fmt.Sprintf("the policy document would have %d characters, and ECR's limit is %d; to make it smaller, %s",
		e.Characters, e.Limit, strings.Join(remedies, ", or "))
}

// Fits returns a *[SizeError] if the policy for consumers alone, in a repository
// that has no other statements, would be too large. Like [Standard.Merge], it
// fails for an invalid standard and for consumers that no valid list names.
func (s Standard) Fits(c Consumers) error {
	_, err := s.Merge("", []*Consumers{&c})
	return err
}

func (s Standard) checkSize(document string) error {
	count := utf8.RuneCountInString(document)
	if count <= MaxDocumentCharacters {
		return nil
	}
	return &SizeError{Characters: count, Limit: MaxDocumentCharacters, Style: s.Style, Lambda: s.Lambda}
}
