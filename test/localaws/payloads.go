package localaws

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// queueEvent is what an event source mapping invokes a function with.
type queueEvent struct {
	Records []queueRecord `json:"Records"`
}

type queueRecord struct {
	MessageID         string                    `json:"messageId"`
	ReceiptHandle     string                    `json:"receiptHandle"`
	Body              string                    `json:"body"`
	Attributes        map[string]string         `json:"attributes"`
	MessageAttributes map[string]queueAttribute `json:"messageAttributes"`
	MD5OfBody         string                    `json:"md5OfBody"`
	EventSource       string                    `json:"eventSource"`
	EventSourceARN    string                    `json:"eventSourceARN"`
	Region            string                    `json:"awsRegion"`
}

type queueAttribute struct {
	StringValue *string `json:"stringValue,omitempty"`
	BinaryValue []byte  `json:"binaryValue,omitempty"`
	DataType    string  `json:"dataType"`
}

func newQueueEvent(region, queueARN string, messages []types.Message) queueEvent {
	var event queueEvent
	for _, message := range messages {
		attributes := map[string]queueAttribute{}
		for name, attribute := range message.MessageAttributes {
			attributes[name] = queueAttribute{
				StringValue: attribute.StringValue,
				BinaryValue: attribute.BinaryValue,
				DataType:    aws.ToString(attribute.DataType),
			}
		}
		event.Records = append(event.Records, queueRecord{
			MessageID:         aws.ToString(message.MessageId),
			ReceiptHandle:     aws.ToString(message.ReceiptHandle),
			Body:              aws.ToString(message.Body),
			Attributes:        message.Attributes,
			MessageAttributes: attributes,
			MD5OfBody:         aws.ToString(message.MD5OfBody),
			EventSource:       "aws:sqs",
			EventSourceARN:    queueARN,
			Region:            region,
		})
	}
	return event
}

// batchResponse is the answer of a function that reports the failed messages of a batch.
type batchResponse struct {
	BatchItemFailures []struct {
		ItemIdentifier string `json:"itemIdentifier"`
	} `json:"batchItemFailures"`
}

// FailureRecord is what Lambda sends to a function's on-failure destination.
type FailureRecord struct {
	Version         string          `json:"version"`
	Timestamp       time.Time       `json:"timestamp"`
	RequestContext  RequestContext  `json:"requestContext"`
	RequestPayload  json.RawMessage `json:"requestPayload"`
	ResponseContext ResponseContext `json:"responseContext"`
	ResponsePayload json.RawMessage `json:"responsePayload,omitempty"`
}

// RequestContext identifies the event that Lambda gave up on, and the reason.
type RequestContext struct {
	RequestID              string `json:"requestId"`
	FunctionARN            string `json:"functionArn"`
	Condition              string `json:"condition"`
	ApproximateInvokeCount int    `json:"approximateInvokeCount"`
}

// ResponseContext describes the last response of the function.
type ResponseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError"`
}

func newFailureRecord(function Function, last Invocation) FailureRecord {
	return FailureRecord{
		Version:   "1.0",
		Timestamp: time.Now().UTC(),
		RequestContext: RequestContext{
			RequestID:              newID(),
			FunctionARN:            function.ARN + ":$LATEST",
			Condition:              "RetriesExhausted",
			ApproximateInvokeCount: last.Attempt,
		},
		RequestPayload:  last.Payload,
		ResponseContext: ResponseContext{StatusCode: 200, ExecutedVersion: "$LATEST", FunctionError: "Unhandled"},
		ResponsePayload: last.Response,
	}
}
