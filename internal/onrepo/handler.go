// Package onrepo handles what reaches the function of that name: it decodes the events, has their repositories
// reconciled, and writes the log and the metrics.
package onrepo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
)

// Reconciler brings repositories to the standard policy.
type Reconciler interface {
	Run(context.Context, event.Repositories, reconcile.Reporter) error
}

// Handler handles the invocations of the function.
type Handler struct {
	Stack      string
	Account    string // that owns the registry
	Reconciler Reconciler
	// Request publishes a request for the repositories that a run had no time for.
	Request func(context.Context, event.Repositories) error
	Log     *slog.Logger
}

// Response is the result of an invocation. SQS reads the failures in it; people read the outcomes.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
type Response struct {
	Outcomes          map[reconcile.Outcome]int    `json:"outcomes"`
	BatchItemFailures []events.SQSBatchItemFailure `json:"batchItemFailures,omitempty"`
}

// Handle handles one event, or the events in the records of an SQS batch. What retrying could mend is an error, or
// for a record of a batch a failure in the response, so that the other records are not retried with it.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) (Response, error) {
	messages, queued, err := event.Messages(payload)
	if err != nil {
		return Response{}, err
	}
	report := newReport(h.Log)
	defer report.close(ctx, h.Stack)
	response := Response{Outcomes: report.outcomes}
	for _, message := range messages {
		err := h.message(ctx, message, report)
		switch {
		case err == nil:
		case queued:
			h.Log.ErrorContext(ctx, "message failed", "message", message.ID, "error", err.Error())
			response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: message.ID})
		default:
			h.Log.ErrorContext(ctx, "invocation failed", "error", err.Error())
			return response, err
		}
	}
	return response, nil
}

func (h *Handler) message(ctx context.Context, message event.Message, report *report) error {
	t, err := event.ForRepositories(message.Event, h.Account)
	if ignored := (*event.Ignored)(nil); errors.As(err, &ignored) {
		h.Log.InfoContext(ctx, "event ignored", "reason", ignored.Reason)
		return nil
	}
	if err != nil {
		report.rejectedEvent()
		return fmt.Errorf("event rejected: %w", err)
	}
	for _, invalid := range t.Invalid { // a retry couldn't help
		report.rejectedName(ctx, t, invalid)
	}
	err = h.Reconciler.Run(ctx, t, report.of(t))
	var unfinished *reconcile.Unfinished
	if !errors.As(err, &unfinished) || len(unfinished.Repositories) == unfinished.Of {
		return err
	}
	if others := err != error(unfinished); others && message.Receives > 1 {
		return err // they were requested at the first receive: again at each, the requests would multiply
	}
	if requestErr := h.handBack(ctx, t, unfinished); requestErr != nil {
		return errors.Join(err, requestErr)
	}
	if err == error(unfinished) {
		return nil
	}
	return err // others failed
}

// handBack requests what a run had no time for, so that the next doesn't begin with what is done, and doesn't wait for
// what failed. It isn't for a run that finished nothing: the queue counts how often a message comes back.
func (h *Handler) handBack(ctx context.Context, t event.Repositories, unfinished *reconcile.Unfinished) error {
	again := event.Repositories{Trigger: t.Trigger, Names: unfinished.Repositories, Principals: t.Principals}
	if err := h.Request(ctx, again); err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "requested again", "reason", unfinished.Error())
	return nil
}
