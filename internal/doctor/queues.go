package doctor

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// The attributes of a queue that count its messages:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
const (
	waitingMessages   = types.QueueAttributeNameApproximateNumberOfMessages
	processedMessages = types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
)

// QueueAPI has the SQS operations that the checks use.
type QueueAPI interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// redeploy is the remedy for a missing resource that the stack still contains.
const redeploy = "the resource was deleted outside CloudFormation: delete the stack and deploy it again; repository policies don't change"

// queues checks whether the queues exist, counts the requests that remain of a rollout, and checks for dead letters.
func (d *Doctor) queues(ctx context.Context, p parts) []Finding {
	if !p.known {
		return nil
	}
	var findings []Finding
	for _, logicalID := range queues() {
		url := p.ids[logicalID]
		if url == "" {
			continue // complete reports it
		}
		output, err := d.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
			QueueUrl:       &url,
			AttributeNames: []types.QueueAttributeName{waitingMessages, processedMessages},
		})
		findings = append(findings, queue(logicalID, output, err))
		if awsclient.Unanswered(err) {
			return findings // the other calls would get no response either
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
	case awsclient.HasCode(err, "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"):
		return problem(subject, redeploy, "the queue %s doesn't exist", logicalID)
	case err != nil:
		return unknown(subject, "sqs:GetQueueAttributes", err)
	}
	waiting, err := strconv.Atoi(output.Attributes[string(waitingMessages)])
	processed, processedErr := strconv.Atoi(output.Attributes[string(processedMessages)])
	switch err := errors.Join(err, processedErr); {
	case err != nil:
		return unknown(subject, "sqs:GetQueueAttributes", err)
	case logicalID == requestQueue && waiting > 0 && processed == 0:
		return warning(subject, "run doctor again in a minute; if no request is processed then, check whether onrepo is throttled or has no concurrency left",
			"requests waiting in the request queue: %d; none is being processed", waiting)
	case logicalID == requestQueue:
		return ok(subject, "requests in the request queue: %d waiting, %d being processed or retried later", waiting, processed)
	case waiting > 0:
		return problem(subject, "see "+strings.TrimSuffix(logicalID, "Queue")+"sAlarm in docs/operations.md for the causes and how to redrive dead letters",
			"dead letters in %s: %d", logicalID, waiting)
	}
	return ok(subject, "%s is empty", logicalID)
}
