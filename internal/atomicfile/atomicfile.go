// Package atomicfile writes files as a whole.
package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes a file, or replaces an existing one: the name refers to the old content or the new one, never to a part
// of it. mode, less the umask, is the mode of the file. The file that a symbolic link refers to is replaced, and the
// link stays. Anything but a regular file is an error, and so is a link to a file that doesn't exist.
func Write(name string, content []byte, mode fs.FileMode) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s isn't a regular file", name)
	}
	if _, err := os.Lstat(name); err == nil {
		if name, err = filepath.EvalSymlinks(name); err != nil {
			return fmt.Errorf("follow the symbolic link: %w", err)
		}
	}
	temporary := filepath.Join(filepath.Dir(name), ".ecr-pull-policy-"+rand.Text())
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) // #nosec G304 -- the operator names the file
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		_ = os.Remove(temporary)
	}
	return err
}
