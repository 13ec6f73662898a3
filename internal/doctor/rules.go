package doctor

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// RuleAPI is what the doctor needs of EventBridge.
type RuleAPI interface {
	DescribeRule(context.Context, *eventbridge.DescribeRuleInput, ...func(*eventbridge.Options)) (*eventbridge.DescribeRuleOutput, error)
}

// rules looks whether the rules that bring the events are enabled.
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
			continue // the resources say so
		}
		rule, err := d.EventBridge.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &name})
		switch {
		case hasCode(err, "ResourceNotFoundException"):
			findings = append(findings, problem(subject, redeploy, "the rule %s (%s) does not exist", logicalID, name))
		case isDenied(err), awsclient.Unanswered(err):
			return append(findings, unknown(subject, "events:DescribeRule", err)) // all others would say the same
		case err != nil:
			findings = append(findings, unknown(subject, "events:DescribeRule", err))
		case rule.State == types.RuleStateDisabled && !p.pushEvents && isPushRule(logicalID):
		case rule.State == types.RuleStateDisabled:
			findings = append(findings, problem(subject, "enable it:", "the rule %s is disabled", logicalID).
				run(d.here("aws events enable-rule --name "+quote(name))))
		default:
			enabled++
		}
	}
	if len(findings) == 0 && enabled > 0 {
		said := fmt.Sprintf("%d rules are enabled", enabled)
		if !p.pushEvents {
			said += "; those for image pushes are off, as the stack says"
		}
		findings = append(findings, ok(subject, "%s", said))
	}
	return findings
}

// isPushRule reports whether the parameter PushEvents turns a rule off.
func isPushRule(logicalID string) bool {
	switch logicalID {
	case "OnRepoFunctionImagePushed", "OnRepoFunctionImagePulledThrough", "OnRepoFunctionScanResourceChanged":
		return true
	}
	return false
}
