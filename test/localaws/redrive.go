package localaws

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// redrives moves messages out of dead-letter queues, which moto can't. A task is complete when it has been answered.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
type redrives struct {
	sqs *sqs.Client

	mu    sync.Mutex
	tasks []moveTask // the newest first
}

// moveTask is a result of ListMessageMoveTasks.
type moveTask struct {
	Status           string
	SourceArn        string
	DestinationArn   string `json:",omitempty"`
	Moved            int    `json:"ApproximateNumberOfMessagesMoved"`
	ToMove           int    `json:"ApproximateNumberOfMessagesToMove"`
	StartedTimestamp int64
}

// start plays StartMessageMoveTask. Without a destination, messages go back to the queue that they came from.
func (d *redrives) start(ctx context.Context, c call) (any, error) {
	var asked moveTask
	if err := json.Unmarshal(c.parameters, &asked); err != nil {
		return nil, &apiError{"InvalidParameterValue", err.Error()}
	}
	from, err := queueURL(ctx, d.sqs, asked.SourceArn)
	if err != nil {
		return nil, &apiError{"ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist."}
	}
	sources, err := d.sqs.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &from})
	if err != nil {
		return nil, fmt.Errorf("listing the queues that have the dead-letter queue %s: %w", asked.SourceArn, err)
	}
	if len(sources.QueueUrls) == 0 {
		return nil, &apiError{"InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue."}
	}
	to := sources.QueueUrls[0] // no queue of the stack shares its dead-letter queue
	if asked.DestinationArn != "" {
		if to, err = queueURL(ctx, d.sqs, asked.DestinationArn); err != nil {
			return nil, &apiError{"ResourceNotFoundException", "The resource that you specified for the DestinationArn parameter doesn't exist."}
		}
	}
	task := moveTask{Status: "COMPLETED", SourceArn: asked.SourceArn, DestinationArn: asked.DestinationArn, StartedTimestamp: time.Now().UnixMilli()}
	if task.ToMove, err = d.count(ctx, from); err != nil {
		return nil, err
	}
	if task.Moved, err = d.move(ctx, from, to, task.ToMove); err != nil {
		return nil, fmt.Errorf("moving the messages of %s: %w", asked.SourceArn, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks = slices.Insert(d.tasks, 0, task)
	return object{"TaskHandle": newID()}, nil
}

func (d *redrives) count(ctx context.Context, url string) (int, error) {
	const name = types.QueueAttributeNameApproximateNumberOfMessages
	got, err := d.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{name}})
	if err != nil {
		return 0, fmt.Errorf("counting the messages of %s: %w", url, err)
	}
	return strconv.Atoi(got.Attributes[string(name)])
}

// move moves no more messages than there were: what fails again comes back meanwhile.
func (d *redrives) move(ctx context.Context, from, to string, most int) (moved int, err error) {
	for moved < most {
		received, err := d.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &from})
		if err != nil || len(received.Messages) == 0 {
			return moved, err
		}
		message := received.Messages[0]
		if _, err := d.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &to, MessageBody: message.Body}); err != nil {
			return moved, err
		}
		if _, err := d.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &from, ReceiptHandle: message.ReceiptHandle}); err != nil {
			return moved, err
		}
		moved++
	}
	return moved, nil
}

// list plays ListMessageMoveTasks.
func (d *redrives) list(_ context.Context, c call) (any, error) {
	var asked struct {
		SourceArn  string
		MaxResults *int
	}
	if err := json.Unmarshal(c.parameters, &asked); err != nil {
		return nil, &apiError{"InvalidParameterValue", err.Error()}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	results := slices.DeleteFunc(slices.Clone(d.tasks), func(t moveTask) bool { return t.SourceArn != asked.SourceArn })
	if most := max(1, aws.ToInt(asked.MaxResults)); len(results) > most {
		results = results[:most]
	}
	return object{"Results": results}, nil
}
