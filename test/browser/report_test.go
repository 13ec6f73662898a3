package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// The HTML report of a registry with 800 repositories and 80 consumers is readable on wide and narrow screens and on
// paper.
func TestReport(t *testing.T) {
	root, err := localaws.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	sample := exec.CommandContext(t.Context(), "go", "run", "./internal/audit/sample", "-repositories", "800", "-accounts", "80")
	sample.Dir = root
	html, err := sample.Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, html, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := Start(t.Context(), root, t.TempDir(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	page := page{t, b, "file://" + file}

	for _, width := range []int{1280, 390} {
		page.open(width, "")
		page.is(fmt.Sprintf("the page fits a width of %d", width), `document.documentElement.scrollWidth <= innerWidth`)
		page.is("repositories and consumers are folded", `rows() < 20 && columns() < 20 &&
			/^Same grants: 80\d repositories/.test(text("#scroll tbody tr")) && text("#scroll thead").includes("80 accounts")`)
		page.is("the tools, findings and policies are visible", `["#tools", ".group", "#scroll", ".repository"].every(s => document.querySelector(s).checkVisibility())`)
	}
	page.is("the matrix shows everything if it isn't folded", `(document.getElementById("fold").click(), rows() === 60 && columns() > 80)`)

	page.open(1280, "")
	page.is("the search finds consumers", `find("100000000003").then(() => columns() === 2 && /^8\d\d repositories/.test(text("#status")))`)
	page.is("the search finds repositories", `find("team-07/service-007").then(() => rows() === 1 && columns() > 2 && text("#status").startsWith("1 repository, ") &&
		text(".repository:not([hidden]) .n") === "1 repository")`)
	page.is("the search finds nothing", `find("nowhere").then(() => document.getElementById("no-repositories").checkVisibility())`)

	page.open(1280, "#r100")
	page.is("a link to a repository opens its policy", `document.getElementById("r100").checkVisibility()`)

	page.open(1280, "")
	if err := b.EmulatePrint(true); err != nil {
		t.Fatal(err)
	}
	page.is("the title is the largest text", `[...document.querySelectorAll("body *")].every(e => e.localName === "h1" || !e.checkVisibility() || size(e) < size(document.querySelector("h1")) || e.closest(".totals"))`)
	page.is("names are larger than what belongs to them", `(document.querySelectorAll(".repository").forEach(e => e.open = true),
		[...document.querySelectorAll(".statement h3, .statement .sid, .of .sid")].every(e => size(e) <= size(e.closest(".repository").querySelector(".name"))))`)
	page.is("lists have no markers", `[...document.querySelectorAll("summary")].every(e => getComputedStyle(e).listStyleType === "none" || getComputedStyle(e).display === "flex")`)
	page.is("a matrix that is printed has a legend", `document.querySelector(".legend").checkVisibility() && document.querySelector("#scroll").checkVisibility()`)
	page.is("a matrix that isn't printed has none", `(document.getElementById("fold").click(), !document.querySelector(".legend").checkVisibility() && !document.querySelector("#scroll").checkVisibility())`)
	if err := b.EmulatePrint(false); err != nil {
		t.Fatal(err)
	}

	page.open(1280, "")
	pdf, err := b.Print()
	if err != nil {
		t.Fatal(err)
	}
	if pages := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1)); pages < 5 || pages > 28 {
		t.Errorf("the report has %d pages, want at most 28", pages)
	}
	page.is("everything is closed again after the print", `document.querySelectorAll("details[open]").length === 0`)

	for _, problem := range b.Problems() {
		t.Errorf("the page reports %s", problem)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// page is the report in a browser.
type page struct {
	t   *testing.T
	b   *Browser
	url string
}

// open opens the page, and defines functions for is.
func (p page) open(width int, fragment string) {
	p.t.Helper()
	if err := p.b.Open("about:blank", width); err != nil { // so that a new fragment loads the page too
		p.t.Fatal(err)
	}
	if err := p.b.Open(p.url+fragment, width); err != nil {
		p.t.Fatal(err)
	}
	var defined bool
	err := p.b.Evaluate(`
		var text = selector => document.querySelector(selector).textContent;
		var size = element => parseFloat(getComputedStyle(element).fontSize);
		var rows = () => document.querySelectorAll("#scroll tbody tr").length;
		var columns = () => document.querySelectorAll("#scroll thead th").length;
		var find = words => {
			const search = document.getElementById("search");
			search.value = words;
			search.dispatchEvent(new Event("input"));
			return new Promise(done => setTimeout(done, 300));
		};
		true`, &defined)
	if err != nil {
		p.t.Fatal(err)
	}
}

// is checks that a condition is true in the page.
func (p page) is(what, condition string) {
	p.t.Helper()
	var holds bool
	if err := p.b.Evaluate(condition, &holds); err != nil {
		p.t.Errorf("%s: %v", what, err)
	} else if !holds {
		p.t.Errorf("not so: %s", what)
	}
}
