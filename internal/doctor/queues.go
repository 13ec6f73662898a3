package doctor

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// What a queue tells of its messages.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
const (
	waitingMessages = types.QueueAttributeNameApproximateNumberOfMessages
	takenMessages   = types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
)

// QueueAPI is what the doctor needs of SQS.
type QueueAPI interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// redeploy is what to do about what somebody deleted behind CloudFormation's back.
const redeploy = "somebody deleted it outside of the stack: remove the stack and deploy it again; repository policies stay"

// queues looks whether the queues exist, how much is left of a rollout, and for dead letters.
func (d *Doctor) queues(ctx context.Context, p parts) []Finding {
	if !p.known {
		return nil
	}
	var findings []Finding
	for _, logicalID := range queues() {
		url := p.ids[logicalID]
		if url == "" {
			continue // the resources say so
		}
		output, err := d.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl:       &url,
			AttributeNames: []types.QueueAttributeName{waitingMessages, takenMessages},
		})
		findings = append(findings, queue(logicalID, output, err))
		if awsclient.Unanswered(err) {
			return findings // all others would say the same
		}
	}
	return findings
}

func queue(logicalID string, output *sqs.GetQueueAttributesOutput, err error) Finding {
	subject := "queue"
	if logicalID != requestQueue {
		subject = "dead letters"
	}
	switch {
	case hasCode(err, "AWS.SimpleQueueService.NonExistentQueue"), hasCode(err, "QueueDoesNotExist"):
		return problem(subject, redeploy, "the queue %s does not exist", logicalID)
	case err != nil:
		return unknown(subject, "sqs:GetQueueAttributes", err)
	}
	waiting, err := strconv.Atoi(output.Attributes[string(waitingMessages)])
	taken, takenErr := strconv.Atoi(output.Attributes[string(takenMessages)])
	switch err := errors.Join(err, takenErr); {
	case err != nil:
		return unknown(subject, "sqs:GetQueueAttributes", err)
	case logicalID == requestQueue && waiting > 0 && taken == 0:
		return warning(subject, "look again in a minute; if it stays so, see whether onrepo is throttled or has no concurrency left",
			"%d requests wait in the request queue, and none is at work", waiting)
	case logicalID == requestQueue:
		return ok(subject, "%d requests wait in the request queue, %d are at work or wait for another try", waiting, taken)
	case waiting > 0:
		return problem(subject, "docs/operations.md, "+logicalID[:len(logicalID)-len("Queue")]+"sAlarm, says what they are and how to redrive them",
			"dead letters in %s: %d", logicalID, waiting)
	}
	return ok(subject, "none in %s", logicalID)
}
