package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// entry returns an entry that accepts the finding of acceptedReport, with changes.
func entry(changes ...string) string {
	return "[\n" + strings.NewReplacer(changes...).Replace(`{"kind":"cross-account-write","repository":"team/**","statement":"Build","consumers":["555555555555"],`+
		`"access":["push"],"severity":"high","reason":"SEC-123","until":"2026-05-04"}`) + "\n]"
}

func accepting(t *testing.T, entries string, whole bool) (report audit.Report, problems string) {
	t.Helper()
	accepted, err := audit.ParseAccepted("accepted.json", []byte(entries))
	if err != nil {
		t.Fatal(err)
	}
	report = run(t, audit.Document{
		Repository: "team/api",
		Text:       `{"Statement":[{"Sid":"Build","Effect":"Allow","Principal":{"AWS":["555555555555","999999999999"]},"Action":"ecr:PutImage"}]}`,
		OutOfScope: true,
		Lists:      lists(&policy.Consumers{Accounts: []string{"555555555555"}}),
	})
	return report, strings.Join(report.Accept(accepted, whole), "\n")
}

func TestAccepted(t *testing.T) {
	for name, c := range map[string]struct {
		entries string
		problem string // "" if the finding is accepted
	}{
		"all that the statement does":    {entry(), ""},
		"more than the statement does":   {entry(`["push"]`, `["push","delete"]`, `["5555`, `["x","5555`), ""},
		"any statement, by anyone":       {entry(`"statement":"Build",`, "", "555555555555", "*"), ""},
		"expired":                        {entry("2026-05-04", "2026-05-03"), "accepted.json:2: expired on 2026-05-03; remove the entry, or set a later day in until"},
		"a consumer that isn't accepted": {entry("555555555555", "666666666666"), "accepted.json:2: accepts no finding, because Build in team/api also applies to 555555555555; correct the policy, or update the entry"},
		"access that isn't accepted":     {entry(`["push"]`, `["pull"]`), "because Build in team/api also covers the access push"},
		"no consumers":                   {entry(`"consumers":["555555555555"],`, ""), "also applies to 555555555555"},
		"a severity that isn't accepted": {entry(`"severity":"high"`, `"severity":"medium"`), "because Build in team/api has the severity high; correct the policy, or update the entry"},
		"a condition that is gone":       {entry(`"severity"`, `"conditions":["Bool x: true"],"severity"`), "because Build in team/api has no conditions; correct the policy, or update the entry"},
		"a Deny statement that is gone":  {entry(`"severity"`, `"denies":["ecr:* to *"],"severity"`), "because Build in team/api isn't limited by Deny statements; correct the policy, or update the entry"},
		"another kind":                   {entry("cross-account-write", "outside-list"), "accepted.json:2: accepts no finding; remove the entry, or correct its kind, repository, and statement"},
		"another statement":              {entry(`"Build"`, `"Builds"`), "accepts no finding; remove"},
		"another repository":             {entry("team/**", "other"), "accepts no finding; remove"},
	} {
		t.Run(name, func(t *testing.T) {
			report, problems := accepting(t, c.entries, true)
			accepted := len(report.Accepted) == 1 && len(report.Findings) == 0 && report.Totals.Accepted == 1 && report.Totals.High == 0
			if accepted != (c.problem == "") || !strings.Contains(problems, c.problem) || accepted && problems != "" {
				t.Errorf("accepted %t, problems %q, want %q", accepted, problems, c.problem)
			}
			if page := writeHTML(t, report); strings.Contains(page, "SEC-123") != accepted {
				t.Errorf("accepted %t, but the page differs", accepted)
			}
		})
	}
	if _, problems := accepting(t, entry("team/**", "other"), false); problems != "" {
		t.Errorf("an entry for a repository that wasn't audited has the problem %q", problems)
	}
}

// An entry doesn't hide a finding that grew, whatever made it grow.
func TestAcceptedFindingThatGrew(t *testing.T) {
	const (
		anyone = `"*"`
		role   = "arn:aws:iam::555555555555:role/build"
	)
	for name, c := range map[string]struct {
		kind          audit.Kind
		severity      string
		conditions    string // of the entry
		consumers     string
		before, after []string // statements
	}{
		"the condition is removed": {
			audit.OpenToAll, "high", `"StringEquals aws:PrincipalTag/team: a"`, "*",
			[]string{allow(anyone, pullActions, `"StringEquals":{"aws:PrincipalTag/team":"a"}`)}, []string{allow(anyone, pullActions)},
		},
		"the Deny statement is removed": {
			audit.OpenToAll, "high", "", "*",
			[]string{allow(anyone, pullActions), `{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"a"}}}`},
			[]string{allow(anyone, pullActions)},
		},
		"a Deny statement with another condition": {
			audit.CrossAccountWrite, "high", "", role,
			[]string{allow(`{"AWS":"`+role+`"}`, `"Action":"ecr:PutImage"`), `{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}`},
			[]string{allow(`{"AWS":"`+role+`"}`, `"Action":"ecr:PutImage"`), `{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.0.0/8"}}}`},
		},
		"the Deny statement of a role is removed": {
			audit.CrossAccountWrite, "high", "", role,
			[]string{allow(`{"AWS":"`+role+`"}`, `"Action":"ecr:PutImage"`), `{"Effect":"Deny","Principal":"*","Action":"ecr:Put*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}`},
			[]string{allow(`{"AWS":"`+role+`"}`, `"Action":"ecr:PutImage"`)},
		},
		"the condition of a role is removed": {
			audit.CrossAccountWrite, "high", `"IpAddress aws:SourceIp: 203.0.113.7"`, role,
			[]string{allow(`{"AWS":"`+role+`"}`, `"Action":"ecr:PutImage"`, `"IpAddress":{"aws:SourceIp":"203.0.113.7"}`)},
			[]string{allow(`{"AWS":"`+role+`"}`, `"Action":"ecr:PutImage"`)},
		},
		"one function to all functions of the account": {
			audit.OutsideList, "high", `"ArnLike aws:SourceArn: arn:aws:lambda:eu-west-1:555555555555:function:f"`, "lambda.amazonaws.com for 555555555555",
			[]string{allow(lambda, pullActions, `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:555555555555:function:f"}`)},
			[]string{allow(lambda, pullActions, `"ArnLike":{"aws:SourceArn":"arn:aws:*:*:555555555555:*"}`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			accepted, err := audit.ParseAccepted("accepted.json", []byte(`[{"kind":"`+string(c.kind)+`","repository":"r","consumers":["`+c.consumers+`"],`+
				`"access":["pull","push"],"conditions":[`+c.conditions+`],"severity":"`+c.severity+`","reason":"x","until":"2027-01-01"}]`))
			if err != nil {
				t.Fatal(err)
			}
			before, after := outOfScope(t, c.before...), outOfScope(t, c.after...)
			for i := range accepted {
				accepted[i].Denies = before.Findings[0].Denies
			}
			if problems := before.Accept(accepted, true); len(before.Accepted) != 1 {
				t.Errorf("not accepted: %q", problems)
			}
			if after.Accept(accepted, true); len(after.Accepted) != 0 {
				t.Error("the finding grew, and is still accepted")
			}
		})
	}
}

func TestAcceptedInRegistryPolicy(t *testing.T) {
	policyOfRegistry := audit.Document{Text: `{"Statement":{"Sid":"Build","Effect":"Allow","Principal":{"AWS":"555555555555"},"Action":"ecr:PutImage","Resource":"*"}}`}
	report, err := audit.Run(standard(), policyOfRegistry, []audit.Document{{Repository: "team/api", OutOfScope: true}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, repository := range []string{"*", "**", "registry*", "registry policy"} {
		accepted, err := audit.ParseAccepted("accepted.json", []byte(entry("team/**", repository)))
		if err != nil {
			t.Fatal(err)
		}
		problems := report.Accept(accepted, false)
		if is, want := len(report.Accepted) == 1, repository == "registry policy"; is != want || want && problems != nil {
			t.Errorf("%s: accepted %t, problems %q", repository, is, problems)
		}
	}
}

func TestMalformedAccepted(t *testing.T) {
	for name, c := range map[string]struct{ entries, want string }{
		"not JSON":            {"[\n{]", "accepted.json:2: invalid character ']'"},
		"cut off":             {"[\n\n", "accepted.json:3: the file ends too early; close all brackets and braces"},
		"empty":               {"", "accepted.json:1: the file ends too early"},
		"no array":            {`{"kind":"drift"}`, "accepted.json:1: a file of accepted findings must be a JSON array, found {"},
		"more than an array":  {"[]\n[]", "accepted.json:2: there is text after the array; remove it"},
		"misspelled field":    {entry("reason", "resaon"), `accepted.json:2: unknown field "resaon"; an entry has kind, repository,`},
		"no array of strings": {entry(`["push"]`, `"push"`), "accepted.json:2: access must be an array of strings, found string"},
		"number":              {entry(`["push"]`, `[1]`), "accepted.json:2: access must be a string, found number"},
		"unknown kind":        {entry("cross-account-write", "x"), `accepted.json:2: kind "x" doesn't exist; use one of open-to-all-principals, `},
		"no repository":       {entry("team/**", ""), "accepted.json:2: repository is missing; add a name, or a pattern such as team-a/**"},
		"malformed pattern":   {entry("team/**", "team/["), `accepted.json:2: repository: "team/[": invalid pattern`},
		"unknown access":      {entry(`["push"]`, `["pusch"]`), `accepted.json:2: access "pusch" doesn't exist; use pull, push, `},
		"no severity":         {entry(`"severity":"high",`, ""), "accepted.json:2: severity is missing; add the severity of the finding: critical, high, medium, or low"},
		"unknown severity":    {entry(`"severity":"high"`, `"severity":"hi"`), `accepted.json:2: severity "hi" doesn't exist; use critical, high, medium, or low`},
		"no reason":           {entry("SEC-123", " "), "accepted.json:2: reason is missing; add why the finding is accepted"},
		"no end date":         {entry(`,"until":"2026-05-04"`, ""), `accepted.json:2: until "" must be the last day, for example 2027-06-30`},
		"two entries":         {"[\n{},\n\n{}]", "accepted.json:4: kind"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := audit.ParseAccepted("accepted.json", []byte(c.entries)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}
