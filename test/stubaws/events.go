package stubaws

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Limits of PutEvents: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
const (
	maxEventEntries = 10
	maxEventBytes   = 256 * 1024
)

// Event is a published event.
type Event struct {
	Source     string
	DetailType string
	Detail     string
}

// Published returns the events published since the previous call of Published.
func (a *AWS) Published() []Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	published := a.published
	a.published = nil
	return published
}

type putEventsInput struct{ Entries []Event }

type putEventsResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:",omitempty"`
	ErrorMessage string `json:",omitempty"`
}

type putEventsOutput struct {
	FailedEntryCount int
	Entries          []putEventsResult
}

func (a *AWS) putEvents(input putEventsInput) (putEventsOutput, error) {
	if n := len(input.Entries); n < 1 || n > maxEventEntries {
		return putEventsOutput{}, reject("ValidationException", "stubaws: %d entries; must be 1 to %d", n, maxEventEntries)
	}
	size := 0
	for _, entry := range input.Entries {
		size += len(entry.Source) + len(entry.DetailType) + len(entry.Detail)
	}
	if size > maxEventBytes {
		return putEventsOutput{}, reject("ValidationException", "Total size of the entries in the request is over the limit: %d bytes", size)
	}
	var output putEventsOutput
	for i, entry := range input.Entries {
		if a.EntryFails != nil && a.EntryFails(i) {
			output.FailedEntryCount++
			output.Entries = append(output.Entries, putEventsResult{ErrorCode: "ThrottlingException", ErrorMessage: "Rate exceeded"})
			continue
		}
		a.published = append(a.published, entry)
		output.Entries = append(output.Entries, putEventsResult{EventID: strconv.Itoa(len(a.published))})
	}
	return output, nil
}

// Envelope returns an event in the form in which EventBridge delivers it.
func (a *AWS) Envelope(event Event, resources ...string) []byte {
	envelope, err := json.Marshal(map[string]any{
		"version": "0", "id": "00000000-0000-4000-8000-000000000000", "time": "2026-11-23T09:00:00Z",
		"account": a.Account, "region": a.Region, "resources": slices.Concat([]string{}, resources),
		"source": event.Source, "detail-type": event.DetailType, "detail": json.RawMessage(event.Detail),
	})
	if err != nil {
		panic(err) // the detail isn't JSON, which is an error in the test
	}
	return envelope
}
