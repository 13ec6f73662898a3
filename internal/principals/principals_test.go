package principals_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/principals"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// checked is a repository that accepts only policies whose principals all exist.
type checked struct {
	missing  []string
	calls    int
	failFrom int // the call from which on AWS fails; 0 for never
}

var errThrottled = errors.New("throttled")

func (c *checked) SetPolicy(_ context.Context, repository, document string) error {
	c.calls++
	switch {
	case repository != "check":
		return fmt.Errorf("%s is written to", repository)
	case c.failFrom > 0 && c.calls >= c.failFrom:
		return errThrottled
	case len(document) > policy.MaxDocumentCharacters:
		return fmt.Errorf("%d characters", len(document))
	}
	for _, arn := range c.missing {
		if strings.Contains(document, `"`+arn+`"`) {
			return registry.ErrRejected
		}
	}
	return nil
}

func newChecker(c *checked) *principals.Checker {
	return &principals.Checker{Policies: c, Repository: "check", Standard: policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"},
		Style:    policy.GrantPrincipal,
	}}
}

func arns(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("arn:aws:iam::1%011d:root", i)
	}
	return all
}

func find(t *testing.T, c *principals.Checker, all []string) (missing []string, err error) {
	t.Helper()
	groups, err := c.Check(t.Context(), all)
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		found, err := c.Missing(t.Context(), group)
		missing = append(missing, found...)
		if err != nil {
			return missing, err
		}
	}
	return missing, nil
}

func TestMissing(t *testing.T) {
	for _, test := range []struct {
		name    string
		n       int
		missing []int
		most    int // calls
	}{
		{"no principals", 0, nil, 0},
		{"all exist", 290, nil, 1},
		{"the first", 290, []int{0}, 18},
		{"the last", 290, []int{289}, 11},
		{"one of one", 1, []int{0}, 1},
		{"neighbors", 64, []int{31, 32}, 25},
		{"all are missing", 8, []int{0, 1, 2, 3, 4, 5, 6, 7}, 15},
		{"more than a policy holds", 1000, []int{7, 999}, 32},
		{"all of many exist", 1000, nil, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := arns(test.n)
			c := &checked{}
			for _, i := range test.missing {
				c.missing = append(c.missing, all[i])
			}
			missing, err := find(t, newChecker(c), all)
			if err != nil || !slices.Equal(missing, c.missing) {
				t.Errorf("missing %q, want %q, %v", missing, c.missing, err)
			}
			if c.calls > test.most {
				t.Errorf("%d calls, want at most %d", c.calls, test.most)
			}
		})
	}
}

// Principals found before a failure are returned with the error.
func TestFailure(t *testing.T) {
	all := arns(16)
	for failFrom := 1; failFrom < 20; failFrom++ {
		c := &checked{missing: []string{all[2], all[13]}, failFrom: failFrom}
		missing, err := find(t, newChecker(c), all)
		if err == nil {
			if c.calls >= failFrom || !slices.Equal(missing, c.missing) {
				t.Errorf("failing from call %d: missing %q after %d calls", failFrom, missing, c.calls)
			}
			continue
		}
		if !errors.Is(err, errThrottled) || !strings.Contains(err.Error(), "check principals") {
			t.Errorf("failing from call %d: %v", failFrom, err)
		}
		for _, arn := range missing {
			if !slices.Contains(c.missing, arn) {
				t.Errorf("failing from call %d: %s is missing", failFrom, arn)
			}
		}
	}
}

func TestInvalidStandard(t *testing.T) {
	c := newChecker(&checked{})
	if _, err := c.Check(t.Context(), []string{"arn:aws:iam::111111111111:role/" + strings.Repeat("x", policy.MaxDocumentCharacters)}); err == nil {
		t.Error("a principal that no policy holds is no error")
	}
}

// late is a repository for which a principal begins to exist between two calls, as IAM's changes take a while to
// arrive.
type late struct {
	checked
	existsFrom int // the call from which on everything exists
}

func (l *late) SetPolicy(ctx context.Context, repository, document string) error {
	if l.calls+1 >= l.existsFrom {
		l.missing = nil
	}
	return l.checked.SetPolicy(ctx, repository, document)
}

// No principal is reported that ECR has not rejected by itself: people take it off the list.
func TestAPrincipalThatBeginsToExistMakesNoOtherOneMissing(t *testing.T) {
	all := arns(8)
	l := &late{checked: checked{missing: all[:1]}, existsFrom: 2}
	c := newChecker(&l.checked)
	c.Policies = l
	missing, err := find(t, c, all)
	if err != nil || len(missing) > 0 {
		t.Errorf("missing %q, %v: all exist, and %s always did", missing, err, all[7])
	}
}
