package calls

import (
	"bytes"
	"fmt"
	"os"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// Count is what one invocation, or several, cost.
type Count struct {
	Lists      int // calls of ECR's DescribeRepositories
	Reads      int // calls of GetRepositoryPolicy
	Writes     int // calls of SetRepositoryPolicy and DeleteRepositoryPolicy
	Parameters int // calls of SSM
	Publishes  int // calls of EventBridge's PutEvents
	Requests   int // events published, each of which becomes a message in the queue
	LogLines   int
	LogBytes   int // vary by a few: times are written without trailing zeros
}

// counter counts what has happened since it was last asked.
type counter struct {
	cloud   *stubaws.AWS
	log     *os.File // of all functions
	calls   map[string]int
	logRead int
}

func (c *counter) count() (Count, error) {
	calls, retries := c.cloud.Calls(), c.cloud.Retries()
	since := func(operations ...string) (n int) {
		for _, operation := range operations {
			n += calls[operation] - retries[operation] - c.calls[operation]
		}
		return n
	}
	count := Count{
		Lists:      since("DescribeRepositories"),
		Reads:      since("GetRepositoryPolicy"),
		Writes:     since("SetRepositoryPolicy", "DeleteRepositoryPolicy"),
		Parameters: since("GetParameters", "GetParametersByPath", "GetParameterHistory"),
		Publishes:  since("PutEvents"),
		Requests:   len(c.cloud.Published()),
	}
	c.calls = calls
	for operation, n := range retries {
		c.calls[operation] -= n
	}
	log, err := os.ReadFile(c.log.Name())
	if err != nil {
		return Count{}, fmt.Errorf("read log: %w", err)
	}
	count.LogLines, count.LogBytes = bytes.Count(log[c.logRead:], []byte("\n")), len(log)-c.logRead
	c.logRead = len(log)
	return count, nil
}
