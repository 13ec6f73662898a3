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

// callTimeout is how long one attempt of a call to AWS may take. AWS answers within a second or two, and somebody waits:
// doctor, which makes two calls in turn that may get no answer, reports that within 15 seconds.
const callTimeout = 6 * time.Second

// newHTTPClient returns a client that gives an attempt up after a timeout. Parts of an attempt have less time, so that the
// error says which of them took too long.
func newHTTPClient(timeout time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithTimeout(timeout).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = timeout / 2 }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = timeout / 2
			t.ResponseHeaderTimeout = timeout * 3 / 4
		})
}

// retryer retries as the functions do what AWS throttles or fails, and paces the calls like them. But a call that gets no
// answer is retried only once, and not at all after a timeout.
type retryer struct{ aws.RetryerV2 }

func newRetryer() aws.Retryer { return retryer{awsclient.NewRetryer().(aws.RetryerV2)} }

// RetryDelay returns the error of the attempt if there is to be no other.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if awsclient.Unanswered(err) && (attempt > 1 || isTimeout(err)) {
		return 0, err
	}
	return r.RetryerV2.RetryDelay(attempt, err)
}

func isTimeout(err error) bool {
	var failure net.Error
	return errors.As(err, &failure) && failure.Timeout()
}
