package localaws

import (
	"context"
	"io"
)

// Emulator is a Lambda Runtime Interface Emulator beside those of the stack, for a function that the stack doesn't
// have.
type Emulator struct{ runner *runner }

// Emulate starts an emulator of a function whose calls cause no events. With the first invocation it runs the function's
// command, by the absolute path of its program; the command's last argument is the handler's name. Every emulator is to
// be stopped.
func (a *AWS) Emulate(ctx context.Context, function Function, command ...string) (*Emulator, error) {
	r, err := startRunner(function, a.WorkDir, append(a.Environment(), "AWS_ENDPOINT_URL="+a.QuietEndpoint), func(LogLine) {},
		func(environment []string, log io.Writer) (sandbox, error) {
			return startEmulator(ctx, a.venv, function.Timeout, command, a.WorkDir, environment, log)
		})
	if err != nil {
		return nil, err
	}
	return &Emulator{r}, nil
}

// Invoke invokes the function once. The error is nil if the function was invoked; its own error is in the invocation.
func (e *Emulator) Invoke(ctx context.Context, payload []byte) (Invocation, error) {
	return e.runner.invoke(ctx, payload)
}

// Stop ends the emulator.
func (e *Emulator) Stop() { e.runner.stop() }

// Python is the interpreter of .venv.
func (a *AWS) Python() string { return a.venv.Python() }
