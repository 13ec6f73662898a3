package simulate

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
)

// sabotage breaks the product on purpose.
type sabotage struct {
	noVersionCheck   bool // lists never move
	noMerge          bool // what others wrote is not seen, so that it is written over
	noOwnWriteFilter bool // the rule lets our own writes through
	noFallback       bool // lists have no history
	fallbackToNobody bool // every history says that nobody may pull
	alwaysDifferent  bool // what is there is never what it should be
}

func (s sabotage) lists(lists reconcile.Lists) reconcile.Lists {
	if s.noVersionCheck {
		return unmoved{lists}
	}
	return lists
}

type unmoved struct{ reconcile.Lists }

func (unmoved) Moved(context.Context, accountlist.Snapshot) (bool, error) { return false, nil }

func (s sabotage) policies(policies reconcile.Policies) reconcile.Policies {
	switch {
	case s.noMerge:
		return withoutForeign{policies}
	case s.alwaysDifferent:
		return withoutOwn{policies}
	}
	return policies
}

type withoutForeign struct{ reconcile.Policies }

func (p withoutForeign) Policy(ctx context.Context, repository string) (string, error) {
	text, err := p.Policies.Policy(ctx, repository)
	d := readDocument(text)
	d.foreign = nil
	return d.text(), err
}

type withoutOwn struct{ reconcile.Policies }

func (p withoutOwn) Policy(ctx context.Context, repository string) (string, error) {
	text, err := p.Policies.Policy(ctx, repository)
	d := readDocument(text)
	d.own = nil
	return d.text(), err
}

func (s sabotage) ssm(api accountlist.API) accountlist.API {
	if s.noFallback || s.fallbackToNobody {
		return otherHistory{api, s.fallbackToNobody}
	}
	return api
}

type otherHistory struct {
	accountlist.API
	nobody bool
}

func (a otherHistory) GetParameterHistory(ctx context.Context, input *ssm.GetParameterHistoryInput, options ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error) {
	output, err := a.API.GetParameterHistory(ctx, input, options...)
	if err != nil {
		return nil, err
	}
	if !a.nobody {
		output.Parameters = nil
	}
	for i := range output.Parameters {
		none := "none"
		output.Parameters[i].Value = &none
	}
	return output, nil
}

// TestSabotage proves that the simulation can fail: whatever is broken, some seed tells.
func TestSabotage(t *testing.T) {
	const enough = 1000 // seeds
	for _, test := range []struct {
		name string
		how  sabotage
	}{
		{"version check", sabotage{noVersionCheck: true}},
		{"merge", sabotage{noMerge: true}},
		{"own-write filter", sabotage{noOwnWriteFilter: true}},
		{"fallback to nothing", sabotage{noFallback: true}},
		{"fallback to nobody", sabotage{fallbackToNobody: true}},
		{"comparison", sabotage{alwaysDifferent: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for seed := 1; seed <= enough; seed++ {
				if h := play(t, seed, test.how); h.broken != "" {
					t.Logf("broken %s: caught after %d seeds: %s", test.name, seed, h.broken)
					return
				}
			}
			t.Errorf("not caught by %d seeds", enough)
		})
	}
}
