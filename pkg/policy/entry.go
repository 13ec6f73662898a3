package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// consumer is what one valid entry of the account list names.
type consumer struct {
	kind consumerKind
	id   string // as the slices of Consumers hold it
}

type consumerKind int

const (
	nobody consumerKind = iota // the entry none
	anAccount
	aPrincipal
	anOrganization
	anOrganizationalUnit
)

const noneEntry = "none"

// readEntry reads one entry of the account list of a registry in a partition.
// The error is the reason why the entry is refused; the caller names the entry.
func readEntry(entry, partition string) (consumer, error) {
	switch {
	case !consistsOf(entry, isPrintable):
		return consumer{}, unprintable(entry)
	case entry == noneEntry:
		return consumer{kind: nobody}, nil
	case equalFoldASCII(entry, noneEntry):
		return consumer{}, errors.New("is written in lower case: none")
	case entry == "*":
		return consumer{}, errors.New("would let every AWS account pull; name accounts or an organization")
	case consistsOf(entry, isDigit):
		return readAccountID(entry)
	case isAccountID(strings.ReplaceAll(entry, "-", "")):
		return consumer{}, fmt.Errorf("an account ID is written without hyphens: %s", strings.ReplaceAll(entry, "-", ""))
	case strings.HasPrefix(entry, "arn:"):
		return readARN(entry, partition)
	case strings.HasPrefix(entry, "o-"):
		return readOrganization(entry)
	}
	return consumer{}, unknownEntry(entry)
}

func unprintable(entry string) error {
	for i, r := range entry {
		if r >= utf8.RuneSelf || !isPrintable(byte(r)) {
			_, size := utf8.DecodeRuneInString(entry[i:])
			return fmt.Errorf("has a character that no entry has, %q; delete it", entry[i:i+size])
		}
	}
	return nil
}

// unknownEntry explains what is wrong with an entry of no known form.
func unknownEntry(entry string) error {
	switch {
	case entry == "lambda.amazonaws.com":
		return errors.New("is a service, and services aren't consumers; whether functions of the listed accounts may be pulled for is a setting of the stack (the Lambda statement)")
	case strings.HasSuffix(entry, ".amazonaws.com"), strings.HasSuffix(entry, ".amazonaws.com.cn"):
		return errors.New("is a service, and services aren't consumers; name the account or the role that pulls")
	case strings.HasPrefix(entry, "ou-"):
		return errors.New("an organizational unit is named by its path: o-ORGANIZATION/r-ROOT/ou-UNIT/*")
	case strings.HasPrefix(entry, "r-"):
		return errors.New("an organization's root can't be named; name the organization, o-…")
	case strings.HasPrefix(entry, "AROA"), strings.HasPrefix(entry, "AIDA"):
		return errors.New("is the unique ID of a role or user, often of a deleted one; name its ARN")
	case strings.ContainsAny(entry, "*?"):
		return errors.New("wildcards aren't allowed; name each account, or their organization")
	}
	return errors.New("is none of: 12-digit account ID, ARN of an IAM role or user, organization (o-…), path of an organizational unit (o-…/r-…/ou-…/*), none")
}

func isAccountID(s string) bool {
	return len(s) == 12 && consistsOf(s, isDigit)
}

func readAccountID(entry string) (consumer, error) {
	if !isAccountID(entry) {
		return consumer{}, fmt.Errorf("an account ID has 12 digits, this has %d", len(entry))
	}
	return consumer{anAccount, entry}, nil
}
