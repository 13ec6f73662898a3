package localaws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Activity is what happened.
type Activity struct {
	Deliveries  []Delivery
	Invocations []Invocation
	Dead        []FailureRecord // the events that functions gave up on
}

// Of returns the invocations of a function, by its logical ID.
func (a Activity) Of(function string) []Invocation {
	return slices.DeleteFunc(slices.Clone(a.Invocations), func(i Invocation) bool { return i.Function != function })
}

// Errors returns the errors of the invocations that failed.
func (a Activity) Errors() []error {
	var errs []error
	for _, invocation := range a.Invocations {
		if invocation.Error != nil {
			errs = append(errs, fmt.Errorf("%s failed: %w", invocation.Function, invocation.Error))
		}
	}
	return errs
}

// Delivery is an event that a rule sent to a target.
type Delivery struct {
	Rule   string // logical ID
	Target string // a function's logical ID or a queue's ARN
	Event  Event
}

// Invocation is one run of a function.
type Invocation struct {
	Function string // logical ID
	Source   string // the logical ID of the rule, or the ARN of the queue, that the payload came by; empty for Invoke
	Attempt  int    // from 1 on; of an event
	Payload  json.RawMessage
	Response json.RawMessage
	Error    *FunctionError // nil if it succeeded
	Duration time.Duration
	Logs     []LogLine
}

// router brings events from rules to their targets, and messages from queues to functions: what EventBridge and
// Lambda do in AWS, and moto doesn't.
//
// Every target of a rule is replaced by one queue, and each message in it contains its target. Therefore, only the
// patterns of the template determine which events are delivered.
type router struct {
	stack       *Stack
	eventBridge *eventbridge.Client
	sqs         *sqs.Client
	runners     map[string]*runner // by logical ID
	deliveries  string             // URL of the queue
	sources     []polledSource
	schedules   []schedule
	watcher     Watcher

	mu       sync.Mutex
	inFlight int
	begun    int // batches of messages taken from a queue, ever
	activity Activity
	errs     []error
}

// schedule is when a rule starts by itself.
type schedule struct {
	rule Rule
	next func(time.Time) time.Time
}

type polledSource struct {
	EventSource
	url string
}

// delivery is a message in the queue of deliveries.
type delivery struct {
	Rule   string    `json:"rule"`   // logical ID
	Target string    `json:"target"` // ID
	Event  motoEvent `json:"event"`
}

// motoEvent is an event as moto passes it whole: the time is a number of seconds.
type motoEvent struct {
	Event
	Time float64 `json:"time"`
}

func (e motoEvent) event() Event {
	event := e.Event
	event.Time = time.Unix(int64(e.Time), 0).UTC()
	return event
}

func newRouter(ctx context.Context, stack *Stack, clients Clients, runners map[string]*runner, watcher Watcher) (*router, error) {
	r := &router{stack: stack, eventBridge: clients.EventBridge, sqs: clients.SQS, runners: runners, watcher: watcher}
	created, err := clients.SQS.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName:  aws.String("localaws-deliveries"),
		Attributes: map[string]string{"VisibilityTimeout": "43200"}, // nothing is delivered twice
	})
	if err != nil {
		return nil, fmt.Errorf("creating the queue of deliveries: %w", err)
	}
	r.deliveries = aws.ToString(created.QueueUrl)
	queue := fmt.Sprintf("arn:aws:sqs:%s:%s:localaws-deliveries", clients.SQS.Options().Region, Account)
	for _, rule := range stack.Rules {
		if err := r.redirect(ctx, rule, queue); err != nil {
			return nil, fmt.Errorf("redirecting the rule %s: %w", rule.LogicalID, err)
		}
		if rule.Schedule == "" {
			continue
		}
		next, err := scheduleOf(rule.Schedule)
		if err != nil {
			return nil, err
		}
		r.schedules = append(r.schedules, schedule{rule, next})
	}
	for _, source := range stack.Sources {
		url, err := queueURL(ctx, clients.SQS, source.QueueARN)
		if err != nil {
			return nil, err
		}
		r.sources = append(r.sources, polledSource{source, url})
	}
	return r, nil
}

// redirect replaces the targets of a rule.
func (r *router) redirect(ctx context.Context, rule Rule, queue string) error {
	var ids []string
	var targets []eventtypes.Target
	for _, target := range rule.Targets {
		ids = append(ids, target.ID)
		targets = append(targets, eventtypes.Target{
			Id:  &target.ID,
			Arn: &queue,
			InputTransformer: &eventtypes.InputTransformer{
				// One path that the template has no use for: moto parses nine of its own, slowly, if there is none.
				InputPathsMap: map[string]string{"unused": "$.id"},
				InputTemplate: aws.String(fmt.Sprintf(`{"rule": %q, "target": %q, "event": <aws.events.event.json>}`, rule.LogicalID, target.ID)),
			},
		})
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := r.eventBridge.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: &rule.Name, Ids: ids}); err != nil {
		return err
	}
	_, err := r.eventBridge.PutTargets(ctx, &eventbridge.PutTargetsInput{Rule: &rule.Name, Targets: targets})
	return err
}

// run routes until polling is done, and returns when nothing is under way any more. Then no message that it has received
// is left in a queue, where no one could see it for hours, unless ctx was done first.
func (r *router) run(ctx, polling context.Context) {
	var polls sync.WaitGroup
	polls.Go(func() {
		// Each delivery on its own: one function's invocations don't wait for another's.
		r.poll(ctx, polling, r.deliveries, 10, func(messages []types.Message) {
			for _, message := range messages {
				polls.Go(func() { r.handle(ctx, func() error { return r.deliver(ctx, message) }) })
			}
		})
	})
	for _, schedule := range r.schedules {
		polls.Go(func() {
			repeat(polling, schedule.next, func() {
				if _, err := r.start(ctx, schedule.rule); err != nil {
					r.fail(ctx, fmt.Errorf("starting %s on schedule: %w", schedule.rule.LogicalID, err))
				}
			})
		})
	}
	for _, source := range r.sources {
		polls.Go(func() {
			r.poll(ctx, polling, source.url, min(source.BatchSize, 10), func(messages []types.Message) {
				r.handle(ctx, func() error { return r.feed(ctx, source, messages) })
			})
		})
	}
	polls.Wait()
}

// poll takes messages from a queue until polling is done. For each message or batch, take calls handle once.
func (r *router) poll(ctx, polling context.Context, url string, batch int, take func([]types.Message)) {
	for polling.Err() == nil {
		received, err := r.sqs.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:                    &url,
			MaxNumberOfMessages:         int32(batch),
			WaitTimeSeconds:             1,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
			MessageAttributeNames:       []string{"All"},
		})
		if err != nil {
			r.fail(ctx, fmt.Errorf("receiving from %s: %w", url, err))
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		if len(received.Messages) > 0 {
			take(received.Messages)
		}
	}
}

// handle counts the work as in flight while it runs.
func (r *router) handle(ctx context.Context, work func() error) {
	r.begin()
	r.end(ctx, work())
}

func (r *router) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight++
	r.begun++
}

func (r *router) end(ctx context.Context, err error) {
	if err != nil {
		r.fail(ctx, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
}

// fail keeps an error of the router itself for the next settle.
func (r *router) fail(ctx context.Context, err error) {
	if ctx.Err() != nil { // everything fails at the end
		return
	}
	r.watcher.Failed(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// deliver brings one event to its target.
func (r *router) deliver(ctx context.Context, message types.Message) error {
	var d delivery
	if err := json.Unmarshal([]byte(aws.ToString(message.Body)), &d); err != nil {
		return fmt.Errorf("reading a delivery: %w", err)
	}
	rule, target, err := r.route(d)
	if err != nil {
		return err
	}
	event := d.Event.event()
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	if target.Input != "" {
		payload = []byte(target.Input)
	}
	record := Delivery{Rule: rule.LogicalID, Target: target.ARN, Event: event}
	function, isFunction := r.stack.functionOf(target.ARN)
	if isFunction {
		record.Target = function.LogicalID
	}
	r.mu.Lock()
	r.activity.Deliveries = append(r.activity.Deliveries, record)
	r.mu.Unlock()
	r.watcher.Delivered(record)

	switch {
	case isFunction:
		err = r.invokeAsync(ctx, function, rule.LogicalID, payload)
	case isQueue(target.ARN):
		err = r.send(ctx, target.ARN, payload)
	default:
		err = fmt.Errorf("the rule %s targets %s, which isn't simulated", rule.LogicalID, target.ARN)
	}
	// The message stays until its effects are there, so that settle sees the one or the other.
	return errors.Join(err, r.delete(ctx, r.deliveries, message))
}

func (r *router) route(d delivery) (Rule, Target, error) {
	for _, rule := range r.stack.Rules {
		for _, target := range rule.Targets {
			if rule.LogicalID == d.Rule && target.ID == d.Target {
				return rule, target, nil
			}
		}
	}
	return Rule{}, Target{}, fmt.Errorf("a delivery to %s of %s, which the stack doesn't have", d.Target, d.Rule)
}

// invokeAsync does as Lambda does with an event: it retries, but doesn't wait in between, and passes what still
// fails to the function's destination.
func (r *router) invokeAsync(ctx context.Context, function Function, source string, payload []byte) error {
	for attempt := 1; ; attempt++ {
		invocation, err := r.invoke(ctx, function.LogicalID, source, attempt, payload)
		if err != nil {
			return err
		}
		if invocation.Error == nil {
			return nil
		}
		if attempt > function.Retries {
			return r.giveUp(ctx, function, invocation)
		}
	}
}

func (r *router) giveUp(ctx context.Context, function Function, last Invocation) error {
	failure := newFailureRecord(function, last)
	r.mu.Lock()
	r.activity.Dead = append(r.activity.Dead, failure)
	r.mu.Unlock()
	if function.OnFailure == "" {
		return nil
	}
	if !isQueue(function.OnFailure) {
		return fmt.Errorf("the destination %s of %s isn't a queue, and other destinations aren't simulated", function.OnFailure, function.LogicalID)
	}
	body, err := json.Marshal(failure)
	if err != nil {
		return err
	}
	return r.send(ctx, function.OnFailure, body)
}

// feed invokes a function with a batch of messages, as a Lambda event source mapping does.
func (r *router) feed(ctx context.Context, source polledSource, messages []types.Message) error {
	payload, err := json.Marshal(newQueueEvent(r.sqs.Options().Region, source.QueueARN, messages))
	if err != nil {
		return err
	}
	attempt, _ := strconv.Atoi(messages[0].Attributes["ApproximateReceiveCount"])
	invocation, err := r.invoke(ctx, source.Function, source.QueueARN, attempt, payload)
	if err != nil {
		return err
	}
	failed := failedMessages(source.PartialResponses, invocation, messages)
	var errs []error
	for _, message := range messages {
		if !failed[aws.ToString(message.MessageId)] {
			errs = append(errs, r.delete(ctx, source.url, message))
			continue
		}
		_, err := r.sqs.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl:          &source.url,
			ReceiptHandle:     message.ReceiptHandle,
			VisibilityTimeout: 0,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("giving a message back to %s: %w", source.url, err))
		}
	}
	return errors.Join(errs...)
}

// failedMessages returns the messages of a batch that Lambda would give back: those that the function names, or all if
// it fails, or doesn't answer as agreed.
func failedMessages(partial bool, invocation Invocation, messages []types.Message) map[string]bool {
	sent := map[string]bool{}
	for _, message := range messages {
		sent[aws.ToString(message.MessageId)] = true
	}
	if invocation.Error != nil {
		return sent
	}
	if !partial {
		return nil
	}
	var response batchResponse
	if err := json.Unmarshal(invocation.Response, &response); err != nil {
		return sent
	}
	failed := map[string]bool{}
	for _, failure := range response.BatchItemFailures {
		if !sent[failure.ItemIdentifier] {
			return sent
		}
		failed[failure.ItemIdentifier] = true
	}
	return failed
}

// invoke invokes a function and records the invocation.
func (r *router) invoke(ctx context.Context, function, source string, attempt int, payload []byte) (Invocation, error) {
	invocation, err := r.runners[function].invoke(ctx, payload)
	if err != nil {
		return Invocation{}, err
	}
	invocation.Source, invocation.Attempt = source, attempt
	r.mu.Lock()
	r.activity.Invocations = append(r.activity.Invocations, invocation)
	r.mu.Unlock()
	return invocation, nil
}

// settle waits until no message is left in any queue and nothing is in flight, and returns what happened since the
// last time. An error of the router itself ends the wait: what it was about may stay in its queue for ever.
func (r *router) settle(ctx context.Context) (Activity, error) {
	for {
		quiet, err := r.quiet(ctx)
		if err != nil {
			return Activity{}, err
		}
		if activity, err := r.take(quiet); quiet || err != nil {
			return activity, err
		}
		select {
		case <-ctx.Done():
			return Activity{}, fmt.Errorf("waiting for all events to be handled: %w", context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// take returns what happened since the last time and forgets it, if there are errors or it is asked to in any case.
func (r *router) take(anyway bool) (Activity, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !anyway && len(r.errs) == 0 {
		return Activity{}, nil
	}
	activity, err := r.activity, errors.Join(r.errs...)
	r.activity, r.errs = Activity{}, nil
	return activity, err
}

// quiet is exact: a message leaves its queue only after its effects are complete. While the queues are checked one by
// one, no message can move from a queue that is still to be checked to one that has been checked, unless work was in
// flight at the beginning or was started in the meantime.
func (r *router) quiet(ctx context.Context) (bool, error) {
	inFlight, before := r.progress()
	if inFlight > 0 {
		return false, nil
	}
	urls := []string{r.deliveries}
	for _, source := range r.sources {
		urls = append(urls, source.url)
	}
	for _, url := range urls {
		empty, err := r.empty(ctx, url)
		if err != nil || !empty {
			return false, err
		}
	}
	inFlight, after := r.progress()
	return inFlight == 0 && before == after, nil
}

func (r *router) progress() (inFlight, begun int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inFlight, r.begun
}

// empty reports whether a queue has no messages, including those that were received and not yet deleted.
func (r *router) empty(ctx context.Context, url string) (bool, error) {
	counts := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	got, err := r.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: counts})
	if err != nil {
		return false, fmt.Errorf("counting the messages of %s: %w", url, err)
	}
	for _, count := range got.Attributes {
		if count != "0" {
			return false, nil
		}
	}
	return true, nil
}

func (r *router) send(ctx context.Context, queueARN string, body []byte) error {
	url, err := queueURL(ctx, r.sqs, queueARN)
	if err != nil {
		return err
	}
	_, err = r.sqs.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(string(body))})
	if err != nil {
		return fmt.Errorf("sending to %s: %w", queueARN, err)
	}
	return nil
}

func (r *router) delete(ctx context.Context, url string, message types.Message) error {
	_, err := r.sqs.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: message.ReceiptHandle})
	if err != nil {
		return fmt.Errorf("deleting a message of %s: %w", url, err)
	}
	return nil
}

func isQueue(arn string) bool {
	return strings.HasPrefix(arn, "arn:aws:sqs:")
}

func queueURL(ctx context.Context, client *sqs.Client, arn string) (string, error) {
	name := arn[strings.LastIndex(arn, ":")+1:]
	got, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", fmt.Errorf("finding the queue %s: %w", arn, err)
	}
	return aws.ToString(got.QueueUrl), nil
}
