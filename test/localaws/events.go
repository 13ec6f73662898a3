package localaws

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Event is an EventBridge event.
type Event struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       time.Time       `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newEvent makes the event that a service of the account would emit now.
func newEvent(region, source, detailType string, resources []string, detail any) (Event, error) {
	encoded, err := json.Marshal(detail)
	if err != nil {
		return Event{}, fmt.Errorf("encoding the detail of a %s event: %w", detailType, err)
	}
	if resources == nil {
		resources = []string{} // never null in AWS
	}
	return Event{
		Version:    "0",
		ID:         newID(),
		DetailType: detailType,
		Source:     source,
		Account:    Account,
		Time:       time.Now().UTC().Truncate(time.Second),
		Region:     region,
		Resources:  resources,
		Detail:     encoded,
	}, nil
}

// Publish puts an event on the default bus. As with AWS, its ID, account and Region become those of the bus.
func (a *AWS) Publish(ctx context.Context, eventJSON []byte) error {
	var event Event
	if err := json.Unmarshal(eventJSON, &event); err != nil {
		return fmt.Errorf("reading an event: %w", err)
	}
	return a.publish(ctx, event)
}

func (a *AWS) publish(ctx context.Context, events ...Event) error {
	var entries []eventtypes.PutEventsRequestEntry
	for _, event := range events {
		entry := eventtypes.PutEventsRequestEntry{
			Source:     &event.Source,
			DetailType: &event.DetailType,
			Detail:     aws.String(string(event.Detail)),
			Resources:  event.Resources,
		}
		if !event.Time.IsZero() {
			entry.Time = &event.Time
		}
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		return nil
	}
	put, err := a.Quiet.EventBridge.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return fmt.Errorf("publishing events: %w", err)
	}
	for i, result := range put.Entries {
		if result.ErrorCode != nil {
			return fmt.Errorf("publishing a %s event: %s: %s", events[i].DetailType, *result.ErrorCode, aws.ToString(result.ErrorMessage))
		}
	}
	return nil
}
