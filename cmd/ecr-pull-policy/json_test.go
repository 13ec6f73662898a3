package main

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/command-line.md has every field of the JSON output, and no other.
func TestDocumentedFields(t *testing.T) {
	page, err := os.ReadFile("../../docs/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	_, sections, _ := strings.Cut(string(page), "\n## JSON output\n")
	for command, output := range map[string]any{"plan": planJSON{}, "validate": validateJSON{}, "doctor": doctorJSON{}} {
		_, section, _ := strings.Cut(sections, "\n### "+command+"\n")
		section, _, _ = strings.Cut(section, "\n#")
		var documented []string
		for row := range strings.Lines(section) {
			for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(strings.Split(row+"||", "|")[1], -1) {
				documented = append(documented, name[1])
			}
		}
		want := jsonFields("", reflect.TypeOf(output))
		slices.Sort(want)
		slices.Sort(documented)
		if !slices.Equal(documented, want) {
			t.Errorf("fields of %s:\n%s\nthe page has\n%s", command, want, documented)
		}
	}
}

// jsonFields returns the paths of the fields that a type has in JSON.
func jsonFields(path string, t reflect.Type) []string {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
	case t.Kind() == reflect.Slice:
		return jsonFields(path+"[]", t.Elem())
	case t.Kind() == reflect.Struct:
		var fields []string
		for i := range t.NumField() {
			field := t.Field(i)
			fields = append(fields, jsonFields(strings.TrimPrefix(path+"."+field.Tag.Get("json"), "."), field.Type)...)
		}
		return fields
	}
	return []string{path}
}

// readJSON runs a command, and decodes its output.
func readJSON[T any](t *testing.T, input string, want int, args ...string) T {
	t.Helper()
	status, out, errOut := offline(t, input, append(args, "--output", "json")...)
	if status != want {
		t.Fatalf("%s: exit status %d\n%s%s", args, status, out, errOut)
	}
	var value T
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return value
}

func TestPlanAsJSON(t *testing.T) {
	const (
		old      = `{"Statement":[{"Sid":"Old","Principal":{"AWS":"AROAEXAMPLEEXAMPLEEX"},"Number":1.0}]}`
		leftover = `{"Version":"2012-10-17","Statement":[{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:BatchGetImage"}]}`
	)
	cloud := newCloud(t)
	cloud.CreateRepository("a/old", "b/unreadable", "c/revoked", checkRepository)
	cloud.SetPolicy("a/old", old)
	cloud.SetPolicy("b/unreadable", "{}")
	cloud.SetPolicy("c/revoked", leftover)
	cloud.PutList(accountList, "none")
	got := readJSON[planJSON](t, "222222222222", exitFailed, "plan", "--list", "a=-", "--lambda-statement", "off", "--stack", "checking")
	var document bytes.Buffer
	if err := json.Compact(&document, got.Repositories[0].Before); err != nil || document.String() != old {
		t.Errorf("the existing policy is %s, want %s: %v", &document, old, err)
	}
	if after := string(got.Repositories[0].After); !strings.Contains(after, "222222222222") || !strings.Contains(after, "1.0") {
		t.Errorf("the planned policy is %s", after)
	}
	got.Repositories[0].Before, got.Repositories[0].After, got.Repositories[2].Before = nil, nil, nil
	statements := got.Repositories[0].Statements
	if len(statements) != 1 || statements[0].Sid != "EcrPullPolicyAccounts1" || statements[0].Lines[0].Text != "account 222222222222" || statements[0].Lines[0].Sign != "+" {
		t.Errorf("statements %+v", statements)
	}
	got.Repositories[0].Statements, got.Repositories[2].Statements = nil, nil
	if got.Schema != 1 || got.Account != "123456789012" || got.Region != "eu-central-1" || got.Stack != "checking" {
		t.Errorf("got %+v", got)
	}
	if want := (planTotalsJSON{Change: 1, Blocked: 1, Failed: 1}); got.Totals != want {
		t.Errorf("totals %+v", got.Totals)
	}
	if want := []listJSON{{accountList, "SSM", 1, 1, ""}, {accountList + "/a", "--list a=-", 0, 0, ""}}; !reflect.DeepEqual(got.Lists, want) {
		t.Errorf("lists %+v", got.Lists)
	}
	none := json.RawMessage("null")
	if want := []repositoryJSON{
		{Name: "a/old", Outcome: "blocked", Warnings: []string{`unmanaged statement 1 (Sid "Old") names AROAEXAMPLEEXAMPLEEX, the ID of a deleted role or user`}, Notices: []noticeJSON{}},
		{Name: "b/unreadable", Outcome: "failed", Statements: got.Repositories[1].Statements, Before: none, After: none, Warnings: []string{}, Notices: []noticeJSON{},
			Error: "build policy of b/unreadable: existing policy document: no Statement element; expected one"},
		{Name: "c/revoked", Outcome: "change", After: none, Warnings: []string{}, Notices: []noticeJSON{}},
	}; !reflect.DeepEqual(got.Repositories, want) {
		t.Errorf("got  %+v\nwant %+v", got.Repositories, want)
	}
}

func TestValidateAsJSON(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository(checkRepository)
	cloud.ClosePrincipal("222222222222")
	if got := readJSON[validateJSON](t, "111111111111 o-a1b2c3d4e5", 0, "validate", "-"); !got.Valid || got.File != "-" || got.Characters == 0 ||
		!reflect.DeepEqual(got.Consumers, consumersJSON{[]string{"111111111111"}, []string{}, []string{"o-a1b2c3d4e5"}, []string{}}) || !strings.Contains(string(got.Policy), "o-a1b2c3d4e5") {
		t.Errorf("got %+v", got)
	}
	if got := readJSON[validateJSON](t, "none\n 1111", exitFailed, "validate", "-"); got.Valid || len(got.Problems) != 2 ||
		got.Problems[1] != (problemJSON{2, 2, "1111", "invalid account ID; expected 12 digits, found 4"}) || string(got.Policy) != "null" {
		t.Errorf("got %+v", got)
	}
	if got := readJSON[validateJSON](t, "222222222222", exitFailed, "validate", "-", "--check-principals", "--stack", "checking"); got.Valid || got.PrincipalsChecked != 1 ||
		len(got.Problems) != 1 || got.Problems[0].Entry != "222222222222" {
		t.Errorf("got %+v", got)
	}
	if status, out, errOut := offline(t, "", "validate", "-", "--output", "xml"); status != exitFailed || out != "" || !strings.Contains(errOut, "must be text or json\n\nUsage: ecr-pull-policy validate FILE") {
		t.Errorf("exit status %d\n%s%s", status, out, errOut)
	}
}

func TestDoctorAsJSON(t *testing.T) {
	newCloud(t)
	got := readJSON[doctorJSON](t, "", exitFailed, "doctor")
	if got.Account != "123456789012" || got.Totals.Problems == 0 || got.Totals.OK+got.Totals.Warnings+got.Totals.Problems != len(got.Findings) ||
		got.Findings[0].Severity != "problem" || got.Findings[0].Subject != "stack" || len(got.Findings[0].Commands) == 0 {
		t.Errorf("got %+v", got)
	}
}
