package localaws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a child may take to end by itself once asked to.
const stopGrace = 2 * time.Second

// process is a child that ends with this process at the latest.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended
	err  error         // how it ended; read it after done
}

func start(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = stopGrace // a grandchild may hold the output open
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The parent whose death signals the child is a thread: this one has to live as long as the child.
		runtime.LockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// stop ends the child and its group, and returns when it has ended.
func (p *process) stop() {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopGrace):
	}
	p.kill()
}

// kill ends the child and its group without asking.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

func (p *process) signal(s syscall.Signal) {
	// A group outlives its leader, so it is signaled even when the leader is gone. No such group: nothing to stop.
	_ = syscall.Kill(-p.cmd.Process.Pid, s)
}

// run runs a child to its end. Standard output is returned; standard error is in the error, and in also if that isn't
// nil.
func run(ctx context.Context, cmd *exec.Cmd, also io.Writer) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	problems := &tail{limit: 8 << 10}
	cmd.Stdout, cmd.Stderr = &out, problems
	if also != nil {
		cmd.Stderr = io.MultiWriter(problems, also)
	}
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.stop()
		return nil, ctx.Err()
	}
	if p.err != nil {
		return nil, fmt.Errorf("%w: %s", p.err, problems)
	}
	return out.Bytes(), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int

	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if excess := len(t.text) - t.limit; excess > 0 {
		t.text = append(t.text[:0], t.text[excess:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
