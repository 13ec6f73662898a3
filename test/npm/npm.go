// Package npm installs npm packages for tests. Node.js and npm come from PyPI, so that a machine needs only Python.
package npm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// Project is a folder with files and the npm packages that its package-lock.json pins.
type Project struct {
	Dir string

	venv venv.Venv
}

// Install makes the project .local/NAME below the root of the repository, unless it is there and up to date. The files
// must include package.json and package-lock.json. Packages can't run scripts.
func Install(ctx context.Context, root, name string, files map[string][]byte, progress io.Writer) (Project, error) {
	p := Project{Dir: filepath.Join(root, ".local", name)}
	var err error
	if p.venv, err = venv.Setup(ctx, root, ".local/"+name+"-venv", "test/npm/requirements.txt", progress); err != nil {
		return p, err
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s %d %s", name, len(files[name]), files[name])
	}
	stamp, stampFile := sum.Sum(nil), filepath.Join(p.Dir, "node_modules", ".made-from")
	if made, err := os.ReadFile(stampFile); err == nil && bytes.Equal(made, stamp) {
		return p, nil
	}
	if err := os.RemoveAll(p.Dir); err != nil {
		return p, err
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return p, err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(p.Dir, name), content, 0o644); err != nil {
			return p, err
		}
	}
	command := p.command(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	if output, err := command.CombinedOutput(); err != nil {
		return p, fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, output)
	}
	return p, os.WriteFile(stampFile, stamp, 0o644)
}

// Node returns a command that runs Node.js in the project.
func (p Project) Node(ctx context.Context, args ...string) *exec.Cmd {
	return p.command(ctx, "node", args...)
}

// RemoveNode removes everything that only Node and Install need.
func (p Project) RemoveNode() error {
	for _, unneeded := range []string{p.venv.Dir, filepath.Join(p.Dir, "node_modules")} {
		if err := os.RemoveAll(unneeded); err != nil {
			return err
		}
	}
	return nil
}

func (p Project) command(ctx context.Context, tool string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, p.venv.Tool(tool), args...)
	command.Dir = p.Dir
	command.Env = append(os.Environ(), "TMPDIR="+p.Dir, "PATH="+filepath.Join(p.venv.Dir, "bin")+":"+os.Getenv("PATH"))
	return command
}
