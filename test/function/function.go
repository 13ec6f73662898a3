package function

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/runtimeapi"
)

// Timeouts of the functions, as in template.yaml.
const (
	OnRepoTimeout    = 2 * time.Minute
	OnAccountTimeout = 15 * time.Minute
)

// Function is one instance of a function: a process that handles one invocation at a time.
type Function struct {
	process *exec.Cmd
	exited  chan struct{}
	api     *runtimeapi.Server
}

// Start starts an instance. If log isn't nil, the instance writes its log to the file. When Invoke returns, the file
// contains all lines of the invocation.
func Start(binary string, environment map[string]string, timeout time.Duration, log *os.File) (*Function, error) {
	api, err := runtimeapi.Listen(timeout)
	if err != nil {
		return nil, err
	}
	f := &Function{process: exec.Command(binary), exited: make(chan struct{}), api: api}
	f.process.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + api.Address}
	for key, value := range environment {
		f.process.Env = append(f.process.Env, key+"="+value)
	}
	f.process.Stderr = os.Stderr
	if log != nil {
		f.process.Stdout = log
	}
	if err := f.process.Start(); err != nil {
		api.Close()
		return nil, fmt.Errorf("start function: %w", err)
	}
	go func() {
		_ = f.process.Wait()
		close(f.exited)
	}()
	return f, nil
}

// Stop kills the process of the instance.
func (f *Function) Stop() {
	_ = f.process.Process.Kill()
	<-f.exited
	f.api.Close()
}

// PeakMemory returns the peak resident set size of the instance in bytes.
func (f *Function) PeakMemory() (int, error) { return PeakMemory(f.process.Process.Pid) }

// Invoke invokes the function with an event and returns its response.
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	if err := f.api.Deliver(ctx, event, f.exited); err != nil {
		return nil, err
	}
	result, err := f.api.Wait(ctx, f.exited)
	switch {
	case errors.Is(err, runtimeapi.ErrExited):
		return nil, errors.New("the function's process exited during the invocation")
	case err != nil:
		return nil, err
	case !result.OK:
		return nil, fmt.Errorf("the function returned an error: %s", result.Body)
	}
	return result.Body, nil
}
