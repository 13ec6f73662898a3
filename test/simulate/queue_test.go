package simulate

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// As template.yaml makes the queue of requests.
const (
	visibilityTimeout  = 720 * time.Second
	maxReceiveCount    = 5
	maximumConcurrency = 2
)

// queue is the queue of requests. Lambda polls it, one message at a time: what failed comes back when its visibility
// times out.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
type queue struct {
	messages []*message
	sent     int
	handled  int // at this moment
}

type message struct {
	id      int
	event   event
	receipt int // how often it was received
	visible bool
}

func (w *world) send(e event) {
	w.queue.sent++
	w.queue.messages = append(w.queue.messages, &message{id: w.queue.sent, event: e, visible: true})
}

// receivable returns the indices of the messages that may be received now.
func (q *queue) receivable() (indices []int) {
	if q.handled == maximumConcurrency {
		return nil
	}
	for i, m := range q.messages {
		if m.visible {
			indices = append(indices, i)
		}
	}
	return indices
}

func (q *queue) remove(m *message) {
	for i := range q.messages {
		if q.messages[i] == m {
			q.messages = append(q.messages[:i], q.messages[i+1:]...)
			return
		}
	}
}

func (w *world) receive(i int) {
	m := w.queue.messages[i]
	if m.receipt == maxReceiveCount {
		w.queue.remove(m)
		w.deadLetter(m.event)
		return
	}
	m.receipt++
	m.visible = false
	w.later(visibilityTimeout, func() { m.visible = true })
	batch, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{MessageId: fmt.Sprint(m.id), Body: string(m.event.envelope())}}})
	if err != nil {
		panic(err)
	}
	w.queue.handled++
	w.invoke("onrepo", batch, m.event, fmt.Sprintf("message %d, %s", m.id, m.event.what), func(ok bool) {
		w.queue.handled--
		switch {
		case !ok:
		case w.turmoil && w.percent(w.weather.duplicates): // SQS delivers at least once
			w.counted["fault: a message is delivered again"]++
			m.visible = true
		default:
			w.queue.remove(m)
		}
	})
}
