// Package docs_test runs the commands in the documentation and in the examples, and checks its links, parameters,
// alarms, and prices.
package docs_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// pages returns all pages of the documentation. The README is first, because the commands of other pages depend on the
// account list that the README's commands write.
func pages(t *testing.T) []page {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("found no pages in docs: %v", err)
	}
	examples, err := filepath.Glob(filepath.Join(root, "examples", "*", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	paths = append(paths, examples...)
	var read []page
	paths = append([]string{filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")}, paths...)
	for _, path := range paths {
		read = append(read, readPage(t, path))
	}
	return read
}

// page is a page of the documentation.
type page struct {
	path   string // relative to this package
	text   []line // lines outside code blocks
	blocks []block
}

type line struct {
	number int
	text   string
}

// block is a code block.
type block struct {
	line     int // number of its first line
	language string
	text     string
}

func readPage(t *testing.T, path string) page {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := page{path: path}
	var open *block
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		text := lines.Text()
		language, isFence := strings.CutPrefix(strings.TrimSpace(text), "```")
		switch {
		case isFence && open == nil:
			open = &block{line: number, language: language}
		case isFence:
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += text + "\n"
		default:
			p.text = append(p.text, line{number, text})
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if open != nil {
		t.Fatalf("%s:%d: the code block isn't closed", path, open.line)
	}
	return p
}
