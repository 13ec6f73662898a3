package localaws

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// cloudWatch brings the lines of the functions to moto's CloudWatch Logs. It does so when somebody is about to read them:
// most of those who start a local AWS never do.
type cloudWatch struct {
	api  *cloudwatchlogs.Client
	logs map[string]*functionLog // by log group

	mu      sync.Mutex
	written map[string]int // lines, by log group
}

func newCloudWatch(api *cloudwatchlogs.Client, runners map[string]*runner) *cloudWatch {
	c := &cloudWatch{api: api, logs: map[string]*functionLog{}, written: map[string]int{}}
	for _, r := range runners {
		c.logs[r.function.LogGroup] = r.log
	}
	return c
}

// flush writes the lines that aren't written yet.
func (c *cloudWatch) flush(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for group, log := range c.logs {
		lines, position := log.since(c.written[group])
		if len(lines) == 0 {
			continue
		}
		if err := c.write(ctx, group, lines); err != nil {
			return fmt.Errorf("writing to the log group %s: %w", group, err)
		}
		c.written[group] = position
	}
	return nil
}

// write writes lines to a stream of their own, as from an instance of the function that is new.
func (c *cloudWatch) write(ctx context.Context, group string, lines []LogLine) error {
	stream := time.Now().UTC().Format("2006/01/02/") + "[$LATEST]" + strings.ReplaceAll(newID(), "-", "")
	if _, err := c.api.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream}); err != nil {
		return err
	}
	var events []types.InputLogEvent
	for _, line := range lines {
		events = append(events, types.InputLogEvent{Message: &line.Text, Timestamp: aws.Int64(line.Time.UnixMilli())})
	}
	_, err := c.api.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream, LogEvents: events})
	return err
}
