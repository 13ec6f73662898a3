package iampolicy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

const repository = "arn:aws:ecr:eu-west-1:999999999999:repository/team-a/api"

var (
	account   = iampolicy.OfAccount("111111111111")
	member    = iampolicy.Consumer{Kind: iampolicy.Account, ID: "111111111111", Account: "111111111111", Organization: "o-a1b2c3d4e5", OrganizationPath: "o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}
	own       = iampolicy.OfAccount("999999999999")
	ownMember = iampolicy.Consumer{Kind: iampolicy.Account, ID: "999999999999", Account: "999999999999", Organization: "o-a1b2c3d4e5"}
	role      = iampolicy.OfARN("arn:aws:iam::111111111111:role/team/deploy")
	session   = iampolicy.OfARN("arn:aws:sts::111111111111:assumed-role/deploy/ci")
	user      = iampolicy.OfARN("arn:aws:iam::111111111111:user/alice")
	org       = iampolicy.OfOrganization("o-a1b2c3d4e5")
	unit      = iampolicy.OfOrganizationalUnit("o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*")
	lambda    = iampolicy.OfLambda("arn:aws:lambda:eu-west-1:111111111111:function:*")
	stranger  = iampolicy.Stranger()
	all       = iampolicy.Consumer{Kind: iampolicy.AllPrincipals, ID: "*"}
)

// Each case is whether a statement applies to a consumer. IAM's documentation has the rules:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html,
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func TestApplies(t *testing.T) {
	const everyone = `"Principal":"*"`
	for _, c := range []struct {
		consumer             iampolicy.Consumer
		principal, condition string
		want                 iampolicy.Answer
	}{
		{account, everyone, ``, iampolicy.Yes},
		{account, `"Principal":{"AWS":"arn:aws:iam::*:root"}`, ``, iampolicy.Yes},
		{account, `"Principal":{"AWS":"111111111111"}`, ``, iampolicy.Yes},
		{account, `"Principal":{"AWS":"arn:aws:iam::111111111111:root"}`, ``, iampolicy.Yes},
		{account, `"Principal":{"AWS":"222222222222"}`, ``, iampolicy.No},
		{account, `"Principal":{"AWS":"arn:aws:iam::111111111111:role/team/deploy"}`, ``, iampolicy.Depends},
		{account, `"Principal":{"AWS":"arn:aws:iam::222222222222:role/team/deploy"}`, ``, iampolicy.No},
		{account, `"Principal":{"Service":"lambda.amazonaws.com"}`, ``, iampolicy.No},
		{account, `"Principal":{"Federated":"arn:aws:iam::111111111111:saml-provider/x"}`, ``, iampolicy.No},
		{role, `"Principal":{"AWS":"111111111111"}`, ``, iampolicy.Yes},
		{role, `"Principal":{"AWS":"arn:aws:iam::111111111111:role/team/deploy"}`, ``, iampolicy.Yes},
		{role, `"Principal":{"AWS":"arn:aws:sts::111111111111:assumed-role/deploy/ci"}`, ``, iampolicy.Depends},
		{role, `"Principal":{"AWS":"arn:aws:iam::111111111111:role/other"}`, ``, iampolicy.No},
		{role, `"Principal":{"AWS":"arn:aws:iam::111111111111:role/deploy"}`, ``, iampolicy.No}, // another path
		{session, `"Principal":{"AWS":"arn:aws:iam::111111111111:role/team/deploy"}`, ``, iampolicy.Yes},
		{session, `"Principal":{"AWS":"arn:aws:sts::111111111111:assumed-role/deploy/ci"}`, ``, iampolicy.Yes},
		{session, `"Principal":{"AWS":"arn:aws:sts::111111111111:assumed-role/deploy/other"}`, ``, iampolicy.No},
		{iampolicy.OfARN("arn:aws:iam::111111111111:role/*"), `"Principal":{"AWS":"arn:aws:iam::111111111111:role/team/deploy"}`, ``, iampolicy.Depends},
		{user, `"Principal":{"AWS":"arn:aws:iam::111111111111:user/alice"}`, ``, iampolicy.Yes},
		{org, `"Principal":{"AWS":"111111111111"}`, ``, iampolicy.Depends},
		{lambda, `"Principal":{"Service":"lambda.amazonaws.com"}`, ``, iampolicy.Yes},
		{lambda, `"Principal":{"Service":"codebuild.amazonaws.com"}`, ``, iampolicy.No},
		{lambda, `"Principal":{"AWS":"111111111111"}`, ``, iampolicy.No},
		{iampolicy.Consumer{Kind: iampolicy.ServicePrincipal, ID: iampolicy.AnyService}, `"Principal":{"Service":"lambda.amazonaws.com"}`, ``, iampolicy.Depends},

		{lambda, `"NotPrincipal":{"AWS":["111111111111","arn:aws:iam::111111111111:role/team/deploy"]}`, ``, iampolicy.Yes},
		{lambda, `"NotPrincipal":{"Service":"lambda.amazonaws.com"}`, ``, iampolicy.No},
		{org, `"NotPrincipal":{"AWS":"111111111111"}`, ``, iampolicy.Depends},
		{account, `"NotPrincipal":{"AWS":"222222222222"}`, ``, iampolicy.Yes},
		{account, `"NotPrincipal":{"AWS":"111111111111"}`, ``, iampolicy.Depends},
		{role, `"NotPrincipal":{"AWS":"arn:aws:iam::111111111111:role/team/deploy"}`, ``, iampolicy.Depends},

		{account, everyone, `"StringEquals":{"aws:PrincipalAccount":["222222222222","111111111111"]}`, iampolicy.Yes},
		{account, everyone, `"StringEquals":{"aws:PrincipalAccount":"222222222222"}`, iampolicy.No},
		{account, everyone, `"StringNotEquals":{"AWS:principalaccount":"222222222222"}`, iampolicy.Yes},
		{account, everyone, `"StringEquals":{"aws:PrincipalAccount":[]}`, iampolicy.Depends},
		{account, everyone, `"StringLike":{"aws:PrincipalAccount":"1111*"}`, iampolicy.Yes},
		{all, everyone, `"StringLike":{"aws:PrincipalAccount":"*"}`, iampolicy.Yes},
		{all, everyone, `"StringEquals":{"aws:PrincipalAccount":"111111111111"}`, iampolicy.Depends},
		{own, everyone, `"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}`, iampolicy.Yes},
		{account, everyone, `"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}`, iampolicy.No},
		{account, everyone, `"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalTag/account}"}`, iampolicy.Depends},
		{account, everyone, `"StringEquals":{"aws:PrincipalAccount":"${unfinished"}`, iampolicy.Depends},

		{role, everyone, `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/team/deploy"}`, iampolicy.Yes},
		{role, everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}`, iampolicy.Yes},
		{role, everyone, `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/team/*"}`, iampolicy.No},
		{session, everyone, `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/team/deploy"}`, iampolicy.Depends},
		{session, everyone, `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/other"}`, iampolicy.No},
		{session, everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`, iampolicy.Yes},
		{session, everyone, `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/autodeploy"}`, iampolicy.No},
		{session, everyone, `"ArnNotEquals":{"aws:PrincipalArn":["arn:aws:iam::111111111111:role/autodeploy","arn:aws:iam::111111111111:user/deploy"]}`, iampolicy.Yes},
		{session, everyone, `"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/deploy"}`, iampolicy.Depends},
		{session, everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/auto*"}`, iampolicy.Depends},
		{account, everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/team/*"}`, iampolicy.Depends},
		{account, everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/team/*"}`, iampolicy.No},
		{role, everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam:*/deploy"}`, iampolicy.Depends}, // it has four parts
		{role, everyone, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam:*/other"}`, iampolicy.No},
		{role, everyone, `"ArnLike":{"aws:PrincipalArn":"*"}`, iampolicy.Yes},
		{account, everyone, `"StringLike":{"aws:PrincipalArn":"*"}`, iampolicy.Yes},
		{account, everyone, `"StringLike":{"aws:PrincipalArn":"arn:*deploy"}`, iampolicy.Depends},

		{account, everyone, `"StringLike":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/*"}`, iampolicy.No},

		{account, everyone, `"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, iampolicy.Depends},
		{account, everyone, `"StringEquals":{"aws:PrincipalOrgID":"o-*"}`, iampolicy.No}, // literally
		{account, everyone, `"StringNotEquals":{"aws:PrincipalOrgID":"o-*"}`, iampolicy.Yes},
		{account, everyone, `"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/*"}`, iampolicy.No},
		{member, everyone, `"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, iampolicy.Yes},
		{member, everyone, `"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, iampolicy.No},
		{member, everyone, `"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`, iampolicy.Depends},
		{own, everyone, `"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`, iampolicy.Depends}, // it can be in no organization
		{own, everyone, `"StringEqualsIfExists":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`, iampolicy.Yes},
		{own, everyone, `"Null":{"aws:PrincipalOrgID":"true"}`, iampolicy.Depends},
		{ownMember, everyone, `"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`, iampolicy.Yes},
		{member, everyone, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/*"}`, iampolicy.Yes},
		{unit, everyone, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}`, iampolicy.Yes},
		{unit, everyone, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/*"}`, iampolicy.Depends},
		{org, everyone, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-x1x2x3x4x5/*"}`, iampolicy.No},
		{org, everyone, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e?/*"}`, iampolicy.Depends},

		{lambda, everyone, `"StringLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:111111111111:function:*"}`, iampolicy.Yes},
		{lambda, everyone, `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:111111111111:function:f"}`, iampolicy.Depends},
		{lambda, everyone, `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:function:*"}`, iampolicy.No}, // the account is "function"
		{lambda, everyone, `"ArnNotEquals":{"aws:SourceArn":"arn:aws:lambda:*:function:*"}`, iampolicy.Yes},
		{lambda, everyone, `"StringLike":{"aws:SourceArn":"arn:aws:lambda:*:function:*"}`, iampolicy.Yes},
		{lambda, everyone, `"StringLike":{"aws:SourceArn":"arn:aws:lambda:*:function:prod-*"}`, iampolicy.Depends},
		{lambda, everyone, `"StringEquals":{"aws:SourceAccount":"222222222222"}`, iampolicy.No},
		{lambda, everyone, `"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}`, iampolicy.Depends},
		{lambda, everyone, `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:*:function:*"}`, iampolicy.Yes},
		{lambda, everyone, `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:us-east-1:*:function:*"}`, iampolicy.No},
		{lambda, everyone, `"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, iampolicy.Yes},
		{lambda, everyone, `"Bool":{"aws:PrincipalIsAWSService":"true"}`, iampolicy.Yes},
		{lambda, everyone, `"StringEquals":{"aws:PrincipalServiceName":"lambda.amazonaws.com"}`, iampolicy.Yes},
		{account, everyone, `"Bool":{"aws:PrincipalIsAWSService":"true"}`, iampolicy.No},
		{account, everyone, `"StringEquals":{"aws:SourceAccount":"111111111111"}`, iampolicy.No},
		{account, everyone, `"StringEqualsIfExists":{"aws:SourceAccount":"222222222222"}`, iampolicy.Yes},
		{account, everyone, `"StringNotEquals":{"aws:SourceAccount":"222222222222"}`, iampolicy.Yes},
		{account, everyone, `"ForAllValues:StringEquals":{"aws:SourceOrgPaths":"x"}`, iampolicy.Yes},
		{account, everyone, `"ForAnyValue:StringNotEquals":{"aws:SourceOrgPaths":"x"}`, iampolicy.No},
		{account, everyone, `"Null":{"aws:SourceArn":"true"}`, iampolicy.Yes},
		{account, everyone, `"Null":{"aws:SourceArn":false}`, iampolicy.No},
		{account, everyone, `"Null":{"aws:PrincipalTag/team":"true"}`, iampolicy.Depends},

		{account, everyone, `"Bool":{"aws:SecureTransport":"false"}`, iampolicy.No},
		{account, everyone, `"StringEquals":{"aws:RequestedRegion":"eu-west-1"}`, iampolicy.Yes},
		{account, everyone, `"StringEqualsIgnoreCase":{"aws:RequestedRegion":"EU-west-1"}`, iampolicy.Yes},
		{account, everyone, `"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, iampolicy.Depends},
		{account, everyone, `"NumericLessThan":{"aws:MultiFactorAuthAge":"300"}`, iampolicy.Depends},
		{account, everyone, `"StringEquals":{"aws:PrincipalAccount":"222222222222"},"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`, iampolicy.No},
		{account, everyone, `"NoSuchOperator":{"aws:PrincipalAccount":"111111111111"}`, iampolicy.Depends},

		{stranger, everyone, `"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, iampolicy.Yes},
		{stranger, everyone, `"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`, iampolicy.No},
		{stranger, everyone, `"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, iampolicy.Depends},
		{stranger, everyone, `"StringLike":{"aws:PrincipalOrgID":"o-*"}`, iampolicy.Depends},
	} {
		s := read(t, strings.TrimSuffix(`{"Effect":"Allow","Action":"*",`+c.principal+`,"Condition":{`+c.condition, ",")+`}}`)
		answer, undecided := s.Applies(iampolicy.Request{Consumer: c.consumer, Resource: repository})
		if answer != c.want {
			t.Errorf("%s %s: %s: got %s, want %s", c.principal, c.condition, c.consumer, answer, c.want)
		}
		if (answer == iampolicy.Depends) != (len(undecided) > 0) {
			t.Errorf("%s %s: %s, but undecided is %q", c.principal, c.condition, answer, undecided)
		}
	}
}

func TestDecide(t *testing.T) {
	const (
		allow   = `{"Sid":"allow","Effect":"Allow","Principal":"*","Action":"ecr:*"}`
		allowIf = `{"Sid":"allowIf","Effect":"Allow","Principal":"*","Action":"ecr:Batch*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}`
		deny    = `{"Sid":"deny","Effect":"Deny","Principal":"*","NotAction":"ecr:Describe*"}`
		denyIf  = `{"Sid":"denyIf","Effect":"Deny","Principal":"*","Action":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}`
		other   = `{"Sid":"other","Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:ecr:eu-west-1:999999999999:repository/team-b/*"}`
		broken  = `{"Sid":"broken","Effect":"Perhaps"}`
	)
	for name, c := range map[string]struct {
		repository, registry string // statements
		err                  error  // of the registry policy
		want                 iampolicy.Answer
		reasons              string
	}{
		"nothing":                       {want: iampolicy.No},
		"allow":                         {repository: allow, want: iampolicy.Yes, reasons: "allow"},
		"allow in the registry policy":  {registry: allow, want: iampolicy.Yes, reasons: "allow"},
		"deny wins":                     {repository: allow + "," + deny, want: iampolicy.No, reasons: "deny"},
		"deny in the registry policy":   {repository: allow, registry: deny, want: iampolicy.No, reasons: "deny"},
		"deny, nothing allowed":         {repository: deny, want: iampolicy.No, reasons: "deny"},
		"allow under a condition":       {repository: allowIf, want: iampolicy.Depends, reasons: "allowIf"},
		"allow with and without":        {repository: allowIf + "," + allow, want: iampolicy.Yes, reasons: "allow"},
		"deny under a condition":        {repository: allow, registry: denyIf, want: iampolicy.Depends, reasons: "denyIf allow"},
		"both under conditions":         {repository: allowIf + "," + denyIf, want: iampolicy.Depends, reasons: "denyIf allowIf"},
		"deny nothing allowed":          {repository: denyIf, want: iampolicy.No},
		"deny for another repository":   {repository: allow, registry: other, want: iampolicy.Yes, reasons: "allow"},
		"unreadable statement":          {repository: allow + "," + broken, want: iampolicy.Depends, reasons: "broken allow"},
		"unreadable statement, no deny": {repository: broken, want: iampolicy.Depends, reasons: "broken"},
		"unreadable policy":             {repository: allow, err: errors.New("denied"), want: iampolicy.Depends, reasons: "registry policy allow"},
		"deny, unreadable policy":       {repository: allow + "," + deny, err: errors.New("denied"), want: iampolicy.No, reasons: "deny"},
	} {
		t.Run(name, func(t *testing.T) {
			documents := []iampolicy.Document{{Name: "repository policy", Statements: statements(t, c.repository)}, {Name: "registry policy", Statements: statements(t, c.registry), Err: c.err}}
			d := iampolicy.Evaluate(documents, iampolicy.Request{Consumer: account, Resource: repository}).Decide("ecr:BatchGetImage")
			var reasons []string
			for _, r := range d.Reasons {
				if r.Position == 0 {
					reasons = append(reasons, r.Document)
				} else {
					reasons = append(reasons, r.Statement.Sid)
				}
			}
			if got := strings.Join(reasons, " "); d.Answer != c.want || got != c.reasons {
				t.Errorf("got %s because of %q, want %s because of %q", d.Answer, got, c.want, c.reasons)
			}
		})
	}
}

// decide returns whether a consumer can pull, according to one document.
func decide(t *testing.T, c iampolicy.Consumer, document string) iampolicy.Answer {
	t.Helper()
	all, err := iampolicy.Read(document)
	if err != nil {
		t.Fatal(err)
	}
	d := []iampolicy.Document{{Name: "repository policy", Statements: all}}
	return iampolicy.Evaluate(d, iampolicy.Request{Consumer: c, Resource: repository}).Decide("ecr:BatchGetImage").Answer
}

// In a document of another Version, ${…} is text:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
func TestVariablesNeedVersion(t *testing.T) {
	const (
		allowed = `"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}}]}`
		denied  = `"Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*"},{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}}}]}`
	)
	for version, want := range map[string]iampolicy.Answer{`{"Version":"2012-10-17",`: iampolicy.Yes, `{"Version":"2008-10-17",`: iampolicy.No, `{`: iampolicy.No} {
		for _, statements := range []string{allowed, denied} {
			if got := decide(t, own, version+statements); got != want {
				t.Errorf("%s%s: got %s, want %s", version, statements, got, want)
			}
		}
	}
	const organization = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}}}}`
	if got := decide(t, account, organization); got != iampolicy.No {
		t.Errorf("%s: got %s, want no", organization, got)
	}
	const agent = `{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:UserAgent":"${agent}"}}}}`
	if got := decide(t, account, agent); got != iampolicy.Depends {
		t.Errorf("%s: got %s, want depends", agent, got)
	}
	all, err := iampolicy.Read(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := all[0].Expand(repository).AppliesTo(); len(got) > 0 {
		t.Errorf("a statement that applies to no organization applies to %v", got)
	}
}

// Policy variables can be in Resource, too:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func TestVariablesInResource(t *testing.T) {
	const open = `{"Effect":"Allow","Principal":"*","Action":"ecr:*"}`
	for element, want := range map[string]iampolicy.Answer{
		`"Resource":"arn:aws:ecr:*:${aws:ResourceAccount}:repository/*"`:                  iampolicy.No,
		`"Resource":"arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*"`:              iampolicy.Depends,
		`"Resource":"arn:aws:ecr:*:999999999999:repository/${aws:PrincipalTag/team}-*/*"`: iampolicy.Depends,
		`"Resource":"arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/web"`:            iampolicy.Yes,
		`"Resource":"arn:aws:ecr:*:*:repository/${aws:PrincipalAccount}/*"`:               iampolicy.Yes,
		`"Resource":["arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*","*"]`:        iampolicy.No,
		`"NotResource":"arn:aws:ecr:*:${aws:ResourceAccount}:repository/*"`:               iampolicy.Yes,
		`"NotResource":"arn:aws:ecr:*:*:repository/${aws:PrincipalTag/team}/*"`:           iampolicy.Depends,
	} {
		deny := `{"Effect":"Deny","Principal":"*","Action":"ecr:*",` + element + `}`
		if got := decide(t, account, `{"Version":"2012-10-17","Statement":[`+open+`,`+deny+`]}`); got != want {
			t.Errorf("Deny for %s: got %s, want %s", element, got, want)
		}
	}
	if got := decide(t, account, `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:*:${aws:ResourceAccount}:repository/*"}}`); got != iampolicy.No {
		t.Errorf("a variable in a document of Version 2008-10-17: got %s, want no", got)
	}
}

func statements(t *testing.T, text string) []iampolicy.Statement {
	t.Helper()
	all, err := iampolicy.Read(`{"Statement":[` + text + `]}`)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLimitsNetwork(t *testing.T) {
	for condition, want := range map[string]bool{
		`"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}`:                           true,
		`"StringEquals":{"aws:SourceVpc":["vpc-1","vpc-2"]}`:                          true,
		`"StringLike":{"aws:SourceVpce":"vpce-*"}`:                                    false,
		`"StringEqualsIfExists":{"aws:SourceVpce":"vpce-1a2b3c4d"}`:                   false,
		`"StringNotEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}`:                        false,
		`"IpAddress":{"aws:SourceIp":["203.0.113.0/24","2001:db8::/32","192.0.2.1"]}`: true,
		`"IpAddress":{"aws:SourceIp":["203.0.113.0/24","0.0.0.0/1"]}`:                 false,
		`"IpAddress":{"aws:SourceIp":"::/0"}`:                                         false,
		`"IpAddress":{"aws:SourceIp":"everywhere"}`:                                   false,
		`"StringEquals":{"aws:PrincipalTag/team":"a"}`:                                false,
		`"Null":{"aws:SourceVpce":"true"}`:                                            false,
	} {
		s := read(t, `{"Effect":"Allow","Principal":"*","Action":"*","Condition":{`+condition+`}}`)
		if got := s.LimitsNetwork(); got != want {
			t.Errorf("%s: %t", condition, got)
		}
	}
	if s := read(t, `{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringNotEqualsIfExists":{"aws:SourceVpce":"vpce-1a2b3c4d"}}}`); !s.LimitsNetwork() {
		t.Error("a Deny for all other endpoints doesn't limit the network")
	}
	if s := read(t, `{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"ForAnyValue:StringNotEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}}}`); s.LimitsNetwork() {
		t.Error("a Deny that requests without the key don't meet limits the network")
	}
}

func TestExempts(t *testing.T) {
	for statement, want := range map[string]string{
		`"Principal":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5","aws:SourceIp":"x"},"StringEquals":{"aws:PrincipalAccount":"111111111111"}}`: "[o-a1b2c3d4e5] true",
		`"NotPrincipal":{"AWS":"111111111111"}`:                                                                    "[111111111111] true",
		`"Principal":"*","Condition":{"StringNotLike":{"aws:PrincipalAccount":["111111111111","2*"]}}`:             "[111111111111] false",
		`"Principal":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":["111111111111","${aws:Other}"]}}`: "[111111111111] false",
	} {
		consumers, all := read(t, `{"Effect":"Deny","Action":"*",`+statement+`}`).Exempts()
		if got := fmt.Sprint(consumers, all); got != want {
			t.Errorf("%s: got %s, want %s", statement, got, want)
		}
	}
}
