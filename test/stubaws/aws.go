// Package stubaws simulates ECR, SSM, and EventBridge for tests in which moto isn't suitable. It returns pages,
// throttles calls, checks that principals exist, enforces AWS's limits, injects faults, and holds 100,000 repositories.
// It implements AWS's JSON protocol, so tests use the real SDK clients, in memory or over HTTP.
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

	// OnCall, if not nil, is called before each call that isn't throttled. It returns the fault to inject.
	OnCall func(context.Context, Call) Fault

	// OnDone, if not nil, is called after each call that was executed, with the error of the call. It is also called if
	// a Fault replaces the response to the caller.
	OnDone func(context.Context, Call, error)

	// EntryFails, if not nil, reports whether an entry of a successful PutEvents call fails.
	EntryFails func(index int) bool

	// Limits are the rates, by operation, above which calls are throttled.
	Limits map[string]Limit

	// Latency is the response time of each call.
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

// New returns an empty account.
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
	Operation string // such as SetRepositoryPolicy
	Body      []byte // parameters, as JSON
}

// Fault is a fault to inject into a call. The zero Fault injects none.
type Fault struct {
	Code       string // error code of the response, such as ThrottlingException
	Status     int    // HTTP status of the response; 0 means 400
	Lost       bool   // the connection breaks, and the caller gets no response
	Afterwards bool   // the call is executed before it fails
	Stale      bool   // the call to get a policy succeeds and returns the policy before the last write
}

// Config returns a configuration for SDK clients that call this AWS in memory. They use the product's retryer.
func (a *AWS) Config() aws.Config {
	return aws.Config{
		Region:       a.Region,
		Credentials:  credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
		BaseEndpoint: aws.String("http://stub.invalid"),
		HTTPClient:   a,
		Retryer:      awsclient.NewRetryer,
	}
}

// Calls returns the number of calls by operation, including failed calls and retries.
func (a *AWS) Calls() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.calls)
}

// Retries returns the number of retries by operation, according to the SDK's request header.
//
// The SDK can retry calls even if no call fails. smithy-go closes the body of a request as soon as the response begins.
// If net/http hasn't read the end of the body by then, it treats the EOF as a failed write and drops the connection
// together with the rest of a large response. This occurs only over HTTP, and only if the server responds within
// microseconds.
//
// https://github.com/aws/aws-sdk-go-v2/issues/2737
func (a *AWS) Retries() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.retries)
}

// Throttled returns the number of throttled calls by operation.
func (a *AWS) Throttled() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.throttled)
}

// failure is an error response of AWS.
type failure struct {
	status  int
	code    string
	message string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// reject returns an error response with status 400.
func reject(code, format string, args ...any) error {
	return &failure{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

var errLost = errors.New("stubaws: connection reset")

// Do handles a request of an SDK client in memory.
func (a *AWS) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	output, err := a.call(request, body)
	if errors.Is(err, errLost) || request.Context().Err() != nil {
		return nil, errors.Join(err, request.Context().Err())
	}
	status := http.StatusOK
	if failed, ok := errors.AsType[*failure](err); ok {
		status = failed.status
		output = map[string]string{"__type": failed.code, "message": failed.message}
	} else if err != nil {
		return nil, err
	}
	text, err := json.Marshal(output)
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

// ServeHTTP handles a request over HTTP.
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
	if err := a.wait(ctx); err != nil {
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
	fails := fault.Code != "" || fault.Lost
	var output any
	if !fails || fault.Afterwards {
		var err error
		output, err = a.execute(operation, body, fault.Stale)
		if a.OnDone != nil {
			a.OnDone(ctx, call, err)
		}
		if err != nil && !fails {
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
	return output, nil
}

// isFirstAttempt reports whether a request is the first attempt, according to the SDK's header
// amz-sdk-request: attempt=1; max=3.
func isFirstAttempt(request *http.Request) bool {
	attempt, _, _ := strings.Cut(request.Header.Get("Amz-Sdk-Request"), ";")
	return attempt == "" || attempt == "attempt=1"
}

func (a *AWS) execute(operation string, body []byte, stale bool) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch operation {
	case "CreateRepository":
		return with(body, a.createRepository)
	case "DeleteRepository":
		return with(body, a.deleteRepository)
	case "DescribeRepositories":
		return with(body, a.describeRepositories)
	case "GetRepositoryPolicy":
		if stale {
			return with(body, a.getStalePolicy)
		}
		return with(body, a.getRepositoryPolicy)
	case "GetRegistryPolicy":
		if stale {
			return with(body, a.getStaleRegistryPolicy)
		}
		return with(body, a.getRegistryPolicy)
	case "PutRegistryPolicy":
		return with(body, a.putRegistryPolicy)
	case "DeleteRegistryPolicy":
		return with(body, a.deleteRegistryPolicy)
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

// with calls an operation with the input that it decodes from a body.
func with[I, O any](body []byte, operation func(I) (O, error)) (any, error) {
	var input I
	if err := json.Unmarshal(body, &input); err != nil {
		return nil, reject("SerializationException", "%v", err)
	}
	return operation(input)
}

// epoch returns a time in the format of the JSON protocol, in seconds since the Unix epoch.
func epoch(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
