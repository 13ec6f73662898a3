package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
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

// queues checks whether the queues exist, counts the requests that remain of a rollout, checks for dead letters, and
// checks whether the rules can send events to the queues.
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
			AttributeNames: []types.QueueAttributeName{waitingMessages, processedMessages, types.QueueAttributeNameQueueArn, types.QueueAttributeNamePolicy},
		})
		findings = append(findings, queue(logicalID, output, err))
		if err == nil {
			findings = append(findings, d.senders(p, logicalID, output.Attributes)...)
		}
		if awsclient.Unanswered(err) {
			return findings // the other calls would get no response either
		}
	}
	return findings
}

// senders checks whether the policy of a queue lets the rules send events to it. If it doesn't, these events are lost.
func (d *Doctor) senders(p parts, logicalID string, attributes map[string]string) []Finding {
	policy := iampolicy.Document{Name: "queue policy"}
	if text := attributes[string(types.QueueAttributeNamePolicy)]; text != "" {
		policy.Statements, policy.Err = iampolicy.Read(text)
	}
	var rejected []string
	for _, rule := range rules() {
		if p.ids[rule] == "" || !sends(rule, logicalID) {
			continue
		}
		arn := fmt.Sprintf("arn:%s:events:%s:%s:rule/%s", d.Standard.Registry.Partition, d.Standard.Registry.Region, d.Standard.Registry.AccountID, p.ids[rule])
		sender := iampolicy.Consumer{Kind: iampolicy.ServicePrincipal, ID: "events.amazonaws.com", Account: d.Standard.Registry.AccountID, Source: arn}
		request := iampolicy.Request{Consumer: sender, Resource: attributes[string(types.QueueAttributeNameQueueArn)]}
		if iampolicy.Evaluate([]iampolicy.Document{policy}, request).Decide("sqs:SendMessage").Answer == iampolicy.No {
			rejected = append(rejected, rule)
		}
	}
	if len(rejected) == 0 {
		return nil
	}
	return []Finding{problem(subjectOf(logicalID), "restore the statements of "+logicalID+"Policy in template.yaml, then start a rollout: see LostEventsAlarm in docs/operations.md",
		"the policy of the queue %s doesn't let these rules send events, so events can be lost: %s", logicalID, phrase.Some(rejected))}
}

// sends reports whether a rule sends events to a queue: requests to their queue, and what it can't deliver to a
// function or to that queue to a dead-letter queue.
func sends(rule, queue string) bool {
	if rule == "RequestRule" {
		return queue != "OnAccountDeadLetterQueue"
	}
	function, isDeadLetterQueue := strings.CutSuffix(queue, "DeadLetterQueue")
	return isDeadLetterQueue && strings.HasPrefix(rule, function+"Function")
}

func subjectOf(logicalID string) string {
	if logicalID == requestQueue {
		return "queue"
	}
	return "dead letters"
}

func queue(logicalID string, output *sqs.GetQueueAttributesOutput, err error) Finding {
	subject := subjectOf(logicalID)
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
