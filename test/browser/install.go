package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
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

// install returns the Chromium that the variable CHROMIUM names, or else the one in the npm package of package-lock.json,
// which it installs below the root of the repository first, unless it is there and up to date.
//
// That package is made for AWS Lambda: it has the libraries and fonts that a small system lacks, so that neither root
// nor a package manager is necessary. npm comes from PyPI.
func install(ctx context.Context, root string, progress io.Writer) (installation, error) {
	if program := os.Getenv("CHROMIUM"); program != "" {
		return installation{program, os.Environ()}, nil
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
	venv, err := localaws.SetupVenv(ctx, root, ".local/browser-venv", "test/browser/requirements.txt", progress)
	if err != nil {
		return i, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return i, err
	}
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return i, err
	}
	for name, content := range map[string][]byte{"package.json": packages, "package-lock.json": lockFile, "inflate.mjs": inflate} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return i, err
		}
	}
	for _, args := range [][]string{
		{venv.Tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"},
		{venv.Tool("node"), "inflate.mjs", lib},
	} {
		command := exec.CommandContext(ctx, args[0], args[1:]...)
		command.Dir = dir
		command.Env = append(os.Environ(), "TMPDIR="+lib, "PATH="+filepath.Join(venv.Dir, "bin")+":"+os.Getenv("PATH"))
		if output, err := command.CombinedOutput(); err != nil {
			return i, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, output)
		}
	}
	for _, unneeded := range []string{venv.Dir, filepath.Join(dir, "node_modules")} {
		if err := os.RemoveAll(unneeded); err != nil {
			return i, err
		}
	}
	return i, os.WriteFile(stampFile, stamp, 0o644)
}
