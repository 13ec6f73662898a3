// Command faulty is a Lambda function that fails as its payload specifies: anywhere in it, "faulty": "error", "panic",
// "exit" or "sleep" makes it do so. It reports the messages of a batch that have "faulty": "item".
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(_ context.Context, payload json.RawMessage) (events.SQSEventResponse, error) {
		wants := func(fault string) bool {
			return strings.Contains(strings.NewReplacer(`\`, "", " ", "").Replace(string(payload)), `"faulty":"`+fault+`"`)
		}
		switch {
		case wants("error"):
			return events.SQSEventResponse{}, errors.New("as asked")
		case wants("panic"):
			panic("as asked")
		case wants("exit"):
			os.Exit(3)
		case wants("sleep"):
			time.Sleep(time.Hour)
		}
		var response events.SQSEventResponse
		var batch events.SQSEvent
		if json.Unmarshal(payload, &batch) == nil && wants("item") {
			for _, record := range batch.Records {
				response.BatchItemFailures = append(response.BatchItemFailures,
					events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
			}
		}
		return response, nil
	})
}
