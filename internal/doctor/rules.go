package doctor

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
)

// RuleAPI has the EventBridge operations that the checks use.
type RuleAPI interface {
	DescribeRule(context.Context, *eventbridge.DescribeRuleInput, ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error)
}

// rules checks whether the rules that send events to the functions and the queue are enabled.
func (d *Doctor) rules(ctx context.Context, p parts) []Finding {
	const subject = "rules"
	if !p.known {
		return nil
	}
	var findings []Finding
	enabled := 0
	for _, logicalID := range rules() {
		name := p.ids[logicalID]
		if name == "" {
			continue // complete reports it
		}
		rule, err := d.EventBridge.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name})
		switch {
		case awsclient.HasCode(err, "ResourceNotFoundException"):
			findings = append(findings, problem(subject, redeploy, "the rule %s (%s) doesn't exist", logicalID, name))
		case awsclient.Denied(err), awsclient.Unanswered(err):
			return append(findings, unknown(subject, "events:DescribeRule", err)) // the other calls would fail in the same way
		case err != nil:
			findings = append(findings, unknown(subject, "events:DescribeRule", err))
		case rule.State == types.RuleStateDisabled && !p.pushEvents && isPushRule(logicalID):
		case rule.State == types.RuleStateDisabled:
			findings = append(findings, problem(subject, "enable the rule:", "the rule %s is disabled", logicalID).
				with(d.command("aws events enable-rule --name "+Quote(name))))
		default:
			enabled++
		}
	}
	if len(findings) == 0 && enabled > 0 {
		message := phrase.Count(enabled, "rule is", "rules are") + " enabled"
		if !p.pushEvents {
			message += "; the rules for image pushes are disabled, because PushEvents is off"
		}
		findings = append(findings, ok(subject, "%s", message))
	}
	return findings
}

// isPushRule reports whether the parameter PushEvents can disable a rule.
func isPushRule(logicalID string) bool {
	switch logicalID {
	case "OnRepoFunctionImagePushed", "OnRepoFunctionPulledThroughOrScanned":
		return true
	}
	return false
}
