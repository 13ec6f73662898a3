package function

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"
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
	api     *http.Server
	runtime *runtime
}

// Start starts an instance. If log isn't nil, the instance writes its log to the file. When Invoke returns, the file
// contains all lines of the invocation.
func Start(binary string, environment map[string]string, timeout time.Duration, log *os.File) (*Function, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for calls to the Runtime API: %w", err)
	}
	r := &runtime{timeout: timeout, events: make(chan []byte), results: make(chan result, 1)}
	f := &Function{process: exec.Command(binary), exited: make(chan struct{}), api: &http.Server{Handler: r}, runtime: r}
	f.process.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String()}
	for key, value := range environment {
		f.process.Env = append(f.process.Env, key+"="+value)
	}
	f.process.Stderr = os.Stderr
	if log != nil {
		f.process.Stdout = log
	}
	if err := f.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start function: %w", err), listener.Close())
	}
	go func() { _ = f.api.Serve(listener) }()
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
	_ = f.api.Close()
}

// Invoke invokes the function with an event and returns its response.
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	select {
	case f.runtime.events <- event:
	case <-f.exited:
		return nil, errors.New("the function's process has exited")
	case <-ctx.Done():
		return nil, fmt.Errorf("the function didn't request an event: %w", context.Cause(ctx))
	}
	select {
	case r := <-f.runtime.results:
		if !r.ok {
			return nil, fmt.Errorf("the function returned an error: %s", r.body)
		}
		return r.body, nil
	case <-f.exited:
		return nil, errors.New("the function's process exited during the invocation")
	case <-ctx.Done():
		return nil, fmt.Errorf("the function didn't respond: %w", context.Cause(ctx))
	}
}
