package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/npm"
)

var (
	//go:embed package.json
	packages []byte
	//go:embed package-lock.json
	lockFile []byte
	//go:embed inflate.mjs
	inflate []byte
)

// installation is a Chromium with the libraries and fonts that it needs.
type installation struct {
	program     string
	environment []string
}

// install returns the Chromium that the variable CHROMIUM names. By default, on Linux on x86-64, it is the one in the npm
// package of package-lock.json, which install installs below the root of the repository first, unless it is there and up
// to date. On other machines, it is an installed one.
//
// The package is made for AWS Lambda: it has the libraries and fonts that a small system lacks, so that neither root
// nor a package manager is necessary.
func install(ctx context.Context, root string, progress io.Writer) (installation, error) {
	if program := os.Getenv("CHROMIUM"); program != "" {
		return installation{program, os.Environ()}, nil
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return installed()
	}
	dir := filepath.Join(root, ".local", "browser")
	lib := filepath.Join(dir, "chromium")
	i := installation{
		program: filepath.Join(lib, "chromium"),
		environment: append(os.Environ(), "TMPDIR="+lib, "LD_LIBRARY_PATH="+filepath.Join(lib, "al2023", "lib"),
			"FONTCONFIG_FILE="+filepath.Join(lib, "fonts.conf")),
	}
	sum := sha256.Sum256(append([]byte(dir), append(lockFile, inflate...)...))
	stamp, stampFile := []byte(hex.EncodeToString(sum[:])), filepath.Join(dir, "stamp")
	if made, err := os.ReadFile(stampFile); err == nil && bytes.Equal(made, stamp) {
		return i, nil
	}
	fmt.Fprintln(progress, "installing Chromium (once, about a minute)")
	files := map[string][]byte{"package.json": packages, "package-lock.json": lockFile, "inflate.mjs": inflate}
	project, err := npm.Install(ctx, root, "browser", files, progress)
	if err != nil {
		return i, err
	}
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return i, err
	}
	command := project.Node(ctx, "inflate.mjs", lib)
	command.Env = append(command.Env, "TMPDIR="+lib) // where the package inflates the libraries
	if output, err := command.CombinedOutput(); err != nil {
		return i, fmt.Errorf("inflate Chromium: %w\n%s", err, output)
	}
	if err := project.RemoveNode(); err != nil {
		return i, err
	}
	return i, os.WriteFile(stampFile, stamp, 0o644)
}

// installed returns the Chrome or Chromium of this machine.
func installed() (installation, error) {
	for _, name := range []string{
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium",
		"chromium", "chromium-browser", "google-chrome",
	} {
		if program, err := exec.LookPath(name); err == nil {
			return installation{program, os.Environ()}, nil
		}
	}
	return installation{}, errors.New("neither Chrome nor Chromium is installed; install one of them, or set CHROMIUM to its path")
}
