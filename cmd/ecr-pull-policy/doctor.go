package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/fatih/color"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
)

func newDoctor(f *flags) *cobra.Command {
	var output *format
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check the installation and suggest fixes",
		Long: `Check the stack with its scope, rules, and queues, other stacks in the registry, the
CloudTrail trail, the account lists, the registry policy, and managed statements that
a change of the policy level left behind. Suggest fixes for problems. In up to 2,000
repositories, doctor also reports statements that deny consumers what the lists grant,
statements that cause ECR to reject changes, and policies that would be too long. doctor
writes nothing. If a check isn't possible, it shows a warning.

doctor can't see everything that denies pulls. It shows resource control policies (RCPs)
only if the account can read them, which a member account of an organization can't, and
it doesn't evaluate their conditions. It doesn't read the policies in consumers' accounts
and organizations, or those of VPC endpoints.

Exit status:
  0  no problems were found; warnings don't change the status
  1  problems were found, or an error occurred`,
		Args: exactly(),
		RunE: func(command *cobra.Command, _ []string) error {
			if f.stack == "" {
				return errors.New("doctor requires a stack; specify it with --stack")
			}
			s, err := identify(command.Context(), f)
			if err != nil {
				return err
			}
			s.config.RetryMaxAttempts = fewAttempts
			_, err = readStack(command, f, s.config, stackOptional)
			switch {
			case awsclient.Unanswered(err):
				return err
			case err != nil:
				fmt.Fprintln(command.ErrOrStderr(), "warning:", awsclient.ErrorText(err)) // the other checks are still possible
			}
			if s.Settings, err = f.parameters.Settings(f.stack, s.Standard.Registry); err != nil {
				return fmt.Errorf("settings: %w", err)
			}
			findings := s.doctor(f.profile).Examine(command.Context())
			if err := command.Context().Err(); err != nil {
				return err
			}
			if *output == jsonFormat {
				err = writeJSON(command.OutOrStdout(), s.doctorJSON(findings))
			} else {
				s.writeHeader(command.OutOrStdout())
				writeFindings(command.OutOrStdout(), findings)
			}
			if err == nil && countFindings(findings)[doctor.Problem] > 0 {
				err = exit(exitFailed)
			}
			return err
		},
	}
	output = registerFormat(command)
	f.registerRegistry(command.Flags())
	return command
}

func (s *session) doctor(profile string) *doctor.Doctor {
	c := s.config
	return &doctor.Doctor{
		Stack:          s.Stack,
		Standard:       s.Standard,
		Profile:        profile,
		Program:        s.flags.program,
		CloudFormation: cloudformation.NewFromConfig(c),
		EventBridge:    eventbridge.NewFromConfig(c),
		SQS:            sqs.NewFromConfig(c),
		Lambda:         lambda.NewFromConfig(c),
		CloudTrail:     cloudtrail.NewFromConfig(c),
		ECR:            ecr.NewFromConfig(c),
		Organizations:  organizations.NewFromConfig(c),
		Lists:          parameterstore.New(ssm.NewFromConfig(c), s.ListName, s.Standard),
		Plan:           s.planFirst,
	}
}

func countFindings(findings []doctor.Finding) map[doctor.Severity]int {
	counts := map[doctor.Severity]int{}
	for _, finding := range findings {
		counts[finding.Severity]++
	}
	return counts
}

// planFirst plans the first repositories in scope, and returns the number of all.
func (s *session) planFirst(ctx context.Context, lists accountlist.Snapshot, most int) (planned []plan.Repository, all int, err error) {
	names, _, err := s.repositories(ctx)
	if err != nil {
		return nil, 0, err
	}
	registryPolicy, _ := s.registryPolicy(ctx) // another check reports the error
	planned, err = s.planner(registryPolicy).Plan(ctx, lists, names[:min(most, len(names))], func() {})
	return planned, len(names), err
}

func writeFindings(out io.Writer, findings []doctor.Finding) {
	columns := width(out)
	for _, finding := range findings {
		columns = min(columns, width(out)-len(doctor.Problem)-len(finding.Subject)-2*len(columnGap))
	}
	colors := map[doctor.Severity]*color.Color{
		doctor.OK:      color.New(color.FgGreen),
		doctor.Note:    color.New(),
		doctor.Warning: color.New(color.FgYellow),
		doctor.Problem: color.New(color.FgRed, color.Bold),
	}
	t := newTable(out)
	for _, finding := range findings {
		cell := wrap(finding.Message, columns)
		if finding.Remedy != "" {
			cell += "\n" + wrap("→ "+finding.Remedy, columns)
		}
		for _, command := range finding.Commands {
			cell += "\n  " + command // never wrapped, so that it can be pasted
		}
		t.AppendRow(table.Row{colors[finding.Severity].Sprint(string(finding.Severity)), finding.Subject, cell})
	}
	t.Render()
	counts := countFindings(findings)
	fmt.Fprintf(out, "\nok: %d, notes: %d, warnings: %d, problems: %d\n", counts[doctor.OK], counts[doctor.Note], counts[doctor.Warning], counts[doctor.Problem])
}
