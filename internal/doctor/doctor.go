// Package doctor looks whether everything is there that keeps the repositories on the standard policy, and says what
// to do about what isn't. It only reads.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/smithy-go"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Severity says how bad a finding is.
type Severity string

const (
	OK      Severity = "ok"
	Warning Severity = "warning"
	Problem Severity = "problem"
)

// Finding is what one look at one thing found.
type Finding struct {
	Severity Severity
	Subject  string // what was looked at: stack, trail, …
	Says     string
	Do       string   // what to do about it; empty if there is nothing to do
	Run      []string // commands with which to do it, to be pasted into a shell as they are
}

// Doctor examines one stack.
type Doctor struct {
	Stack    string // its name
	Registry policy.Registry
	Profile  string // of the AWS configuration files, for the commands; "" if none was named

	CloudFormation StackAPI
	EventBridge    RuleAPI
	SQS            QueueAPI
	Lambda         SourceAPI
	CloudTrail     TrailAPI
	ECR            RegistryAPI
	Lists          Lists
}

// Examine checks everything. What can't be checked is a warning. The services are asked concurrently, so that Examine takes
// no longer if several of them give no answer.
func (d *Doctor) Examine(ctx context.Context) []Finding {
	findings, parts := d.stack(ctx)
	checks := []func() []Finding{
		func() []Finding { return d.rules(ctx, parts) },
		func() []Finding { return d.source(ctx, parts) },
		func() []Finding { return d.queues(ctx, parts) },
		func() []Finding { return []Finding{d.trail(ctx, parts)} },
		func() []Finding {
			lists, consumers := d.lists(ctx)
			return append(lists, d.registryPolicy(ctx, consumers))
		},
	}
	found := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() { found[i] = check() })
	}
	all.Wait()
	return append(findings, slices.Concat(found...)...)
}

func ok(subject, format string, a ...any) Finding {
	return Finding{Severity: OK, Subject: subject, Says: fmt.Sprintf(format, a...)}
}

func warning(subject, do, format string, a ...any) Finding {
	return Finding{Severity: Warning, Subject: subject, Says: fmt.Sprintf(format, a...), Do: do}
}

func problem(subject, do, format string, a ...any) Finding {
	return Finding{Severity: Problem, Subject: subject, Says: fmt.Sprintf(format, a...), Do: do}
}

// run adds commands.
func (f Finding) run(commands ...string) Finding {
	f.Run = commands
	return f
}

// unknown is the finding that something can't be looked at. The action is what IAM has to allow for it.
func unknown(subject, action string, err error) Finding {
	if isDenied(err) {
		return warning(subject, "look with credentials that may call "+action, "not allowed to look: %s", awsclient.ErrorText(err))
	}
	return warning(subject, "try again; "+action+" is what failed", "could not look: %s", awsclient.ErrorText(err))
}

// isDenied knows the codes that AWS's services have for the same.
func isDenied(err error) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError":
		return true
	}
	return false
}

func hasCode(err error, code string) bool {
	var answer smithy.APIError
	return errors.As(err, &answer) && answer.ErrorCode() == code
}
