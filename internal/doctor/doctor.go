// Package doctor checks whether an installation is complete and works, and suggests fixes. It only reads.
package doctor

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/plan"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Severity is the severity of a finding.
type Severity string

// The severities, in ascending order.
const (
	OK      Severity = "ok"
	Note    Severity = "note" // something that this account can't see, and that needs no action by itself
	Warning Severity = "warning"
	Problem Severity = "problem"
)

// Finding is the result of one check.
type Finding struct {
	Severity Severity
	Subject  string // stack, trail, …
	Message  string
	Remedy   string   // "" if the severity is OK
	Commands []string // for the remedy, ready to paste into a shell
}

// Doctor checks the installation of one stack.
type Doctor struct {
	Stack    string // name of the stack
	Standard policy.Standard
	Profile  string // profile of the AWS configuration files for suggested commands, or ""
	Program  string // how the command line is started, for suggested commands

	CloudFormation StackAPI
	EventBridge    RuleAPI
	SQS            QueueAPI
	Lambda         SourceAPI
	CloudTrail     TrailAPI
	ECR            RegistryAPI
	Organizations  OrganizationAPI
	Lists          Lists

	// Plan plans the first repositories in scope, at most a number of them, and returns how many there are.
	Plan func(ctx context.Context, lists accountlist.Snapshot, most int) (planned []plan.Repository, all int, err error)
}

// Examine runs all checks. If a check isn't possible, its finding is a warning. The services are called concurrently,
// so several services that don't respond take no longer than one.
func (d *Doctor) Examine(ctx context.Context) []Finding {
	findings, parts := d.stack(ctx)
	checks := []func() []Finding{
		func() []Finding { return d.rules(ctx, parts) },
		func() []Finding { return d.source(ctx, parts) },
		func() []Finding { return d.queues(ctx, parts) },
		func() []Finding { return []Finding{d.trail(ctx, parts)} },
		func() []Finding { return d.scopes(ctx, parts) },
		func() []Finding { return d.organization(ctx) },
		func() []Finding {
			findings, lists := d.lists(ctx)
			text, ofRegistry, err := d.registryPolicy(ctx, lists)
			findings = append(findings, ofRegistry)
			if awsclient.Unanswered(err) {
				return findings // the other calls would get no response either
			}
			ofRepositories, planned := d.policies(ctx, lists)
			findings = append(findings, ofRepositories...)
			if err == nil {
				findings = append(findings, d.level(text, lists, planned)...)
			}
			return findings
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
	return Finding{Severity: OK, Subject: subject, Message: fmt.Sprintf(format, a...)}
}

func warning(subject, remedy, format string, a ...any) Finding {
	return Finding{Severity: Warning, Subject: subject, Message: fmt.Sprintf(format, a...), Remedy: remedy}
}

func problem(subject, remedy, format string, a ...any) Finding {
	return Finding{Severity: Problem, Subject: subject, Message: fmt.Sprintf(format, a...), Remedy: remedy}
}

// with adds commands.
func (f Finding) with(commands ...string) Finding {
	f.Commands = commands
	return f
}

// unknown returns the finding that a check isn't possible. The check requires permission for the given actions.
func unknown(subject, actions string, err error) Finding {
	remedy := "run doctor again; the failed check calls " + actions
	switch {
	case awsclient.Denied(err):
		remedy = "use credentials that allow " + actions
	case awsclient.Expired(err):
		remedy = "renew the credentials, and run doctor again"
	}
	return warning(subject, remedy, "can't check the %s: %s", subject, awsclient.ErrorText(err))
}
