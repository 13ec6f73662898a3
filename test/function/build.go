package function

import (
	"context"
	"path/filepath"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// Binaries are the paths of the compiled functions.
type Binaries struct {
	OnRepo, OnAccount string
}

// Build compiles the functions into a directory, with the same flags as for a deployment.
func Build(ctx context.Context, dir string) (Binaries, error) {
	root, err := localaws.Root(".")
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
