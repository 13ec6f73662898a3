package localaws

import (
	"fmt"
	"os"
	"path/filepath"
)

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
