package function

import (
	"encoding/json"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// Message returns the event with which the event source mapping invokes onrepo. It contains one message of the request
// queue, because BatchSize is 1 in template.yaml.
func Message(cloud *stubaws.AWS, id string, request stubaws.Event) ([]byte, error) {
	return json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId:      id,
		ReceiptHandle:  "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
		Body:           string(cloud.Envelope(request)),
		Attributes:     map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1795424400000"},
		EventSource:    "aws:sqs",
		EventSourceARN: "arn:aws:sqs:" + cloud.Region + ":" + cloud.Account + ":ecr-pull-policy-RequestQueue",
		AWSRegion:      cloud.Region,
	}}})
}
