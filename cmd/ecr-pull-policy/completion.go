package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// choice is a flag that has one of several values, which its help, its errors, and shells show. It is a pflag.Value.
type choice[T ~string] struct {
	value   *T
	allowed []T
}

// choose adds a flag whose default is the current value of its variable.
func choose[T ~string](set *pflag.FlagSet, value *T, name, usage string, allowed ...T) {
	c := choice[T]{value, allowed}
	set.Var(c, name, usage+": "+alternatives(c.values()))
}

func (c choice[T]) String() string {
	if c.value == nil { // pflag calls String of a zero value
		return ""
	}
	return string(*c.value)
}

func (c choice[T]) Type() string { return "string" }

func (c choice[T]) Set(value string) error {
	if !slices.Contains(c.allowed, T(value)) {
		return fmt.Errorf("must be %s", alternatives(c.values()))
	}
	*c.value = T(value)
	return nil
}

func (c choice[T]) values() []string {
	var values []string
	for _, value := range c.allowed {
		values = append(values, string(value))
	}
	return values
}

// alternatives joins values: "text or json", "table, json, or csv".
func alternatives(values []string) string {
	last := len(values) - 1
	switch {
	case last == 0:
		return values[0]
	case last == 1:
		return values[0] + " or " + values[1]
	}
	return strings.Join(values[:last], ", ") + ", or " + values[last]
}

// complete completes the values of flags in a shell: those of choices, and files. A command completes files as its
// arguments unless it has its own function.
func complete(command *cobra.Command) {
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		values := cobra.NoFileCompletions
		if c, ok := flag.Value.(interface{ values() []string }); ok {
			values = cobra.FixedCompletions(c.values(), cobra.ShellCompDirectiveNoFileComp)
		}
		if argument, _ := pflag.UnquoteUsage(flag); strings.HasSuffix(strings.ToUpper(argument), "FILE") {
			values = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
		}
		if flag.Name == extraActions {
			values = completeItems(policy.ExtraActions())
		}
		_ = command.RegisterFlagCompletionFunc(flag.Name, values) // fails only for unknown flags
	})
	switch command.Name() {
	case "apply", "validate": // files
	case "man":
		command.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case canName:
		command.ValidArgsFunction = completeAction
	default:
		command.ValidArgsFunction = cobra.NoFileCompletions
	}
}

// completeItems completes the last item of a list.
func completeItems(items []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		var values []string
		for _, item := range items {
			if !slices.Contains(strings.Split(before, ","), item) {
				values = append(values, before+item)
			}
		}
		return values, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completeAction completes ACTION of can.
func completeAction(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var actions []string
	if len(args) == 1 { // after CONSUMER
		actions = append(slices.Sorted(maps.Keys(actionGroups())), slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(audit.ActionsOf()))...)))...)
	}
	return actions, cobra.ShellCompDirectiveNoFileComp
}
