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

// Timeouts of the functions, as template.yaml has them.
const (
	OnRepoTimeout    = 2 * time.Minute
	OnAccountTimeout = 15 * time.Minute
)

// Function is one instance of a function: a process that handles one invocation after the other.
type Function struct {
	process *exec.Cmd
	exited  chan struct{}
	api     *http.Server
	runtime *runtime
}

// Start starts an instance. Its log goes to a file, if there is one, which has all lines of an invocation when that has
// ended.
func Start(binary string, environment map[string]string, timeout time.Duration, log *os.File) (*Function, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("play the runtime API: %w", err)
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

// Stop ends the instance.
func (f *Function) Stop() {
	_ = f.process.Process.Kill()
	<-f.exited
	_ = f.api.Close()
}

// Invoke has the function handle an event, and returns its response.
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	select {
	case f.runtime.events <- event:
	case <-f.exited:
		return nil, errors.New("the function has ended")
	case <-ctx.Done():
		return nil, fmt.Errorf("the function asks for no event: %w", context.Cause(ctx))
	}
	select {
	case r := <-f.runtime.results:
		if !r.ok {
			return nil, fmt.Errorf("the function failed: %s", r.body)
		}
		return r.body, nil
	case <-f.exited:
		return nil, errors.New("the function ended while it handled an event")
	case <-ctx.Done():
		return nil, fmt.Errorf("the function doesn't respond: %w", context.Cause(ctx))
	}
}
