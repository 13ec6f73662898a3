package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const canName = "can"

func newCan(f *flags) *cobra.Command {
	var q question
	command := &cobra.Command{
		Use:   canName + " CONSUMER ACTION REPOSITORY",
		Short: "Show whether a consumer can pull, push, or perform another action",
		Long: `Show whether the repository policy and the registry policy let a consumer perform an
action on a repository, and which statements decide.

CONSUMER is an account ID, the ARN of a role or user, an organization ID, or the path of
an organizational unit, as in an account list. ACTION is pull, push, or an ECR action such
as ecr:DescribeImages. can evaluates all Allow and Deny statements, including those that
ecr-pull-policy doesn't manage. If a condition can't be decided, such as one on the
address of the client, the answer is "depends" and names the condition.

The consumer's IAM policies must allow the action, too. can doesn't read them. It also
doesn't read service control policies, resource control policies, or VPC endpoint policies.

Required permissions: ecr:GetRepositoryPolicy and ecr:GetRegistryPolicy.

Exit status:
  0  yes
  1  no
  2  an error occurred
  3  it depends`,
		Example: `  ecr-pull-policy can 111111111111 pull team-a/api
  ecr-pull-policy can arn:aws:iam::111111111111:role/deploy push team-a/api
  ecr-pull-policy can 111111111111 pull team-a/api --lambda
  ecr-pull-policy can 111111111111 pull team-a/api --org o-a1b2c3d4e5`,
		Args: exactly("CONSUMER", "ACTION", "REPOSITORY"),
	}
	f.register(command.Flags(), "region", "profile")
	command.Flags().BoolVar(&q.lambda, "lambda", false, "show whether the Lambda service can perform the action on behalf of functions in the account")
	command.Flags().StringVar(&q.organization, "org", "", "organization ID or OU path that the consumer's account belongs to")
	command.RunE = func(command *cobra.Command, args []string) error {
		q.consumerText, q.actionText, q.repository = args[0], args[1], args[2]
		if err := registry.CheckName(q.repository); err != nil {
			return err
		}
		if err := q.readAction(); err != nil {
			return err
		}
		s, err := identify(command.Context(), f)
		if err != nil {
			return err
		}
		if err := q.readConsumer(s.Standard.Registry); err != nil {
			return err
		}
		documents, err := s.policiesOf(command.Context(), command.ErrOrStderr(), q.repository)
		if err != nil {
			return err
		}
		return q.answer(command.OutOrStdout(), s.Standard.Registry, documents)
	}
	return command
}

// question is what is asked.
type question struct {
	consumerText, actionText, repository string
	lambda                               bool
	organization                         string

	consumer iampolicy.Consumer
	actions  []string // all of them are necessary
}

// pushActions returns the actions that a push needs:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
func pushActions() []string {
	return []string{"ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"}
}

func (q *question) readAction() error {
	name, isECR := strings.CutPrefix(strings.ToLower(q.actionText), "ecr:")
	switch {
	case q.actionText == "pull":
		q.actions = iampolicy.PullActions()
	case q.actionText == "push":
		q.actions = pushActions()
	case !isECR || name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "":
		return fmt.Errorf("%q: unknown action; use pull, push, or an ECR action such as ecr:DescribeImages", q.actionText)
	case !audit.IsKnown(q.actionText): // such as ecr:GetAuthorizationToken, which can't be in a repository policy, or a typo
		return fmt.Errorf("%q: not an action on a repository; see the list of actions in docs/audit.md", q.actionText)
	default:
		q.actions = []string{q.actionText}
	}
	return nil
}

// readConsumer reads the consumer and its organization, which are written as in an account list.
func (q *question) readConsumer(r policy.Registry) error {
	consumer, err := readEntry(q.consumerText, r)
	if err != nil {
		return err
	}
	if q.organization != "" {
		of, err := readEntry(q.organization, r)
		switch {
		case err != nil:
			return fmt.Errorf("--org: %w", err)
		case of.Account != "":
			return fmt.Errorf("--org %q must be an organization ID or the path of an OU", q.organization)
		case consumer.Account == "":
			return errors.New("--org applies only to an account, a role, or a user")
		}
		consumer.Organization = of.Organization
		if of.Kind == iampolicy.OrganizationalUnit {
			consumer.OrganizationPath = of.ID
		}
	}
	if q.lambda {
		if consumer.Kind != iampolicy.Account {
			return errors.New("--lambda applies only to an account, because Lambda's pulls depend on the account of the function")
		}
		service := iampolicy.OfLambda(r.FunctionPattern(consumer.Account))
		service.Organization, service.OrganizationPath = consumer.Organization, consumer.OrganizationPath
		consumer = service
	}
	q.consumer = consumer
	return nil
}

// readEntry reads one entry of an account list. Unlike a list, it can be the registry's own account.
func readEntry(text string, r policy.Registry) (iampolicy.Consumer, error) {
	r.AccountID = ""
	list, err := policy.ParseList(text, r)
	if problems, ok := errors.AsType[*policy.ListError](err); ok {
		return iampolicy.Consumer{}, fmt.Errorf("%q: %s", text, problems.Problems[0].Reason)
	}
	if err != nil {
		return iampolicy.Consumer{}, err
	}
	all := obstacle.Consumers(list.Consumers)
	if len(all) != 1 {
		return iampolicy.Consumer{}, fmt.Errorf("%q must be one account, role, user, organization, or OU", text)
	}
	return all[0], nil
}

// policiesOf reads the documents that apply to a repository. If the registry policy can't be read, the answer can
// depend on it.
func (s *session) policiesOf(ctx context.Context, errOut io.Writer, repository string) ([]iampolicy.Document, error) {
	own := iampolicy.Document{Name: "repository policy"}
	text, err := registry.NewPolicies(ecr.NewFromConfig(s.config)).Policy(ctx, repository)
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return nil, fmt.Errorf("repository %s doesn't exist in registry %s in %s; check the name and --region", repository, s.Standard.Registry.AccountID, s.Standard.Registry.Region)
	case err != nil:
		return nil, err
	}
	if text != "" {
		if own.Statements, err = iampolicy.Read(text); err != nil {
			own.Err = err
			fmt.Fprintf(errOut, "warning: the policy of %s can't be read: %v\n", repository, err)
		}
	}
	ofRegistry, err := s.registryPolicy(ctx)
	switch {
	case awsclient.Unanswered(err):
		return nil, err
	case err != nil:
		fmt.Fprintf(errOut, "warning: %s\n", awsclient.ErrorText(err))
	}
	return []iampolicy.Document{own, ofRegistry}, nil
}

// answer writes the answer, and returns its exit status.
func (q *question) answer(out io.Writer, r policy.Registry, documents []iampolicy.Document) error {
	evaluation := iampolicy.Evaluate(documents, iampolicy.Request{Consumer: q.consumer, Resource: r.RepositoryARN(q.repository)})
	isOwn := q.consumer.Account == r.AccountID && !q.lambda
	decisions := make([]iampolicy.Decision, len(q.actions))
	for i, action := range q.actions {
		decisions[i] = evaluation.Decide(action)
		if isOwn && decisions[i].Answer == iampolicy.No && len(decisions[i].Reasons) == 0 {
			// In the account that owns the registry, IAM policies alone are enough, unless a statement denies the action.
			decisions[i] = iampolicy.Decision{Answer: iampolicy.Depends, Reasons: evaluation.Denies(action).Reasons}
		}
	}
	overall := slices.MinFunc(decisions, func(a, b iampolicy.Decision) int { return cmp.Compare(rank(a.Answer), rank(b.Answer)) }).Answer
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n\n", overall, q.sentence(overall))
	for i, action := range q.actions {
		fmt.Fprintf(&text, "%s: %s\n", action, decisions[i].Answer)
		for _, line := range because(decisions[i], isOwn) {
			fmt.Fprintf(&text, "  %s\n", line)
		}
	}
	if q.dependsOnOrganization(decisions) {
		text.WriteString("\nIf you know which organization the account belongs to, pass it with --org.\n")
	}
	fmt.Fprintf(&text, "\n%s\n", q.otherHalf(isOwn))
	if checks := "ecr:BatchCheckLayerAvailability"; q.actionText == "pull" && !q.lambda && overall == iampolicy.Yes && evaluation.Decide(checks).Answer != iampolicy.Yes {
		fmt.Fprintf(&text, "note: %s isn't allowed. AWS's examples include it, but a pull doesn't need it.\n", checks)
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	switch overall {
	case iampolicy.No:
		return exit(exitNo)
	case iampolicy.Depends:
		return exit(exitDepends)
	}
	return nil
}

// dependsOnOrganization reports whether --org could decide an answer.
func (q *question) dependsOnOrganization(decisions []iampolicy.Decision) bool {
	return q.organization == "" && q.consumer.Account != "" && slices.ContainsFunc(decisions, func(d iampolicy.Decision) bool {
		return slices.ContainsFunc(d.Reasons, func(r iampolicy.Reason) bool {
			return slices.ContainsFunc(r.Undecided, func(c string) bool {
				c = strings.ToLower(c)
				return strings.Contains(c, "aws:principalorg") || strings.Contains(c, "aws:sourceorg")
			})
		})
	})
}

// rank orders answers from the one that decides.
func rank(a iampolicy.Answer) int {
	return slices.Index([]iampolicy.Answer{iampolicy.No, iampolicy.Depends, iampolicy.Yes}, a)
}

func (q *question) sentence(answer iampolicy.Answer) string {
	action := q.actionText + " from"
	switch {
	case q.actionText == "push":
		action = "push to"
	case q.actionText != "pull":
		action = "perform " + q.actionText + " on"
	}
	can, under := "can", ""
	switch answer {
	case iampolicy.No:
		can = "can't"
	case iampolicy.Depends:
		under = " only under the conditions below"
	}
	return fmt.Sprintf("%s %s %s %s%s", q.subject(), can, action, q.repository, under)
}

func (q *question) subject() string {
	switch {
	case q.lambda:
		return "Lambda, for functions in account " + q.consumer.Account + ","
	case q.consumer.Kind == iampolicy.NamedPrincipal:
		return q.consumer.ID
	}
	return strings.ReplaceAll(string(q.consumer.Kind), "-", " ") + " " + q.consumer.ID
}

// because returns the statements that decide, one a line.
func because(d iampolicy.Decision, isOwn bool) []string {
	if len(d.Reasons) == 0 && isOwn {
		return []string{"no statement allows or denies it, so the consumer's IAM policies decide"}
	}
	if len(d.Reasons) == 0 {
		return []string{"no statement allows it"}
	}
	var lines []string
	for _, r := range d.Reasons {
		if r.Position == 0 {
			lines = append(lines, "depends on "+strings.Join(r.Undecided, " and "))
			continue
		}
		statement := fmt.Sprintf("statement %d of the %s", r.Position, r.Document)
		if r.Statement.Sid != "" {
			statement = fmt.Sprintf("statement %d (%s) of the %s", r.Position, r.Statement.Sid, r.Document)
		}
		line := "allowed by " + statement
		if r.Statement.Effect == iampolicy.Deny {
			line = "denied by " + statement
		}
		if len(r.Undecided) > 0 {
			line += ", depending on " + strings.Join(r.Undecided, " and ")
		}
		lines = append(lines, iampolicy.Visible(line))
	}
	return lines
}

// otherHalf returns what else must allow the action.
func (q *question) otherHalf(isOwn bool) string {
	const others = "Not checked: service control policies, resource control policies, and VPC endpoint policies."
	actions := "these actions"
	if len(q.actions) == 1 {
		actions = "this action"
	}
	if q.actionText == "pull" || q.actionText == "push" {
		actions += " and ecr:GetAuthorizationToken"
	}
	switch {
	case q.lambda:
		return "The user or role that creates or updates the function needs the same access for account " + q.consumer.Account + ", and IAM policies that allow it.\n" + others
	case isOwn:
		return "The account owns the registry, so IAM policies in it can allow " + actions + " without a repository policy.\n" + others
	case q.consumer.Kind == iampolicy.NamedPrincipal:
		return "Also required: IAM policies of " + q.consumer.ID + " that allow " + actions + ".\n" + others
	case q.consumer.Kind == iampolicy.Account:
		return "Also required: IAM policies in account " + q.consumer.ID + " that allow the principal " + actions + ".\n" + others
	}
	return "Also required: IAM policies in the account of the principal that allow " + actions + ".\n" + others
}
