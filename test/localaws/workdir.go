package localaws

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

const (
	workPrefix = "aws-"
	keptPrefix = "kept-" // not swept
)

// workDir is a directory of its own for a local AWS, below .local.
type workDir struct {
	path   string
	keep   bool
	unlock func()
}

// makeWorkDir also removes the directories that processes left behind which were killed.
func makeWorkDir(ctx context.Context, root string, keep bool) (*workDir, error) {
	local := filepath.Join(root, ".local")                           // ignored by git
	unlock, err := venv.Lock(ctx, filepath.Join(local, "work.lock")) // a new directory isn't locked at once
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := sweep(local); err != nil {
		return nil, err
	}
	prefix := workPrefix
	if keep {
		prefix = keptPrefix
	}
	path, err := os.MkdirTemp(local, prefix)
	if err != nil {
		return nil, err
	}
	inUse, err := venv.Lock(ctx, usedFile(path))
	if err != nil {
		return nil, err
	}
	return &workDir{path: path, keep: keep, unlock: inUse}, nil
}

func (d *workDir) remove() error {
	defer d.unlock()
	if d.keep {
		return nil
	}
	return os.RemoveAll(d.path)
}

// sweep removes the work directories that no process uses.
func sweep(local string) error {
	dirs, err := filepath.Glob(filepath.Join(local, workPrefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		unlock, unused, err := venv.TryLock(usedFile(dir))
		if err == nil && unused {
			err = os.RemoveAll(dir)
			unlock()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// usedFile is locked as long as a work directory is in use.
func usedFile(dir string) string {
	return filepath.Join(dir, "used.lock")
}
