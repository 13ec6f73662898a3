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

// maxReceives is the maxReceiveCount of template.yaml.
const maxReceives = 5

// queue is the request queue: it has what was published to the cloud. A message that fails comes back at once, not
// after twelve minutes.
type queue struct {
	cloud *stubaws.AWS

	mu       sync.Mutex
	changed  *sync.Cond
	waiting  []message
	inFlight int
	handled  int
	failed   int
}

type message struct {
	request  stubaws.Event
	receives int
}

func newQueue(cloud *stubaws.AWS) *queue {
	q := &queue{cloud: cloud}
	q.changed = sync.NewCond(&q.mu)
	q.receivePublished()
	return q
}

func (q *queue) receivePublished() {
	for _, request := range q.cloud.Published() {
		q.waiting = append(q.waiting, message{request: request})
	}
}

// poll feeds an instance with one message after the other until there will be no more.
func (q *queue) poll(ctx context.Context, instance *function.Function) error {
	for ctx.Err() == nil {
		m, ok := q.take()
		if !ok {
			return nil
		}
		failed, err := q.handle(ctx, instance, m)
		q.giveBack(m, failed)
		if err != nil {
			return err
		}
		if failed && m.receives == maxReceives {
			return fmt.Errorf("a message failed %d times: %s", maxReceives, m.request.Detail)
		}
	}
	return context.Cause(ctx)
}

// take waits for a message. There will be no more if none waits and none is in flight: what is in flight may come back.
func (q *queue) take() (message, bool) {
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

func (q *queue) giveBack(m message, failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	q.handled++
	if failed {
		q.failed++
		q.waiting = append(q.waiting, m)
	}
	q.receivePublished()
	q.changed.Broadcast()
}

func (q *queue) handle(ctx context.Context, instance *function.Function, m message) (failed bool, err error) {
	event, err := function.Message(q.cloud, strconv.Itoa(m.receives), m.request)
	if err != nil {
		return false, err
	}
	answer, err := instance.Invoke(ctx, event)
	if err != nil {
		return false, err
	}
	var response events.SQSEventResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		return false, fmt.Errorf("read the function's answer: %w", err)
	}
	return len(response.BatchItemFailures) > 0, nil
}
