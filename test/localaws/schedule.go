package localaws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/hashicorp/cronexpr"
)

// scheduleOf returns when a schedule rate(...) or cron(...) runs next after a time.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
func scheduleOf(expression string) (next func(time.Time) time.Time, err error) {
	kind, fields, _ := strings.Cut(strings.TrimSuffix(expression, ")"), "(")
	switch kind {
	case "rate":
		count, unit, _ := strings.Cut(fields, " ")
		n, err := strconv.Atoi(count)
		units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
		interval := time.Duration(n) * units[strings.TrimSuffix(unit, "s")]
		if err != nil || interval <= 0 {
			return nil, fmt.Errorf("the schedule %q isn't a rate", expression)
		}
		return func(last time.Time) time.Time { return last.Add(interval) }, nil
	case "cron":
		// The days of the week have other numbers than in AWS. The template allows neither these nor other days.
		parsed, err := cronexpr.Parse(fields)
		if err != nil {
			return nil, fmt.Errorf("the schedule %q: %w", expression, err)
		}
		return func(last time.Time) time.Time { return parsed.Next(last.UTC()) }, nil
	default:
		return nil, fmt.Errorf("the schedule %q is neither rate(...) nor cron(...)", expression)
	}
}

// repeat runs what is scheduled at its times, until the context is done.
func repeat(ctx context.Context, next func(time.Time) time.Time, run func()) {
	last := time.Now()
	for {
		last = next(last)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(last)):
			run()
		}
	}
}

// tick starts every rule that has a schedule.
func (r *router) tick(ctx context.Context) error {
	ticked := false
	for _, schedule := range r.schedules {
		started, err := r.start(ctx, schedule.rule)
		if err != nil {
			return fmt.Errorf("starting %s on schedule: %w", schedule.rule.LogicalID, err)
		}
		ticked = ticked || started
	}
	if !ticked {
		return errors.New("the stack has no schedule that is enabled")
	}
	return nil
}

// start queues a scheduled event for every target of a rule, unless somebody has disabled it.
func (r *router) start(ctx context.Context, rule Rule) (started bool, err error) {
	now, err := r.eventBridge.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &rule.Name})
	if err != nil || now.State == eventtypes.RuleStateDisabled {
		return false, err
	}
	event, err := newEvent(r.sqs.Options().Region, "aws.events", "Scheduled Event", []string{rule.ARN}, struct{}{})
	if err != nil {
		return false, err
	}
	for _, target := range rule.Targets {
		body, err := json.Marshal(delivery{rule.LogicalID, target.ID, motoEvent{event, float64(event.Time.Unix())}})
		if err != nil {
			return false, err
		}
		_, err = r.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &r.deliveries, MessageBody: aws.String(string(body))})
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
