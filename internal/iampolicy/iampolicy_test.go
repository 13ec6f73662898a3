package iampolicy_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// read returns the one statement of a document.
func read(t *testing.T, statement string) iampolicy.Statement {
	t.Helper()
	statements, err := iampolicy.Read(`{"Version":"2012-10-17","Statement":` + statement + `}`)
	if err != nil || len(statements) != 1 {
		t.Fatalf("%s: %d statements, error %v", statement, len(statements), err)
	}
	return statements[0]
}

func TestRead(t *testing.T) {
	want := iampolicy.Statement{
		Sid:        "s",
		Effect:     iampolicy.Allow,
		Principals: []iampolicy.Principal{{Type: iampolicy.AWS, Value: "111111111111"}, {Type: iampolicy.Service, Value: "lambda.amazonaws.com"}},
		Actions:    []string{"ecr:*"},
		Resources:  []string{"*"},
		Variables:  true,
		Conditions: []iampolicy.Condition{
			{Operator: "Bool", Key: "aws:SecureTransport", Values: []string{"true"}},
			{Operator: "NumericLessThan", Key: "s3:max-keys", Values: []string{"1e1", "2"}},
		},
	}
	for name, text := range map[string]string{
		"lists":         `[{"Sid":"s","Effect":"Allow","Principal":{"AWS":["111111111111"],"Service":["lambda.amazonaws.com"]},"Action":["ecr:*"],"Resource":["*"],"Condition":{"NumericLessThan":{"s3:max-keys":[1e1,2]},"Bool":{"aws:SecureTransport":[true]}}}]`,
		"single values": `{"Sid":"s","Effect":"Allow","Principal":{"AWS":"111111111111","Service":"lambda.amazonaws.com"},"Action":"ecr:*","Resource":"*","Condition":{"NumericLessThan":{"s3:max-keys":[1e1,2]},"Bool":{"aws:SecureTransport":"true"}}}`,
		"other case":    `{"SID":"s","effect":"ALLOW","principal":{"aws":"111111111111","service":"lambda.amazonaws.com"},"action":"ecr:*","resource":"*","condition":{"NumericLessThan":{"s3:max-keys":[1e1,2]},"Bool":{"aws:SecureTransport":true}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, text); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestReadNegatedElements(t *testing.T) {
	s := read(t, `{"Effect":"Deny","NotPrincipal":"*","NotAction":"ecr:*","NotResource":"*"}`)
	want := iampolicy.Statement{
		Effect:     iampolicy.Deny,
		Principals: []iampolicy.Principal{{Type: iampolicy.AWS, Value: "*"}}, NotPrincipal: true,
		Actions: []string{"ecr:*"}, NotAction: true,
		Resources: []string{"*"}, NotResource: true,
		Conditions: []iampolicy.Condition{},
		Variables:  true,
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"Statement":`:     "unexpected end of JSON input",
		`[]`:                "cannot unmarshal array",
		`{}`:                "the Statement element must be an object or an array of objects",
		`{"Statement":"x"}`: "the Statement element must be an object or an array of objects",
	} {
		if _, err := iampolicy.Read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		`null`:                                "a statement must be an object, found null",
		`7`:                                   "cannot unmarshal number",
		`{"Effect":"Maybe"}`:                  `the Effect element must be Allow or Deny, found "Maybe"`,
		`{"Effect":"Allow","Principal":null}`: "expected a string or a list of strings, found null",
		`{"Effect":"Allow","Principal":{"AWS":{}}}`:         "expected a string or a list of strings, found {}",
		`{"Effect":"Allow","Principal":"*","Action":[[1]]}`: "expected a string or a list of strings, found [1]",
	} {
		statements, err := iampolicy.Read(`{"Statement":[` + text + `,{"Effect":"Deny","Principal":"*","Action":"*"}]}`)
		if err != nil || len(statements) != 2 || statements[1].Err != nil {
			t.Errorf("%s: %+v, error %v", text, statements, err)
			continue
		}
		if err := statements[0].Err; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"**", "a", true},
		{"?", "", false},
		{"?", "a", true},
		{"a*c", "abbc", true},
		{"a*c", "abcb", false},
		{"a*b*c", "abcbc", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"abc", "ABC", false},
		{"repository/*", "repository/a/b", true},
		{strings.Repeat("a*", 1000) + "b", strings.Repeat("a", 10000), false},
	} {
		if got := iampolicy.Match(c.pattern, c.text); got != c.want {
			t.Errorf("Match(%.20q, %.20q) = %t", c.pattern, c.text, got)
		}
	}
}

func TestCovers(t *testing.T) {
	const arn = "arn:aws:ecr:eu-west-1:999999999999:repository/a/b"
	for _, c := range []struct {
		elements         string
		action, resource bool
	}{
		{`"Action":"ecr:BatchGetImage"`, true, true},
		{`"Action":["s3:*","ECR:batch*"],"Resource":"*"`, true, true},
		{`"Action":"ecr:Put*","Resource":["x","arn:aws:ecr:*:999999999999:repository/a/*"]`, false, true},
		{`"Action":"*","Resource":"arn:aws:ecr:eu-west-1:999999999999:repository/A/*"`, true, false},
		{`"NotAction":"ecr:Batch*","NotResource":"arn:aws:ecr:eu-west-1:999999999999:repository/a/*"`, false, false},
		{`"NotAction":"ecr:Put*","NotResource":"arn:aws:ecr:eu-west-1:999999999999:repository/b"`, true, true},
		{`"NotAction":[],"NotResource":[]`, true, true},
		{`"Resource":"*"`, false, true},
	} {
		s := read(t, `{"Effect":"Allow","Principal":"*",`+c.elements+`}`)
		if got := s.CoversAction("ecr:BatchGetImage"); got != c.action {
			t.Errorf("%s: covers the action: %t", c.elements, got)
		}
		if got := s.CoversResource(arn); got != c.resource {
			t.Errorf("%s: covers the resource: %t", c.elements, got)
		}
	}
}

func TestAppliesTo(t *testing.T) {
	for _, c := range []struct {
		principal, condition string
		want                 []string // kind, ID, account and organization
	}{
		{`"Principal":"*"`, ``, []string{"all-principals *"}},
		{`"Principal":{"AWS":"arn:aws:iam::*:root"}`, ``, []string{"all-principals *"}},
		{`"Principal":{"AWS":["111111111111","arn:aws-cn:iam::222222222222:root"]}`, ``, []string{"account 111111111111 111111111111", "account 222222222222 222222222222"}},
		{`"Principal":{"AWS":"arn:aws:iam::111111111111:role/a"}`, ``, []string{"principal arn:aws:iam::111111111111:role/a 111111111111"}},
		{`"Principal":{"AWS":"AROAEXAMPLEDELETED012"}`, ``, []string{"deleted AROAEXAMPLEDELETED012"}},
		{`"Principal":{"AWS":"someone"}`, ``, []string{"other someone"}},
		{`"Principal":{"Federated":"arn:aws:iam::111111111111:saml-provider/x"}`, ``, []string{"federated arn:aws:iam::111111111111:saml-provider/x 111111111111"}},
		{`"Principal":{"CanonicalUser":"79a59d"}`, ``, []string{"other 79a59d"}},
		{`"Principal":{"Service":"lambda.amazonaws.com"}`, ``, []string{"service lambda.amazonaws.com"}},
		{`"NotPrincipal":{"AWS":"111111111111"}`, ``, []string{"all-principals *"}},
		{`"NotPrincipal":{"AWS":"111111111111"}`, `"StringEquals":{"aws:PrincipalAccount":"222222222222"}`, []string{"account 222222222222 222222222222"}},
		{``, ``, nil},

		{`"Principal":"*"`, `"StringEquals":{"AWS:principalaccount":["111111111111","222222222222"]}`, []string{"account 111111111111 111111111111", "account 222222222222 222222222222"}},
		{`"Principal":"*"`, `"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/*"}`, []string{"principal arn:aws:iam::111111111111:role/* 111111111111 o-a1b2c3d4e5"}},
		{`"Principal":"*"`, `"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, []string{"organization o-a1b2c3d4e5 o-a1b2c3d4e5"}},
		{`"Principal":"*"`, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/*"}`, []string{"organizational-unit o-a1b2c3d4e5/r-ab12/* o-a1b2c3d4e5"}},
		{`"Principal":"*"`, `"StringEquals":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:111111111111:function:f"}`, []string{"service any AWS service 111111111111"}},
		{`"Principal":{"AWS":"111111111111"}`, `"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, []string{"account 111111111111 111111111111 o-a1b2c3d4e5"}},
		{`"Principal":{"Service":"lambda.amazonaws.com"}`, `"StringEquals":{"aws:SourceAccount":"111111111111"}`, []string{"service lambda.amazonaws.com 111111111111"}},
		{`"Principal":{"Service":"lambda.amazonaws.com"}`, `"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}`, []string{"service lambda.amazonaws.com o-a1b2c3d4e5"}},
		{`"Principal":{"Service":"lambda.amazonaws.com"}`, `"StringEquals":{"aws:PrincipalAccount":"111111111111"}`, []string{"service lambda.amazonaws.com"}},

		{`"Principal":"*"`, `"StringEqualsIfExists":{"aws:PrincipalAccount":"111111111111"}`, []string{"all-principals *"}},
		{`"Principal":"*"`, `"ForAllValues:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/*"}`, []string{"all-principals *"}},
		{`"Principal":"*"`, `"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}`, []string{"all-principals *"}},
		{`"Principal":"*"`, `"StringLike":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","*"]}`, []string{"all-principals *"}},
		{`"Principal":"*"`, `"StringEquals":{"aws:PrincipalAccount":[]}`, []string{"all-principals *"}},
	} {
		condition := `,"Condition":{` + c.condition + `}}`
		allows := read(t, strings.Replace(`{"Effect":"Allow","Action":"*",`+c.principal+condition, ",,", ",", 1))
		var got []string
		for _, consumer := range allows.AppliesTo() {
			got = append(got, strings.Join(strings.Fields(string(consumer.Kind)+" "+consumer.ID+" "+consumer.Account+" "+consumer.Organization), " "))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %s: got %q, want %q", c.principal, c.condition, got, c.want)
		}
	}
}

// A condition exempts principals from a denial, so it must not narrow the consumers that are shown as denied.
func TestDenyIgnoresConditions(t *testing.T) {
	s := read(t, `{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}}`)
	if got := s.AppliesTo(); len(got) != 1 || got[0].Kind != iampolicy.AllPrincipals {
		t.Errorf("got %v", got)
	}
}

func TestLimits(t *testing.T) {
	s := read(t, `{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"*","Condition":{"ArnLike":{"AWS:sourcearn":"arn:aws:lambda:*:111111111111:function:*"},"StringLike":{"aws:SourceAccount":"*"}}}`)
	for key, want := range map[string]bool{"aws:SourceArn": true, "aws:SourceAccount": false, "aws:SourceOrgID": false} {
		if got := s.Limits(key); got != want {
			t.Errorf("%s: %t", key, got)
		}
	}
	if s.AppliesTo()[0].IsUnlimitedService() {
		t.Error("a condition on aws:SourceArn doesn't limit the service")
	}
	if s.Named()[0].String() != "lambda.amazonaws.com" || !s.Named()[0].IsUnlimitedService() {
		t.Errorf("without conditions: %+v", s.Named()[0])
	}
}
