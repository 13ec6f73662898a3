package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/principals"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Flags of validate.
const (
	accountID       = "account-id"
	checkPrincipals = "check-principals"
)

// unknownAccount stands for the account that owns the registry where it isn't known.
const unknownAccount = "000000000000"

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
		Args: exactly("FILE|-"),
	}
	f.registerStandard(command.Flags())
	f.register(command.Flags(), "profile", "stack")
	command.Flags().StringVar(&account, accountID, unknownAccount, "ID of the account that owns the registry")
	command.Flags().BoolVar(&check, checkPrincipals, false, "check that all principals exist, by writing policies to the stack's own empty repository")
	command.MarkFlagsMutuallyExclusive(accountID, checkPrincipals)
	output := registerFormat(command)
	command.RunE = func(command *cobra.Command, args []string) error {
		if check {
			return validateOnline(command, f, args[0], *output)
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
		fmt.Fprint(f.notes(), f.defaultsNote(command.Flags(), s.Standard, given))
		text, err := readList(command, args[0])
		if err != nil {
			return err
		}
		v, err := validate(args[0], text, s.Standard)
		if err != nil {
			return err
		}
		return v.write(command, *output)
	}
	return command
}

// validateOnline validates a list with the settings of the stack, and checks whether its principals exist.
func validateOnline(command *cobra.Command, f *flags, file string, output format) error {
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
	v, err := validate(file, text, s.Standard)
	if err != nil {
		return err
	}
	if len(v.problems) > 0 {
		return v.write(command, output)
	}
	missing, err := s.checkPrincipals(command, &v)
	v.problems = policy.Locate(text, s.Standard.Registry, missing, "ECR rejects this principal: it doesn't exist, or its account is closed or hasn't enabled this Region")
	if err != nil { // there may be more missing principals
		writeProblems(command.ErrOrStderr(), file, v.problems)
		return err
	}
	err = v.write(command, output)
	if err == nil && output == textFormat && v.checked > 0 {
		fmt.Fprintf(command.OutOrStdout(), "all principals exist: %d checked\n", v.checked)
	}
	return err
}

// checkPrincipals returns the accounts, roles, and users of a list that don't exist, in either grant style. After an
// error, it returns those found so far.
func (s *session) checkPrincipals(command *cobra.Command, v *validation) (missing []string, err error) {
	if s.Standard.Style == policy.GrantCondition {
		fmt.Fprintln(s.flags.notes(), "note: in grant style condition, policies don't name principals, so ECR accepts them even if a principal doesn't exist")
	}
	naming := s.Standard
	naming.Style = policy.GrantPrincipal
	named := naming.Principals(v.list.Consumers)
	if len(named) == 0 {
		fmt.Fprintln(s.flags.notes(), "note: the list names no accounts, roles, or users, so there are no principals to check")
		return nil, nil
	}
	fmt.Fprintf(s.flags.notes(), "Checking principals by writing policies to repository %s in %s, %s.\n",
		s.PrincipalCheckRepository, naming.Registry.AccountID, naming.Registry.Region)
	v.checked = len(named)
	return findMissing(command.Context(), &principals.Checker{
		Policies:   s.policies(),
		Repository: s.PrincipalCheckRepository,
		Standard:   naming,
	}, named)
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
		{policyLevel, f.parameters.PolicyLevel, f.given(policyLevel)},
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

// validation is the result of checking a list.
type validation struct {
	file     string
	standard policy.Standard
	list     policy.List
	problems []policy.Problem // none if the list is valid
	notices  []string
	document string // the resulting policy; "" if there are problems, or the list revokes all grants
	checked  int    // the number of principals that were checked
}

// validate checks a list.
func validate(file, text string, standard policy.Standard) (validation, error) {
	v := validation{file: file, standard: standard}
	list, err := policy.ParseList(text, standard.Registry)
	if invalid, ok := errors.AsType[*policy.ListError](err); ok {
		v.problems = invalid.Problems
		return v, nil
	}
	if err != nil {
		return v, err
	}
	if err := checkLength(text); err != nil {
		v.problems = []policy.Problem{{Reason: err.Error()}}
		return v, nil
	}
	change, err := merged(standard, list.Consumers)
	if err != nil {
		v.problems = []policy.Problem{{Reason: err.Error()}}
		return v, nil
	}
	v.list, v.notices, v.document = list, list.Notices, change.Document
	if length := utf8.RuneCountInString(text); length > standardTier {
		v.notices = append(v.notices, fmt.Sprintf("the list has %d characters, so the parameter must use the advanced tier", length))
	}
	return v, nil
}

// merged returns the policy for a list, which is the registry policy at that level.
func merged(standard policy.Standard, consumers policy.Consumers) (policy.Change, error) {
	existing, err := standard.Parse("")
	if err != nil {
		return policy.Change{}, err
	}
	if err := standard.Fits("", consumers); err != nil {
		return policy.Change{}, err
	}
	return standard.Merge(existing, []policy.Listed{{Consumers: &consumers}})
}

// write writes the result. It returns the error for the exit status.
func (v validation) write(command *cobra.Command, output format) error {
	out := command.OutOrStdout()
	var err error
	switch {
	case output == jsonFormat:
		err = writeJSON(out, v.json())
	case len(v.problems) > 0:
		writeProblems(command.ErrOrStderr(), v.file, v.problems)
	default:
		color.New(color.FgGreen).Fprint(out, "valid: ")
		name := v.file
		if name == "-" {
			name = "standard input"
		}
		fmt.Fprintf(out, "%s names %s\n", name, doctor.Count(v.list.Consumers))
		for _, notice := range v.notices {
			fmt.Fprintln(out, "note:", notice)
		}
		err = showPolicy(out, v.document, v.standard)
	}
	if err == nil && len(v.problems) > 0 {
		err = exit(exitFailed)
	}
	return err
}

func writeProblems(errOut io.Writer, file string, problems []policy.Problem) {
	for _, p := range problems {
		place := file
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d:%d", file, p.Line, p.Column)
			p.Reason = fmt.Sprintf("%.100q: %s", p.Entry, p.Reason)
		}
		fmt.Fprintf(errOut, "%s: %s\n", place, p.Reason)
	}
}

// showPolicy writes the grants of a policy, its size, and the document.
func showPolicy(out io.Writer, document string, standard policy.Standard) error {
	parsed, err := standard.Parse(document)
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
	columns := width(out)
	for _, g := range grants {
		others := len(g.Sid) + 2*len(columnGap)
		for _, action := range g.Actions {
			columns = min(columns, width(out)-others-len(action))
		}
	}
	t.SetColumnConfigs([]table.ColumnConfig{{Number: 2, WidthMax: max(columns, 12), WidthMaxEnforcer: wrapLines}})
	for _, g := range grants {
		t.AppendRow(table.Row{g.Sid, strings.Join(g.Consumers, "\n"), strings.Join(g.Actions, "\n")})
	}
	t.Render()
	size := characters(document)
	if standard.Level == policy.LevelRegistry {
		fmt.Fprintf(out, "This is the registry policy, whose size all lists share.")
		if standard.Lambda {
			fmt.Fprintf(out, " The statements for Lambda are in the policies of the repositories.")
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "policy size in %s: %d of %d characters (%d%%)\n\n", standard.Registry.Region, size, policy.MaxDocumentCharacters,
		100*size/policy.MaxDocumentCharacters)
	_, err = out.Write(indent(document))
	return err
}

// wrapLines wraps each line of a cell separately, because text.WrapHard would join them.
func wrapLines(cell string, columns int) string {
	lines := strings.Split(cell, "\n")
	for i, line := range lines {
		lines[i] = text.WrapHard(line, columns)
	}
	return strings.Join(lines, "\n")
}

func characters(document string) int { return utf8.RuneCountInString(document) }

const columnGap = "  " // between the columns of a table

// newTable returns a table without a frame.
func newTable(out io.Writer) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	style := table.StyleLight
	style.Options = table.Options{SeparateColumns: false, SeparateHeader: true, SeparateRows: false}
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = columnGap
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	return t
}
