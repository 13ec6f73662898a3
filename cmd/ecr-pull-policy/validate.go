package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const accountID = "account-id" // flag of validate

func newValidate(f *flags) *cobra.Command {
	var account string
	command := &cobra.Command{
		Use:   "validate FILE|-",
		Short: "Check an account list, and show the policy that it makes",
		Long: `Check an account list before you write it to SSM: show every problem with its line and
column, or the policy that the list makes and its size. validate runs offline: use flags for the settings of the stack that differ from the template's defaults.

Exit status:
  0  the list is valid
  1  the list is invalid, or an error occurred`,
		Example: `  ecr-pull-policy validate accounts.txt
  aws ssm get-parameter --name /ecr-pull-policy/accounts --query Parameter.Value --output text |
    ecr-pull-policy validate - --account-id 123456789012 --region eu-west-1 --grant-style condition`,
		Args: cobra.ExactArgs(1),
	}
	f.registerStandard(command.Flags())
	command.Flags().StringVar(&account, accountID, "000000000000", "account that owns the registry: a list need not name it, and can't name it alone")
	command.RunE = func(command *cobra.Command, args []string) error {
		region, given := f.offlineRegion()
		partition, err := partitionOf(region)
		if err != nil {
			return err
		}
		s, err := f.parameters.Settings("", policy.Registry{Partition: partition, Region: region, AccountID: account})
		if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		fmt.Fprint(command.ErrOrStderr(), f.assumptions(command.Flags(), s.Standard, given))
		text, err := readList(command, args[0])
		if err != nil {
			return err
		}
		_, err = validate(command.OutOrStdout(), command.ErrOrStderr(), args[0], text, s.Standard)
		return err
	}
	return command
}

// assumptions names the flags that matter for the result and weren't given.
func (f *flags) assumptions(set *pflag.FlagSet, standard policy.Standard, regionGiven bool) string {
	var assumed []string
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
			assumed = append(assumed, "--"+a.flag+" "+a.value)
		}
	}
	said := ""
	if len(assumed) > 0 {
		said = "note: assumed " + strings.Join(assumed, " ") + "\n"
	}
	if !set.Changed(accountID) {
		said += "note: a list that names only the registry's own account is invalid; pass --account-id to check that too\n"
	}
	return said
}

// validate checks a list, and shows the policy that it makes.
func validate(out, errOut io.Writer, file, text string, standard policy.Standard) (policy.List, error) {
	list, err := policy.ParseList(text, standard.Registry)
	if invalid := (*policy.ListError)(nil); errors.As(err, &invalid) {
		return list, refuse(errOut, file, invalid.Problems)
	}
	if err != nil {
		return list, err
	}
	if err := checkLength(text); err != nil {
		return list, refuse(errOut, file, []policy.Problem{{Reason: err.Error()}})
	}
	change, err := standard.Merge("", []policy.Listed{{Consumers: &list.Consumers}})
	if err != nil {
		return list, refuse(errOut, file, []policy.Problem{{Reason: err.Error()}})
	}
	color.New(color.FgGreen).Fprint(out, "valid: ")
	fmt.Fprintf(out, "%s names %s\n", file, doctor.Count(list.Consumers))
	for _, notice := range list.Notices {
		fmt.Fprintln(out, "note:", notice)
	}
	if length := utf8.RuneCountInString(text); length > standardTier {
		fmt.Fprintf(out, "note: a list of %d characters needs a parameter of the advanced tier\n", length)
	}
	return list, showPolicy(out, change.Document, standard)
}

// refuse writes the problems of a list, and returns the error for the exit status.
func refuse(errOut io.Writer, file string, problems []policy.Problem) error {
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

// showPolicy writes what a policy grants, its size, and the document.
func showPolicy(out io.Writer, document string, standard policy.Standard) error {
	grants, err := standard.Explain(document)
	if err != nil {
		return err
	}
	if len(grants) == 0 {
		fmt.Fprintln(out, "It revokes all grants: repositories without unmanaged statements will have no policy.")
		return nil
	}
	t := newTable(out)
	t.AppendHeader(table.Row{"statement", "grants to", "actions"})
	for _, g := range grants {
		t.AppendRow(table.Row{g.Sid, strings.Join(g.Consumers, "\n"), strings.Join(g.Actions, "\n")})
	}
	t.Render()
	size := utf8.RuneCountInString(document)
	fmt.Fprintf(out, "%d of %d characters (%d %%) in %s\n\n", size, policy.MaxDocumentCharacters,
		100*size/policy.MaxDocumentCharacters, standard.Registry.Region)
	_, err = out.Write(layOut(document))
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
