package smoke

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
)

// Line is the line that onrepo logs for a repository.
type Line struct {
	Repository string            `json:"repository"`
	Time       time.Time         `json:"time"`
	Trigger    string            `json:"trigger"`
	Outcome    reconcile.Outcome `json:"outcome"`
	Added      []string          `json:"added"`
	Reason     string            `json:"reason"`
	Error      string            `json:"error"`
}

// isWrite reports whether onrepo wrote the policy.
func (l Line) isWrite() bool {
	return l.Outcome == reconcile.Updated || l.Outcome == reconcile.Deleted
}

// LogGroup is the log of onrepo in CloudWatch Logs.
type LogGroup struct {
	API  cloudwatchlogs.FilterLogEventsAPIClient
	Name string
}

// Lines returns the lines for a repository, in the order of their time.
//
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
func (g LogGroup) Lines(ctx context.Context, repository string, since time.Time) ([]Line, error) {
	if g.Name == "" {
		return nil, errors.New("the log group of onrepo isn't known, because the stack has no output with its name; update the stack")
	}
	var lines []Line
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(g.API, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName:  &g.Name,
		StartTime:     aws.Int64(since.UnixMilli()),
		FilterPattern: aws.String(fmt.Sprintf(`{ $.repository = %q }`, repository)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read log group %s: %w", g.Name, err)
		}
		for _, event := range page.Events {
			var line Line
			if json.Unmarshal([]byte(aws.ToString(event.Message)), &line) == nil && line.Repository == repository {
				lines = append(lines, line)
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return a.Time.Compare(b.Time) })
	return lines, nil
}
