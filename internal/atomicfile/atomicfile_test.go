package atomicfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, content string }{{name, "new"}, {name, "replaced"}, {link, "behind the link"}} {
		if err := atomicfile.Write(c.name, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(name); err != nil || string(content) != c.content {
			t.Errorf("%q, %v, want %q", content, err, c.content)
		}
	}
	if info, err := os.Lstat(name); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v, want a regular file with mode 0600", info, err)
	}
	if err := atomicfile.Write(dir, nil, 0o600); err == nil || !strings.Contains(err.Error(), "isn't a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, "missing", "file"), nil, 0o600); err == nil {
		t.Error("a directory that doesn't exist: no error")
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(link, nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link to a file that doesn't exist: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Type() != fs.ModeSymlink {
		t.Errorf("files left behind: %v, %v", entries, err)
	}
}
