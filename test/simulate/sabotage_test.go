package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	events "github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onrepo"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// sabotage breaks the product on purpose.
type sabotage struct {
	noVersionCheck   bool // lists never change
	noMerge          bool // what others wrote is not seen, so that it is written over
	noOwnWriteFilter bool // the rule lets the functions' own writes through
	noFallback       bool // lists have no earlier versions
	fallbackToNobody bool // every earlier version says that no one can pull
	alwaysDifferent  bool // what is there is never what it should be

	grantOneMore bool // in policies that grant by condition
	dropOne      bool // in policies that grant by condition
	writeTrials  bool // a rejected policy is tried with one principal less
	sendTwice    bool // a rejected policy is sent again
	backToNames  bool // every run believes that all principals exist
	letPanicDie  bool // a panic ends the invocation
}

func (s sabotage) lists(lists reconcile.Lists) reconcile.Lists {
	if s.noVersionCheck {
		return unmoved{lists}
	}
	return lists
}

type unmoved struct{ reconcile.Lists }

func (unmoved) Changed(context.Context, accountlist.Snapshot) (bool, error) { return false, nil }

func (s sabotage) policies(policies reconcile.Policies) reconcile.Policies {
	switch {
	case s.noMerge:
		return withoutUnmanaged{policies}
	case s.alwaysDifferent:
		return withoutManaged{policies}
	case s.grantOneMore:
		return edited{policies, func(ids []string) []string { return append(ids, "666666666666") }}
	case s.dropOne:
		return edited{policies, func(ids []string) []string { return ids[:max(1, len(ids)-1)] }}
	case s.writeTrials:
		return again{policies, withoutOne}
	case s.sendTwice:
		return again{policies, func(document string) string { return document }}
	}
	return policies
}

// edited edits the accounts that are granted by condition.
type edited struct {
	reconcile.Policies
	edit func(ids []string) []string
}

func (p edited) SetPolicy(ctx context.Context, repository, text string) error {
	d := readDocument(text)
	for i, s := range d.managed {
		if s.kind == "Accounts" && s.isByCondition() && s.isStandard() {
			d.managed[i].raw = withElement(s.raw, "Condition", map[string]any{
				"StringEquals": map[string]any{"aws:PrincipalAccount": p.edit(s.conditions[accountTest])},
			})
		}
	}
	return p.Policies.SetPolicy(ctx, repository, d.text())
}

// again sends a rejected policy once more.
type again struct {
	reconcile.Policies
	edit func(document string) string
}

func (p again) SetPolicy(ctx context.Context, repository, text string) error {
	err := p.Policies.SetPolicy(ctx, repository, text)
	if errors.Is(err, registry.ErrRejected) {
		return p.Policies.SetPolicy(ctx, repository, p.edit(text))
	}
	return err
}

func withoutOne(text string) string {
	d := readDocument(text)
	for i, s := range d.managed {
		if len(s.named) > 1 {
			d.managed[i].raw = withElement(s.raw, "Principal", map[string]any{"AWS": s.named[1:]})
		}
	}
	return d.text()
}

func withElement(raw, name string, value any) string {
	var elements map[string]any
	must(json.Unmarshal([]byte(raw), &elements))
	elements[name] = value
	return toJSON(elements)
}

func (s sabotage) reconciler(r onrepo.Reconciler) onrepo.Reconciler {
	switch {
	case s.backToNames:
		return believing{r}
	case s.letPanicDie:
		return dying{r}
	}
	return r
}

type believing struct{ onrepo.Reconciler }

func (r believing) Run(ctx context.Context, t events.Repositories, report reconcile.Reporter) error {
	t.Principals = events.PrincipalsExist
	return r.Reconciler.Run(ctx, t, report)
}

type dying struct{ onrepo.Reconciler }

func (r dying) Run(ctx context.Context, t events.Repositories, report reconcile.Reporter) error {
	return r.Reconciler.Run(ctx, t, dyingReport{report})
}

type dyingReport struct{ reconcile.Reporter }

func (r dyingReport) Repository(ctx context.Context, result reconcile.Result) {
	if result.Stack != "" {
		panic(result.Err)
	}
	r.Reporter.Repository(ctx, result)
}

type withoutUnmanaged struct{ reconcile.Policies }

func (p withoutUnmanaged) Policy(ctx context.Context, repository string) (string, error) {
	text, err := p.Policies.Policy(ctx, repository)
	d := readDocument(text)
	d.unmanaged = nil
	return d.text(), err
}

type withoutManaged struct{ reconcile.Policies }

func (p withoutManaged) Policy(ctx context.Context, repository string) (string, error) {
	text, err := p.Policies.Policy(ctx, repository)
	d := readDocument(text)
	d.managed = nil
	return d.text(), err
}

func (s sabotage) ssm(api parameterstore.API) parameterstore.API {
	if s.noFallback || s.fallbackToNobody {
		return otherHistory{api, s.fallbackToNobody}
	}
	return api
}

type otherHistory struct {
	parameterstore.API
	nobody bool
}

func (a otherHistory) GetParameterHistory(ctx context.Context, input *ssm.GetParameterHistoryInput, options ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error) {
	output, err := a.API.GetParameterHistory(ctx, input, options...)
	if err != nil {
		return nil, err
	}
	newest := len(output.Parameters) - 1 // what was read before: it has to be there
	if !a.nobody {
		output.Parameters = output.Parameters[newest:]
		return output, nil
	}
	for i := range output.Parameters[:newest] {
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
		{"one more by condition", sabotage{grantOneMore: true}},
		{"one less by condition", sabotage{dropOne: true}},
		{"trials", sabotage{writeTrials: true}},
		{"rejected twice", sabotage{sendTwice: true}},
		{"back to names too early", sabotage{backToNames: true}},
		{"panic", sabotage{letPanicDie: true}},
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
