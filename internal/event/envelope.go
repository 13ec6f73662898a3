package event

import (
	"encoding/json"
	"fmt"
)

// envelope has the fields of an EventBridge event that are used. No others are decoded, so that they can't make an
// event malformed: AWS's own sample of a pull through cache action has the time 2023-02-29.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
type envelope struct {
	Source     string          `json:"source"`
	DetailType string          `json:"detail-type"`
	Account    string          `json:"account"`
	Detail     json.RawMessage `json:"detail"`
}

// decode returns the event in a message. It must be an event of the account.
func decode(message []byte, account string) (envelope, error) {
	var event envelope
	if err := json.Unmarshal(message, &event); err != nil {
		return envelope{}, fmt.Errorf("decode EventBridge event: %w", err)
	}
	if event.Account != "" && event.Account != account {
		return envelope{}, ignored("the event belongs to account %q, the registry to %s", event.Account, account)
	}
	return event, nil
}

// detailOf returns the detail of an event.
func detailOf[D any](event envelope) (D, error) {
	var detail D
	if err := json.Unmarshal(event.Detail, &detail); err != nil {
		return detail, fmt.Errorf("decode detail of %q: %w", event.DetailType, err)
	}
	return detail, nil
}
