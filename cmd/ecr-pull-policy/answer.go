package main

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// callTimeout is how long one attempt to call AWS can take. AWS responds within a second or two. With this timeout,
// doctor reports within 15 seconds that there is no response, although it makes two calls one after the other.
const callTimeout = 6 * time.Second

// newHTTPClient returns a client whose requests have a timeout. Parts of a request have shorter timeouts, so that the
// error shows which of them took too long.
func newHTTPClient(timeout time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithTimeout(timeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = timeout / 2 }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = timeout / 2
			t.ResponseHeaderTimeout = timeout * 3 / 4
		})
}

// retryer retries and paces calls in the same way as the functions, with one exception: a call that gets no response is
// retried only once, and not at all after a timeout.
type retryer struct{ aws.RetryerV2 }

func newRetryer() aws.Retryer { return retryer{awsclient.NewRetryer().(aws.RetryerV2)} }

// RetryDelay returns the error of the attempt if the call must not be retried.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if awsclient.Unanswered(err) && (attempt > 1 || isTimeout(err)) {
		return 0, err
	}
	return r.RetryerV2.RetryDelay(attempt, err)
}

func isTimeout(err error) bool {
	failure, ok := errors.AsType[net.Error](err)
	return ok && failure.Timeout()
}
