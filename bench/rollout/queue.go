package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// maxReceives is the maxReceiveCount of the request queue in template.yaml.
const maxReceives = 5

// queue simulates the request queue. Each event published to the cloud is a message in the queue. In contrast to SQS, a
// failed message can be received again at once instead of after twelve minutes.
type queue struct {
	cloud *stubaws.AWS

	mu       sync.Mutex
	changed  *sync.Cond
	waiting  []message
	inFlight int
	handled  int // messages processed, including failed ones
	failed   int // messages that failed
}

type message struct {
	request  stubaws.Event
	receives int // number of times that the message was received
}

func newQueue(cloud *stubaws.AWS) *queue {
	q := &queue{cloud: cloud}
	q.changed = sync.NewCond(&q.mu)
	q.addPublished()
	return q
}

func (q *queue) addPublished() {
	for _, request := range q.cloud.Published() {
		q.waiting = append(q.waiting, message{request: request})
	}
}

// poll invokes an instance with one message at a time, until all messages are processed.
func (q *queue) poll(ctx context.Context, instance *function.Function) error {
	for ctx.Err() == nil {
		m, ok := q.receive()
		if !ok {
			return nil
		}
		failed, err := q.handle(ctx, instance, m)
		q.finish(m, failed)
		if err != nil {
			return err
		}
		if failed && m.receives == maxReceives {
			return fmt.Errorf("a message failed %d times: %s", maxReceives, m.request.Detail)
		}
	}
	return context.Cause(ctx)
}

// receive returns the next message. If no message is waiting but some are in flight, it waits, because a message in
// flight can fail and become available again. It returns false if all messages are processed.
func (q *queue) receive() (message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && q.inFlight > 0 {
		q.changed.Wait()
	}
	if len(q.waiting) == 0 {
		return message{}, false
	}
	m := q.waiting[0]
	q.waiting = q.waiting[1:]
	m.receives++
	q.inFlight++
	return m, true
}

// finish records the outcome of a message. If the message failed, it becomes available again.
func (q *queue) finish(m message, failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	q.handled++
	if failed {
		q.failed++
		q.waiting = append(q.waiting, m)
	}
	q.addPublished()
	q.changed.Broadcast()
}

// handle invokes an instance with a message, and reports whether the function returned the message as failed.
func (q *queue) handle(ctx context.Context, instance *function.Function, m message) (failed bool, err error) {
	event, err := function.Message(q.cloud, strconv.Itoa(m.receives), m.request)
	if err != nil {
		return false, err
	}
	output, err := instance.Invoke(ctx, event)
	if err != nil {
		return false, err
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal(output, &response); err != nil {
		return false, fmt.Errorf("parse the function's response: %w", err)
	}
	return len(response.BatchItemFailures) > 0, nil
}
