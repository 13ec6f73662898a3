package localaws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/runtimeapi"
)

// runtimeVariable is the environment variable that chooses where functions run: in AWS's emulator, which is a Linux
// program, or as processes of the host.
const runtimeVariable = "LOCALAWS_RUNTIME"

// onHost reports whether functions run as processes of the host, as they do where the emulator doesn't run.
func onHost() (bool, error) {
	switch chosen := os.Getenv(runtimeVariable); chosen {
	case "":
		return runtime.GOOS != "linux", nil
	case "emulator", "host":
		return chosen == "host", nil
	default:
		return false, fmt.Errorf("%s=%s: unknown runtime; set it to emulator or host", runtimeVariable, chosen)
	}
}

// host runs the program of a function as a process of this machine, and serves the Lambda Runtime API to it. As in
// Lambda, the process starts with the first invocation, stays for the next ones, and is replaced after it exits or its
// invocation times out.
type host struct {
	program     string
	dir         string
	environment []string
	timeout     time.Duration
	output      *os.File // a pipe to the log, also for the lines REPORT, so that they come after those of the function
	copied      chan struct{}

	mu       sync.Mutex
	instance *instance // nil if none runs
	stopped  bool
}

// instance is a process of a function, and the Runtime API that it uses.
type instance struct {
	process *process
	api     *runtimeapi.Server
}

func newHost(program string, timeout time.Duration, dir string, environment []string, log io.Writer) (*host, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	h := &host{program: program, dir: dir, environment: environment, timeout: timeout, output: writer, copied: make(chan struct{})}
	go func() {
		_, _ = io.Copy(log, reader)
		reader.Close()
		close(h.copied)
	}()
	return h, nil
}

func (h *host) call(ctx context.Context, payload []byte) (response []byte, failure *FunctionError, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.timeout, errTimedOut)
	defer cancel()
	result, err := h.run(ctx, payload)
	if err != nil { // nothing else can come of this process
		h.end()
	}
	fmt.Fprintln(h.output, "REPORT RequestId: "+newID())
	switch {
	case errors.Is(err, runtimeapi.ErrExited):
		failure = &FunctionError{Type: "Runtime.ExitError", Message: err.Error()}
	case errors.Is(err, errTimedOut):
		failure = &FunctionError{Type: "Sandbox.Timedout", Message: fmt.Sprintf("Task timed out after %.2f seconds", h.timeout.Seconds())}
	case err != nil:
		return nil, nil, err
	case result.OK:
		return result.Body, nil, nil
	default:
		failure = &FunctionError{}
		return result.Body, failure, json.Unmarshal(result.Body, failure)
	}
	response, err = json.Marshal(failure)
	return response, failure, err
}

var errTimedOut = errors.New("the invocation timed out")

// run runs one invocation. If the process exited after the last one, for example because of a panic, it starts another.
func (h *host) run(ctx context.Context, payload []byte) (runtimeapi.Result, error) {
	i, fresh, err := h.begin()
	if err != nil {
		return runtimeapi.Result{}, err
	}
	err = i.api.Deliver(ctx, payload, i.process.done)
	if errors.Is(err, runtimeapi.ErrExited) && !fresh {
		h.end()
		return h.run(ctx, payload)
	}
	if err != nil {
		return runtimeapi.Result{}, err
	}
	return i.api.Wait(ctx, i.process.done)
}

// begin returns the instance, and starts it unless it runs.
func (h *host) begin() (i *instance, fresh bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return nil, false, errClosed
	}
	if h.instance != nil {
		return h.instance, false, nil
	}
	api, err := runtimeapi.Listen(h.timeout)
	if err != nil {
		return nil, false, err
	}
	cmd := exec.Command(h.program)
	cmd.Dir = h.dir
	cmd.Env = append(slices.Clip(h.environment), "AWS_LAMBDA_RUNTIME_API="+api.Address)
	cmd.Stdout, cmd.Stderr = h.output, h.output
	p, err := start(cmd)
	if err != nil {
		api.Close()
		return nil, false, err
	}
	h.instance = &instance{p, api}
	return h.instance, true, nil
}

// end ends the instance, if there is one.
func (h *host) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.instance == nil {
		return
	}
	h.instance.process.kill()
	h.instance.api.Close()
	h.instance = nil
}

func (h *host) stop() {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	h.end()
	h.output.Close()
	<-h.copied
}
