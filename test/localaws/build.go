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
		group.Go(func() error {
			cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w",
				"-o", bootstrap(dir, function), source)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			if _, err := run(ctx, cmd, nil); err != nil {
				return fmt.Errorf("building %s: %w", source, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func bootstrap(dir, function string) string {
	return filepath.Join(dir, function, "bootstrap")
}
