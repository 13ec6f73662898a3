package localaws

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

//go:embed child.py
var childScript string

// FunctionError is what a function failed with.
type FunctionError struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("%s: %s", e.Type, e.Message)
}

// emulator runs a function in the AWS Lambda Runtime Interface Emulator.
type emulator struct {
	function Function
	url      string
	process  *process
	log      *functionLog
	file     *os.File

	// A second request during an invocation would kill the emulator.
	mu sync.Mutex
}

// startBootstrap starts the emulator of a function that Build made.
func startBootstrap(ctx context.Context, python venv.Venv, function Function, binaries, dir string, environment []string, wrote func(LogLine)) (*emulator, error) {
	program := bootstrap(binaries, function.LogicalID)
	if _, err := os.Stat(program); err != nil { // the emulator would answer every request with an empty 502
		return nil, fmt.Errorf("%s has no binary: %w", function.LogicalID, err)
	}
	command := []string{python.Python(), "-I", "-S", "-c", childScript, program, function.Handler}
	return startEmulator(ctx, python, function, command, dir, environment, wrote)
}

// startEmulator starts an emulator that runs the command when it is invoked for the first time.
func startEmulator(ctx context.Context, python venv.Venv, function Function, command []string, dir string, environment []string,
	wrote func(LogLine)) (*emulator, error) {
	binary, err := emulatorPath(python)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(dir, function.LogicalID+".log"))
	if err != nil {
		return nil, err
	}
	e := &emulator{
		function: function,
		url:      "http://" + address(ports[0]) + "/2015-03-31/functions/function/invocations",
		log:      newFunctionLog(file, wrote),
		file:     file,
	}
	// Without an address of its own, each emulator's runtime API would want the same port.
	cmd := exec.Command(binary, append([]string{"--runtime-interface-emulator-address", address(ports[0]),
		"--runtime-api-address", address(ports[1])}, command...)...)
	cmd.Dir = dir
	cmd.Env = append(append(function.environment(), environment...), "AWS_ACCESS_KEY_ID="+function.Role()) // the last of a name holds
	cmd.Stdout, cmd.Stderr = e.log, e.log                                                                  // the same, so that their order is kept
	if e.process, err = start(cmd); err != nil {
		file.Close()
		return nil, fmt.Errorf("starting the emulator of %s: %w", function.LogicalID, err)
	}
	if err := e.wait(ctx, address(ports[0])); err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

// emulatorPath is the path of the AWS Lambda Runtime Interface Emulator, which aws-sam-cli brings.
func emulatorPath(python venv.Venv) (string, error) {
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("the AWS Lambda Runtime Interface Emulator runs only on Linux, and this is %s: "+
			"use a Linux machine, container or CI", runtime.GOOS)
	}
	architectures := map[string]string{"amd64": "x86_64", "arm64": "arm64"}
	pattern := filepath.Join(python.Dir, "lib", "python*", "site-packages", "samcli", "local", "rapid",
		"aws-lambda-rie-"+architectures[runtime.GOARCH])
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%s doesn't contain the AWS Lambda Runtime Interface Emulator for %s (%s)", python.Dir, runtime.GOARCH, pattern)
	}
	return found[0], nil
}

// environment is what Lambda sets for a function. The emulator adds the rest.
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

func (e *emulator) wait(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var dialer net.Dialer
	for {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			connection.Close()
			return nil
		}
		select {
		case <-e.process.done:
			return fmt.Errorf("the emulator of %s ended at once: %w\n%s", e.function.LogicalID, e.process.err, endOf(e.file.Name()))
		case <-ctx.Done():
			return fmt.Errorf("waiting for the emulator of %s: %w\n%s", e.function.LogicalID, ctx.Err(), endOf(e.file.Name()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (e *emulator) stop() {
	e.process.stop()
	e.file.Close()
}

// invoke invokes the function once, after earlier invocations have ended. The error is nil if the function was invoked;
// its own error is in the invocation.
func (e *emulator) invoke(ctx context.Context, payload []byte) (Invocation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.log.ends: // that of an invocation that was given up
	default:
	}
	_, position := e.log.since(0)
	begin := time.Now()
	status, body, err := e.post(ctx, payload)
	if err != nil {
		return Invocation{}, fmt.Errorf("invoking %s: %w", e.function.LogicalID, err)
	}
	invocation := Invocation{Function: e.function.LogicalID, Payload: payload, Duration: time.Since(begin)}
	if invocation.Error = functionError(status, body); invocation.Error == nil || json.Valid(body) {
		invocation.Response = body
	}
	// The answer may overtake the log.
	select {
	case <-e.log.ends:
	case <-time.After(time.Second):
	case <-ctx.Done():
	}
	invocation.Logs, _ = e.log.since(position)
	return invocation, nil
}

func (e *emulator) post(ctx context.Context, payload []byte) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.function.Timeout+10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(payload))
	if err != nil {
		return 0, nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		select {
		case <-e.process.done:
			return 0, nil, errors.Join(err, errors.New("the emulator ended"), e.process.err)
		default:
			return 0, nil, err
		}
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// functionError returns the error of a function, if the response contains one. Errors of a handler and timeouts have
// status 200, the latter as plain text. Panics and exits have status 502.
func functionError(status int, body []byte) *FunctionError {
	failure := &FunctionError{}
	if !json.Valid(body) {
		return &FunctionError{Type: "Sandbox.Timedout", Message: string(body)}
	}
	if json.Unmarshal(body, failure) == nil && failure.Type != "" {
		return failure
	}
	if status != http.StatusOK {
		return &FunctionError{Type: "Runtime.Unknown", Message: string(body)}
	}
	return nil
}
