package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/smoke"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// logOutput is the output of the stack with the name of onrepo's log group.
const logOutput = "OnRepoLogGroup"

func newSmoke(f *flags) *cobra.Command {
	var timeout, logTimeout time.Duration
	var yes bool
	command := &cobra.Command{
		Use:   "smoke",
		Short: "Test a deployed stack on a new, empty repository",
		Long: `Create an empty repository in scope, wait until it has the policy that the lists specify,
replace the policy, and wait until the stack restores it. Then write test policies to the
repository to show which ones ECR accepts, and delete the repository. smoke lists its calls and
asks for confirmation first. It writes to no other repository. It deletes the new repository
even if a step fails or you press Ctrl-C. If it can't delete the repository, it shows the
command that does.

The report is on standard output. Account IDs in it are masked.

Required permissions: cloudformation:DescribeStacks, ssm:GetParameters,
ssm:GetParametersByPath, ssm:GetParameterHistory, and, on the new repository,
ecr:CreateRepository, ecr:GetRepositoryPolicy, ecr:SetRepositoryPolicy, and
ecr:DeleteRepository. To show which events started onrepo, smoke needs
logs:FilterLogEvents on the log group of onrepo.

Exit status:
    0  the stack wrote and restored the policy, or you didn't confirm; which test
       policies ECR accepts doesn't change the status
    1  the stack didn't write or restore the policy, an error occurred, or the repository
       couldn't be deleted
  130  smoke was interrupted`,
		Example: `  ecr-pull-policy smoke
  ecr-pull-policy smoke --yes --timeout 10m > report.txt`,
		Args: exactly(),
	}
	f.register(command.Flags(), "profile", "region", "stack")
	command.Flags().DurationVar(&timeout, "timeout", 5*time.Minute, "time limit for each of two waits: until the stack writes the policy, and until it restores the policy")
	command.Flags().DurationVar(&logTimeout, "log-timeout", 30*time.Second, "how long to wait for the log lines")
	command.Flags().BoolVarP(&yes, "yes", "y", false, "don't ask for confirmation")
	command.RunE = func(command *cobra.Command, _ []string) error {
		switch {
		case f.stack == "":
			return errors.New("smoke requires a stack; specify it with --stack")
		case timeout <= 0 || logTimeout < 0:
			return errors.New("--timeout must be more than 0s, and --log-timeout can't be negative")
		}
		if err := canConfirm(command, yes); err != nil {
			return err
		}
		s, err := connect(command, f, stackRequired)
		if err != nil {
			return err
		}
		if s.Observe {
			return fmt.Errorf("the mode of stack %s is observe, so it writes no policies; deploy it with Mode=enforce; to check the rest of the installation, run: %s doctor", s.Stack, f.program)
		}
		test, consumers, err := s.smokeTest(command, f)
		if err != nil {
			return err
		}
		test.Timeout, test.LogTimeout = timeout, logTimeout
		if agreed, err := s.confirmSmoke(command, test.Repository, f.outputs[logOutput], yes); err != nil || !agreed {
			return err
		}
		return s.smoke(command, f, test, consumers)
	}
	return command
}

// smokeTest returns the test, and the consumers of its repository.
func (s *session) smokeTest(command *cobra.Command, f *flags) (*smoke.Test, policy.Consumers, error) {
	repository, err := smoke.NewName(f.parameters.Include, s.Scope)
	if err != nil {
		return nil, policy.Consumers{}, err
	}
	store := parameterstore.New(ssm.NewFromConfig(s.config), s.ListName, s.Standard)
	lists, err := store.Read(command.Context(), []string{repository})
	if err != nil {
		return nil, policy.Consumers{}, err
	}
	warnOfUnusable(command.ErrOrStderr(), lists)
	standard, err := s.Standard.Merge(policy.Document{}, lists.Listed(repository))
	switch {
	case err != nil:
		return nil, policy.Consumers{}, fmt.Errorf("build policy of %s: %w", repository, err)
	case standard.Document == "" && s.isAtRegistry():
		return nil, policy.Consumers{}, fmt.Errorf("at the policy level %s, the stack writes no policy to %s, so there is nothing to test; to check the stack and the registry policy, run: %s doctor",
			policy.LevelRegistry, repository, f.program)
	case standard.Document == "":
		return nil, policy.Consumers{}, fmt.Errorf("the account lists grant nothing on %s, so the stack writes no policy; write consumers to list %s first", repository, s.ListName)
	}
	client := ecr.NewFromConfig(s.config)
	return &smoke.Test{
		Registry:   smokeRegistry{registry.NewPolicies(client), client},
		Log:        smoke.LogGroup{API: cloudwatchlogs.NewFromConfig(s.config), Name: f.outputs[logOutput]},
		Repository: repository,
		Standard:   s.Standard,
		Lists:      lists.Listed(repository),
		Progress:   func(step string) { fmt.Fprintln(f.notes(), step) },
	}, lists.Consumers(), nil
}

// confirmSmoke lists the calls of the test, and asks for confirmation.
func (s *session) confirmSmoke(command *cobra.Command, repository, logGroup string, yes bool) (bool, error) {
	fmt.Fprintf(command.ErrOrStderr(), `smoke tests stack %s in %s, %s. It makes these calls:

  ecr:CreateRepository     once: %s
  ecr:GetRepositoryPolicy  twice a second while it waits
  ecr:SetRepositoryPolicy  two to four times, with access to the empty repository for
                           the registry's own account, a role in it that doesn't exist,
                           and Lambda functions of organizations and OUs in the lists
  ecr:DeleteRepository     without force; again for up to 15 seconds if ECR doesn't
                           know the repository yet
  logs:FilterLogEvents     twice a second while it waits for lines in %s

`, s.Stack, s.Standard.Registry.AccountID, s.Standard.Registry.Region, repository, logGroup)
	if yes {
		return true, nil
	}
	return confirm(command, "Do you want to make these calls?", "Test canceled. Nothing was created.")
}

// smoke runs the test, and writes the report.
func (s *session) smoke(command *cobra.Command, f *flags, test *smoke.Test, consumers policy.Consumers) error {
	defer surviveClosedPipe()()
	remove := s.deleteCommand(f.profile, test.Repository)
	isDeleted := context.AfterFunc(command.Context(), func() {
		fmt.Fprintf(command.ErrOrStderr(), "\nDeleting repository %s. If you press Ctrl-C again, smoke stops immediately. Delete the repository then:\n  %s\n", test.Repository, remove)
	})
	report := test.Run(command.Context())
	isDeleted()
	test.ReadLog(command.Context(), report)
	fmt.Fprintln(f.notes()) // between the progress and the report
	err := s.writeSmoke(command.OutOrStdout(), report, consumers)
	if report.Leftover != nil {
		fmt.Fprintf(command.ErrOrStderr(), "Repository %s may still exist. To delete it, run:\n  %s\n", test.Repository, remove)
	}
	switch {
	case err != nil:
		return err
	case report.Interrupted:
		return exit(exitInterrupted)
	case !report.Passed():
		return exit(exitFailed)
	}
	return nil
}

// deleteCommand returns the command that deletes a repository.
func (s *session) deleteCommand(profile, repository string) string {
	command := "aws ecr delete-repository --region " + s.Standard.Registry.Region + " --repository-name " + repository
	if profile != "" {
		command += " --profile " + doctor.Quote(profile)
	}
	return command
}

// writeSmoke writes the report.
func (s *session) writeSmoke(out io.Writer, report *smoke.Report, consumers policy.Consumers) error {
	var page strings.Builder
	result := "failed"
	if report.Passed() {
		result = "passed"
	}
	lambda := "off"
	if s.Standard.Lambda {
		lambda = "on"
	}
	fmt.Fprintf(&page, "ecr-pull-policy smoke: %s\n\n", result)
	fmt.Fprintf(&page, "program  %s\nregion   %s, partition %s\nstack    %s: grant style %s, Lambda statement %s\nlists    %s\n",
		versions(), s.Standard.Registry.Region, s.Standard.Registry.Partition, s.Stack, s.Standard.Style, lambda, doctor.Count(consumers))
	if !report.Created.IsZero() {
		fmt.Fprintf(&page, "started  %s\n", report.Created.UTC().Format(time.RFC3339))
	}
	for _, part := range []struct {
		title string
		rows  []smoke.Row
	}{
		{"What the stack did", report.Rows()},
		{"What ECR did with policies", report.AnswerRows()},
		{"What onrepo logged, in seconds after the repository was created", report.LogRows()},
	} {
		if len(part.rows) > 0 {
			fmt.Fprintf(&page, "\n%s\n", part.title)
			writeSmokeRows(&page, part.rows)
		}
	}
	if report.Missed() {
		fmt.Fprintf(&page, "\nTo check the trail, the rules, and the queues, run:\n  %s doctor --region %s --stack %s\n", s.flags.program, s.Standard.Registry.Region, s.Stack)
	}
	_, err := io.WriteString(out, smoke.Mask(page.String()))
	return err
}

// writeSmokeRows writes lines of at most 80 characters, as far as the texts can be wrapped.
func writeSmokeRows(out io.Writer, rows []smoke.Row) {
	width := 80
	for _, row := range rows {
		width = min(width, 80-len("skipped  ")-len(row.Subject)-len("  "))
	}
	colors := map[smoke.Status]*color.Color{
		smoke.OK:      color.New(color.FgGreen),
		smoke.Failed:  color.New(color.FgRed, color.Bold),
		smoke.Skipped: color.New(color.FgYellow),
		smoke.Note:    color.New(),
	}
	t := newTable(out)
	for _, row := range rows {
		t.AppendRow(table.Row{colors[row.Status].Sprint(string(row.Status)), row.Subject, text.WrapSoft(row.Text, width)})
	}
	t.Render()
}

// smokeRegistry is the registry of a test.
type smokeRegistry struct {
	*registry.Policies
	api *ecr.Client
}

func (r smokeRegistry) Create(ctx context.Context, repository string) error {
	return registry.Create(ctx, r.api, repository)
}

func (r smokeRegistry) Delete(ctx context.Context, repository string) error {
	return registry.Delete(ctx, r.api, repository)
}
