package e2e_test

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// deadLetters returns the bodies of the messages in the dead-letter queue of onrepo.
func (r registry) deadLetters() []string {
	r.t.Helper()
	var bodies []string
	for {
		output, err := r.SQS.ReceiveMessage(r.t.Context(), &sqs.ReceiveMessageInput{
			QueueUrl:            aws.String(r.Stack.Outputs["OnRepoDeadLetterQueueUrl"]),
			MaxNumberOfMessages: 10,
		})
		r.must(err)
		if len(output.Messages) == 0 {
			return bodies
		}
		for _, message := range output.Messages {
			bodies = append(bodies, aws.ToString(message.Body))
		}
	}
}
