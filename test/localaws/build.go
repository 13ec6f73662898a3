package localaws

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// The functions' logical IDs in template.yaml.
const (
	OnRepo    = "OnRepoFunction"
	OnAccount = "OnAccountFunction"
)

// Build compiles the functions for this machine, with the flags that ship, into dir/LOGICAL-ID/bootstrap.
func Build(ctx context.Context, root, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	sources := map[string]string{OnRepo: "./functions/onrepo", OnAccount: "./functions/onaccount"}
	group, ctx := errgroup.WithContext(ctx)
	for function, source := range sources {
		group.Go(func() error { return BuildFunction(ctx, root, source, bootstrap(dir, function)) })
	}
	return group.Wait()
}

// BuildFunction compiles one package, as seen from the root, with the flags that ship. Path is absolute.
func BuildFunction(ctx context.Context, root, source, path string) error {
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o", path, source)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := run(ctx, cmd, nil); err != nil {
		return fmt.Errorf("building %s: %w", source, err)
	}
	return nil
}

func bootstrap(dir, function string) string {
	return filepath.Join(dir, function, "bootstrap")
}
