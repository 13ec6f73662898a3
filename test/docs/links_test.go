package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLinks checks that the links between pages lead to files and headings that exist.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	anchors := map[string][]string{}
	for _, p := range pages(t) {
		anchors[filepath.Clean(p.path)] = p.anchors()
	}
	for _, p := range pages(t) {
		for _, l := range p.text {
			for _, match := range link.FindAllStringSubmatch(l.text, -1) {
				target, anchor, _ := strings.Cut(match[1], "#")
				if strings.HasPrefix(target, "https://") {
					continue
				}
				file := filepath.Clean(p.path)
				if target != "" {
					file = filepath.Join(filepath.Dir(p.path), target)
				}
				if _, err := os.Stat(file); err != nil {
					t.Errorf("%s:%d: %s doesn't exist", p.path, l.number, target)
				}
				if anchor != "" && !slices.Contains(anchors[file], anchor) {
					t.Errorf("%s:%d: %s has no heading %q", p.path, l.number, file, anchor)
				}
			}
		}
	}
}

// anchors returns the anchors that GitHub generates for the headings of the page.
func (p page) anchors() []string {
	dropped := regexp.MustCompile(`[^a-z0-9 _-]`)
	var anchors []string
	for _, l := range p.text {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(l.text, "#"), " "); ok && strings.HasPrefix(l.text, "#") {
			anchors = append(anchors, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(heading), ""), " ", "-"))
		}
	}
	return anchors
}
