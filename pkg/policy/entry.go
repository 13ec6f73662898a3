package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// consumer is what one valid entry of an account list names.
type consumer struct {
	kind consumerKind
	id   string // as in the slices of Consumers
}

type consumerKind int

const (
	noConsumer consumerKind = iota // the entry none
	anAccount
	aPrincipal
	anOrganization
	anOrganizationalUnit
)

const noneEntry = "none"

// readEntry reads one entry of an account list for a registry in a partition.
// The error doesn't repeat the entry.
func readEntry(entry, partition string) (consumer, error) {
	switch {
	case !consistsOf(entry, isPrintable):
		return consumer{}, unprintable(entry)
	case entry == noneEntry:
		return consumer{kind: noConsumer}, nil
	case equalFoldASCII(entry, noneEntry):
		return consumer{}, errors.New("unknown entry; write none in lowercase")
	case entry == "*":
		return consumer{}, errors.New("all AWS accounts can't be listed; list accounts or an organization")
	case consistsOf(entry, isDigit):
		return readAccountID(entry)
	case iampolicy.IsAccountID(strings.ReplaceAll(entry, "-", "")):
		return consumer{}, fmt.Errorf("invalid account ID; remove the hyphens: %s", strings.ReplaceAll(entry, "-", ""))
	case strings.HasPrefix(entry, "arn:"):
		return readARN(entry, partition)
	case strings.HasPrefix(entry, "o-"):
		return readOrganization(entry)
	}
	return consumer{}, unknownEntry(entry)
}

// unprintable returns the error for the first character that isn't printable
// ASCII.
func unprintable(entry string) error {
	i := slices.IndexFunc([]byte(entry), func(c byte) bool { return !isPrintable(c) })
	_, size := utf8.DecodeRuneInString(entry[i:])
	return fmt.Errorf("invalid character %q; remove it", entry[i:i+size])
}

// unknownEntry returns the error for an entry of no known form.
func unknownEntry(entry string) error {
	switch {
	case entry == lambdaService:
		return errors.New("AWS services can't be listed; to let Lambda pull images for functions in the listed accounts and organizations, turn on the Lambda statement")
	case strings.HasSuffix(entry, ".amazonaws.com"), strings.HasSuffix(entry, ".amazonaws.com.cn"):
		return errors.New("AWS services can't be listed; list the account or the role that pulls")
	case strings.HasPrefix(entry, "ou-"):
		return errors.New("incomplete path of an organizational unit; expected o-ORGANIZATION/r-ROOT/ou-UNIT/*")
	case strings.HasPrefix(entry, "r-"):
		return errors.New("the root of an organization can't be listed; list the organization (o-…)")
	case strings.HasPrefix(entry, "AROA"), strings.HasPrefix(entry, "AIDA"):
		return errors.New("unique ID of a role or user, often of a deleted one; list the ARN instead")
	case strings.ContainsAny(entry, "*?"):
		return errors.New("wildcards aren't allowed; list each account, or their organization")
	}
	return errors.New("unknown entry; expected an account ID (12 digits), the ARN of an IAM role or user, " +
		"an organization ID (o-…), the path of an organizational unit (o-…/r-…/ou-…/*), or none")
}

func readAccountID(entry string) (consumer, error) {
	if !iampolicy.IsAccountID(entry) {
		return consumer{}, fmt.Errorf("invalid account ID; expected 12 digits, found %d", len(entry))
	}
	return consumer{anAccount, entry}, nil
}
