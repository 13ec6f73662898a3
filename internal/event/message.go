package event

import (
	"encoding/json"
	"fmt"
)

// Message is an event as a function receives it.
type Message struct {
	ID       string // of the SQS message; empty for an event that EventBridge sent straight to the function
	Receives int    // how often the SQS message was received, this time included; 1 for an event
	Event    []byte
}

// Messages returns the messages in the payload of a function. An SQS batch has a message in each record. Its body is an
// event, or the record of a failed invocation, which Lambda sends to the dead-letter queue and which contains the
// event. Any other payload is one event.
//
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
func Messages(payload []byte) (messages []Message, queued bool, err error) {
	var batch struct {
		Records []struct {
			MessageID string `json:"messageId"`
			Body      string `json:"body"`

			Attributes struct {
				ApproximateReceiveCount int `json:"ApproximateReceiveCount,string"`
			} `json:"attributes"`
		} `json:"Records"`
	}
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, false, fmt.Errorf("decode payload: %w", err)
	}
	if batch.Records == nil {
		return []Message{{Receives: 1, Event: payload}}, false, nil
	}
	for _, record := range batch.Records {
		messages = append(messages, Message{ID: record.MessageID, Receives: max(1, record.Attributes.ApproximateReceiveCount), Event: eventIn([]byte(record.Body))})
	}
	return messages, true, nil
}

func eventIn(body []byte) []byte {
	var failed struct {
		RequestPayload json.RawMessage `json:"requestPayload"`
	}
	if json.Unmarshal(body, &failed) == nil && failed.RequestPayload != nil {
		return failed.RequestPayload
	}
	return body
}
