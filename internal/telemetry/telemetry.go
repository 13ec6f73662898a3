// Package telemetry writes logs and metrics of the functions. Logs are JSON lines on standard output, which Lambda
// sends to CloudWatch Logs. Metrics are in these lines, in the embedded metric format, so they require no API calls.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/version"
)

// Namespace is the namespace of the metrics. Their only dimension is Stack.
const Namespace = "ecr-pull-policy"

// Names of metrics. All other metrics count the repositories with one outcome, and are only fields of log lines.
const (
	UnusableLists      = "UnusableLists"      // a Finding: lists that are missing, invalid or too large
	RejectedPrincipals = "RejectedPrincipals" // a Finding: accounts, roles and users in a list that don't exist
	FailedPermanently  = "FailedPermanently"  // policies, and checks of principals, that failed and aren't retried
	RejectedEvents     = "RejectedEvents"     // events that are malformed
	RejectedNames      = "RejectedNames"      // names in other events that aren't valid repository names
	RestoredPolicies   = "RestoredPolicies"   // policies that were restored after another principal changed managed statements
	Requested          = "Requested"          // repositories that a rollout requested

	// PropagationSeconds is the time from a list change to the last policy that was written because of it.
	PropagationSeconds = "PropagationSeconds"
)

// NewLogger returns a logger that writes one JSON object per line, with the version and the commit of the function.
func NewLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, nil)).With("build", version.String())
}

// Metrics are the values that one invocation counted or measured, by the name of the metric. A zero is a value too, so
// metrics that weren't measured must be absent. All of them are fields of the log line, which queries can read. Only
// those that an alarm uses also become metrics in CloudWatch, because CloudWatch charges for each hour with data.
type Metrics map[string]float64

// alarmed reports whether an alarm in template.yaml uses a metric.
func alarmed(name string) bool {
	return name == FailedPermanently || name == RestoredPolicies || strings.HasSuffix(name, foundSuffix)
}

// embedded is the member of a log line that makes CloudWatch extract metrics from the other members.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type embedded struct {
	Timestamp         int64 // milliseconds since 1970
	CloudWatchMetrics []directive
}

type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

type metric struct {
	Name string
	Unit string
}

// unit returns the unit of a metric in CloudWatch.
func unit(name string) string {
	if strings.HasSuffix(name, foundSuffix) {
		return "Seconds"
	}
	return "Count"
}

// Log writes a line with the metrics of the stack.
func (m Metrics) Log(ctx context.Context, log *slog.Logger, stack, message string, attributes ...slog.Attr) {
	m.log(ctx, log, time.Now(), stack, message, attributes)
}

func (m Metrics) log(ctx context.Context, log *slog.Logger, at time.Time, stack, message string, attributes []slog.Attr) {
	d := directive{Namespace: Namespace, Dimensions: [][]string{{"Stack"}}}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		attributes = append(attributes, slog.Float64(name, m[name]))
		if alarmed(name) {
			d.Metrics = append(d.Metrics, metric{Name: name, Unit: unit(name)})
		}
	}
	if len(d.Metrics) > 0 {
		attributes = append(attributes,
			slog.String("Stack", stack),
			slog.Any("_aws", embedded{Timestamp: at.UnixMilli(), CloudWatchMetrics: []directive{d}}))
	}
	log.LogAttrs(ctx, slog.LevelInfo, message, attributes...)
}
