package event

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	smithytime "github.com/aws/smithy-go/time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
)

// PutEventsAPI is the part of the EventBridge API that the publisher uses.
type PutEventsAPI interface {
	PutEvents(context.Context, *eventbridge.PutEventsInput, ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

const (
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
	maxEntries = 10

	// Well below the limit of a call, which AWS raised from 256 KB to 1 MB.
	//
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
	maxBytes = 200_000

	// Entries that fail are sent again after 100 ms, 200 ms, … 3.2 s.
	maxAttempts  = 7
	firstBackoff = 100 * time.Millisecond
)

// Publisher collects names of repositories and publishes them in requests of up to 100 names, and in calls of up to 10
// requests.
type Publisher struct {
	api        PutEventsAPI
	trigger    string
	principals Principals
	names      []string
	entries    []types.PutEventsRequestEntry
	bytes      int
}

// NewPublisher returns a publisher without any names. trigger is the trigger of its requests: TriggerListChanged,
// TriggerScheduled, or empty. principals is what is known about the principals in the lists.
func NewPublisher(api PutEventsAPI, trigger string, principals Principals) *Publisher {
	return &Publisher{api: api, trigger: trigger, principals: principals}
}

// Add adds a repository.
func (p *Publisher) Add(ctx context.Context, repository string) error {
	p.names = append(p.names, repository)
	if len(p.names) < MaxRequestNames {
		return nil
	}
	return p.closeRequest(ctx)
}

// Publish adds repositories, and publishes all that were added.
func (p *Publisher) Publish(ctx context.Context, repositories []string) error {
	for _, repository := range repositories {
		if err := p.Add(ctx, repository); err != nil {
			return err
		}
	}
	return p.Flush(ctx)
}

// Flush publishes all repositories that were added. The publisher can be used again.
func (p *Publisher) Flush(ctx context.Context) error {
	if len(p.names) > 0 {
		if err := p.closeRequest(ctx); err != nil {
			return err
		}
	}
	return p.put(ctx)
}

// closeRequest makes an entry of the collected names, and publishes the entries if they fill a call.
func (p *Publisher) closeRequest(ctx context.Context) error {
	detail, err := json.Marshal(Request{Trigger: p.trigger, Principals: p.principals, Repositories: p.names})
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	p.names = p.names[:0]
	if p.bytes+len(detail) > maxBytes {
		if err := p.put(ctx); err != nil {
			return err
		}
	}
	p.entries = append(p.entries, types.PutEventsRequestEntry{
		Source:     aws.String(RequestSource),
		DetailType: aws.String(RequestDetailType),
		Detail:     aws.String(string(detail)),
	})
	p.bytes += len(detail)
	if len(p.entries) == maxEntries {
		return p.put(ctx)
	}
	return nil
}

func entries(n int) string { return phrase.Count(n, "entry", "entries") }

// put publishes the entries. EventBridge can accept some and reject others. Rejected entries are sent again.
func (p *Publisher) put(ctx context.Context) error {
	backoff := firstBackoff
	for attempt := 1; len(p.entries) > 0; attempt++ {
		output, err := p.api.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: p.entries})
		if err != nil {
			return fmt.Errorf("publish requests: %w", err)
		}
		if len(output.Entries) != len(p.entries) { // AWS promises one for each
			return fmt.Errorf("publish requests: EventBridge returned results for only %d of %s", len(output.Entries), entries(len(p.entries)))
		}
		var failed []types.PutEventsRequestEntry
		var reason string
		for i, entry := range output.Entries {
			if entry.ErrorCode != nil {
				failed = append(failed, p.entries[i])
				reason = aws.ToString(entry.ErrorCode) + ": " + aws.ToString(entry.ErrorMessage)
			}
		}
		if len(failed) > 0 && attempt == maxAttempts {
			return fmt.Errorf("publish requests: EventBridge still rejects %d of %s after %d attempts: %s",
				len(failed), entries(len(p.entries)), maxAttempts, reason)
		}
		p.entries = failed
		if len(failed) > 0 {
			if err := smithytime.SleepWithContext(ctx, backoff); err != nil {
				return fmt.Errorf("publish requests: %w (EventBridge rejected %s: %s)", err, entries(len(failed)), reason)
			}
			backoff *= 2
		}
	}
	p.bytes = 0
	return nil
}
