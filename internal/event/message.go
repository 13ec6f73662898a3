package event

import (
	"encoding/json"
	"fmt"
)

// Message is an event as the function received it.
type Message struct {
	ID       string // of the SQS message; empty for an event that EventBridge sent straight to the function
	Receives int    // how often the SQS message was received, this time included; 1 for an event
	Event    []byte
}

// Messages splits a function's payload: an SQS batch has a message per record, whose body is an event, or
// the record of a failed invocation, as Lambda leaves it in the dead-letter queue, with the event in it. Anything
// else is one event.
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
