package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// auditConcurrency is the number of policies that are read concurrently.
const auditConcurrency = 8

func newAudit(f *flags) *cobra.Command {
	var o auditOptions
	command := &cobra.Command{
		Use:   "audit [REPOSITORY|PATTERN]...",
		Short: "List security findings, and show who can pull and push",
		Long: `List security findings, and show who can pull from and push to each repository and which
statements allow it. audit writes nothing. It requires the same permissions as plan, and
ecr:GetRegistryPolicy. It includes repositories out of scope. Names and patterns select
repositories as for plan.

--min-severity reports only findings of the specified severity or higher. --accepted reads
a file of findings that you accept, each with a reason and an end date. Accepted findings
don't change the exit status.

Exit status:
  0  there are no critical or high findings; with --min-severity, there are no findings of
     that severity or higher
  1  an error occurred, for example because ecr:GetRepositoryPolicy is denied for all
     repositories
  2  there are critical or high findings; with --min-severity, there are findings of that
     severity or higher`,
		Example: `  ecr-pull-policy audit
  ecr-pull-policy audit 'team-a/**'
  ecr-pull-policy audit --min-severity medium --accepted accepted.json
  ecr-pull-policy audit --output html > report.html`,
	}
	f.registerRepositories(command.Flags())
	o.output = "table"
	choose(command.Flags(), &o.output, "output", "format of the output", "table", "json", "csv", "html", "sarif")
	choose(command.Flags(), &o.minSeverity, "min-severity", "report only findings of this severity or higher",
		audit.Critical.String(), audit.High.String(), audit.Medium.String(), audit.Low.String())
	command.Flags().StringVar(&o.accepted, "accepted", "", "`file` of accepted findings")
	command.Flags().BoolVar(&o.all, "all", false, "show each repository separately in the table, even if many have the same findings or grants")
	command.RunE = func(command *cobra.Command, args []string) error {
		f.repositories = args
		audit, err := o.parse()
		if err != nil {
			return err
		}
		return audit.run(command, f)
	}
	return command
}

// auditOptions are the flags of audit.
type auditOptions struct {
	output, minSeverity, accepted string
	all                           bool
}

// auditRun is what the flags of audit specify.
type auditRun struct {
	write    func(io.Writer, audit.Report) error
	accepted []audit.Acceptance
	least    audit.Severity // the lowest severity that is reported
	fails    audit.Severity // the lowest severity that makes the command fail
}

// parse checks the flags and reads the file of accepted findings, before AWS is called.
func (o auditOptions) parse() (auditRun, error) {
	a := auditRun{least: audit.Low, fails: audit.High}
	var err error
	if a.write, err = o.writer(); err != nil {
		return a, err
	}
	if o.minSeverity != "" {
		if a.least, err = audit.ParseSeverity(o.minSeverity); err != nil {
			return a, fmt.Errorf("--min-severity: %w", err)
		}
		a.fails = a.least
	}
	if o.accepted != "" {
		text, err := os.ReadFile(o.accepted)
		if err != nil {
			return a, fmt.Errorf("--accepted: %w", err)
		}
		if a.accepted, err = audit.ParseAccepted(o.accepted, text); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (o auditOptions) writer() (func(io.Writer, audit.Report) error, error) {
	switch o.output {
	case "table":
		return func(w io.Writer, r audit.Report) error {
			return audit.WriteTable(w, r, audit.TextOptions{Width: width(w), Color: isTerminal(w), All: o.all})
		}, nil
	case "json":
		return audit.WriteJSON, nil
	case "csv":
		return audit.WriteCSV, nil
	case "html":
		return audit.WriteHTML, nil
	case "sarif":
		return audit.WriteSARIF, nil
	}
	return nil, fmt.Errorf("unknown format %q", o.output) // --output accepts no other
}

func (a auditRun) run(command *cobra.Command, f *flags) error {
	s, err := connect(command, f, stackOptional)
	if err != nil {
		return err
	}
	registryPolicy, documents, err := s.documents(command)
	if err != nil {
		return err
	}
	report, err := audit.Run(s.Standard, registryPolicy, documents, time.Now().UTC())
	if err != nil {
		return err
	}
	whole := len(f.repositories)+len(f.include)+len(f.exclude) == 0
	for _, problem := range report.Accept(a.accepted, whole) {
		fmt.Fprintln(command.ErrOrStderr(), "warning:", problem)
	}
	report.DropBelow(a.least)
	if err := a.write(command.OutOrStdout(), report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if len(report.Findings) > 0 && report.Findings[0].Severity >= a.fails {
		return exit(exitChanges)
	}
	return nil
}

// documents reads the registry policy and the policies of the selected repositories, including those out of scope.
func (s *session) documents(command *cobra.Command) (registryPolicy audit.Document, documents []audit.Document, err error) {
	ctx := command.Context()
	store, err := s.store(nil)
	if err != nil {
		return audit.Document{}, nil, err
	}
	lists, err := store.ReadAll(ctx)
	if err != nil {
		return audit.Document{}, nil, err
	}
	warnOfUnusable(command.ErrOrStderr(), lists)
	registryPolicy.Lists = lists.ListedByNamespace()
	registryPolicy.Text, registryPolicy.Err = registry.Policy(ctx, ecr.NewFromConfig(s.config))
	if awsclient.Unanswered(registryPolicy.Err) {
		return audit.Document{}, nil, registryPolicy.Err
	}
	registryPolicy.Err = shortened(registryPolicy.Err)
	names, err := s.selected(ctx)
	if err != nil {
		return audit.Document{}, nil, err
	}
	if len(names) == 0 {
		fmt.Fprintf(command.ErrOrStderr(), "warning: registry %s has no repositories in %s; check the Region\n", s.Standard.Registry.AccountID, s.config.Region)
	}
	documents, err = s.readAll(ctx, s.flags.progress(), lists, s.policies(), names)
	return registryPolicy, documents, err
}

func (s *session) readAll(ctx context.Context, progressTo io.Writer, lists accountlist.Snapshot, policies *registry.Policies, names []string) ([]audit.Document, error) {
	progress := newProgress(progressTo, len(names), "reading policies")
	read := make([]*audit.Document, len(names))
	denied := make([]error, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(auditConcurrency)
	for i, name := range names {
		group.Go(func() error {
			defer func() { _ = progress.Add(1) }()
			text, err := policies.Policy(ctx, name)
			switch {
			case errors.Is(err, registry.ErrNotFound):
				return nil // it was deleted after it was listed
			case awsclient.Unanswered(err):
				return err
			case awsclient.Denied(err):
				denied[i] = err
			}
			read[i] = &audit.Document{Repository: name, Text: text, Err: shortened(err), Lists: lists.Listed(name), OutOfScope: !s.Scope.Contains(name)}
			return ctx.Err()
		})
	}
	err := group.Wait()
	_ = progress.Finish()
	var documents []audit.Document
	readable := false
	for i, document := range read {
		if document != nil {
			documents = append(documents, *document)
			readable = readable || denied[i] == nil
		}
	}
	if err == nil && len(documents) > 0 && !readable {
		// It isn't a finding that these credentials can't read policies.
		i := slices.IndexFunc(denied, func(err error) bool { return err != nil })
		err = fmt.Errorf("none of the policies can be read: %w", denied[i])
	}
	return documents, err
}

// shortened returns an error for a report, which has the same text as on the terminal.
func shortened(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(awsclient.ErrorText(err))
}
