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
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// intervalOf returns the time between two events of a schedule rate(...). ok is false for others: only tick runs a
// cron(...).
func intervalOf(schedule string) (interval time.Duration, ok bool) {
	rate, isRate := strings.CutPrefix(schedule, "rate(")
	count, unit, _ := strings.Cut(strings.TrimSuffix(rate, ")"), " ")
	n, err := strconv.Atoi(count)
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	interval = time.Duration(n) * units[strings.TrimSuffix(unit, "s")]
	return interval, isRate && err == nil && interval > 0
}

// repeat starts a rule again and again until the context is done.
func (r *router) repeat(ctx context.Context, rule Rule, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := r.schedule(ctx, rule); err != nil {
				r.fail(ctx, err)
			}
		}
	}
}

// tick starts every rule that has a schedule.
func (r *router) tick(ctx context.Context) error {
	ticked := false
	for _, rule := range r.stack.Rules {
		if rule.Schedule == "" || !rule.Enabled {
			continue
		}
		if err := r.schedule(ctx, rule); err != nil {
			return err
		}
		ticked = true
	}
	if !ticked {
		return errors.New("the stack has no schedule that is enabled")
	}
	return nil
}

// schedule queues a scheduled event for every target of a rule.
func (r *router) schedule(ctx context.Context, rule Rule) error {
	event, err := newEvent(r.sqs.Options().Region, "aws.events", "Scheduled Event", []string{rule.ARN}, struct{}{})
	if err != nil {
		return err
	}
	for _, target := range rule.Targets {
		body, err := json.Marshal(delivery{rule.LogicalID, target.ID, motoEvent{event, float64(event.Time.Unix())}})
		if err != nil {
			return err
		}
		_, err = r.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &r.deliveries, MessageBody: aws.String(string(body))})
		if err != nil {
			return fmt.Errorf("starting %s on schedule: %w", rule.LogicalID, err)
		}
	}
	return nil
}
