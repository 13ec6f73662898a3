// Package onaccount handles what reaches the function of that name: it decodes the event, has the repositories
// requested, and writes the log and the metrics.
package onaccount

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
)

// Rollout requests repositories.
type Rollout interface {
	ListChanged(context.Context, trigger.ListChanged, rollout.Reporter) (requested int, err error)
	Scheduled(context.Context, rollout.Reporter) (requested int, err error)
}

// Handler handles the invocations of the function.
type Handler struct {
	Stack   string
	Account string // that owns the registry
	Rollout Rollout
	Log     *slog.Logger
}

// Response is the result of an invocation, for people to read.
type Response struct {
	Requested     int `json:"requested"`     // repositories
	UnusableLists int `json:"unusableLists"` // whose newest version is missing, invalid or too large
}

// Handle handles one event. An error is what retrying could mend: a list that cannot be used is none.
func (h *Handler) Handle(ctx context.Context, event json.RawMessage) (Response, error) {
	report := &report{log: h.Log}
	requested, err := h.event(ctx, event, report)
	response := Response{Requested: requested, UnusableLists: report.unusable}
	if ignored := (*trigger.Ignored)(nil); errors.As(err, &ignored) {
		h.Log.InfoContext(ctx, "event ignored", "reason", ignored.Reason)
		return response, nil
	}
	metrics := telemetry.Metrics{}
	if report.looked {
		metrics[telemetry.UnusableLists] = float64(report.unusable)
	}
	if err != nil {
		h.Log.ErrorContext(ctx, "invocation failed", "error", err.Error())
	} else {
		metrics[telemetry.Requested] = float64(requested)
	}
	metrics.Log(ctx, h.Log, h.Stack, "invocation ended")
	return response, err
}

func (h *Handler) event(ctx context.Context, event json.RawMessage, report *report) (requested int, err error) {
	t, err := trigger.ForLists(event, h.Account)
	if err != nil {
		return 0, fmt.Errorf("event rejected: %w", err)
	}
	switch t := t.(type) {
	case trigger.ListChanged:
		return h.Rollout.ListChanged(ctx, t, report)
	case trigger.Scheduled:
		return h.Rollout.Scheduled(ctx, report)
	default:
		return 0, fmt.Errorf("no rollout for a trigger of type %T", t)
	}
}

// report is what one invocation found.
type report struct {
	log      *slog.Logger
	looked   bool // at the lists
	unusable int
}

// List writes the lines of one list.
func (r *report) List(ctx context.Context, list accountlist.List) {
	r.looked = true
	if list.Problem != nil {
		r.unusable++
	}
	telemetry.LogList(ctx, r.log, list)
}
