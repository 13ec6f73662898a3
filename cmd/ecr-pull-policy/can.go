package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
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

CONSUMER is an account ID, the ARN of a role, a user, or a session of a role, an
organization ID, the path of an organizational unit, the name of a service such as
codebuild.amazonaws.com, or * for all principals in any account. can evaluates all Allow
and Deny statements, including those that ecr-pull-policy doesn't manage. If a condition
can't be decided, such as one on the address of the client, the answer is "depends" and
names the condition.

ACTION is one of these, in any case, or an ECR action such as ecr:DescribeImages, for
which ecr: is optional:
  pull  ecr:BatchGetImage and ecr:GetDownloadUrlForLayer
  push  ecr:PutImage and the other four actions that a push needs, which the answer names
  delete  ecr:BatchDeleteImage, which deletes images

The IAM policies of a consumer in another account must allow the action, too. In the
account that owns the registry, they are enough. can doesn't read them. It also doesn't
read service control policies, resource control policies, or VPC endpoint policies.

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
	group    string   // of actions: pull, push, delete, or "" for a single action
	actions  []string // all of them are necessary
}

// actionGroups returns the groups of actions by their name. A push needs the actions of
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
func actionGroups() map[string][]string {
	return map[string][]string{
		"pull":   iampolicy.PullActions(),
		"push":   {"ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"},
		"delete": {"ecr:BatchDeleteImage"},
	}
}

func (q *question) readAction() error {
	name := strings.ToLower(q.actionText)
	if actions, ok := actionGroups()[name]; ok {
		q.group, q.actions = name, actions
		return nil
	}
	if known, ok := audit.KnownAction("ecr:" + strings.TrimPrefix(name, "ecr:")); ok {
		q.actions = []string{known}
		return nil
	}
	return fmt.Errorf("%q: not an action on a repository; use pull, push, delete, or an ECR action such as ecr:DescribeImages (see docs/audit.md)", q.actionText)
}

// readConsumer reads the consumer and its organization.
func (q *question) readConsumer(r policy.Registry) error {
	consumer, err := readConsumer(q.consumerText, r)
	if err != nil {
		return err
	}
	if q.organization != "" {
		of, err := readEntry(q.organization, r)
		switch {
		case err != nil || of.Account != "":
			return fmt.Errorf("--org %q must be an organization ID (o-…), or the path of an OU (o-…/r-…/ou-…/*)", q.organization)
		case consumer.Account == "":
			return errors.New("--org applies only to an account, a role, a session, or a user")
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

// readConsumer reads an entry of an account list, or what a list can't have but a statement can name: a session, a
// service, or all principals.
func readConsumer(text string, r policy.Registry) (iampolicy.Consumer, error) {
	if text == "*" {
		return iampolicy.Consumer{Kind: iampolicy.AllPrincipals, ID: text}, nil
	}
	if strings.HasSuffix(text, ".amazonaws.com") || strings.HasSuffix(text, ".amazonaws.com.cn") {
		return iampolicy.Consumer{Kind: iampolicy.ServicePrincipal, ID: text}, nil
	}
	if strings.HasPrefix(text, "arn:"+r.Partition+":sts:") {
		session := iampolicy.OfARN(text)
		if _, ok := session.SessionRole(); !ok || strings.Count(text, "/") != 2 || strings.HasSuffix(text, "/") {
			return session, fmt.Errorf("%q: invalid session; expected arn:%s:sts::ACCOUNT:assumed-role/ROLE/SESSION", text, r.Partition)
		}
		return session, nil
	}
	return readEntry(text, r)
}

// ofRoot is the path of the root of an organization, with everything below it.
var ofRoot = regexp.MustCompile(`^o-[a-z0-9]{10,32}/r-[a-z0-9]{4,32}/\*$`)

// readEntry reads one entry of an account list. Unlike a list, it can be the registry's own account, or the root of an
// organization, which statements name.
func readEntry(text string, r policy.Registry) (iampolicy.Consumer, error) {
	if ofRoot.MatchString(text) {
		return iampolicy.OfOrganizationalUnit(text), nil
	}
	r.AccountID = ""
	list, err := policy.ParseList(text, r)
	if problems, ok := errors.AsType[*policy.ListError](err); ok && len(problems.Problems) == 1 {
		// Reasons that say what to list instead are of no use here.
		if reason := problems.Problems[0].Reason; !strings.Contains(reason, "list") {
			return iampolicy.Consumer{}, fmt.Errorf("%q: %s", text, reason)
		}
	}
	if all := obstacle.Consumers(list.Consumers); err == nil && len(all) == 1 {
		return all[0], nil
	}
	return iampolicy.Consumer{}, fmt.Errorf("%q: not a consumer; expected one account ID (12 digits), ARN of a role, user, or session in the partition %s, "+
		"organization ID (o-…), path of an OU (o-…/r-…/ou-…/*), name of a service, or *", text, r.Partition)
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
	isOwn := q.consumer.Account == r.AccountID && q.consumer.Kind != iampolicy.ServicePrincipal
	decisions := make([]iampolicy.Decision, len(q.actions))
	for i, action := range q.actions {
		decisions[i] = evaluation.Decide(action)
		if isOwn && decisions[i].Answer == iampolicy.No && len(decisions[i].Reasons) == 0 {
			// In the account that owns the registry, IAM policies alone are enough, unless a statement denies the action.
			decisions[i] = iampolicy.Decision{Answer: iampolicy.Depends, Reasons: evaluation.Denies(action).Reasons}
		}
	}
	overall := slices.MinFunc(decisions, func(a, b iampolicy.Decision) int { return cmp.Compare(rank(a.Answer), rank(b.Answer)) }).Answer
	canDeny := slices.ContainsFunc(decisions, func(d iampolicy.Decision) bool {
		return d.Answer == iampolicy.Depends && slices.ContainsFunc(d.Reasons, isDeny)
	})
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n", overall, q.sentence(overall, isOwn, canDeny))
	if role, ok := q.consumer.SessionRole(); ok {
		fmt.Fprintf(&text, "The session is one of the role %s in account %s. If the answer depends on the path of the role, pass the ARN of the role.\n", role, q.consumer.Account)
	}
	text.WriteByte('\n')
	for i, action := range q.actions {
		fmt.Fprintf(&text, "%s: %s\n", action, decisions[i].Answer)
		for _, line := range because(decisions[i], isOwn) {
			fmt.Fprintf(&text, "  %s\n", line)
		}
	}
	if q.dependsOnOrganization(decisions) {
		text.WriteString("\nIf you know which organization the account belongs to, pass it with --org.\n")
	}
	if q.consumer.Kind == iampolicy.ServicePrincipal && q.consumer.Account == "" && strings.HasPrefix(q.consumer.ID, "lambda.") {
		text.WriteString("\nFor the functions in one account, pass the account, and --lambda.\n")
	}
	fmt.Fprintf(&text, "\n%s\n", q.otherHalf(overall, isOwn))
	if checks := "ecr:BatchCheckLayerAvailability"; q.group == "pull" && q.consumer.Kind != iampolicy.ServicePrincipal && overall == iampolicy.Yes && evaluation.Decide(checks).Answer != iampolicy.Yes {
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

// isDeny reports whether a statement or document that decides can deny.
func isDeny(r iampolicy.Reason) bool { return r.Statement.Effect != iampolicy.Allow }

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

// sentence returns the answer as a sentence. canDeny is whether a statement can deny what the answer depends on.
func (q *question) sentence(answer iampolicy.Answer, isOwn, canDeny bool) string {
	action := map[string]string{"pull": "pull from", "push": "push to", "delete": "delete images from"}[q.group]
	if action == "" {
		action = "perform " + q.actions[0] + " on"
	}
	can, condition := "can", ""
	switch {
	case answer == iampolicy.No:
		can = "can't"
	case answer == iampolicy.Depends && isOwn && canDeny:
		condition = " if IAM policies in the account allow it and no statement below denies it"
	case answer == iampolicy.Depends && isOwn:
		condition = " if IAM policies in the account allow it"
	case answer == iampolicy.Depends:
		condition = " only under the conditions below"
	}
	return fmt.Sprintf("%s %s %s %s%s", q.subject(), can, action, q.repository, condition)
}

func (q *question) subject() string {
	switch {
	case q.lambda:
		return "Lambda, for functions in account " + q.consumer.Account + ","
	case q.consumer.Kind == iampolicy.NamedPrincipal, q.consumer.Kind == iampolicy.AllPrincipals:
		return q.consumer.String()
	}
	return strings.ReplaceAll(string(q.consumer.Kind), "-", " ") + " " + q.consumer.ID
}

// because returns the statements that decide, one a line.
func because(d iampolicy.Decision, isOwn bool) []string {
	var lines []string
	for _, r := range d.Reasons {
		place := "the " + r.Document
		if r.Position > 0 && r.Statement.Sid != "" {
			place = fmt.Sprintf("statement %d (%s) of the %s", r.Position, r.Statement.Sid, r.Document)
		} else if r.Position > 0 {
			place = fmt.Sprintf("statement %d of the %s", r.Position, r.Document)
		}
		line := "allowed by " + place
		switch {
		case r.Position == 0 || r.Statement.Err != nil:
			lines = append(lines, iampolicy.Visible("depends on "+place+", which can't be read"))
			continue
		case isDeny(r):
			line = "denied by " + place
		}
		if len(r.Undecided) > 0 {
			line += " if " + strings.Join(r.Undecided, " and ")
		}
		lines = append(lines, iampolicy.Visible(line))
	}
	switch {
	case isOwn && d.Answer == iampolicy.Depends:
		lines = append(lines, "allowed if IAM policies in the account allow it, because the account owns the registry")
	case len(lines) == 0:
		lines = append(lines, "no statement allows it")
	}
	return lines
}

// otherHalf returns what else must allow the action.
func (q *question) otherHalf(overall iampolicy.Answer, isOwn bool) string {
	const others = "Not checked: service control policies, resource control policies, and VPC endpoint policies."
	actions := "these actions"
	if len(q.actions) == 1 {
		actions = "this action"
	}
	if q.group == "pull" || q.group == "push" {
		actions += " and ecr:GetAuthorizationToken"
	}
	switch {
	case q.lambda:
		return "The user or role that creates or updates the function needs the same access for account " + q.consumer.Account + ", and IAM policies that allow it.\n" + others
	case q.consumer.Kind == iampolicy.ServicePrincipal:
		return "This is the access of requests that the service makes itself, on behalf of a resource. Services often use a role instead, which needs access of its own.\n" + others
	case isOwn && overall == iampolicy.No:
		return "The account owns the registry, but a Deny statement also overrides the IAM policies in it.\n" + others
	case isOwn:
		return "The account owns the registry, so IAM policies in it can allow " + actions + " without a repository policy.\n" + others
	case q.consumer.Kind == iampolicy.NamedPrincipal:
		return "Also required: IAM policies of " + q.consumer.ID + " that allow " + actions + ".\n" + others
	case q.consumer.Kind == iampolicy.Account:
		return "Also required: IAM policies in account " + q.consumer.ID + " that allow the principal " + actions + ".\n" + others
	}
	return "Also required: IAM policies in the account of the principal that allow " + actions + ".\n" + others
}
