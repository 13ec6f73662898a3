package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/atomicfile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/organization"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const allowShrink = "allow-shrink"

func newResolve(f *flags) *cobra.Command {
	var tags, excluded []string
	var recursive bool
	var r resolution
	command := &cobra.Command{
		Use:   "resolve [OU|ROOT]...",
		Short: "Write an account list with the accounts of OUs in AWS Organizations",
		Long: `Write an account list that contains all active accounts in organizational units (OUs) of
AWS Organizations, given by their IDs, and in the OUs below them. With --tag, the list
contains only accounts with the tag. With --tag and no OU, resolve searches the whole
organization. Entries are sorted by account ID. Comments contain the names of the
accounts. Accounts that are suspended, closed, or being closed are left out.

With --out, resolve replaces the file, including entries from other sources, and shows
what changes. It writes nothing if a call to AWS fails, or if it finds no account. It
doesn't remove more than a quarter of the entries, or any entry other than an account ID,
unless you pass --allow-shrink. Without --out, it writes the list to standard output, and
there is no such check. With --check, it only compares the accounts with those in a file.

resolve checks the list in the same way as validate. If the settings of the stack differ
from the template's defaults, use flags to specify them.

Use credentials of the organization's management account or of a delegated administrator.
Required permissions: organizations:ListAccountsForParent and
organizations:ListOrganizationalUnitsForParent; with --tag,
organizations:ListTagsForResource; and without an OU, organizations:ListRoots.

Exit status:
  0  the list was written, or the file contains the same entries
  1  an error occurred, or the list can't be used; nothing was written
  2  with --check: the file contains other entries`,
		Example: `  ecr-pull-policy resolve ou-ab12-11111111 --out accounts.txt
  ecr-pull-policy resolve ou-ab12-11111111 --exclude 222222222222 --tag stage=production --tag stage=staging
  ecr-pull-policy resolve --tag pulls-images=yes --check accounts.txt`,
	}
	f.register(command.Flags(), "profile")
	f.registerStandard(command.Flags())
	command.Flags().StringArrayVar(&tags, "tag", nil, "tag that accounts must have, as `KEY=VALUE`; can be repeated: accounts need one of the values of each key")
	command.Flags().StringSliceVar(&excluded, "exclude", nil, "IDs of accounts and OUs to leave out")
	command.Flags().BoolVar(&recursive, "recursive", true, "include the OUs below the given ones")
	command.Flags().StringVar(&r.out, "out", "", "`FILE` to write the list to, instead of standard output")
	command.Flags().StringVar(&r.check, "check", "", "`FILE` to compare the accounts with; nothing is written")
	command.Flags().BoolVar(&r.allowShrink, allowShrink, false, "remove any number of entries from the file")
	command.Flags().BoolVar(&r.noComments, "no-comments", false, "write only account IDs")
	command.MarkFlagsMutuallyExclusive("out", "check")
	command.RunE = func(command *cobra.Command, parents []string) error {
		switch {
		case r.out == "" && command.Flags().Changed("out"), r.check == "" && command.Flags().Changed("check"):
			return errors.New("the name of the file is empty")
		case r.out == "-":
			return errors.New("--out -: to write to standard output, leave out --out")
		}
		selection, err := organization.NewSelection(parents, recursive, tags, excluded)
		if err != nil {
			return err
		}
		s, err := identify(command.Context(), f)
		if err != nil {
			return err
		}
		// The account of the registry isn't known. Usually, it isn't the one of the credentials.
		r.registry = policy.Registry{Partition: s.Standard.Registry.Partition, Region: s.Standard.Registry.Region, AccountID: unknownAccount}
		settings, err := f.parameters.Settings("", r.registry)
		if err != nil {
			return fmt.Errorf("settings: %w", err)
		}
		found, err := organization.Find(command.Context(), organizations.NewFromConfig(s.config), selection)
		if err != nil {
			return err
		}
		// Reading an organization can take minutes, in which somebody can change the file.
		if err := r.readFile(command); err != nil {
			return err
		}
		list, err := r.list(f.notes(), found, settings.Standard)
		if err != nil {
			return err
		}
		out := command.OutOrStdout()
		if r.out == "" && r.check == "" {
			_, err := io.WriteString(out, list)
			return err
		}
		c := r.compare(found)
		c.write(out)
		if r.out != "" {
			if err := r.write(command.Context(), list, c.removed); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "%s: %d entries, %d added, %d removed\n", r.out+r.check, len(found.Active), len(c.added), len(c.removed))
		if r.check != "" && len(c.added)+len(c.removed) > 0 {
			return exit(exitChanges)
		}
		return nil
	}
	return command
}

// resolution is a run of resolve.
type resolution struct {
	registry                policy.Registry
	out, check              string // files
	allowShrink, noComments bool

	before []string // the entries of the file
}

// readFile reads the file to replace or to compare with.
func (r *resolution) readFile(command *cobra.Command) error {
	if r.out == "" && r.check == "" {
		return nil
	}
	text, err := readList(command, r.out+r.check)
	switch {
	case r.out != "" && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	list, err := policy.ParseList(text, r.registry)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", r.out+r.check, err)
	case r.out != "" && list.Consumers.None:
		return fmt.Errorf("%s contains none, which revokes all grants; to replace it, delete the file", r.out)
	}
	for _, consumer := range obstacle.Consumers(list.Consumers) {
		r.before = append(r.before, consumer.ID)
	}
	return nil
}

// list returns the account list, which is valid. It writes notes about what isn't in the list.
func (r *resolution) list(notes io.Writer, found organization.Accounts, standard policy.Standard) (string, error) {
	if len(found.Inactive) > 0 {
		fmt.Fprintf(notes, "note: left out accounts that aren't active: %s\n", leftOut(found.Inactive))
	}
	if len(found.Active) == 0 {
		return "", errors.New("no active account is selected, so nothing was written; check the OUs and tags")
	}
	list := listOf(found.Active, !r.noComments)
	ids := listOf(found.Active, false)
	if size, limit := utf8.RuneCountInString(list), tier(ids); size > limit && !r.noComments {
		fmt.Fprintf(notes, "note: left out all comments, because with them, the list has %d characters, and the parameter can hold only %d\n", size, limit)
		list = ids
	}
	checked, err := validate("", list, standard)
	if err != nil {
		return "", err
	}
	if len(checked.problems) > 0 {
		return "", fmt.Errorf("%d accounts are too many for a list, so nothing was written: %s; if the stack has other settings, pass them as flags",
			len(found.Active), checked.problems[0])
	}
	for _, notice := range checked.notices {
		fmt.Fprintln(notes, "note:", notice)
	}
	return list, nil
}

// leftOut returns the first ten accounts with their states, and the number of the others.
func leftOut(accounts []organization.Account) string {
	const shown = 10
	var texts []string
	for _, a := range accounts[:min(shown, len(accounts))] {
		texts = append(texts, fmt.Sprintf("%s (%s)", a.ID, a.State))
	}
	if more := len(accounts) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}

// tier returns the number of characters that a parameter of the tier for a list can hold.
func tier(list string) int {
	if n := utf8.RuneCountInString(list); n > standardTier {
		return advancedTier
	}
	return standardTier
}

// listOf returns the text of a list.
func listOf(accounts []organization.Account, comments bool) string {
	var text strings.Builder
	if comments {
		text.WriteString("# Written by ecr-pull-policy resolve from AWS Organizations. Changes will be overwritten.\n")
	}
	for _, a := range accounts {
		text.WriteString(a.ID)
		if name := commentOf(a.Name); comments && name != "" {
			text.WriteString(" # " + name)
		}
		text.WriteByte('\n')
	}
	return text.String()
}

// commentOf returns the name of an account as one line of printable characters. It has no braces, because a parameter
// can't contain {{ and }}: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func commentOf(name string) string {
	line := strings.Map(func(r rune) rune {
		switch {
		case r == '{':
			return '('
		case r == '}':
			return ')'
		case !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, name)
	return strings.Join(strings.Fields(line), " ")
}

// comparison is how the new list differs from the file.
type comparison struct {
	added    []organization.Account
	removed  []string               // entries
	inactive []organization.Account // accounts that aren't in the list because of their states
}

func (r *resolution) compare(found organization.Accounts) comparison {
	c := comparison{inactive: found.Inactive}
	kept := map[string]bool{}
	for _, a := range found.Active {
		if kept[a.ID] = slices.Contains(r.before, a.ID); !kept[a.ID] {
			c.added = append(c.added, a)
		}
	}
	for _, entry := range r.before {
		if !kept[entry] {
			c.removed = append(c.removed, entry)
		}
	}
	return c
}

func (c comparison) write(out io.Writer) {
	for _, a := range c.added {
		fmt.Fprintln(out, strings.TrimSpace(fmt.Sprintf("+ %s  %s", a.ID, commentOf(a.Name))))
	}
	for _, entry := range c.removed {
		reason := ""
		for _, a := range c.inactive {
			if a.ID == entry {
				reason = fmt.Sprintf("  %s, %s", commentOf(a.Name), a.State)
			}
		}
		fmt.Fprintf(out, "- %s%s\n", entry, reason)
	}
}

// write replaces the file, unless too many entries would be removed.
func (r *resolution) write(ctx context.Context, list string, removed []string) error {
	other := slices.IndexFunc(removed, func(entry string) bool { return strings.Trim(entry, "0123456789") != "" })
	switch {
	case r.allowShrink:
	case other >= 0:
		return fmt.Errorf("%s contains %s, which resolve would remove, so nothing was written; keep entries other than account IDs in another file, or pass --%s",
			r.out, removed[other], allowShrink)
	case 4*len(removed) > len(r.before):
		return fmt.Errorf("%d of %d entries of %s would be removed, which is more than a quarter, so nothing was written; if this is intended, pass --%s",
			len(removed), len(r.before), r.out, allowShrink)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(r.out); err == nil {
		mode = info.Mode().Perm()
	}
	if err := atomicfile.Write(r.out, []byte(list), mode); err != nil {
		return fmt.Errorf("write account list: %w", err)
	}
	return nil
}
