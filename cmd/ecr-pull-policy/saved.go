package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// save saves a plan to a file.
func (s *session) save(file string, p planned) error {
	f := s.flags
	saved := plan.Saved{
		Registry:     s.Standard.Registry,
		Flags:        map[string]string{"stack": f.stack},
		Settings:     f.settings(),
		Repositories: plan.SaveRepositories(p.repositories),
		All:          s.whole,
	}
	if p.changesRegistry() {
		saved.RegistryPolicy = plan.SaveRepositories([]plan.Repository{*p.registry})
	}
	for name, value := range saved.Settings {
		if f.given(name) {
			saved.Flags[name] = value
		}
	}
	for _, list := range s.lists {
		saved.Lists = append(saved.Lists, plan.SavedList{Name: list.name, Source: list.source, Text: list.text})
	}
	if err := saved.Write(file); err != nil {
		return err
	}
	if !p.changes() {
		fmt.Fprintf(f.notes(), "Saved the plan to %s. It contains no changes.\n", file)
		return nil
	}
	before, mode := "", ""
	if s.Observe {
		before, mode = "deploy the stack with Mode=enforce first, or ", " --mode enforce"
	}
	fmt.Fprintf(f.notes(), "Saved the plan to %s. To apply it, %srun: %s apply %s%s\n", file, before, f.program, doctor.Quote(file), mode+f.connection())
	return nil
}

// settings returns the values of the flags that affect policies, by name.
func (f *flags) settings() map[string]string {
	return map[string]string{
		"list-name":        f.parameters.AccountListName,
		"grant-style":      f.parameters.GrantStyle,
		"lambda-statement": f.parameters.LambdaStatement,
		"extra-actions":    strings.Join(f.parameters.ExtraActions, ","),
		policyLevel:        f.parameters.PolicyLevel,
		removeDead:         strconv.FormatBool(f.removeDead),
	}
}

// loadPlan loads the plan that the argument of apply names, and reports whether it names one rather than a repository.
func loadPlan(args []string) (saved plan.Saved, isPlan bool, err error) {
	for _, name := range args {
		saved, err = plan.Load(name)
		isName := registry.CheckName(name) == nil || strings.ContainsAny(name, "*?[{")
		switch {
		case len(args) > 1 && (err == nil || !isName && !errors.Is(err, fs.ErrNotExist)):
			return saved, false, fmt.Errorf("%s: a saved plan can't be combined with repositories or another plan; "+
				"to apply it, pass only the file; to apply a part of it, pass the repositories to plan --out", name)
		case !isName && errors.Is(err, fs.ErrNotExist):
			return saved, false, fmt.Errorf("%q: no such plan file, and not the name of a repository", name)
		case errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(name, ".json"): // a repository with this name is unlikely
			return saved, false, fmt.Errorf("%q: no such plan file; to select a repository with this name, pass --include", name)
		case len(args) == 1 && err == nil:
			return saved, true, nil
		case len(args) == 1 && !errors.Is(err, fs.ErrNotExist):
			return saved, false, fmt.Errorf("%w; to select repositories instead, pass --include", err)
		}
	}
	return plan.Saved{}, false, nil
}

// applySaved applies a saved plan. It writes nothing if anything that the plan depends on has changed.
func applySaved(command *cobra.Command, f *flags, file string, saved plan.Saved, all bool) error {
	if err := f.replay(command, saved.Flags); err != nil {
		return err
	}
	planned := saved.Registry
	if region, given := f.offlineRegion(); given && region != planned.Region {
		return fmt.Errorf("%s is for registry %s in %s, but the Region is %s; pass --region %s", file, planned.AccountID, planned.Region, region, planned.Region)
	}
	s, err := connect(command, f, stackRequired)
	if err != nil {
		return err
	}
	if err := s.checkSettings(f, file, saved); err != nil {
		return err
	}
	var overrides []listOverride
	for _, list := range saved.Lists {
		overrides = append(overrides, listOverride{list.Name, list.Source, list.Text})
	}
	store, err := s.store(overrides)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	s.writeHeader(command.OutOrStdout())
	if err := s.checkMode(command); err != nil {
		return err
	}
	s.whole = saved.All
	read := func(ctx context.Context) (accountlist.Snapshot, error) { return store.Read(ctx, saved.Names()) }
	if len(saved.RegistryPolicy) > 0 || s.isAtRegistry() {
		read = store.ReadAll
	}
	lists, err := read(command.Context())
	if err != nil {
		return err
	}
	warnOfUnusable(command.ErrOrStderr(), lists)
	p, err := s.planOf(command, lists, saved.Names())
	if err != nil {
		return err
	}
	if stale := s.stale(saved, p); len(stale) > 0 {
		r := s.newReport(command.OutOrStdout())
		r.problems("out of date", r.red, stale, all)
		r.hint()
		return fmt.Errorf("%s is out of date for %s, so nothing was written; run plan again", file, phrase.Count(len(stale), "policy", "policies"))
	}
	if !p.changes() {
		fmt.Fprintln(command.OutOrStdout(), "nothing to apply: all changes of the plan are in place")
		return nil
	}
	frozen := &plannedLists{knownLists: knownLists{Store: store, known: &lists}, planned: lists}
	policies := &plannedPolicies{Policies: s.policies(), before: map[string]string{}}
	for _, one := range p.repositories {
		policies.before[one.Name] = one.Before
	}
	var t *transfer
	if p.registry != nil {
		if t, err = s.newTransfer(command.Context(), frozen); err != nil {
			return err
		}
		t.frozen = true
	}
	err = s.apply(command, frozen, policies, changing(p.repositories), t, func(a *application) {
		r := s.newReport(command.OutOrStdout())
		r.changes(a.planned(), plan.Change, all)
		r.applied(a.results, 0, all)
		r.hint()
	})
	if frozen.changed {
		fmt.Fprintln(command.ErrOrStderr(), "warning: an account list changed while the plan was applied, and the policies don't reflect the change; run plan again")
	}
	if err == nil && (frozen.changed || len(lists.Unusable()) > 0) {
		err = exit(exitFailed)
	}
	return err
}

// replay sets the flags of the command line that made a plan. Only flags that don't affect the plan can be passed now.
func (f *flags) replay(command *cobra.Command, planned map[string]string) error {
	var others []string
	command.Flags().Visit(func(flag *pflag.Flag) {
		if !slices.Contains([]string{"profile", "region", "mode", "all", "yes", "quiet", "debug"}, flag.Name) {
			others = append(others, "--"+flag.Name)
		}
	})
	if len(others) > 0 {
		return fmt.Errorf("a saved plan can't be combined with %s, because it has its own repositories, lists, and settings; pass the flags to plan --out", strings.Join(others, ", "))
	}
	settings := f.settings()
	for name, value := range planned {
		if _, ok := settings[name]; !ok && name != "stack" {
			return fmt.Errorf("the saved plan has the unknown flag --%s; run plan again", name)
		}
		if err := f.all.Set(name, value); err != nil {
			return fmt.Errorf("set --%s from the saved plan: %w", name, err)
		}
	}
	return nil
}

// checkSettings returns an error if a saved plan is for another registry, or the settings of the stack have changed.
func (s *session) checkSettings(f *flags, file string, saved plan.Saved) error {
	if now := s.Standard.Registry; now != saved.Registry {
		return fmt.Errorf("%s is for registry %s in %s, but the credentials and the Region are those of %s in %s; pass --profile or --region",
			file, saved.Registry.AccountID, saved.Registry.Region, now.AccountID, now.Region)
	}
	var changed []string
	now := f.settings()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if now[name] != saved.Settings[name] {
			changed = append(changed, fmt.Sprintf("%s was %q and is %q", name, saved.Settings[name], now[name]))
		}
	}
	if len(changed) > 0 {
		return fmt.Errorf("%s is out of date, because settings of stack %s changed: %s; run plan again", file, s.Stack, strings.Join(changed, ", "))
	}
	return nil
}

// stale returns the repositories that can't be changed as a saved plan says.
func (s *session) stale(saved plan.Saved, now planned) []problem {
	var stale []problem
	planned := plan.SavedRepository{Name: plan.RegistryPolicy}
	if len(saved.RegistryPolicy) > 0 {
		planned = saved.RegistryPolicy[0]
	}
	if now.registry != nil && plan.Digest(now.registry.Before) != planned.After { // else only the mark remains
		if err := planned.Check(*now.registry); err != nil {
			stale = append(stale, problem{plan.RegistryPolicy, err})
		}
	}
	for i, one := range saved.Repositories {
		err := one.Check(now.repositories[i])
		if !s.Scope.Contains(one.Name) {
			err = errors.New("the repository is out of scope")
		}
		if err != nil {
			stale = append(stale, problem{one.Name, err})
		}
	}
	return stale
}

// plannedLists are the lists of a saved plan. If they change during the run, the plan is still applied as it is.
type plannedLists struct {
	knownLists
	planned accountlist.Snapshot
	changed bool
}

// ReadAll returns the lists of the plan.
func (l *plannedLists) ReadAll(context.Context) (accountlist.Snapshot, error) { return l.planned, nil }

func (l *plannedLists) Changed(ctx context.Context, since accountlist.Snapshot) (bool, error) {
	changed, err := l.Store.Changed(ctx, since)
	l.changed = cmp.Or(l.changed, changed)
	return false, err
}

// plannedPolicies are the policies that a saved plan changes. It is an error if a policy was changed in the meantime.
type plannedPolicies struct {
	reconcile.Policies
	before map[string]string // policies by repository
}

func (p *plannedPolicies) Policy(ctx context.Context, repository string) (string, error) {
	document, err := p.Policies.Policy(ctx, repository)
	if err == nil && document != p.before[repository] {
		return "", fmt.Errorf("the policy of %s was changed while the plan was applied; run plan again", repository)
	}
	return document, err
}
