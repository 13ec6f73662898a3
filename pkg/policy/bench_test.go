package policy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func BenchmarkParseList(b *testing.B) {
	for _, accounts := range accountCounts() {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			text := strings.Join(manyAccounts(accounts).Accounts, ",")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := policy.ParseList(text, registry); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBuild is the first policy of a new repository.
func BenchmarkBuild(b *testing.B) {
	for _, c := range cases() {
		if c.unmanaged == 0 {
			b.Run(c.name(), func(b *testing.B) { c.merge(b, "", c.accounts) })
		}
	}
}

// BenchmarkMerge is a list with one account less.
func BenchmarkMerge(b *testing.B) {
	for _, c := range cases() {
		b.Run(c.name(), func(b *testing.B) { c.merge(b, c.stored(b, c.accounts+1), c.accounts) })
	}
}

// BenchmarkCompare is a repository that has the standard policy: nearly all of
// them, nearly always.
func BenchmarkCompare(b *testing.B) {
	for _, c := range cases() {
		b.Run(c.name(), func(b *testing.B) { c.merge(b, c.stored(b, c.accounts), c.accounts) })
	}
}

func accountCounts() []int { return []int{1, 100, 300} }

type benchmarkCase struct {
	style     policy.GrantStyle
	accounts  int
	unmanaged int // statements
}

// cases are all that fit into ECR's limit: 300 accounts beside 20 unmanaged
// statements do only by condition.
func cases() []benchmarkCase {
	var cases []benchmarkCase
	for _, style := range []policy.GrantStyle{policy.GrantPrincipal, policy.GrantCondition} {
		for _, accounts := range accountCounts() {
			for _, unmanaged := range []int{0, 20} {
				c := benchmarkCase{style, accounts, unmanaged}
				_, err := merge(standard(style), c.unmanagedOnly(), lists(manyAccounts(accounts)))
				if tooLarge := (*policy.SizeError)(nil); !errors.As(err, &tooLarge) {
					cases = append(cases, c)
				}
			}
		}
	}
	return cases
}

func (c benchmarkCase) name() string {
	return fmt.Sprintf("style=%s/accounts=%d/unmanaged=%d", c.style, c.accounts, c.unmanaged)
}

func (c benchmarkCase) unmanagedOnly() string {
	if c.unmanaged == 0 {
		return ""
	}
	var statements []string
	for i := range c.unmanaged {
		statements = append(statements, fmt.Sprintf(
			`{"Sid":"Team%d","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1%011d:root"},"Action":["ecr:PutImage","ecr:UploadLayerPart"]}`, i, i))
	}
	return document(statements...)
}

// stored is the policy for that many accounts as ECR returns it: indented.
func (c benchmarkCase) stored(b *testing.B, accounts int) string {
	var text bytes.Buffer
	compact := mustMerge(b, standard(c.style), c.unmanagedOnly(), lists(manyAccounts(accounts))).Document
	if err := json.Indent(&text, []byte(compact), "", "  "); err != nil {
		b.Fatal(err)
	}
	return text.String()
}

func (c benchmarkCase) merge(b *testing.B, existing string, accounts int) {
	s, consumers := standard(c.style), lists(manyAccounts(accounts))
	b.ReportAllocs()
	for b.Loop() {
		mustMerge(b, s, existing, consumers)
	}
}
