package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	events "github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onrepo"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// sabotage selects a defect that is built into the product on purpose.
type sabotage struct {
	noVersionCheck   bool // changes of lists are never detected
	noMerge          bool // unmanaged statements aren't read, so that writes remove them
	noOwnWriteFilter bool // the rule PolicyChanged also matches the functions' own writes
	noFallback       bool // lists have no earlier versions
	fallbackToNone   bool // all earlier versions of lists contain none
	alwaysDifferent  bool // managed statements aren't read, so that every policy seems to need a change

	grantOneMore bool // policies that use conditions grant access to one more account
	dropOne      bool // policies that use conditions omit one account
	writeTrials  bool // a rejected policy is sent again with one principal less
	sendTwice    bool // a rejected policy is sent again
	backToNames  bool // every run assumes that all principals exist
	letPanicEnd  bool // a panic ends the invocation

	emptyAtOnce bool // apply empties the registry policy without writing and reading the repositories
	markAtOnce  bool // apply marks the registry policy without reading the repositories
	grantsAll   bool // apply assumes that the repositories grant all that the registry policy grants

	skipWithoutList bool // policies stay as they are if no list is usable
}

func (s sabotage) lists(lists reconcile.Lists) reconcile.Lists {
	if s.noVersionCheck {
		return unchangedLists{lists}
	}
	return lists
}

type unchangedLists struct{ reconcile.Lists }

func (unchangedLists) Changed(context.Context, accountlist.Snapshot) (bool, error) { return false, nil }

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
		return resending{policies, withoutOne}
	case s.sendTwice:
		return resending{policies, func(document string) string { return document }}
	}
	return policies
}

// edited edits the accounts in policies that use conditions.
type edited struct {
	reconcile.Policies
	edit func(ids []string) []string
}

func (p edited) SetPolicy(ctx context.Context, repository, text string) error {
	d := readDocument(text)
	for i, s := range d.managed {
		if s.kind == "Accounts" && s.usesCondition() && s.isStandard() {
			d.managed[i].raw = withElement(s.raw, "Condition", map[string]any{
				"StringEquals": map[string]any{"aws:PrincipalAccount": p.edit(s.conditions[accountCondition])},
			})
		}
	}
	return p.Policies.SetPolicy(ctx, repository, d.text())
}

// resending sends a rejected policy again after editing it.
type resending struct {
	reconcile.Policies
	edit func(document string) string
}

func (p resending) SetPolicy(ctx context.Context, repository, text string) error {
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

func (s sabotage) reconciler(r onrepo.Reconciler, lists reconcile.Lists) onrepo.Reconciler {
	switch {
	case s.backToNames:
		return assumingAllExist{r}
	case s.letPanicEnd:
		return crashing{r}
	case s.skipWithoutList:
		return skipping{r, lists}
	}
	return r
}

type skipping struct {
	onrepo.Reconciler
	lists reconcile.Lists
}

func (r skipping) Run(ctx context.Context, t events.Repositories, report reconcile.Reporter) error {
	lists, err := r.lists.Read(ctx, t.Names)
	if err != nil {
		return err
	}
	t.Names = slices.DeleteFunc(t.Names, func(name string) bool { return lists.Version(name) == "" })
	return r.Reconciler.Run(ctx, t, report)
}

type assumingAllExist struct{ onrepo.Reconciler }

func (r assumingAllExist) Run(ctx context.Context, t events.Repositories, report reconcile.Reporter) error {
	t.Principals = events.PrincipalsExist
	return r.Reconciler.Run(ctx, t, report)
}

type crashing struct{ onrepo.Reconciler }

func (r crashing) Run(ctx context.Context, t events.Repositories, report reconcile.Reporter) error {
	return r.Reconciler.Run(ctx, t, crashingReporter{report})
}

type crashingReporter struct{ reconcile.Reporter }

func (r crashingReporter) Repository(ctx context.Context, result reconcile.Result) {
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
	if s.noFallback || s.fallbackToNone {
		return otherHistory{api, s.fallbackToNone}
	}
	return api
}

type otherHistory struct {
	parameterstore.API
	none bool
}

func (a otherHistory) GetParameterHistory(ctx context.Context, input *ssm.GetParameterHistoryInput, options ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error) {
	output, err := a.API.GetParameterHistory(ctx, input, options...)
	if err != nil {
		return nil, err
	}
	newest := len(output.Parameters) - 1 // the history must contain the version that was read before
	if !a.none {
		output.Parameters = output.Parameters[newest:]
		return output, nil
	}
	for i := range output.Parameters[:newest] {
		none := "none"
		output.Parameters[i].Value = &none
	}
	return output, nil
}

// TestDefectsAreDetected checks that the simulation finds each built-in defect.
func TestDefectsAreDetected(t *testing.T) {
	const maxSeeds = 1000
	for _, test := range []struct {
		name string
		how  sabotage
	}{
		{"no version check", sabotage{noVersionCheck: true}},
		{"no merge", sabotage{noMerge: true}},
		{"no filter of own writes", sabotage{noOwnWriteFilter: true}},
		{"no fallback to earlier versions", sabotage{noFallback: true}},
		{"earlier versions contain none", sabotage{fallbackToNone: true}},
		{"no comparison", sabotage{alwaysDifferent: true}},
		{"condition with an additional account", sabotage{grantOneMore: true}},
		{"condition without an account", sabotage{dropOne: true}},
		{"trial policies", sabotage{writeTrials: true}},
		{"rejected policy sent again", sabotage{sendTwice: true}},
		{"back to principals too early", sabotage{backToNames: true}},
		{"panic ends the invocation", sabotage{letPanicEnd: true}},
		{"no trimming without a usable list", sabotage{skipWithoutList: true}},
		{"registry policy emptied before repositories are written", sabotage{emptyAtOnce: true}},
		{"registry policy emptied without a comparison", sabotage{grantsAll: true}},
		{"registry policy marked without a full pass", sabotage{markAtOnce: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for seed := 1; seed <= maxSeeds; seed++ {
				if h := runSeed(t, seed, test.how); h.broken != "" {
					t.Logf("seed %d: %s", seed, h.broken)
					return
				}
			}
			t.Errorf("%d seeds didn't detect the defect", maxSeeds)
		})
	}
}
