// Package venv makes the Python environments of development and test. It imports only the standard library, so that a
// new machine builds it at once, and pip runs while everything else is built.
package venv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	localName = ".local" // ignored by git
	stampName = ".made-from"
)

// Venv is a Python environment with the packages that a file of requirements pins.
type Venv struct {
	Dir string

	root, name, requirements string // name is Dir, and requirements the file, as seen from root

	part  string // the file with the names of the packages that are enough, as seen from root, or empty
	whole bool   // they aren't enough
}

const (
	mainName         = ".venv"
	mainRequirements = "test/requirements.txt"
	servicesPart     = "test/localaws/requirements.txt"
)

// Tools returns .venv with all packages of test/requirements.txt.
func Tools(ctx context.Context, root string, progress io.Writer) (Venv, error) {
	return setup(ctx, Venv{root: root, name: mainName, requirements: mainRequirements, part: servicesPart, whole: true}, progress)
}

// Services returns .venv with at least those that the simulated AWS services need.
func Services(ctx context.Context, root string, progress io.Writer) (Venv, error) {
	return setup(ctx, Venv{root: root, name: mainName, requirements: mainRequirements, part: servicesPart}, progress)
}

// Setup returns the environment in the folder name, with all packages of a file of requirements. Both are paths below the
// root of the repository.
func Setup(ctx context.Context, root, name, requirements string, progress io.Writer) (Venv, error) {
	return setup(ctx, Venv{root: root, name: name, requirements: requirements, whole: true}, progress)
}

// setup makes the environment unless it is there and up to date. It may run in several processes at once. Progress, if
// not nil, receives messages about steps that take time.
func setup(ctx context.Context, v Venv, progress io.Writer) (_ Venv, err error) {
	if v.root, err = filepath.Abs(v.root); err != nil {
		return Venv{}, err
	}
	v.Dir = filepath.Join(v.root, v.name)
	upToDate, err := v.upToDate()
	if err != nil || upToDate {
		return v, err
	}
	unlock, err := Lock(ctx, filepath.Join(v.root, localName, "venv.lock"))
	if err != nil {
		return Venv{}, err
	}
	defer unlock()
	if upToDate, err = v.upToDate(); err != nil || upToDate { // another process has created it
		return v, err
	}
	if progress == nil {
		progress = io.Discard
	}
	if err := v.make(ctx, progress); err != nil {
		return Venv{}, err
	}
	return v, nil
}

func (v Venv) make(ctx context.Context, progress io.Writer) error {
	hasPart, err := v.madeFrom(v.requirements, v.part)
	if err != nil {
		return err
	}
	files := []string{v.requirements}
	if !v.whole {
		files = append(files, v.part)
	}
	fmt.Fprintf(progress, "installing the Python packages of %s into %s (once)\n", files[len(files)-1], v.name)
	started := time.Now()
	// The stamp goes first and comes last: whatever is interrupted in between is made anew.
	if !hasPart {
		if err := v.create(ctx); err != nil {
			return err
		}
	} else if err := os.Remove(v.stampFile()); err != nil {
		return fmt.Errorf("renewing %s: %w", v.name, err)
	}
	if err := v.install(ctx, files); err != nil {
		return err
	}
	stamp, err := v.stamp(files...)
	if err != nil {
		return err
	}
	if err := os.WriteFile(v.stampFile(), []byte(stamp), 0o644); err != nil {
		return fmt.Errorf("finishing %s: %w", v.name, err)
	}
	fmt.Fprintf(progress, "installed them after %.0f s\n", time.Since(started).Seconds())
	return nil
}

// create makes an empty environment.
func (v Venv) create(ctx context.Context) error {
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	if _, err := os.Readlink(v.Dir); err == nil { // the environment that it leads to is another worktree's
		if err := os.Remove(v.Dir); err != nil {
			return fmt.Errorf("renewing %s: %w", v.name, err)
		}
	}
	if err := os.Remove(v.stampFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("renewing %s: %w", v.name, err)
	}
	if err := os.RemoveAll(v.Dir); err != nil {
		return fmt.Errorf("renewing %s: %w", v.name, err)
	}
	if err := run(ctx, io.Discard, python, "-m", "venv", v.Dir); err != nil {
		return fmt.Errorf("%s -m venv %s: %w", python, v.name, err)
	}
	return nil
}

// install installs the packages of the last file in the versions of the first. A part comes without dependencies, such as
// those of aws-sam-cli. It is compiled when it is imported, because compiling it all takes longer than installing it.
func (v Venv) install(ctx context.Context, files []string) error {
	const logName = "pip.log"
	log, err := os.Create(filepath.Join(v.root, localName, logName))
	if err != nil {
		return err
	}
	defer log.Close()
	pinned, wanted := files[0], files[len(files)-1]
	arguments := []string{"-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
		"--constraint", filepath.Join(v.root, pinned), "--requirement", filepath.Join(v.root, wanted)}
	if !v.whole {
		arguments = append(arguments, "--no-deps", "--no-compile")
	}
	if err := run(ctx, log, v.Python(), arguments...); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("pip could not install %s: %s; it needs a package index once: check the network or pip's "+
			"settings, and try again (%s/%s has the rest)", wanted, lastProblem(err), localName, logName)
	}
	return nil
}

// run runs a program. Its messages are in the log, and in the error.
func run(ctx context.Context, log io.Writer, name string, arguments ...string) error {
	var messages bytes.Buffer
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Stderr = io.MultiWriter(&messages, log)
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(messages.Bytes()))
	}
	return nil
}

// lastProblem returns the line with pip's error: the last that starts with ERROR.
func lastProblem(err error) string {
	problem := strings.TrimSpace(err.Error())
	for line := range strings.Lines(problem) {
		if text, found := strings.CutPrefix(line, "ERROR: "); found {
			problem = strings.TrimSpace(text)
		}
	}
	return problem
}

// Python is the environment's interpreter.
func (v Venv) Python() string {
	return filepath.Join(v.Dir, "bin", "python")
}

// Tool is the path of a program that a package brings, such as sam.
func (v Venv) Tool(name string) string {
	return filepath.Join(v.Dir, "bin", name)
}

func (v Venv) stampFile() string {
	return filepath.Join(v.Dir, stampName)
}

// stamp returns what the environment depends on: the files of requirements, and the path, because an environment can't
// be moved. It can be a link to the environment of another worktree.
func (v Venv) stamp(files ...string) (string, error) {
	dir, err := filepath.EvalSymlinks(v.Dir)
	if err != nil {
		dir = v.Dir // not made yet
	}
	sum := sha256.New()
	fmt.Fprintln(sum, dir)
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(v.root, file))
		if err != nil {
			return "", fmt.Errorf("reading the requirements of %s: %w", v.name, err)
		}
		sum.Write(text)
	}
	return hex.EncodeToString(sum.Sum(nil)) + "\n", nil
}

func (v Venv) upToDate() (bool, error) {
	upToDate, err := v.madeFrom(v.requirements)
	if err != nil || upToDate || v.whole {
		return upToDate, err
	}
	return v.madeFrom(v.requirements, v.part)
}

// madeFrom reports whether the environment has what the files require. An empty file stands for none.
func (v Venv) madeFrom(files ...string) (bool, error) {
	if files[len(files)-1] == "" {
		return false, nil
	}
	stamp, err := v.stamp(files...)
	if err != nil {
		return false, err
	}
	made, err := os.ReadFile(v.stampFile())
	if err != nil || string(made) != stamp {
		return false, nil
	}
	_, err = os.Stat(v.Python()) // a link, which dangles when the system's Python is replaced
	return err == nil, nil
}

// findPython returns a Python that can make environments.
func findPython(ctx context.Context) (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("python3 isn't installed, but the simulated AWS services and the checks of the template require it; " +
			"install Python 3.11 or newer")
	}
	const probe = "import sys; sys.version_info >= (3, 11) or sys.exit('it is %d.%d' % sys.version_info[:2])"
	if err := run(ctx, io.Discard, python, "-c", probe); err != nil {
		return "", fmt.Errorf("%s isn't Python 3.11 or later; install it (%w)", python, err)
	}
	if err := run(ctx, io.Discard, python, "-c", "import venv, ensurepip"); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%s can't make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)", python)
	}
	return python, nil
}
