package start

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// step is an earlier version of onrepo: the last commit before a change that made the start faster.
type step struct {
	name, commit string
}

func steps() []step {
	return []step{{name: "onrepo with config.LoadDefaultConfig", commit: "2f1a143~1"}}
}

// Steps compares the current onrepo with earlier versions, which it builds from the commits in the repository.
func Steps(ctx context.Context, w io.Writer, o Options) error {
	root, err := localaws.Root(".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "steps")
	if err != nil {
		return fmt.Errorf("create a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	o.Others = map[string]string{}
	for i, s := range steps() {
		if o.Others[s.name], err = s.build(ctx, root, filepath.Join(dir, strconv.Itoa(i))); err != nil {
			return fmt.Errorf("build %q: %w", s.name, err)
		}
	}
	return Run(ctx, w, o)
}

// build clones the repository into dir and builds the version of onrepo there.
func (s step) build(ctx context.Context, root, dir string) (path string, err error) {
	commands := []*exec.Cmd{
		exec.CommandContext(ctx, "git", "clone", "--quiet", "--shared", "--no-checkout", root, dir),
		exec.CommandContext(ctx, "git", "-C", dir, "checkout", "--quiet", "--detach", s.commit),
	}
	for _, command := range commands {
		if output, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", command, err, output)
		}
	}
	path = filepath.Join(dir, "onrepo-binary")
	return path, localaws.BuildFunction(ctx, dir, "./functions/onrepo", path)
}
