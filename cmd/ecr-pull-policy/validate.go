package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/principals"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Flags of validate.
const (
	accountID       = "account-id"
	checkPrincipals = "check-principals"
)

func newValidate(f *flags) *cobra.Command {
	var account string
	var check bool
	command := &cobra.Command{
		Use:   "validate FILE|-",
		Short: "Check an account list and show the resulting policy",
		Long: `Check an account list before you write it to SSM. validate shows every problem with its
line and column. If the list is valid, it shows the resulting policy and its size. To
read the list from standard input, use - instead of a file name.

By default, validate runs offline. If the settings of the stack differ from the
template's defaults, use flags to specify them.

With --check-principals, the settings come from the stack, and validate also checks that
the accounts, roles, and users in the list exist. To check them, it writes policies to the
stack's own empty repository, and to no other repository. --profile and --stack require
--check-principals. Required permissions: cloudformation:DescribeStacks, and
ecr:SetRepositoryPolicy on that repository.

Exit status:
  0  the list is valid
  1  the list is invalid, a principal doesn't exist, or an error occurred`,
		Example: `  ecr-pull-policy validate accounts.txt --check-principals
  aws ssm get-parameter --name /ecr-pull-policy/accounts --query Parameter.Value --output text |
    ecr-pull-policy validate - --account-id 123456789012 --region eu-west-1 --grant-style condition`,
		Args: cobra.ExactArgs(1),
	}
	f.registerStandard(command.Flags())
	f.register(command.Flags(), "profile", "stack")
	command.Flags().StringVar(&account, accountID, "000000000000", "ID of the account that owns the registry")
	command.Flags().BoolVar(&check, checkPrincipals, false, "check that all principals exist, by writing policies to the stack's own empty repository")
	command.MarkFlagsMutuallyExclusive(accountID, checkPrincipals)
	command.RunE = func(command *cobra.Command, args []string) error {
		if check {
			return validateOnline(command, f, args[0])
		}
		for _, name := range []string{"profile", "stack"} {
			if f.given(name) {
				return fmt.Errorf("--%s requires --%s; without it, validate runs offline", name, checkPrincipals)
			}
		}
		region, given := f.offlineRegion()
		partition, err := partitionOf(region)
		if err != nil {
			return err
		}
		s, err := f.parameters.Settings("", policy.Registry{Partition: partition, Region: region, AccountID: account})
		if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		fmt.Fprint(command.ErrOrStderr(), f.defaultsNote(command.Flags(), s.Standard, given))
		text, err := readList(command, args[0])
		if err != nil {
			return err
		}
		_, err = validate(command.OutOrStdout(), command.ErrOrStderr(), args[0], text, s.Standard)
		return err
	}
	return command
}

// validateOnline validates a list with the settings of the stack, and checks whether its principals exist.
func validateOnline(command *cobra.Command, f *flags, file string) error {
	s, err := connect(command, f, stackRequired)
	switch {
	case err != nil:
		return err
	case s.Stack == "":
		return fmt.Errorf("--%s requires a stack, because it writes to a repository of the stack; specify the stack with --stack", checkPrincipals)
	case s.PrincipalCheckRepository == "":
		return fmt.Errorf("stack %s has no output %s because it was deployed by an earlier version; update the stack and try again", s.Stack, checkOutput)
	}
	text, err := readList(command, file)
	if err != nil {
		return err
	}
	list, err := validate(command.OutOrStdout(), command.ErrOrStderr(), file, text, s.Standard)
	if err != nil {
		return err
	}
	return s.checkPrincipals(command, file, text, list.Consumers)
}

// checkPrincipals checks whether the accounts, roles, and users of a list exist, in either grant style.
func (s *session) checkPrincipals(command *cobra.Command, file, text string, consumers policy.Consumers) error {
	if s.Standard.Style == policy.GrantCondition {
		fmt.Fprintln(command.ErrOrStderr(), "note: in grant style condition, policies don't name principals, so ECR accepts them even if a principal doesn't exist")
	}
	naming := s.Standard
	naming.Style = policy.GrantPrincipal
	named := naming.Principals(consumers)
	if len(named) == 0 {
		fmt.Fprintln(command.ErrOrStderr(), "note: the list names no accounts, roles, or users, so there are no principals to check")
		return nil
	}
	fmt.Fprintf(command.ErrOrStderr(), "Checking principals by writing policies to repository %s in %s, %s.\n",
		s.PrincipalCheckRepository, naming.Registry.AccountID, naming.Registry.Region)
	checker := &principals.Checker{
		Policies:   registry.NewPolicies(ecr.NewFromConfig(s.config)),
		Repository: s.PrincipalCheckRepository,
		Standard:   naming,
	}
	missing, err := findMissing(command.Context(), checker, named)
	const reason = "ECR rejects this principal: it doesn't exist, or its account is closed or hasn't enabled this Region"
	rejected := reportProblems(command.ErrOrStderr(), file, policy.Locate(text, naming.Registry, missing, reason))
	switch {
	case err != nil:
		return err // there may be more missing principals
	case len(missing) > 0:
		return rejected
	}
	fmt.Fprintf(command.OutOrStdout(), "all principals exist: %d checked\n", len(named))
	return nil
}

// findMissing returns the principals that don't exist. After an error, it returns those found so far.
func findMissing(ctx context.Context, checker *principals.Checker, arns []string) (missing []string, err error) {
	rejected, err := checker.Check(ctx, arns)
	if err != nil {
		return nil, err
	}
	for _, group := range rejected {
		found, err := checker.Missing(ctx, group)
		missing = append(missing, found...)
		if err != nil {
			return missing, err
		}
	}
	return missing, nil
}

// defaultsNote returns notes about the flags that affect the result and weren't passed.
func (f *flags) defaultsNote(set *pflag.FlagSet, standard policy.Standard, regionGiven bool) string {
	var defaults []string
	for _, a := range []struct {
		flag, value string
		given       bool
	}{
		{"region", standard.Registry.Region, regionGiven},
		{accountID, standard.Registry.AccountID, set.Changed(accountID)},
		{"grant-style", f.parameters.GrantStyle, f.given("grant-style")},
		{"lambda-statement", f.parameters.LambdaStatement, f.given("lambda-statement")},
		{"extra-actions", "''", f.given("extra-actions")},
	} {
		if !a.given {
			defaults = append(defaults, "--"+a.flag+" "+a.value)
		}
	}
	note := ""
	if len(defaults) > 0 {
		note = "note: using the defaults " + strings.Join(defaults, " ") + "\n"
	}
	if !set.Changed(accountID) {
		note += "note: a list that contains only the registry's own account is invalid; pass --account-id to check for that\n"
	}
	return note
}

// validate checks a list, and shows the resulting policy.
func validate(out, errOut io.Writer, file, text string, standard policy.Standard) (policy.List, error) {
	list, err := policy.ParseList(text, standard.Registry)
	if invalid, ok := errors.AsType[*policy.ListError](err); ok {
		return list, reportProblems(errOut, file, invalid.Problems)
	}
	if err != nil {
		return list, err
	}
	if err := checkLength(text); err != nil {
		return list, reportProblems(errOut, file, []policy.Problem{{Reason: err.Error()}})
	}
	change, err := standard.Merge(policy.Document{}, []policy.Listed{{Consumers: &list.Consumers}})
	if err != nil {
		return list, reportProblems(errOut, file, []policy.Problem{{Reason: err.Error()}})
	}
	color.New(color.FgGreen).Fprint(out, "valid: ")
	fmt.Fprintf(out, "%s names %s\n", file, doctor.Count(list.Consumers))
	for _, notice := range list.Notices {
		fmt.Fprintln(out, "note:", notice)
	}
	if length := utf8.RuneCountInString(text); length > standardTier {
		fmt.Fprintf(out, "note: the list has %d characters, so the parameter must use the advanced tier\n", length)
	}
	return list, showPolicy(out, change.Document, standard)
}

// reportProblems writes the problems of a list, and returns the error for the exit status.
func reportProblems(errOut io.Writer, file string, problems []policy.Problem) error {
	for _, p := range problems {
		place := file
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", file, p.Line, p.Column)
			p.Reason = fmt.Sprintf("%.100q: %s", p.Entry, p.Reason)
		}
		fmt.Fprintf(errOut, "%s: %s\n", place, p.Reason)
	}
	return exit(exitFailed)
}

// showPolicy writes the grants of a policy, its size, and the document.
func showPolicy(out io.Writer, document string, standard policy.Standard) error {
	parsed, err := policy.ParseDocument(document, standard.Registry)
	if err != nil {
		return err
	}
	grants := parsed.Grants()
	if len(grants) == 0 {
		fmt.Fprintln(out, "The list revokes all grants. Policies that have no unmanaged statements will be deleted.")
		return nil
	}
	t := newTable(out)
	t.AppendHeader(table.Row{"statement", "grants to", "actions"})
	for _, g := range grants {
		t.AppendRow(table.Row{g.Sid, strings.Join(g.Consumers, "\n"), strings.Join(g.Actions, "\n")})
	}
	t.Render()
	size := utf8.RuneCountInString(document)
	fmt.Fprintf(out, "policy size in %s: %d of %d characters (%d%%)\n\n", standard.Registry.Region, size, policy.MaxDocumentCharacters,
		100*size/policy.MaxDocumentCharacters)
	_, err = out.Write(indent(document))
	return err
}

// newTable returns a table without a frame.
func newTable(out io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	style := table.StyleLight
	style.Options = table.Options{SeparateColumns: false, SeparateHeader: true, SeparateRows: false}
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	return t
}
