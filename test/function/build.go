package function

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// Binaries are the compiled functions.
type Binaries struct {
	OnRepo, OnAccount string // paths
}

// Build compiles the functions into a directory, with the flags that ship.
func Build(ctx context.Context, dir string) (Binaries, error) {
	root, err := Root(ctx)
	if err != nil {
		return Binaries{}, err
	}
	if err := localaws.Build(ctx, root, dir); err != nil {
		return Binaries{}, err
	}
	return Binaries{
		OnRepo:    filepath.Join(dir, localaws.OnRepo, "bootstrap"),
		OnAccount: filepath.Join(dir, localaws.OnAccount, "bootstrap"),
	}, nil
}

// Root returns the directory of the module, wherever in it this process runs.
func Root(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return strings.TrimSpace(string(root)), nil
}
