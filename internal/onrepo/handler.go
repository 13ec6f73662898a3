// Package onrepo implements the onrepo function, which checks the policies of the repositories that an event names. It
// decodes the events, reconciles the repositories, and writes logs and metrics.
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

// Reconciler reconciles repositories.
type Reconciler interface {
	Run(context.Context, event.Repositories, reconcile.Reporter) error
}

// Handler handles the invocations of the function.
type Handler struct {
	Stack      string
	Account    string // ID of the account that owns the registry
	Reconciler Reconciler
	// Request publishes a request for repositories that a run didn't finish in time.
	Request func(context.Context, event.Repositories) error
	Log     *slog.Logger
}

// Response is the result of an invocation. Lambda evaluates the failures. The outcomes are for human readers.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
type Response struct {
	Outcomes          map[reconcile.Outcome]int    `json:"outcomes"`
	BatchItemFailures []events.SQSBatchItemFailure `json:"batchItemFailures,omitempty"`
}

// Handle handles one event, or the events in the records of an SQS batch. It returns errors that a
// retry can fix. For a batch, it reports them as failures in the response instead, so that the other records aren't
// retried.
func (h *Handler) Handle(ctx context.Context, payload json.RawMessage) (Response, error) {
	report := newReport(h.Log)
	defer report.close(ctx, h.Stack)
	response := Response{Outcomes: report.outcomes}
	messages, queued, err := event.Messages(payload)
	if err != nil {
		report.rejectedEvent()
		h.Log.ErrorContext(ctx, "invocation failed", "error", err.Error())
		return response, err
	}
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
	if ignored, ok := errors.AsType[*event.Ignored](err); ok {
		h.Log.InfoContext(ctx, "event ignored", "reason", ignored.Reason)
		return nil
	}
	if err != nil {
		report.rejectedEvent()
		return fmt.Errorf("event rejected: %w", err)
	}
	for _, invalid := range t.Invalid { // a retry can't fix these
		report.rejectedName(ctx, t, invalid)
	}
	err = h.Reconciler.Run(ctx, t, report.of(t))
	unfinished, ok := errors.AsType[*reconcile.Unfinished](err)
	if !ok || len(unfinished.Repositories) == unfinished.Of {
		return err
	}
	onlyUnfinished := err == error(unfinished) //nolint:errorlint // errors.Is would also find it among other failures
	if !onlyUnfinished && message.Receives > 1 {
		return err // they were requested at the first receive; at each receive, the requests would multiply
	}
	if requestErr := h.requestAgain(ctx, t, unfinished); requestErr != nil {
		return errors.Join(err, requestErr)
	}
	if onlyUnfinished {
		return nil
	}
	return err // other repositories failed
}

// requestAgain requests the repositories that a run didn't finish in time, so that the next run doesn't repeat the
// finished ones, or wait for a retry of the failed ones. It isn't for a run that finished none: the queue counts how
// often a message is received.
func (h *Handler) requestAgain(ctx context.Context, t event.Repositories, unfinished *reconcile.Unfinished) error {
	again := event.Repositories{Trigger: t.Trigger, Names: unfinished.Repositories, Principals: t.Principals}
	if err := h.Request(ctx, again); err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "unfinished repositories requested again", "reason", unfinished.Error())
	return nil
}
