// Package stubaws is a stand-in for ECR, SSM and EventBridge where no local server is suitable: it pages, throttles,
// checks that principals exist, enforces AWS's limits, fails in any way a test asks for, and holds 100,000
// repositories. It uses AWS's JSON protocol, so that tests use the real SDK clients, in memory or over HTTP.
package stubaws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"golang.org/x/time/rate"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// AWS is one account in one Region.
type AWS struct {
	Account, Region string

	// OnCall, if set, is called before every call, and returns the fault to inject.
	OnCall func(context.Context, Call) Fault

	// OnDone, if set, sees every call that was carried out, and the error that AWS answers it with, even if a Fault
	// keeps the answer from the caller.
	OnDone func(context.Context, Call, error)

	// EntryFails, if set, reports whether an entry of a PutEvents call fails although the call succeeds.
	EntryFails func(index int) bool

	// Limits, by operation, are the rates beyond which AWS throttles calls.
	Limits map[string]Limit

	// Latency is how long AWS takes to answer.
	Latency time.Duration

	mu           sync.Mutex
	buckets      map[string]*rate.Limiter
	repositories repositories
	parameters   map[string]*parameter
	published    []Event
	calls        map[string]int
	retries      map[string]int
	throttled    map[string]int
}

// New returns an account with nothing in it.
func New(account, region string) *AWS {
	return &AWS{
		Account:      account,
		Region:       region,
		repositories: newRepositories(),
		parameters:   map[string]*parameter{},
		calls:        map[string]int{},
		retries:      map[string]int{},
		throttled:    map[string]int{},
		buckets:      map[string]*rate.Limiter{},
	}
}

// Call is a call to AWS.
type Call struct {
	Operation string // SetRepositoryPolicy
	Body      []byte // its parameters, as JSON
}

// Fault is how a call goes wrong. The zero Fault is that it doesn't.
type Fault struct {
	Code       string // of the error that is answered: ThrottlingException, …
	Status     int    // HTTP status of the answer; 400 if it is not set
	Lost       bool   // there is no response: the connection breaks
	Afterwards bool   // the call was carried out all the same
	Stale      bool   // GetRepositoryPolicy succeeds and returns the policy before the last write
}

// Config returns the configuration with which SDK clients reach this AWS in memory. They retry as the product does.
func (a *AWS) Config() aws.Config {
	return aws.Config{
		Region:       a.Region,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
		BaseEndpoint: aws.String("http://stub.invalid"),
		HTTPClient:   a,
		Retryer:      awsclient.NewRetryer,
	}
}

// Calls returns how often each operation was called, failed calls and retries included.
func (a *AWS) Calls() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.calls)
}

// Retries returns how many of the calls were not the first attempt, according to the SDK's request header.
//
// Even where nothing fails there may be some: over a network, smithy-go closes a request's body as soon as the answer
// begins. If net/http has not yet reached the end of that body, it takes the EOF for a failed write and drops the
// connection, and the rest of a large answer with it. It takes a server that answers within microseconds.
//
// https://github.com/aws/aws-sdk-go-v2/issues/2737
func (a *AWS) Retries() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.retries)
}

// Throttled returns how many of the calls were over a limit.
func (a *AWS) Throttled() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.throttled)
}

// failure is the error that AWS answers.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

func reject(code, format string, args ...any) error {
	return &failure{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

var errLost = errors.New("stubaws: connection reset")

// Do answers a request of an SDK client.
func (a *AWS) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	answer, err := a.call(request, body)
	if errors.Is(err, errLost) || request.Context().Err() != nil {
		return nil, errors.Join(err, request.Context().Err())
	}
	status := http.StatusOK
	if failed, ok := errors.AsType[*failure](err); ok {
		status = failed.status
		answer = map[string]string{"__type": failed.code, "message": failed.message}
	} else if err != nil {
		return nil, err
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode:    status,
		Header:        http.Header{"Content-Type": {"application/x-amz-json-1.1"}},
		Body:          io.NopCloser(bytes.NewReader(text)),
		ContentLength: int64(len(text)),
		Request:       request,
	}, nil
}

// ServeHTTP answers a request over the network.
func (a *AWS) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	response, err := a.Do(request)
	if err != nil {
		panic(http.ErrAbortHandler) // break the connection
	}
	w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

func (a *AWS) call(request *http.Request, body []byte) (any, error) {
	ctx, target := request.Context(), request.Header.Get("X-Amz-Target")
	operation := target[strings.LastIndex(target, ".")+1:]
	a.mu.Lock()
	a.calls[operation]++
	if !isFirstAttempt(request) {
		a.retries[operation]++
	}
	throttled := a.isThrottled(operation)
	if throttled {
		a.throttled[operation]++
	}
	a.mu.Unlock()
	if err := a.takeTime(ctx); err != nil {
		return nil, err
	}
	if throttled {
		return nil, reject("ThrottlingException", "Rate exceeded")
	}
	call := Call{Operation: operation, Body: body}
	var fault Fault
	if a.OnCall != nil {
		fault = a.OnCall(ctx, call)
	}
	goesWrong := fault.Code != "" || fault.Lost
	var answer any
	if !goesWrong || fault.Afterwards {
		var err error
		answer, err = a.carryOut(operation, body, fault.Stale)
		if a.OnDone != nil {
			a.OnDone(ctx, call, err)
		}
		if err != nil && !goesWrong {
			return nil, err
		}
	}
	switch {
	case fault.Lost:
		return nil, errLost
	case fault.Code != "":
		status := fault.Status
		if status == 0 {
			status = http.StatusBadRequest
		}
		return nil, &failure{status: status, code: fault.Code, message: "stubaws: injected fault"}
	}
	return answer, nil
}

// isFirstAttempt reads the SDK's header amz-sdk-request: attempt=1; max=3.
func isFirstAttempt(request *http.Request) bool {
	attempt, _, _ := strings.Cut(request.Header.Get("Amz-Sdk-Request"), ";")
	return attempt == "" || attempt == "attempt=1"
}

func (a *AWS) carryOut(operation string, body []byte, stale bool) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch operation {
	case "DescribeRepositories":
		return with(body, a.describeRepositories)
	case "GetRepositoryPolicy":
		if stale {
			return with(body, a.getStalePolicy)
		}
		return with(body, a.getRepositoryPolicy)
	case "SetRepositoryPolicy":
		return with(body, a.setRepositoryPolicy)
	case "DeleteRepositoryPolicy":
		return with(body, a.deleteRepositoryPolicy)
	case "GetParameters":
		return with(body, a.getParameters)
	case "GetParametersByPath":
		return with(body, a.getParametersByPath)
	case "GetParameterHistory":
		return with(body, a.getParameterHistory)
	case "PutEvents":
		return with(body, a.putEvents)
	default:
		return nil, reject("UnknownOperationException", "stubaws doesn't support %q", operation)
	}
}

func with[I, O any](body []byte, operation func(I) (O, error)) (any, error) {
	var input I
	if err := json.Unmarshal(body, &input); err != nil {
		return nil, reject("SerializationException", "%v", err)
	}
	return operation(input)
}

// epoch is how the JSON protocol writes a time.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
