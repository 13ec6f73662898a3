package simulate

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Settings of the request queue and of its event source mapping, as in template.yaml.
const (
	visibilityTimeout  = 720 * time.Second
	maxReceiveCount    = 5
	maximumConcurrency = 2
)

// queue is the request queue. Lambda receives one message for each invocation. A message that failed becomes visible
// again after the visibility timeout.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
type queue struct {
	messages []*message
	sent     int // number of messages sent
	inFlight int // number of messages that invocations are processing
}

type message struct {
	id       int
	event    event
	receives int // number of times that the message was received
	visible  bool
}

func (w *world) send(e event) {
	w.queue.sent++
	w.queue.messages = append(w.queue.messages, &message{id: w.queue.sent, event: e, visible: true})
}

// receivable returns the indices of the messages that Lambda can receive now.
func (q *queue) receivable() (indices []int) {
	if q.inFlight == maximumConcurrency {
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

// receive invokes onrepo with a message, or moves the message to the dead-letter queue after too many receives.
func (w *world) receive(i int) {
	m := w.queue.messages[i]
	if m.receives == maxReceiveCount {
		w.queue.remove(m)
		w.deadLetter(m.event)
		return
	}
	m.receives++
	m.visible = false
	w.later(visibilityTimeout, func() { m.visible = true })
	batch, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{MessageId: fmt.Sprint(m.id), Body: string(m.event.envelope())}}})
	if err != nil {
		panic(err)
	}
	w.queue.inFlight++
	w.invoke("onrepo", batch, m.event, fmt.Sprintf("message %d, %s", m.id, m.event.label), func(ok bool) {
		w.queue.inFlight--
		switch {
		case !ok:
		case w.turmoil && w.percent(w.rates.duplicates): // SQS delivers at least once
			w.counted["fault: message delivered again"]++
			m.visible = true
		default:
			w.queue.remove(m)
		}
	})
}
