package audit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const (
	pullActions = `"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]`
	listed      = `{"AWS":"arn:aws:iam::111111111111:root"}`
	own         = `{"AWS":"arn:aws:iam::999999999999:root"}`
	lambda      = `{"Service":"lambda.amazonaws.com"}`
	functions   = `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:*:function:*"}`
)

func standard() policy.Standard {
	return policy.Standard{
		Registry: policy.Registry{Partition: "aws", Region: "eu-west-1", AccountID: "999999999999"},
		Style:    policy.GrantPrincipal,
	}
}

func accounts() *policy.Consumers {
	return &policy.Consumers{Accounts: []string{"111111111111"}, Principals: []string{"arn:aws:iam::333333333333:role/deploy"}}
}

func organizations() *policy.Consumers {
	return &policy.Consumers{
		Accounts:            []string{"111111111111"},
		Organizations:       []string{"o-a1b2c3d4e5"},
		OrganizationalUnits: []string{"o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/*"},
	}
}

func TestStatements(t *testing.T) {
	for name, c := range map[string]struct {
		statement string
		list      *policy.Consumers // accounts() if nil
		want      []string          // severity and kind
	}{
		"listed account":              {statement: allow(listed, pullActions)},
		"listed account, by its ID":   {statement: allow(`{"AWS":["111111111111"]}`, pullActions)},
		"role of a listed account":    {statement: allow(`{"AWS":"arn:aws:iam::111111111111:role/x"}`, pullActions)},
		"session of a listed account": {statement: allow(`{"AWS":"arn:aws:sts::111111111111:assumed-role/x/y"}`, pullActions)},
		"listed role":                 {statement: allow(`{"AWS":"arn:aws:iam::333333333333:role/deploy"}`, pullActions)},
		"own account, everything":     {statement: allow(own, `"Action":"ecr:*"`)},
		"deny all principals":         {statement: `{"Effect":"Deny","Principal":"*","Action":"*"}`, want: []string{"medium denied-consumer"}},
		"deny all except one":         {statement: `{"Effect":"Deny","NotPrincipal":{"AWS":"111111111111"},"Action":"ecr:*"}`, want: []string{"medium denied-consumer"}},
		"deny with a condition":       {statement: `{"Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}}`, want: []string{"medium denied-consumer"}},
		"no ECR actions":              {statement: allow(`"*"`, `"Action":["s3:*","ecr:NoSuch*"]`)},
		"no principal":                {statement: `{"Effect":"Allow",` + pullActions + `}`},

		"all principals":                  {statement: allow(`"*"`, pullActions), want: []string{"critical open-to-all-principals"}},
		"all principals, as AWS":          {statement: allow(`{"AWS":"*"}`, pullActions), want: []string{"critical open-to-all-principals"}},
		"all principals, in a list":       {statement: allow(`{"aws":["111111111111","*"]}`, pullActions), want: []string{"critical open-to-all-principals"}},
		"all principals, as a pattern":    {statement: allow(`{"AWS":"arn:aws:iam::*:root"}`, pullActions), want: []string{"critical open-to-all-principals"}},
		"all principals, read":            {statement: allow(`"*"`, `"Action":"ecr:DescribeImages"`), want: []string{"high open-to-all-principals"}},
		"all principals in a network":     {statement: allow(`"*"`, pullActions, `"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`), want: []string{"medium network-only"}},
		"all principals using TLS":        {statement: allow(`"*"`, pullActions, `"Bool":{"aws:SecureTransport":true}`), want: []string{"critical open-to-all-principals"}},
		"all principals, in another case": {statement: `{"SID":"x","effect":"ALLOW","principal":"*","action":"ECR:batchGETimage"}`, want: []string{"critical open-to-all-principals"}},
		"all principals, push":            {statement: allow(`"*"`, `"Action":"ecr:PutImage"`), want: []string{"critical open-to-all-principals"}},
		"all principals, all actions":     {statement: allow(`"*"`, `"Action":"*"`), want: []string{"critical open-to-all-principals"}},
		"all principals in a network, push": {statement: allow(`"*"`, `"Action":"ecr:Put*"`, `"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}`),
			want: []string{"high network-only"}},

		"limited to a listed account":       {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalAccount":"111111111111"}`)},
		"limited to a number":               {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalAccount":111111111111}`)},
		"limited to its own account":        {statement: allow(`"*"`, `"Action":"ecr:*"`, `"stringequals":{"AWS:principalaccount":["999999999999"]}`)},
		"limited to a listed role":          {statement: allow(`"*"`, pullActions, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::333333333333:role/deploy"}`)},
		"limited to a listed org":           {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), list: organizations()},
		"limited to a unit of a listed org": {statement: allow(`"*"`, pullActions, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/*"}`), list: organizations()},
		"limited to a listed unit":          {statement: allow(`"*"`, pullActions, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}`), list: organizations()},
		"limited to a unit below it":        {statement: allow(`"*"`, pullActions, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/ou-ab12-22222222/"}`), list: organizations()},
		"limited to a source of its own":    {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:999999999999:function:f"}`)},

		"limited to its own organization":       {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalOrgID":"${aws:ResourceOrgID}"}`), want: []string{"medium outside-list"}},
		"its own organization reads":            {statement: allow(`"*"`, `"Action":"ecr:ListImages"`, `"StringEquals":{"aws:PrincipalOrgID":"${AWS:resourceOrgID}"}`), want: []string{"low outside-list"}},
		"limited to its own account, variable":  {statement: allow(`"*"`, `"Action":"ecr:*"`, `"StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}`)},
		"function of its own account, variable": {statement: allow(lambda, pullActions, `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:${aws:ResourceAccount}:function:*"}`)},
		"limited to services":                   {statement: allow(`"*"`, pullActions, `"Bool":{"aws:PrincipalIsAWSService":"true"}`), want: []string{"high service-without-source"}},
		"limited to a VPC endpoint":             {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}`), want: []string{"medium network-only"}},
		"limited to half of all addresses":      {statement: allow(`"*"`, pullActions, `"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}`), want: []string{"high open-to-all-principals"}},
		"account shown to be in a listed org":   {statement: allow(`{"AWS":"555555555555"}`, pullActions, `"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), list: organizations()},
		"start a scan":                          {statement: allow(listed, `"Action":"ecr:StartImageScan"`)},
		"deleted role and an account outside":   {statement: allow(`{"AWS":["AROAEXAMPLEDELETED012","555555555555"]}`, pullActions), want: []string{"high outside-list"}},

		"condition met without the key":      {statement: allow(`"*"`, pullActions, `"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), want: []string{"high open-to-all-principals"}},
		"condition on all values":            {statement: allow(`"*"`, pullActions, `"ForAllValues:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/*"}`), want: []string{"high open-to-all-principals"}},
		"negated condition":                  {statement: allow(`"*"`, pullActions, `"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}`), want: []string{"critical open-to-all-principals"}},
		"condition on any org":               {statement: allow(`"*"`, pullActions, `"StringLike":{"aws:PrincipalOrgID":"o-*"}`), want: []string{"high open-to-all-principals"}},
		"condition on an org or any":         {statement: allow(`"*"`, pullActions, `"StringLike":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","*"]}`), want: []string{"high open-to-all-principals"}},
		"condition on a role of any account": {statement: allow(`"*"`, pullActions, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/deploy"}`), want: []string{"high open-to-all-principals"}},
		"condition on the resource":          {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:ResourceAccount":"999999999999"}`), want: []string{"critical open-to-all-principals"}},
		"condition without a value":          {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalAccount":[]}`), want: []string{"high open-to-all-principals"}},

		"account outside":                              {statement: allow(`{"AWS":"555555555555"}`, pullActions), want: []string{"high outside-list"}},
		"account of a listed role":                     {statement: allow(`{"AWS":"333333333333"}`, pullActions), want: []string{"high outside-list"}},
		"account outside, possibly in an organization": {statement: allow(`{"AWS":"555555555555"}`, pullActions), list: organizations(), want: []string{"high outside-list"}},
		"limited to an account outside":                {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalAccount":"555555555555"}`), want: []string{"high outside-list"}},
		"org outside":                                  {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalOrgID":"o-x1x2x3x4x5"}`), list: organizations(), want: []string{"high outside-list"}},
		"org of a listed unit":                         {statement: allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalOrgID":"o-b1b2c3d4e5"}`), list: organizations(), want: []string{"high outside-list"}},
		"account outside reads":                        {statement: allow(`{"AWS":"555555555555"}`, `"Action":"ecr:ListImages"`), want: []string{"medium outside-list"}},
		"account outside, no list":                     {statement: allow(`{"AWS":"555555555555"}`, pullActions), list: none(), want: []string{"high outside-list"}},
		"federated":                                    {statement: allow(`{"Federated":"arn:aws:iam::555555555555:saml-provider/x"}`, pullActions), want: []string{"high outside-list"}},
		"canonical user":                               {statement: allow(`{"CanonicalUser":"79a59d"}`, pullActions), want: []string{"high outside-list"}},
		"function outside":                             {statement: allow(lambda, pullActions, `"StringLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:555555555555:function:*"}`), want: []string{"high outside-list"}},
		"managed Sid with another account":             {statement: sid("EcrPullPolicyAccounts", `{"AWS":"555555555555"}`), want: []string{"high outside-list"}},

		"service":                                {statement: allow(lambda, pullActions), want: []string{"high service-without-source"}},
		"service for any account":                {statement: allow(lambda, pullActions, `"StringLike":{"aws:SourceArn":"arn:aws:lambda:*:*:function:*"}`), want: []string{"high service-without-source"}},
		"service for an account":                 {statement: allow(lambda, pullActions, `"StringEquals":{"aws:SourceAccount":"999999999999"}`), want: []string{"medium service-without-source"}},
		"service for any account ID":             {statement: allow(lambda, pullActions, `"StringLike":{"aws:SourceAccount":"*"}`), want: []string{"high service-without-source"}},
		"service for an organization":            {statement: allow(lambda, pullActions, `"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}`), list: organizations(), want: []string{"medium service-without-source"}},
		"functions of a listed org":              {statement: allow(lambda, pullActions, functions+`,"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}`), list: organizations()},
		"functions of a listed unit":             {statement: allow(lambda, pullActions, functions+`,"ForAnyValue:StringLike":{"aws:SourceOrgPaths":"o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}`), list: organizations()},
		"functions of an org outside":            {statement: allow(lambda, pullActions, functions+`,"StringEquals":{"aws:SourceOrgID":"o-x1x2x3x4x5"}`), list: organizations(), want: []string{"high outside-list"}},
		"functions of a sibling unit":            {statement: allow(lambda, pullActions, functions+`,"ForAnyValue:StringLike":{"aws:SourceOrgPaths":"o-b1b2c3d4e5/r-ab12/ou-ab12-22222222/*"}`), list: organizations(), want: []string{"high outside-list"}},
		"functions of any org":                   {statement: allow(lambda, pullActions, functions), list: organizations(), want: []string{"high service-without-source"}},
		"any source in a listed org":             {statement: allow(lambda, pullActions, `"StringLike":{"aws:SourceArn":"arn:aws:*:eu-west-1:*:function:*"},"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}`), list: organizations(), want: []string{"medium service-without-source"}},
		"any Lambda resource in a listed org":    {statement: allow(lambda, pullActions, `"StringLike":{"aws:SourceArn":"arn:aws:lambda:eu-west-1:*:*"},"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}`), list: organizations(), want: []string{"medium service-without-source"}},
		"service for a function":                 {statement: allow(lambda, pullActions, `"ArnLike":{"AWS:sourcearn":"arn:aws:lambda:eu-west-1:999999999999:function:f"}`)},
		"service, to pull and change the policy": {statement: allow(lambda, `"Action":["ecr:BatchGetImage","ecr:SetRepositoryPolicy"]`), want: []string{"high service-without-source"}},

		"push":                  {statement: allow(listed, `"Action":["ecr:PutImage"]`), want: []string{"high cross-account-write"}},
		"layers":                {statement: allow(listed, `"Action":"ecr:UploadLayerPart"`), want: []string{"high cross-account-write"}},
		"push in another case":  {statement: allow(listed, `"Action":"ECR:pUT*"`), want: []string{"high cross-account-write"}},
		"push using a pattern":  {statement: allow(listed, `"Action":"e?r:*Layer*load"`), want: []string{"high cross-account-write"}},
		"delete":                {statement: allow(listed, `"Action":"ecr:BatchDeleteImage"`), want: []string{"high cross-account-write"}},
		"change the policy":     {statement: allow(listed, `"Action":"ecr:SetRepositoryPolicy"`), want: []string{"high cross-account-write"}},
		"unknown write action":  {statement: allow(listed, `"Action":"ecr:LaunchMissiles"`), want: []string{"high cross-account-write"}},
		"unknown read action":   {statement: allow(listed, `"Action":"ecr:GetWeather"`)},
		"push from outside":     {statement: allow(`{"AWS":"555555555555"}`, `"Action":"ecr:*"`), want: []string{"high cross-account-write"}},
		"managed Sid with push": {statement: `{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:*"}`, want: []string{"high cross-account-write"}},

		"deleted role":       {statement: allow(`{"AWS":"AROAEXAMPLEDELETED012"}`, `"Action":"ecr:*"`), want: []string{"medium deleted-principal"}},
		"deleted user, deny": {statement: `{"Effect":"Deny","Principal":{"AWS":"AIDAEXAMPLEDELETED012"},"Action":"ecr:*"}`, want: []string{"medium deleted-principal"}},

		"NotPrincipal":                  {statement: `{"Effect":"Allow","NotPrincipal":{"AWS":"555555555555"},` + pullActions + `}`, want: []string{"critical not-principal"}},
		"NotPrincipal, limited":         {statement: `{"Effect":"Allow","NotPrincipal":{"AWS":"555555555555"},` + pullActions + `,"Condition":{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}}`, want: []string{"high not-principal"}},
		"NotAction":                     {statement: allow(own, `"NotAction":"ecr:PutImage"`), want: []string{"high not-action"}},
		"NotAction across accounts":     {statement: allow(listed, `"NotAction":"ecr:PutImage"`), want: []string{"high not-action"}},
		"NotAction that covers nothing": {statement: allow(listed, `"NotAction":"ecr:*"`)},

		"number":                      {statement: `7`, want: []string{"high unreadable"}},
		"null":                        {statement: `null`, want: []string{"high unreadable"}},
		"unknown effect":              {statement: `{"Effect":"Maybe"}`, want: []string{"high unreadable"}},
		"principal with an object":    {statement: allow(`{"AWS":{}}`, pullActions), want: []string{"high unreadable"}},
		"null principal":              {statement: allow(`null`, pullActions), want: []string{"high unreadable"}},
		"principal with nested lists": {statement: allow(`{"AWS":[[]]}`, pullActions), want: []string{"high unreadable"}},
	} {
		t.Run(name, func(t *testing.T) {
			list := c.list
			if list == nil {
				list = accounts()
			}
			text := `{"Version":"2012-10-17","Statement":[` + c.statement + `]}`
			if !strings.Contains(c.statement, policy.SidPrefix) {
				text = merge(t, text, lists(list))
			}
			report := run(t, audit.Document{Repository: "r", Text: text, Lists: lists(list)})
			if got := summary(report); !slices.Equal(got, c.want) {
				t.Errorf("%s\ngot  %q\nwant %q", c.statement, got, c.want)
			}
		})
	}
}

// A Deny statement takes access, whoever wrote it and wherever it is.
func TestDeny(t *testing.T) {
	deny := func(elements string) string { return `{"Effect":"Deny",` + elements + `}` }
	everyone := allow(`"*"`, pullActions)
	outsider := allow(`{"AWS":"555555555555"}`, `"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:PutImage"]`)
	for name, c := range map[string]struct {
		policy, registry string   // statements
		want             []string // severity and kind
		consumers        []string // kind, ID, and answers
	}{
		"listed account": {
			policy: deny(`"Principal":"*","Action":"ecr:*"`), want: []string{"medium denied-consumer"},
			consumers: []string{"111111111111 pull:no read:no", "arn:aws:iam::333333333333:role/deploy pull:no read:no"},
		},
		"one action of a pull": {
			policy: deny(`"Principal":{"AWS":"111111111111"},"Action":"ecr:GetDownloadUrlForLayer"`), want: []string{"medium denied-consumer"},
			consumers: []string{"111111111111 pull:no read:yes", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
		"under a condition": {
			policy: deny(`"Principal":"*","Action":"ecr:*","Condition":{"StringNotEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}}`), want: []string{"low denied-consumer"},
			consumers: []string{"111111111111 pull:depends read:depends", "arn:aws:iam::333333333333:role/deploy pull:depends read:depends"},
		},
		"without TLS": {
			policy:    deny(`"Principal":"*","Action":"ecr:*","Condition":{"Bool":{"aws:SecureTransport":"false"}}`),
			consumers: []string{"111111111111 pull:yes read:yes", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
		"other actions": {
			policy:    deny(`"Principal":"*","Action":["ecr:PutImage","ecr:Delete*"]`),
			consumers: []string{"111111111111 pull:yes read:yes", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
		"everyone else": {
			policy: everyone + "," + deny(`"Principal":"*","Action":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":["111111111111","333333333333"]}}`),
			consumers: []string{
				"111111111111 pull:yes read:yes", "333333333333 pull:yes", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes",
			},
			want: []string{"high outside-list"}, // all of 333333333333
		},
		"everyone": {
			policy: everyone + "," + deny(`"Principal":"*","Action":"ecr:*"`), want: []string{"medium denied-consumer"},
			consumers: []string{"* pull:no", "111111111111 pull:no read:no", "arn:aws:iam::333333333333:role/deploy pull:no read:no"},
		},
		"part of an outsider's access": {
			policy:    outsider + "," + deny(`"Principal":{"AWS":"555555555555"},"Action":"ecr:PutImage"`),
			want:      []string{"high outside-list"},
			consumers: []string{"111111111111 pull:yes read:yes", "555555555555 pull:yes push:no", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
		"registry policy": {
			registry: deny(`"Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:eu-west-1:999999999999:repository/r*"`), want: []string{"medium denied-consumer"},
			consumers: []string{"111111111111 pull:no read:no", "arn:aws:iam::333333333333:role/deploy pull:no read:no"},
		},
		"registry policy, other repositories": {
			registry:  deny(`"Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:eu-west-1:999999999999:repository/x*"`),
			consumers: []string{"111111111111 pull:yes read:yes", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
		"registry policy allows": {
			registry:  `{"Effect":"Allow","Principal":{"AWS":"555555555555"},"Action":"ecr:BatchGetImage","Resource":"*"}`,
			want:      []string{"high outside-list"}, // the action reads a part of an image, but a pull needs two
			consumers: []string{"111111111111 pull:yes read:yes", "555555555555 pull:no", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
		"two halves of a pull": {
			policy:    allow(`{"AWS":"555555555555"}`, `"Action":"ecr:GetDownloadUrlForLayer"`),
			registry:  `{"Effect":"Allow","Principal":{"AWS":"555555555555"},"Action":"ecr:BatchGetImage","Resource":"*"}`,
			want:      []string{"high outside-list", "high outside-list"},
			consumers: []string{"111111111111 pull:yes read:yes", "555555555555 pull:yes", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
		"conditions that exclude each other": {
			policy:    allow(`"*"`, pullActions, `"StringEquals":{"aws:PrincipalAccount":"555555555555"},"StringLike":{"aws:PrincipalAccount":"666666666666"}`),
			consumers: []string{"111111111111 pull:yes read:yes", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
		"replication": {
			registry:  `{"Effect":"Allow","Principal":{"AWS":"555555555555"},"Action":["ecr:CreateRepository","ecr:ReplicateImage"],"Resource":"*"}`,
			want:      []string{"low cross-account-write"},
			consumers: []string{"111111111111 pull:yes read:yes", "555555555555 push:yes configure:yes", "arn:aws:iam::333333333333:role/deploy pull:yes read:yes"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			onTheList := lists(accounts())
			d := audit.Document{Repository: "r", Text: merge(t, `{"Statement":[`+c.policy+`]}`, onTheList), Lists: onTheList}
			report, err := audit.Run(standard(), audit.Document{Text: `{"Statement":[` + c.registry + `]}`}, []audit.Document{d}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if got := summary(report); !slices.Equal(got, c.want) {
				t.Errorf("findings %q, want %q", got, c.want)
			}
			var consumers []string
			for _, consumer := range report.Repositories[0].Consumers {
				text := consumer.ID
				for _, a := range consumer.Access {
					text += " " + string(a.Access) + ":" + string(a.Answer)
				}
				consumers = append(consumers, text)
			}
			slices.Sort(consumers)
			if !slices.Equal(consumers, c.consumers) {
				t.Errorf("consumers\ngot  %q\nwant %q", consumers, c.consumers)
			}
		})
	}
}

// A condition that some strangers or services meet leaves the statement open to them. It is limited to a network only
// if that is so for all requests.
func TestOpenToSome(t *testing.T) {
	const open = "high open-to-all-principals"
	const service = "high service-without-source"
	all := allow(`"*"`, `"Action":"ecr:*"`)
	deny := func(conditions string) []string {
		return []string{all, `{"Effect":"Deny","Principal":"*","Action":"*","Condition":{` + conditions + `}}`}
	}
	for name, c := range map[string]struct {
		statements []string
		want       string // the first finding
	}{
		"accounts":                  {[]string{allow(`"*"`, `"Action":"ecr:*"`, `"StringLike":{"aws:PrincipalAccount":"1*"}`)}, open},
		"roles":                     {[]string{allow(`"*"`, `"Action":"ecr:*"`, `"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1*:role/*"}`)}, open},
		"organizations":             {[]string{allow(`"*"`, `"Action":"ecr:*"`, `"StringLike":{"aws:PrincipalOrgID":"o-a*"}`)}, open},
		"OUs":                       {[]string{allow(`"*"`, `"Action":"ecr:*"`, `"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a*/*"}`)}, open},
		"Lambda":                    {[]string{allow(`"*"`, `"Action":"ecr:*"`, `"StringEquals":{"aws:PrincipalServiceName":"lambda.amazonaws.com"}`)}, service},
		"functions":                 {[]string{allow(`"*"`, `"Action":"ecr:*"`, `"ArnLike":{"aws:SourceArn":"arn:aws:lambda:*:*:function:*"}`)}, service},
		"services":                  {[]string{allow(`"*"`, `"Action":"ecr:*"`, `"StringLike":{"aws:SourceAccount":"*"}`)}, service},
		"an account and others":     {deny(`"StringNotLike":{"aws:PrincipalAccount":["111111111111","2*"]}`), open},
		"accounts left out":         {deny(`"StringNotLike":{"aws:PrincipalAccount":"1*"}`), open},
		"organizations, too":        {deny(`"StringNotLike":{"aws:PrincipalOrgID":"o-a*"}`), open},
		"outside all VPC endpoints": {[]string{allow(`"*"`, pullActions, `"Null":{"aws:SourceVpce":"true"}`)}, open},
		"from any VPC":              {[]string{allow(`"*"`, pullActions, `"Null":{"aws:SourceVpc":"false"}`)}, open},
		"other networks left out under another condition": {deny(`"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"},"StringLike":{"aws:UserAgent":"docker*"}`), open},
		"requests without the key left out":               {deny(`"ForAnyValue:StringNotEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}`), open},
		"other networks denied one action": {[]string{allow(`"*"`, `"Action":["ecr:BatchGetImage","ecr:DescribeImages"]`, `"StringEquals":{"aws:PrincipalTag/team":"a"}`),
			`{"Effect":"Deny","Principal":"*","Action":"ecr:DescribeImages","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}`}, open},
		"other networks denied": {deny(`"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"},"StringNotEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"},"Bool":{"aws:PrincipalIsAWSService":"false"}`), "high network-only"},
		"services left out":     {deny(`"Bool":{"aws:PrincipalIsAWSService":"false"}`), service},
		"own account and these": {deny(`"StringNotEqualsIfExists":{"aws:PrincipalAccount":"999999999999"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}`), service},
	} {
		if got := summary(outOfScope(t, c.statements...)); len(got) == 0 || got[0] != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// A statement of the registry policy that covers only some repositories has the same findings as one that covers all.
func TestRegistryPolicyForSomeRepositories(t *testing.T) {
	const deny = `{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"%s"}`
	for name, c := range map[string]struct{ statement, resource, other, want string }{
		"all principals":     {`"Principal":"*","Action":"ecr:*"`, "arn:aws:ecr:eu-west-1:999999999999:repository/team-a/*", "", "critical open-to-all-principals"},
		"account outside":    {`"Principal":{"AWS":"555555555555"},` + pullActions, "arn:aws:ecr:*:999999999999:repository/team-?/api", "", "high outside-list"},
		"push":               {`"Principal":{"AWS":"111111111111"},"Action":"ecr:PutImage"`, "*/team-a/api", "", "high cross-account-write"},
		"service":            {`"Principal":{"Service":"lambda.amazonaws.com"},` + pullActions, "arn:aws:ecr:eu-west-1:999999999999:*team-a*", "", "high service-without-source"},
		"another Region":     {`"Principal":"*","Action":"ecr:*"`, "arn:aws:ecr:us-east-1:999999999999:repository/team-a/*", "", ""},
		"all of them denied": {`"Principal":"*","Action":"ecr:*"`, "arn:aws:ecr:eu-west-1:999999999999:repository/team-a/*", "arn:aws:ecr:*:*:repository/team-*", ""},
		"one of them denied": {`"Principal":"*","Action":"ecr:*"`, "arn:aws:ecr:eu-west-1:999999999999:repository/team-a/*", "arn:aws:ecr:*:*:repository/team-a/api", "critical open-to-all-principals"},
	} {
		statements := `{"Effect":"Allow",` + c.statement + `,"Resource":["arn:aws:ecr:eu-west-1:999999999999:repository/x/y","` + c.resource + `"]}`
		statements += "," + fmt.Sprintf(deny, "arn:aws:ecr:eu-west-1:999999999999:repository/x/y")
		if c.other != "" {
			statements += "," + fmt.Sprintf(deny, c.other)
		}
		report, err := audit.Run(standard(), audit.Document{Text: `{"Version":"2012-10-17","Statement":[` + statements + `]}`},
			[]audit.Document{{Repository: "team-a/api", Lists: lists(accounts()), OutOfScope: true}}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(summary(report), ", "); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestUnreadableRegistryPolicy(t *testing.T) {
	report, err := audit.Run(standard(), audit.Document{Err: errors.New("access denied")}, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	f := find(t, report, audit.UnreadablePolicy)
	if f.Place() != "registry policy" || f.Explanation != "The registry policy can't be read: access denied." || report.RegistryPolicy.Policy != audit.Unreadable {
		t.Errorf("got %+v, %+v", f, report.RegistryPolicy)
	}
}

// A statement of the registry policy whose Resource has a policy variable applies to the repositories, too.
func TestRegistryPolicyWithVariableInResource(t *testing.T) {
	for _, variable := range []string{"${aws:ResourceAccount}:repository/*", "*:repository/${aws:PrincipalTag/team}"} {
		registryPolicy := audit.Document{Text: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*","Resource":"arn:aws:ecr:*:` + variable + `"}]}`}
		report, err := audit.Run(standard(), registryPolicy, []audit.Document{{Repository: "r", Lists: lists(accounts()), OutOfScope: true}}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Repositories[0].Consumers) == 0 {
			t.Errorf("%s: the repository is open to all principals, but has no consumers", variable)
		}
	}
}

// The to-do fits the statement: what the next run corrects isn't for the operator to remove.
func TestRemedies(t *testing.T) {
	managed := sid("EcrPullPolicyAccounts", `{"AWS":"555555555555"}`)
	for name, c := range map[string]struct {
		statement string
		list      *policy.Consumers
		outside   bool // of the scope
		want      string
	}{
		"unmanaged":                {statement: sid("Own", `{"AWS":"555555555555"}`), want: "Remove the statement. If the consumer needs"},
		"managed":                  {statement: managed, want: "Run ecr-pull-policy apply"},
		"managed, out of scope":    {statement: managed, outside: true, want: "Remove the statement, or include the repository in the scope."},
		"possibly in a listed org": {statement: sid("Own", `{"AWS":"555555555555"}`), list: organizations(), want: "condition on aws:PrincipalOrgID"},
		"open, with push":          {statement: allow(`"*"`, `"Action":"ecr:*"`), want: "and remove all actions except the pull actions."},
		"open to accounts without an organization": {statement: allow(`"*"`, pullActions, `"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`), want: "Remove IfExists"},
	} {
		t.Run(name, func(t *testing.T) {
			list := c.list
			if list == nil {
				list = accounts()
			}
			report := run(t, audit.Document{Repository: "r", Text: `{"Statement":[` + c.statement + `]}`, Lists: lists(list), OutOfScope: c.outside})
			i := slices.IndexFunc(report.Findings, func(f audit.Finding) bool { return f.Statement == 1 })
			if i < 0 || !strings.Contains(report.Findings[i].Remedy, c.want) {
				t.Errorf("no remedy %q in %+v", c.want, report.Findings)
			}
		})
	}
}

func TestRepositories(t *testing.T) {
	follows := merge(t, "", lists(accounts()))
	changed := strings.Replace(follows, "111111111111", "222222222222", 1)
	onTheList := lists(accounts())
	full := `{"Statement":` + allow(own, `"Action":"`+strings.Repeat("x", policy.MaxDocumentCharacters-200)+`"`) + `}`

	for name, c := range map[string]struct {
		document audit.Document
		want     []string
	}{
		"standard policy":                     {document: audit.Document{Text: follows, Lists: onTheList}},
		"no policy":                           {document: audit.Document{Lists: onTheList}, want: []string{"medium no-policy"}},
		"no policy, no consumers":             {document: audit.Document{Lists: lists(none())}, want: []string{"low no-policy"}},
		"no policy, out of scope":             {document: audit.Document{Lists: onTheList, OutOfScope: true}},
		"missing statement":                   {document: audit.Document{Text: `{"Statement":[` + allow(own, pullActions) + `]}`, Lists: onTheList}, want: []string{"medium drift"}},
		"different, out of scope":             {document: audit.Document{Text: `{"Statement":[]}`, Lists: onTheList, OutOfScope: true}},
		"unexpected statement":                {document: audit.Document{Text: follows, Lists: lists(none())}, want: []string{"high outside-list"}},
		"changed statement":                   {document: audit.Document{Text: changed, Lists: onTheList}, want: []string{"high outside-list"}},
		"missing list":                        {document: audit.Document{Text: follows, Lists: lists(nil)}, want: []string{"medium missing-list"}},
		"missing namespace list":              {document: audit.Document{Text: merge(t, follows, lists(accounts(), accounts())), Lists: lists(accounts(), nil)}, want: []string{"medium missing-list"}},
		"unmanaged statement, missing list":   {document: audit.Document{Text: `{"Statement":` + allow(`{"AWS":"555555555555"}`, pullActions) + `}`, Lists: lists(nil)}, want: []string{"medium outside-list"}},
		"unmanaged statement, namespace list": {document: audit.Document{Text: `{"Statement":` + allow(`{"AWS":"111111111111"}`, pullActions) + `}`, Lists: lists(none(), accounts())}, want: []string{"medium drift"}},
		"too large":                           {document: audit.Document{Text: full, Lists: onTheList}, want: []string{"medium too-large"}},
		"not JSON":                            {document: audit.Document{Text: `{"Statement":`, Lists: onTheList}, want: []string{"high unreadable"}},
		"no statements":                       {document: audit.Document{Text: `{}`, Lists: onTheList}, want: []string{"high unreadable"}},
		"two Statement members":               {document: audit.Document{Text: `{"Statement":[],"Statement":[]}`, Lists: onTheList}, want: []string{"high unreadable"}},
		"policy can't be read":                {document: audit.Document{Err: errors.New("access denied"), Lists: onTheList}, want: []string{"high unreadable"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.document.Repository = "r"
			if got := summary(run(t, c.document)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFindings(t *testing.T) {
	report := run(t,
		audit.Document{Repository: "z", Text: `{"Statement":[` + allow(own, pullActions) + `,{"Sid":"Agencies","Effect":"Allow","Principal":{"AWS":["444444444444","555555555555","666666666666","777777777777","888888888888"]},"Action":"ecr:*"}]}`, OutOfScope: true},
		audit.Document{Repository: "a", Text: `{"Statement":` + allow(`"*"`, pullActions) + `}`, Lists: lists(accounts())})

	if got := []string{report.Repositories[0].Name, report.Repositories[1].Name}; !slices.IsSorted(got) {
		t.Errorf("the repositories aren't sorted: %q", got)
	}
	if f := report.Findings[0]; f.Severity != audit.Critical || f.Repository != "a" || f.Statement != 1 {
		t.Errorf("the first finding is %+v, want the critical one of statement 1 in a", f)
	}
	write := find(t, report, audit.CrossAccountWrite)
	if write.Statement != 2 || write.Sid != "Agencies" || write.Remedy != audit.CrossAccountWrite.Remedy() {
		t.Errorf("got %+v, want statement 2, Agencies", write)
	}
	want := "The statement allows 444444444444, 555555555555, 666666666666 and others to pull, push, delete images or the repository, change the repository policy and change settings. The account list can't be read to check them."
	if write.Explanation != want {
		t.Errorf("got  %s\nwant %s", write.Explanation, want)
	}
	if got, want := find(t, report, audit.Drift).Explanation, "The policy differs from the standard policy: EcrPullPolicyAccounts is missing."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	totals := audit.Totals{Repositories: 2, WithPolicy: 2, Unmanaged: 3, Consumers: 7, Critical: 1, High: 1, Medium: 1}
	if report.Totals != totals {
		t.Errorf("totals %+v, want %+v", report.Totals, totals)
	}
}

func TestInvalidStandard(t *testing.T) {
	if _, err := audit.Run(policy.Standard{}, audit.Document{}, nil, time.Time{}); err == nil {
		t.Error("no error for an invalid standard")
	}
}

func TestTexts(t *testing.T) {
	for _, kind := range audit.Kinds() {
		if kind.Title() == string(kind) || kind.Remedy() == "" {
			t.Errorf("%s has no title or no remedy", kind)
		}
	}
	if got := audit.Kind("x").Title(); got != "x" {
		t.Errorf("title of an unknown kind is %q", got)
	}
	if got := audit.Severity(9).String(); got != "severity(9)" {
		t.Errorf("name of an unknown severity is %q", got)
	}
}

// allow returns a statement with a principal, actions and conditions.
func allow(principal, actions string, conditions ...string) string {
	s := `{"Effect":"Allow","Principal":` + principal + `,` + actions
	if len(conditions) > 0 {
		s += `,"Condition":{` + strings.Join(conditions, ",") + `}`
	}
	return s + `}`
}

// sid returns a statement with a Sid that allows a pull.
func sid(sid, principal string) string {
	return fmt.Sprintf(`{"Sid":%q,"Effect":"Allow","Principal":%s,%s}`, sid, principal, pullActions)
}

// lists returns account lists with consumers, or that can't be used if nil.
func lists(consumers ...*policy.Consumers) []policy.Listed {
	var listed []policy.Listed
	for _, c := range consumers {
		listed = append(listed, policy.Listed{Consumers: c})
	}
	return listed
}

func none() *policy.Consumers { return &policy.Consumers{None: true} }

// merge returns a policy with the statements of the standard policy.
func merge(t *testing.T, text string, lists []policy.Listed) string {
	t.Helper()
	existing, err := policy.ParseDocument(text, standard().Registry)
	if err != nil {
		t.Fatal(err)
	}
	change, err := standard().Merge(existing, lists)
	if err != nil {
		t.Fatal(err)
	}
	return change.Document
}

func run(t *testing.T, documents ...audit.Document) audit.Report {
	t.Helper()
	report, err := audit.Run(standard(), audit.Document{}, documents, time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// outOfScope returns the report of a repository out of scope with some statements.
func outOfScope(t *testing.T, statements ...string) audit.Report {
	t.Helper()
	return run(t, audit.Document{Repository: "r", Text: `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`, Lists: lists(accounts()), OutOfScope: true})
}

// summary returns the severity and kind of each finding.
func summary(report audit.Report) []string {
	var all []string
	for _, f := range report.Findings {
		all = append(all, f.Severity.String()+" "+string(f.Kind))
	}
	return all
}

func find(t *testing.T, report audit.Report, kind audit.Kind) audit.Finding {
	t.Helper()
	i := slices.IndexFunc(report.Findings, func(f audit.Finding) bool { return f.Kind == kind })
	if i < 0 {
		t.Fatalf("no finding %s in %q", kind, summary(report))
	}
	return report.Findings[i]
}
