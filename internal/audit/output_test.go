package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
)

const hostile = `</script><img src=x onerror=alert(1)>`

// sampleReport returns a report with managed and unmanaged statements, a repository without a policy, one whose policy
// can't be read, and hostile text wherever text is possible.
func sampleReport(t *testing.T) audit.Report {
	t.Helper()
	onTheList := lists(accounts())
	document := merge(t, `{"Statement":[
		{"Sid":"`+hostile+`","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444444444444:role/`+hostile+`"},"Action":"`+hostile+`","Condition":{"`+hostile+`":{"`+hostile+`":"`+hostile+`"}}},
		{"Sid":"=cmd|' /C calc'!A0","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444444444444:role/`+hostile+`"},"Action":"ecr:*"},
		{"Sid":"\u001b[31mred","Effect":"Deny","NotPrincipal":{"AWS":"111111111111"},"Action":"ecr:PutImage"},
		{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com"]},"Action":"ecr:Describe*"},
		{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com"]},"Action":"ecr:BatchGetImage","Condition":{"StringLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:999999999999:function:*"}}},
		{"Effect":"Allow","Principal":"*","Action":"ecr:BatchGetImage","Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}}},
		{"Effect":"Perhaps"}
	]}`, onTheList)
	return run(t,
		audit.Document{Repository: "team/api", Text: document, Lists: onTheList},
		audit.Document{Repository: "team/none", Lists: onTheList},
		audit.Document{Repository: "team/scratch", Lists: onTheList, OutOfScope: true},
		audit.Document{Repository: hostile, Err: errors.New(hostile)},
	)
}

func TestTable(t *testing.T) {
	var plain, colored bytes.Buffer
	report := sampleReport(t)
	for out, color := range map[*bytes.Buffer]bool{&plain: false, &colored: true} {
		if err := audit.WriteTable(out, report, audit.TextOptions{Color: color}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"Registry 999999999999 in eu-west-1, 2026-05-04T09:30:00Z",
		"4 repositories, 1 with a policy; 5 consumers; 1 managed and 7 unmanaged statements",
		"HIGH  Write access for other accounts (1)",
		"\n  team/api\n    statement 4: The statement allows lambda.amazonaws.com ",
		"policy absent", "policy unreadable", "deny push", "all principals except 111111111111",
		" same grants: 2 repositories: team/none, team/scratch ", "EcrPullPolicyAccounts", "lambda.amazonaws.com for 999999999999",
	} {
		if !strings.Contains(plain.String(), want) {
			t.Errorf("no %q in\n%s", want, plain.String())
		}
	}
	if strings.ContainsRune(plain.String(), '\x1b') {
		t.Error("the plain table has escape sequences: its own or from a Sid")
	}
	if !strings.Contains(colored.String(), "\x1b[") || strings.Contains(colored.String(), "\x1b[31mred") {
		t.Error("the colored table has no colors, or has colors from a Sid")
	}
}

func TestTableWithoutFindings(t *testing.T) {
	var out bytes.Buffer
	if err := audit.WriteTable(&out, run(t), audit.TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "No findings") {
		t.Errorf("got %s", out.String())
	}
}

// A consumer that can perform one of the two pull actions can't pull.
func TestIncompletePull(t *testing.T) {
	report := run(t, audit.Document{Repository: "team/a", Text: `{"Statement":` + allow(`{"AWS":"555555555555"}`, `"Action":"ecr:BatchGetImage"`) + `}`, Lists: lists(none())})
	var table, rows bytes.Buffer
	if err := errors.Join(audit.WriteTable(&table, report, audit.TextOptions{}), audit.WriteCSV(&rows, report)); err != nil {
		t.Fatal(err)
	}
	if want := "pull (incomplete pull)"; !strings.Contains(table.String(), want) {
		t.Errorf("no %q in\n%s", want, table.String())
	}
	if want := ",pull,ecr:BatchGetImage,,pull,\n"; !strings.Contains(rows.String(), want) { // access, actions, denied_access
		t.Errorf("no %q in\n%s", want, rows.String())
	}
}

// sameReport returns a report of three repositories with the same policy, finding and grants, and of another one.
func sameReport(t *testing.T) audit.Report {
	t.Helper()
	var documents []audit.Document
	for _, name := range []string{"team/a", "team/b", "team/c"} {
		documents = append(documents, audit.Document{Repository: name, Text: `{"Statement":` + sid("Agency", `{"AWS":"555555555555"}`) + `}`, Lists: lists(none())})
	}
	return run(t, append(documents, audit.Document{Repository: "team/other", Text: `{"Statement":` + sid("Agency", `{"AWS":"666666666666"}`) + `}`, Lists: lists(none())})...)
}

func TestTableFoldsRepositories(t *testing.T) {
	for all, want := range map[bool]map[string]int{
		false: {"\n  same finding: 3 repositories: team/a, team/b, team/c\n": 1, "\n same grants: 3 repositories: team/a, team/b, team/c ": 1, "Agency: 555555555555": 1, "HIGH": 1, "(4)": 1},
		true:  {"same": 0, "\n  team/a\n": 1, "\n  team/b\n": 1, "\n team/c ": 1, "Agency: 555555555555": 3, "HIGH": 1, "(4)": 1},
	} {
		var out bytes.Buffer
		if err := audit.WriteTable(&out, sameReport(t), audit.TextOptions{All: all}); err != nil {
			t.Fatal(err)
		}
		for text, n := range want {
			if got := strings.Count(out.String(), text); got != n {
				t.Errorf("all %t: %d occurrences of %q, want %d, in\n%s", all, got, text, n, &out)
			}
		}
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	for _, width := range []int{40, 80, 132} {
		var out bytes.Buffer
		if err := audit.WriteTable(&out, sampleReport(t), audit.TextOptions{Width: width, Color: true}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d characters, want at most %d: %s", n, width, line)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := audit.WriteJSON(&out, sampleReport(t)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "null") {
		t.Errorf("a list is null:\n%s", out.String())
	}
	type repository struct {
		Name, Policy string
		Grants       int
	}
	type grants struct {
		Statements []struct {
			Sid, Effect string
			Managed     bool
			Access      []string
			Consumers   []struct{ Kind, ID, Account, Principal string }
		}
	}
	var read struct {
		Schema       int
		Account      string
		Findings     []struct{ Severity, Kind, Repository, Explanation, Remedy string }
		Repositories []repository
		Grants       []grants
	}
	if err := json.NewDecoder(&out).Decode(&read); err != nil {
		t.Fatal(err)
	}
	if read.Schema != 4 || read.Account != "999999999999" || read.Findings[0].Severity != "high" {
		t.Errorf("got schema %d, account %s, severity %s", read.Schema, read.Account, read.Findings[0].Severity)
	}
	i := slices.IndexFunc(read.Repositories, func(r repository) bool { return r.Name == "team/api" })
	s := read.Grants[read.Repositories[i].Grants].Statements
	last := s[len(s)-1]
	if last.Sid != "EcrPullPolicyAccounts" || !last.Managed || last.Effect != "Allow" ||
		!slices.Equal(last.Access, []string{"pull", "read"}) || last.Consumers[0].Account != "111111111111" {
		t.Errorf("the last statement is %+v", last)
	}
	if len(read.Repositories) != 4 || len(read.Grants) != 2 {
		t.Errorf("%d repositories have %d different grants", len(read.Repositories), len(read.Grants))
	}
}

// A row of the CSV output has only the values of conditions that name its consumer.
func TestCSVConditions(t *testing.T) {
	function := func(account string) string { return "arn:aws:lambda:eu-west-1:" + account + ":function:*" }
	report := outOfScope(t, allow(lambda, pullActions, `"StringLike":{"aws:SourceArn":["`+function("111111111111")+`","`+function("222222222222")+`"]}`, `"StringEquals":{"aws:PrincipalTag/team":["a","b"]}`))
	var out bytes.Buffer
	if err := audit.WriteCSV(&out, report); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"111111111111", "222222222222"} {
		if want := `"StringEquals aws:PrincipalTag/team: a, b and StringLike aws:SourceArn: ` + function(account) + `"`; strings.Count(out.String(), want) != 1 {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	if err := audit.WriteCSV(&out, sampleReport(t)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	cells := func(name string) (all []string) {
		for _, row := range rows[1:] {
			all = append(all, row[column(name)])
		}
		return all
	}
	if want := 3 + 7 + 2; len(rows)-1 != want { // three repositories without statements, seven unmanaged statements, and a managed one with two consumers
		t.Errorf("%d rows, want %d", len(rows)-1, want)
	}
	for name, want := range map[string]string{
		"repository": hostile, "policy": "absent", "repository_finding": "high", "statement": "2", "sid": "'=cmd|' /C calc'!A0",
		"managed": "true", "effect": "Deny", "statement_finding": "high", "consumer_kind": "organizational-unit",
		"consumer": "arn:aws:iam::333333333333:role/deploy", "consumer_account": "999999999999", "consumer_organization": "o-a1b2c3d4e5",
		"principal": "*", "access": "pull read", "actions": "ecr:PutImage",
		"conditions": "StringLike aws:SourceArn: arn:aws:lambda:eu-west-1:999999999999:function:*",
	} {
		if !slices.Contains(cells(name), want) {
			t.Errorf("column %s doesn't have %q, but %q", name, want, cells(name))
		}
	}
}

func TestCSVRunsNoFormula(t *testing.T) {
	for text, want := range map[string]string{
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\t=1": `"'` + "\t'=1\"", "\r=1": `"'` + "\r'=1\"", " =1": "' =1", "\n=1": `"'` + "\n'=1\"", "＝1": "'＝1",
		"a;=1": `"a;'=1"`, "a; -1;b": `"a;' -1;b"`, "a;b": `"a;b"`, "a=1": "a=1", "a, -1": `"a, -1"`, `a"b`: `"a""b"`,
	} {
		report := run(t)
		report.Repositories = []audit.Repository{{Name: text}}
		var out bytes.Buffer
		if err := audit.WriteCSV(&out, report); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), ","+want+",") {
			t.Errorf("%q isn't %s: %q", text, want, out.String())
		}
	}
}

func TestHTMLEscapes(t *testing.T) {
	page := writeHTML(t, sampleReport(t))
	for text, want := range map[string]int{"<script": 2, "</script": 2, "<img": 0, "<style": 1, "\x1b": 0} {
		if got := strings.Count(page, text); got != want {
			t.Errorf("%d occurrences of %q, want %d", got, text, want)
		}
	}
	if !strings.Contains(page, "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;") {
		t.Error("the hostile text isn't visible")
	}
	var data struct {
		Rows []struct {
			Name   string
			Policy int
		}
		Policies []struct{ Cells []int }
	}
	if err := json.Unmarshal([]byte(between(t, page, `id="data">`, "</script>")), &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Rows) != 4 || data.Rows[0].Name != hostile || len(data.Policies) != 4 {
		t.Errorf("the data of the matrix is %+v", data)
	}
}

// TestHTMLLoadsAndRunsNothingElse checks the policy that the browser enforces. If a hash in it were wrong, the browser
// would block the page's own script.
func TestHTMLLoadsAndRunsNothingElse(t *testing.T) {
	page := writeHTML(t, sampleReport(t))
	security := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(between(t, page, `Content-Security-Policy" content="`, `"`))
	if !strings.HasPrefix(security, "default-src 'none'; ") {
		t.Errorf("the policy is %s", security)
	}
	for directive, text := range map[string]string{
		"style-src":  between(t, page, "<style>", "</style>"),
		"script-src": between(t, page, "<script>", "</script>"),
	} {
		sum := sha256.Sum256([]byte(text))
		if want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(security, want) {
			t.Errorf("no %s in %s", want, security)
		}
	}
	for _, text := range []string{"http://", "https://", "src=\"", "@import", "url("} {
		if strings.Contains(page, text) {
			t.Errorf("the page has %q", text)
		}
	}
}

func TestHTMLWithoutFindings(t *testing.T) {
	if page := writeHTML(t, run(t)); !strings.Contains(page, "No findings.") {
		t.Error("the page of an empty registry doesn't show that")
	}
}

func TestHTMLFoldsManyFindings(t *testing.T) {
	for n, want := range map[int]string{9: "", 10: "<summary>2 more</summary>"} {
		var documents []audit.Document
		for i := range n {
			documents = append(documents, audit.Document{Repository: "r" + string(rune('a'+i)), Text: `{"Statement":` + sid(fmt.Sprintf("S%d", i), `{"AWS":"555555555555"}`) + `}`, Lists: lists(none())})
		}
		page := writeHTML(t, run(t, documents...))
		if got := strings.Contains(page, " more</summary>"); got != (want != "") || !strings.Contains(page, want) {
			t.Errorf("%d findings: folded %t, want %q", n, got, want)
		}
	}
}

func TestHTMLFoldsRepositories(t *testing.T) {
	page := writeHTML(t, sameReport(t))
	for text, want := range map[string]int{
		`<details class="repository"`: 2, `Same policy: <span class="n">3 repositories`: 1, `Same finding: <span class="n">3 repositories`: 1,
		`<li id="r1">team/b</li>`: 1, `<li data-row="2"><a href="#r2">team/c</a></li>`: 1, `id="r3"`: 1,
	} {
		if got := strings.Count(page, text); got != want {
			t.Errorf("%d occurrences of %q, want %d", got, text, want)
		}
	}
}

func TestWritersReturnErrors(t *testing.T) {
	report := sampleReport(t)
	for name, write := range map[string]func(io.Writer) error{
		"table": func(w io.Writer) error { return audit.WriteTable(w, report, audit.TextOptions{}) },
		"json":  func(w io.Writer) error { return audit.WriteJSON(w, report) },
		"csv":   func(w io.Writer) error { return audit.WriteCSV(w, report) },
		"html":  func(w io.Writer) error { return audit.WriteHTML(w, report) },
		"sarif": func(w io.Writer) error { return audit.WriteSARIF(w, report) },
	} {
		if err := write(full{}); !errors.Is(err, errFull) {
			t.Errorf("%s: got %v, want %v", name, err, errFull)
		}
	}
}

var errFull = errors.New("disk full")

// full is a writer without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func writeHTML(t *testing.T, report audit.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := audit.WriteHTML(&out, report); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func between(t *testing.T, text, before, after string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, before)
	inside, _, closed := strings.Cut(rest, after)
	if !found || !closed {
		t.Fatalf("nothing between %q and %q", before, after)
	}
	return inside
}
