package calls

import (
	"bytes"
	"fmt"
	"os"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// Count is the number of calls, published requests, and log lines of one or more invocations.
type Count struct {
	Lists      int // calls of DescribeRepositories
	Reads      int // calls of GetRepositoryPolicy and GetRegistryPolicy
	Writes     int // calls of SetRepositoryPolicy and DeleteRepositoryPolicy
	Parameters int // calls to SSM
	Publishes  int // calls of PutEvents
	Requests   int // published events; each becomes a message in the request queue
	LogLines   int
	LogBytes   int // varies by a few bytes, because times are logged without trailing zeros
}

// counter counts the calls and log lines since the previous call of count.
type counter struct {
	cloud   *stubaws.AWS
	log     *os.File       // log of both functions
	calls   map[string]int // calls without retries, by operation, at the previous call of count
	logRead int            // length of the log at the previous call of count
}

// count returns the counts since its previous call. It doesn't count the SDK's retries.
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
		Reads:      since("GetRepositoryPolicy", "GetRegistryPolicy"),
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
