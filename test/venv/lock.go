package venv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Lock waits until this process alone holds the lock file. The kernel lets go of it if the process dies.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, locked, err := TryLock(path)
		if err != nil || locked {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TryLock does as Lock does, unless another process holds the lock file.
func TryLock(path string) (unlock func(), locked bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, false, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return func() { file.Close() }, true, nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		file.Close()
		return nil, false, nil
	default:
		file.Close()
		return nil, false, fmt.Errorf("locking %s: %w", path, err)
	}
}
