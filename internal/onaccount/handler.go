// Package onaccount implements the onaccount function, which reconciles the registry policy, and starts a rollout, when an
// account list changes or the schedule runs. It decodes the event, publishes the requests, and writes logs and metrics.
package onaccount

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
)

// Rollout reconciles the registry policy, and publishes requests for repositories.
type Rollout interface {
	ListChanged(context.Context, event.ListChanged, rollout.Reporter) (requested int, err error)
	Scheduled(context.Context, rollout.Reporter) (requested int, err error)
	RegistryPolicyChanged(context.Context, rollout.Reporter) error
}

// Handler handles the invocations of the function.
type Handler struct {
	Stack   string
	Account string // ID of the account that owns the registry
	Rollout Rollout
	// Created returns when the stack was created.
	Created func(context.Context) (time.Time, error)
	Log     *slog.Logger
}

// graceTime is the time after the creation of the stack in which a missing account list isn't a problem.
const graceTime = 24 * time.Hour

// Response is the result of an invocation, for human readers.
type Response struct {
	Requested     int `json:"requested"`     // number of repositories
	UnusableLists int `json:"unusableLists"` // number of lists whose newest version is missing, invalid or too large

	RegistryPolicy reconcile.Outcome `json:"registryPolicy,omitempty"` // the outcome for the registry policy

	RejectedPrincipals []string `json:"rejectedPrincipals,omitempty"` // ARNs of principals in the lists that don't exist
}

// Handle handles one event. It returns errors that a retry can fix. A list that can't be used isn't such an error.
func (h *Handler) Handle(ctx context.Context, message json.RawMessage) (Response, error) {
	report := &report{Handler: h, checkedAt: time.Now(), metrics: telemetry.Metrics{}}
	requested, err := h.run(ctx, message, report)
	response := Response{Requested: requested, UnusableLists: report.unusable, RegistryPolicy: report.registryPolicy, RejectedPrincipals: report.rejected}
	if ignored, ok := errors.AsType[*event.Ignored](err); ok {
		h.Log.InfoContext(ctx, "event ignored", "reason", ignored.Reason)
		return response, nil
	}
	metrics := report.metrics
	if report.checkFailed {
		metrics[telemetry.FailedPermanently]++ // the next rollout checks again
	}
	if err != nil {
		h.Log.ErrorContext(ctx, "invocation failed", "error", err.Error())
	} else {
		metrics[telemetry.Requested] = float64(requested)
	}
	metrics.Log(ctx, h.Log, h.Stack, "invocation ended")
	return response, err
}

func (h *Handler) run(ctx context.Context, message json.RawMessage, report *report) (requested int, err error) {
	t, err := event.ForLists(message, h.Account)
	if err != nil {
		return 0, fmt.Errorf("event rejected: %w", err)
	}
	switch t := t.(type) {
	case event.ListChanged:
		report.changed, report.trigger = t.Name, event.TriggerListChanged
		return h.Rollout.ListChanged(ctx, t, report)
	case event.Scheduled:
		report.trigger = event.TriggerScheduled
		return h.Rollout.Scheduled(ctx, report)
	case event.RegistryPolicyChanged:
		report.trigger, report.changedBy = t.Call, t.ChangedBy
		return 0, h.Rollout.RegistryPolicyChanged(ctx, report)
	default:
		return 0, fmt.Errorf("unexpected rollout of type %T", t)
	}
}

// report collects the results of one invocation.
type report struct {
	*Handler
	checkedAt time.Time
	changed   string // the name of the list that changed; "" for another trigger
	trigger   string
	changedBy string // ARN of the principal that changed the registry policy
	unusable  int
	metrics   telemetry.Metrics

	registryPolicy reconcile.Outcome

	rejected    []string // ARNs of the principals in the lists that don't exist
	checkFailed bool     // so that there may be more of them
}

// Lists logs the lists and the finding about them. If the only problem is that the account list of a new stack doesn't
// exist yet, it logs no finding, and the alarm keeps its state.
func (r *report) Lists(ctx context.Context, lists []accountlist.List) {
	awaited := false
	for _, list := range lists {
		telemetry.LogList(ctx, r.Log, list)
		switch {
		case list.Problem == nil:
		case accountlist.IsMissing(list.Problem) && list.Name != r.changed && r.isNew(ctx):
			awaited = true
		default:
			r.unusable++
		}
	}
	if awaited && r.unusable == 0 {
		return
	}
	telemetry.Finding{Metric: telemetry.UnusableLists, Count: r.unusable, CheckedAt: r.checkedAt}.Log(ctx, r.Log, r.Stack, "account lists checked")
}

// Registry logs the result for the registry policy.
func (r *report) Registry(ctx context.Context, result reconcile.Result) {
	r.registryPolicy = result.Outcome
	r.metrics.CountResult(result, r.changedBy != "", r.trigger == event.TriggerListChanged)
	telemetry.LogResult(ctx, r.Log, "registry policy processed", result, r.trigger, r.changedBy)
}

// isNew reports whether the grace time of the stack hasn't ended.
func (r *report) isNew(ctx context.Context) bool {
	created, err := r.Created(ctx)
	if err != nil {
		r.Log.WarnContext(ctx, "stack age check failed", "error", err.Error())
		return false
	}
	return r.checkedAt.Sub(created) < graceTime
}

// Missing logs the principals that don't exist. It also logs the finding that all principals exist, unless the check
// failed.
func (r *report) Missing(ctx context.Context, arns []string, err error) {
	r.rejected, r.checkFailed = arns, err != nil
	if err == nil || len(arns) > 0 {
		telemetry.Finding{Metric: telemetry.RejectedPrincipals, Count: len(arns), CheckedAt: r.checkedAt}.
			Log(ctx, r.Log, r.Stack, "principals checked", slog.Any("rejected", arns))
	}
	if err != nil {
		r.Log.ErrorContext(ctx, "principal check failed", "error", err.Error())
	}
}
