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

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// How many characters a parameter of each tier holds.
//
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
const (
	standardTier = 4096
	advancedTier = 8192
)

func newValidate(f *flags) *cobra.Command {
	var account string
	command := &cobra.Command{
		Use:   "validate FILE|-",
		Short: "Check an account list, and show the policy that it makes",
		Long: `Check an account list before it is written: every problem with its line and column, or
the policy that the list makes and its size against ECR's limit. Calls nobody, so the
stack's settings are those of the flags.

Exit status: 0 valid, 1 invalid.`,
		Example: `  ecr-pull-policy validate accounts.txt
  aws ssm get-parameter --name /ecr-pull-policy/accounts --query Parameter.Value --output text |
    ecr-pull-policy validate - --grant-style condition --region eu-west-1`,
		Args: cobra.ExactArgs(1),
	}
	f.registerStandard(command.Flags())
	command.Flags().StringVar(&account, "account-id", "000000000000", "account that owns the registry, which a list need not name")
	command.RunE = func(command *cobra.Command, args []string) error {
		region := f.offlineRegion()
		s, err := f.parameters.Settings(f.stack, policy.Registry{Partition: partitionOf(region), Region: region, AccountID: account})
		if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		text, err := readList(command, args[0])
		if err != nil {
			return err
		}
		return validate(command.OutOrStdout(), command.ErrOrStderr(), args[0], text, s.Standard)
	}
	return command
}

func validate(out, errOut io.Writer, file, text string, standard policy.Standard) error {
	list, err := policy.ParseList(text, standard.Registry)
	if invalid := (*policy.ListError)(nil); errors.As(err, &invalid) {
		return refuse(errOut, file, invalid.Problems)
	}
	if err != nil {
		return err
	}
	length := utf8.RuneCountInString(text)
	if length > advancedTier {
		return refuse(errOut, file, []policy.Problem{{Reason: fmt.Sprintf(
			"has %d characters, and a parameter holds at most %d: shorten its comments, or name an organization", length, advancedTier)}})
	}
	change, err := standard.Merge("", []*policy.Consumers{&list.Consumers})
	if err != nil {
		return refuse(errOut, file, []policy.Problem{{Reason: err.Error()}})
	}
	color.New(color.FgGreen).Fprint(out, "valid: ")
	fmt.Fprintf(out, "%s names %s\n", file, doctor.Count(list.Consumers))
	for _, notice := range list.Notices {
		fmt.Fprintln(out, "note:", notice)
	}
	if length > standardTier {
		fmt.Fprintf(out, "note: %d characters take a parameter of the advanced tier\n", length)
	}
	return tellPolicy(out, change.Document, standard)
}

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

// tellPolicy writes what a policy grants, its size, and the document.
func tellPolicy(out io.Writer, document string, standard policy.Standard) error {
	grants, err := standard.Explain(document)
	if err != nil {
		return err
	}
	if len(grants) == 0 {
		fmt.Fprintln(out, "It revokes everybody: repositories with no other statement have no policy.")
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

// newTable returns a table for people: no frame, the lines of a cell together.
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
