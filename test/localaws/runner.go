package localaws

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FunctionError is what a function failed with.
type FunctionError struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("%s: %s", e.Type, e.Message)
}

// runner runs a function, one invocation at a time, and keeps what it writes.
type runner struct {
	function Function
	sandbox  sandbox
	log      *functionLog
	file     *os.File

	mu sync.Mutex // held during an invocation
}

// sandbox runs the code of a function.
type sandbox interface {
	// call invokes the function once, and returns its response and its error. An invocation ends with the line REPORT in
	// the log. The last error is nil if the function was invoked.
	call(ctx context.Context, payload []byte) (response []byte, failure *FunctionError, err error)
	stop()
}

// startRunner starts a function in the sandbox that start makes of the function's environment and log.
func startRunner(function Function, dir string, environment []string, wrote func(LogLine),
	start func(environment []string, log io.Writer) (sandbox, error)) (*runner, error) {
	file, err := os.Create(filepath.Join(dir, function.LogicalID+".log"))
	if err != nil {
		return nil, err
	}
	r := &runner{function: function, log: newFunctionLog(file, wrote), file: file}
	environment = append(append(function.environment(), environment...), "AWS_ACCESS_KEY_ID="+function.Role()) // the last of a name holds
	if r.sandbox, err = start(environment, r.log); err != nil {
		file.Close()
		return nil, fmt.Errorf("starting %s: %w\n%s", function.LogicalID, err, endOf(file.Name()))
	}
	return r, nil
}

func (r *runner) stop() {
	r.sandbox.stop()
	r.file.Close()
}

// invoke invokes the function once, after earlier invocations have ended. The error is nil if the function was invoked;
// its own error is in the invocation.
func (r *runner) invoke(ctx context.Context, payload []byte) (Invocation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.log.ends: // that of an invocation that was given up
	default:
	}
	_, position := r.log.since(0)
	begin := time.Now()
	response, failure, err := r.sandbox.call(ctx, payload)
	if err != nil {
		return Invocation{}, fmt.Errorf("invoking %s: %w", r.function.LogicalID, err)
	}
	invocation := Invocation{Function: r.function.LogicalID, Payload: payload, Error: failure, Duration: time.Since(begin)}
	if json.Valid(response) {
		invocation.Response = response
	}
	// The answer may overtake the log.
	select {
	case <-r.log.ends:
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	invocation.Logs, _ = r.log.since(position)
	return invocation, nil
}

// environment is what Lambda sets for a function. The emulator adds variables that only other runtimes need.
func (f Function) environment() []string {
	environment := []string{
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name,
		"AWS_LAMBDA_FUNCTION_TIMEOUT=" + strconv.Itoa(int(f.Timeout.Seconds())),
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=" + strconv.Itoa(f.MemorySize),
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
	}
	for name, value := range f.Environment {
		environment = append(environment, name+"="+value)
	}
	return environment
}

// Role is the name of the function's role. It is the function's access key ID (callerOf).
func (f Function) Role() string { return f.RoleARN[strings.LastIndex(f.RoleARN, "/")+1:] }
