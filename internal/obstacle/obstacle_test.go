package obstacle_test

import (
	"slices"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestFind(t *testing.T) {
	standard := policy.Standard{Registry: policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"}, Style: policy.GrantPrincipal, Lambda: true}
	lists := []policy.Listed{
		{Consumers: &policy.Consumers{
			Accounts: []string{"111111111111", "222222222222"}, Principals: []string{"arn:aws:iam::333333333333:role/ci"},
			Organizations: []string{"o-a1b2c3d4e5"}, OrganizationalUnits: []string{"o-b1b2c3d4e5/r-ab12/*"},
		}},
		{}, // a list that doesn't exist
	}
	for name, c := range map[string]struct {
		statements string
		want       []string
	}{
		"none":          {`{"Effect":"Allow","Principal":"*","Action":"*"}`, nil},
		"other actions": {`{"Effect":"Deny","Principal":"*","Action":"ecr:PutImage"}`, nil},
		"other account": {`{"Effect":"Deny","Principal":{"AWS":"444444444444"},"Action":"*"}`, []string{
			"statement 1 of the repository policy can deny a pull to o-a1b2c3d4e5, o-b1b2c3d4e5/r-ab12/* if the principal belongs to account 444444444444",
		}},
		"one action, everyone": {`{"Sid":"\u001b[31mred","Effect":"Deny","Principal":"*","Action":"ecr:Get*"}`, []string{
			"statement 1 \ufffd[31mred of the repository policy denies a pull to all consumers in the lists",
		}},
		"accounts": {`{"Effect":"Deny","Principal":{"AWS":["111111111111","222222222222","arn:aws:iam::333333333333:role/ci"]},"NotAction":"ecr:PutImage","Condition":{"Bool":{"aws:PrincipalIsAWSService":"false"}}}`, []string{
			"statement 1 of the repository policy denies a pull to 111111111111, 222222222222, arn:aws:iam::333333333333:role/ci, " +
				"and can deny a pull to o-a1b2c3d4e5, o-b1b2c3d4e5/r-ab12/* if the principal belongs to account 111111111111 or belongs to account 222222222222 or is arn:aws:iam::333333333333:role/ci",
		}},
		"unless in a network": {`{"Effect":"Deny","Principal":"*","Action":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}`, []string{
			"statement 1 of the repository policy can deny a pull to all consumers in the lists if NotIpAddress aws:SourceIp: 203.0.113.0/24",
		}},
		"everyone outside an organization, even Lambda": {
			`{"Sid":"Perimeter","Effect":"Deny","Principal":"*","Action":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}}`, []string{
				"statement 1 Perimeter of the repository policy denies a pull to o-b1b2c3d4e5/r-ab12/*, Lambda functions of 111111111111, 222222222222, o-a1b2c3d4e5, others, " +
					"and can deny a pull to 111111111111, 222222222222, arn:aws:iam::333333333333:role/ci if StringNotEquals aws:PrincipalOrgID: o-a1b2c3d4e5",
			},
		},
		"functions of an organization": {
			`{"Effect":"Deny","Principal":{"Service":"lambda.amazonaws.com"},"Action":"*","Condition":{"StringEquals":{"aws:SourceOrgID":["o-a1b2c3d4e5","o-b1b2c3d4e5"]}}}`, []string{
				"statement 1 of the repository policy denies a pull to Lambda functions of o-a1b2c3d4e5, o-b1b2c3d4e5/r-ab12/*, " +
					"and can deny a pull to Lambda functions of 111111111111, 222222222222 if StringEquals aws:SourceOrgID: o-a1b2c3d4e5, o-b1b2c3d4e5",
			},
		},
		"two": {`{"Effect":"Deny","Principal":{"AWS":"111111111111"},"Action":"*"},{"Effect":"Maybe"},{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::333333333333:role/ci"},"Action":"*"}`, []string{
			"statement 1 of the repository policy denies a pull to 111111111111, and can deny a pull to o-a1b2c3d4e5, o-b1b2c3d4e5/r-ab12/* if the principal belongs to account 111111111111",
			"statement 3 of the repository policy denies a pull to arn:aws:iam::333333333333:role/ci, and can deny a pull to o-a1b2c3d4e5, o-b1b2c3d4e5/r-ab12/* if the principal is arn:aws:iam::333333333333:role/ci",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			statements, err := iampolicy.Read(`{"Statement":[` + c.statements + `]}`)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range obstacle.Find(standard, []iampolicy.Document{{Name: "repository policy", Statements: statements}}, "team-a/api", lists) {
				got = append(got, o.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
