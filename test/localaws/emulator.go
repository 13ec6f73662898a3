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
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

//go:embed child.py
var childScript string

// emulator is an AWS Lambda Runtime Interface Emulator, which starts its function with the first invocation. A second
// request during an invocation would kill it.
type emulator struct {
	url     string
	timeout time.Duration // of the function
	process *process
}

// startEmulator starts an emulator of the function that a command runs. It writes the output of both to log.
func startEmulator(ctx context.Context, python venv.Venv, timeout time.Duration, command []string, dir string, environment []string,
	log io.Writer) (*emulator, error) {
	binary, err := emulatorPath(python)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	e := &emulator{url: "http://" + address(ports[0]) + "/2015-03-31/functions/function/invocations", timeout: timeout}
	// Without an address of its own, each emulator's runtime API would want the same port.
	cmd := exec.Command(binary, append([]string{"--runtime-interface-emulator-address", address(ports[0]),
		"--runtime-api-address", address(ports[1])}, command...)...)
	cmd.Dir, cmd.Env = dir, environment
	cmd.Stdout, cmd.Stderr = log, log // the same, so that their order is kept
	if e.process, err = start(cmd); err != nil {
		return nil, err
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
			"use a Linux machine, a container, or CI", runtime.GOOS)
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
			return fmt.Errorf("the emulator ended at once: %w", e.process.err)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the emulator: %w", ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (e *emulator) stop() { e.process.stop() }

func (e *emulator) call(ctx context.Context, payload []byte) ([]byte, *FunctionError, error) {
	status, body, err := e.post(ctx, payload)
	if err != nil {
		return nil, nil, err
	}
	return body, functionError(status, body), nil
}

func (e *emulator) post(ctx context.Context, payload []byte) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout+10*time.Second)
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
