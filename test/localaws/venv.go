package localaws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	venvName         = ".venv"
	stampName        = ".made-from"
	requirementsPath = "test/requirements.txt"
	localName        = ".local" // ignored by git, as .venv is
)

// Venv is a Python environment with the packages that a file of requirements pins.
type Venv struct {
	Dir string

	root, name, requirements string // name is Dir, and requirements the file, as seen from root
}

// Setup returns the environment .venv at the root of the repository, with the tools that test/requirements.txt pins.
func Setup(ctx context.Context, root string, progress io.Writer) (Venv, error) {
	return SetupVenv(ctx, root, venvName, requirementsPath, progress)
}

// SetupVenv returns the environment in the folder name, and makes it first from the requirements unless it is there and
// up to date. Both are paths below the root of the repository. It may run in several processes at once. Progress, if
// not nil, receives messages about steps that take time.
func SetupVenv(ctx context.Context, root, name, requirements string, progress io.Writer) (Venv, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return Venv{}, err
	}
	v := Venv{Dir: filepath.Join(root, name), root: root, name: name, requirements: requirements}
	upToDate, err := v.upToDate()
	if err != nil || upToDate {
		return v, err
	}
	unlock, err := lock(ctx, filepath.Join(root, localName, "venv.lock"))
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
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "making %s from %s (once, about a minute)\n", v.name, v.requirements)
	if _, err := os.Readlink(v.Dir); err == nil { // the environment that it leads to is another worktree's
		if err := os.Remove(v.Dir); err != nil {
			return fmt.Errorf("renewing %s: %w", v.name, err)
		}
	}
	// The stamp goes first and comes last: whatever is interrupted in between is made anew.
	if err := os.Remove(v.stampFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("renewing %s: %w", v.name, err)
	}
	if err := os.RemoveAll(v.Dir); err != nil {
		return fmt.Errorf("renewing %s: %w", v.name, err)
	}
	if _, err := run(ctx, exec.Command(python, "-m", "venv", v.Dir), nil); err != nil {
		return fmt.Errorf("%s -m venv %s: %w", python, v.name, err)
	}
	if err := v.install(ctx); err != nil {
		return err
	}
	stamp, err := v.wantedStamp()
	if err != nil {
		return err
	}
	if err := os.WriteFile(v.stampFile(), []byte(stamp), 0o644); err != nil {
		return fmt.Errorf("finishing %s: %w", venvName, err)
	}
	return nil
}

func (v Venv) install(ctx context.Context) error {
	const logName = "pip.log"
	log, err := os.Create(filepath.Join(v.root, localName, logName))
	if err != nil {
		return err
	}
	defer log.Close()
	pip := exec.Command(v.Python(), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check",
		"--requirement", filepath.Join(v.root, v.requirements))
	if _, err := run(ctx, pip, log); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("pip could not install %s: %s; it needs a package index once: check the network or pip's "+
			"settings, and try again (%s/%s has the rest)", v.requirements, lastProblem(err), localName, logName)
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

// emulator is the path of the AWS Lambda Runtime Interface Emulator, which aws-sam-cli brings.
func (v Venv) emulator() (string, error) {
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("the AWS Lambda Runtime Interface Emulator runs only on Linux, and this is %s: "+
			"use a Linux machine, container or CI", runtime.GOOS)
	}
	architectures := map[string]string{"amd64": "x86_64", "arm64": "arm64"}
	pattern := filepath.Join(v.Dir, "lib", "python*", "site-packages", "samcli", "local", "rapid",
		"aws-lambda-rie-"+architectures[runtime.GOARCH])
	found, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%s doesn't contain the AWS Lambda Runtime Interface Emulator for %s (%s)", v.name, runtime.GOARCH, pattern)
	}
	return found[0], nil
}

func (v Venv) stampFile() string {
	return filepath.Join(v.Dir, stampName)
}

// wantedStamp returns what the environment depends on: the requirements, and the path, because an environment can't be
// moved. It can be a link to the environment of another worktree.
func (v Venv) wantedStamp() (string, error) {
	text, err := os.ReadFile(filepath.Join(v.root, v.requirements))
	if err != nil {
		return "", fmt.Errorf("reading the requirements of %s: %w", v.name, err)
	}
	dir, err := filepath.EvalSymlinks(v.Dir)
	if err != nil {
		dir = v.Dir // not made yet
	}
	sum := sha256.New()
	fmt.Fprintln(sum, dir)
	sum.Write(text)
	return hex.EncodeToString(sum.Sum(nil)) + "\n", nil
}

func (v Venv) upToDate() (bool, error) {
	stamp, err := v.wantedStamp()
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
	if _, err := run(ctx, exec.Command(python, "-c", probe), nil); err != nil {
		return "", fmt.Errorf("%s isn't Python 3.11 or later; install it (%w)", python, err)
	}
	if _, err := run(ctx, exec.Command(python, "-c", "import venv, ensurepip"), nil); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("%s can't make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)", python)
	}
	return python, nil
}

// Root returns the root of the repository that a directory is in: the nearest directory, from there upwards, that has a
// template.yaml. A go.mod is not what to look for, as bench/ has one of its own.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "template.yaml")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find the repository: neither %s nor any of its parent directories contains template.yaml", dir)
		}
	}
}
