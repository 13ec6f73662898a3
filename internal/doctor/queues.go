package doctor

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// QueueAPI is what the doctor needs of SQS.
type QueueAPI interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// queues looks whether the queues exist, how much is left of a rollout, and for dead letters.
func (d *Doctor) queues(ctx context.Context, p parts) []Finding {
	if !p.known {
		return nil
	}
	var findings []Finding
	for _, logicalID := range queues() {
		if url := p.ids[logicalID]; url != "" {
			findings = append(findings, d.queue(ctx, logicalID, url))
		}
	}
	return findings
}

func (d *Doctor) queue(ctx context.Context, logicalID, url string) Finding {
	subject := "queue"
	if logicalID != requestQueue {
		subject = "dead letters"
	}
	output, err := d.SQS.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl:       &url,
		AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages},
	})
	switch {
	case hasCode(err, "AWS.SimpleQueueService.NonExistentQueue"), hasCode(err, "QueueDoesNotExist"):
		return problem(subject, "somebody deleted it outside of the stack: remove the stack and deploy it again; repository policies stay",
			"the queue %s does not exist", logicalID)
	case err != nil:
		return unknown(subject, "sqs:GetQueueAttributes", err)
	}
	waiting, err := strconv.Atoi(output.Attributes[string(types.QueueAttributeNameApproximateNumberOfMessages)])
	switch {
	case err != nil:
		return unknown(subject, "sqs:GetQueueAttributes", err)
	case logicalID == requestQueue:
		return ok(subject, "the request queue is there; %d requests wait in it", waiting)
	case waiting > 0:
		return problem(subject, "docs/operations.md, "+logicalID[:len(logicalID)-len("Queue")]+"sAlarm, says what they are and how to redrive them",
			"%d dead letters in %s", waiting, logicalID)
	}
	return ok(subject, "none in %s", logicalID)
}
