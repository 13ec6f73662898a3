package main

import (
	"context"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

func TestCan(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api", "a/none", "a/broken", "a/office", "a/functions", "a/exempt")
	cloud.SetPolicy("a/api", `{"Statement":[
		{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":["111111111111","arn:aws:iam::222222222222:role/team/ci"]},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]},
		{"Sid":"EcrPullPolicyLambda","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"StringLike":{"aws:SourceArn":"arn:aws:lambda:eu-central-1:111111111111:function:*"}}},
		{"Sid":"Organization","Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/r-ab12/*"}}}
	]}`)
	cloud.SetPolicy("a/functions", `{"Statement":[
		{"Sid":"EcrPullPolicyLambdaOrganizations","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:eu-central-1:*:function:*"},"StringEquals":{"aws:SourceOrgID":"o-a1b2c3d4e5"}}},
		{"Sid":"EcrPullPolicyLambdaOrganizationalUnits","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:lambda:eu-central-1:*:function:*"},"ForAnyValue:StringLike":{"aws:SourceOrgPaths":"o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/*"}}}
	]}`)
	cloud.SetPolicy("a/broken", `[]`)
	cloud.SetPolicy("a/office", `{"Statement":{"Sid":"Office","Effect":"Deny","Principal":"*","Action":"ecr:*","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}}`)
	cloud.SetPolicy("a/exempt", `{"Statement":[
		{"Sid":"All","Effect":"Allow","Principal":"*","Action":"ecr:Batch*"},
		{"Sid":"Member","Effect":"Allow","Principal":"*","Action":"ecr:GetDownloadUrlForLayer","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}}},
		{"Sid":"Others","Effect":"Deny","NotPrincipal":{"AWS":["111111111111","arn:aws:iam::111111111111:role/ci"]},"Action":"ecr:BatchGetImage"}
	]}`)
	cloud.SetRegistryPolicy(`{"Statement":{"Sid":"NoWebPush","Effect":"Deny","Principal":"*","Action":"ecr:PutImage","Resource":"arn:aws:ecr:eu-central-1:123456789012:repository/a/*"}}`)
	for name, c := range map[string]struct {
		args   string
		status int
		want   []string
	}{
		"account": {"111111111111 pull a/api", 0, []string{
			"yes: account 111111111111 can pull from a/api\n",
			"ecr:BatchGetImage: yes\n  allowed by statement 1 (EcrPullPolicyAccounts) of the repository policy\necr:GetDownloadUrlForLayer: yes\n",
			"Also required: IAM policies in account 111111111111 that allow the principal these actions and ecr:GetAuthorizationToken.",
			"note: ecr:BatchCheckLayerAvailability isn't allowed.",
		}},
		"root ARN":    {"arn:aws:iam::111111111111:root pull a/api", 0, []string{"yes: account 111111111111 can pull"}},
		"role":        {"arn:aws:iam::222222222222:role/team/ci pull a/api", 0, []string{"IAM policies of arn:aws:iam::222222222222:role/team/ci"}},
		"its account": {"222222222222 pull a/api", exitDepends, []string{"depends: account 222222222222 can pull from a/api only under the conditions below", "allowed by statement 1 (EcrPullPolicyAccounts) of the repository policy if the principal is arn:aws:iam::222222222222:role/team/ci\n"}},
		"another account": {"333333333333 ecr:DescribeImages a/api", exitDepends, []string{
			"account 333333333333 can perform ecr:DescribeImages on a/api only under",
			"allowed by statement 3 (Organization) of the repository policy if ForAnyValue:StringLike aws:PrincipalOrgPaths: o-a1b2c3d4e5/r-ab12/*",
			"pass it with --org",
		}},
		"root of the organization":  {"o-a1b2c3d4e5/r-ab12/* DescribeImages a/api", 0, []string{"o-a1b2c3d4e5/r-ab12/* can perform ecr:DescribeImages"}},
		"below the root":            {"333333333333 DescribeImages a/api --org o-a1b2c3d4e5/r-ab12/*", 0, []string{"yes: "}},
		"of the organization":       {"333333333333 ecr:describeimages a/api --org o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*", 0, []string{"yes: "}},
		"of another organization":   {"333333333333 pull a/api --org o-x1x2x3x4x5", exitNo, []string{"no: account 333333333333 can't pull from a/api\n", "  no statement allows it\n"}},
		"organization":              {"o-a1b2c3d4e5 pull a/api", exitDepends, []string{"organization o-a1b2c3d4e5", "IAM policies in the account of the principal"}},
		"push":                      {"333333333333 push a/api --org o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/*", exitNo, []string{"can't push to a/api", "ecr:PutImage: no\n  denied by statement 1 (NoWebPush) of the registry policy\n", "ecr:UploadLayerPart: yes"}},
		"Lambda":                    {"111111111111 pull a/api --lambda", 0, []string{"yes: Lambda, for functions in account 111111111111, can pull from a/api", "statement 2 (EcrPullPolicyLambda)", "The user or role that creates"}},
		"Lambda of another account": {"222222222222 pull a/api --lambda --org o-a1b2c3d4e5", exitNo, nil},
		"Lambda of an organization": {"222222222222 pull a/functions --lambda --org o-a1b2c3d4e5/r-ab12/ou-ab12-22222222/*", 0, []string{"statement 1 (EcrPullPolicyLambdaOrganizations)"}},
		"Lambda of a unit":          {"222222222222 pull a/functions --lambda --org o-b1b2c3d4e5/r-ab12/ou-ab12-11111111/*", 0, []string{"statement 2 (EcrPullPolicyLambdaOrganizationalUnits)"}},
		"Lambda of a sibling unit":  {"222222222222 pull a/functions --lambda --org o-b1b2c3d4e5/r-ab12/ou-ab12-22222222/*", exitNo, nil},
		"Lambda of unknown unit":    {"222222222222 pull a/functions --lambda --org o-b1b2c3d4e5", exitDepends, []string{"if ForAnyValue:StringLike aws:SourceOrgPaths"}},
		"no policy":                 {"111111111111 pull a/none", exitNo, []string{"no statement allows it"}},
		"own account": {"123456789012 pull a/none", exitDepends, []string{
			"depends: account 123456789012 can pull from a/none if IAM policies in the account allow it\n",
			"  allowed if IAM policies in the account allow it, because the account owns the registry\n",
		}},
		"own account, conditional Allow": {"123456789012 BatchGetImage a/api", exitDepends, []string{
			"depends: account 123456789012 can perform ecr:BatchGetImage on a/api if IAM policies in the account allow it\n",
			"  allowed by statement 3 (Organization) of the repository policy if ForAnyValue:",
		}},
		"own account, conditional Deny": {"123456789012 pull a/office", exitDepends, []string{
			"can pull from a/office if IAM policies in the account allow it and no statement below denies it\n",
			"ecr:BatchGetImage: depends\n  denied by statement 1 (Office) of the repository policy if NotIpAddress aws:SourceIp: 203.0.113.0/24\n  allowed if IAM policies",
			"IAM policies in it can allow these actions",
		}},
		"own account, denied": {"123456789012 push a/none", exitNo, []string{"denied by statement 1", "a Deny statement also overrides the IAM policies in it.\n"}},
		"unreadable":          {"111111111111 pull a/broken", exitDepends, []string{"warning: the policy of a/broken can't be read: ", "depends on the repository policy, which can't be read"}},
		"uncertain Deny and its Allow": {"111111111111 BatchGetImage a/exempt", exitDepends, []string{
			"  denied by statement 3 (Others) of the repository policy if NotPrincipal, which lists 111111111111 or arn:aws:iam::111111111111:role/ci, doesn't exempt the principal",
			"\n  allowed by statement 1 (All) of the repository policy\n",
		}},
		"Lambda, not in NotPrincipal": {"111111111111 pull a/exempt --lambda", exitNo, []string{"denied by statement 3 (Others) of the repository policy\n"}},

		"session": {"arn:aws:sts::222222222222:assumed-role/ci/build-7 pull a/api", 0, []string{
			"yes: arn:aws:sts::222222222222:assumed-role/ci/build-7 can pull", "The session is one of the role ci in account 222222222222.",
		}},
		"all principals":             {"* pull a/api", exitDepends, []string{"all principals can pull from a/api only under", "if the principal belongs to account 111111111111 or is arn:aws:iam::222222222222:role/team/ci\n"}},
		"service":                    {"lambda.amazonaws.com pull a/api", exitDepends, []string{"service lambda.amazonaws.com can pull", "if StringLike aws:SourceArn: ", "pass the account, and --lambda"}},
		"another service":            {"codebuild.amazonaws.com pull a/api", exitNo, []string{"no statement allows it", "Services often use a role instead"}},
		"PULL":                       {"111111111111 PULL a/api", 0, []string{"can pull from a/api\n"}},
		"delete":                     {"222222222222 Delete a/none", exitNo, []string{"no: account 222222222222 can't delete images from a/none\n\necr:BatchDeleteImage: no\n"}},
		"ECR:getdownloadurlforlayer": {"111111111111 ECR:getdownloadurlforlayer a/api", 0, []string{"can perform ecr:GetDownloadUrlForLayer on a/api"}},

		"no such repository":     {"111111111111 pull a/missing", exitCanFailed, []string{"repository a/missing doesn't exist in registry 123456789012 in eu-central-1"}},
		"invalid repository":     {"111111111111 pull A", exitCanFailed, []string{"invalid repository name"}},
		"invalid account":        {"12345 pull a/api", exitCanFailed, []string{`"12345": invalid account ID; expected 12 digits, found 5`}},
		"several":                {"111111111111,222222222222 pull a/api", exitCanFailed, []string{"not a consumer; expected one account ID"}},
		"none":                   {"none pull a/api", exitCanFailed, []string{"not a consumer; expected one account ID"}},
		"no action":              {"111111111111 fetch a/api", exitCanFailed, []string{`"fetch": not an action on a repository; use pull, push, delete, or an ECR action such as ecr:DescribeImages`}},
		"pattern":                {"111111111111 ecr:Get* a/api", exitCanFailed, []string{"not an action on a repository"}},
		"action of no policy":    {"111111111111 ecr:GetAuthorizationToken a/api", exitCanFailed, []string{"not an action on a repository"}},
		"session without name":   {"arn:aws:sts::222222222222:assumed-role/ci pull a/api", exitCanFailed, []string{"invalid session; expected arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION"}},
		"session with path":      {"arn:aws:sts::222222222222:assumed-role/team/ci/x pull a/api", exitCanFailed, []string{"invalid session; expected"}},
		"role with another path": {"arn:aws:iam::222222222222:role/ci pull a/api", exitDepends, []string{"ecr:BatchGetImage: depends\n  allowed by statement 3 (Organization) of the repository policy if"}},
		"federated session":      {"arn:aws:sts::111111111111:federated-user/x pull a/api", exitCanFailed, []string{"invalid session; expected arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION"}},
		"role pattern":           {"arn:aws:iam::111111111111:role/* pull a/api", exitCanFailed, []string{"not a consumer; expected one account ID"}},
		"too few":                {"111111111111 pull", exitCanFailed, []string{"missing argument REPOSITORY\n\nUsage: ecr-pull-policy can "}},
		"unknown flag":           {"111111111111 pull a/api --nope", exitCanFailed, []string{"unknown flag"}},
		"--lambda of a role":     {"arn:aws:iam::111111111111:role/x pull a/api --lambda", exitCanFailed, []string{"--lambda applies only to an account"}},
		"--org of an account":    {"111111111111 pull a/api --org 222222222222", exitCanFailed, []string{"must be an organization ID"}},
		"--org of an org":        {"o-a1b2c3d4e5 pull a/api --org o-a1b2c3d4e5", exitCanFailed, []string{"--org applies only to"}},
		"--org that is invalid":  {"111111111111 pull a/api --org o-", exitCanFailed, []string{`--org "o-" must be an organization ID`}},
	} {
		t.Run(name, func(t *testing.T) {
			status, out := call(t.Context(), append([]string{"can"}, strings.Fields(c.args)...)...)
			if status != c.status {
				t.Errorf("exit status %d, want %d", status, c.status)
			}
			contains(t, out, c.want...)
		})
	}
}

// Without the registry policy, an answer that it could change isn't yes or no.
func TestCanWithoutRegistryPolicy(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.SetPolicy("a/api", `{"Statement":{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"ecr:*"}}`)
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "GetRegistryPolicy" {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, out := call(t.Context(), "can", "111111111111", "pull", "a/api")
	if status != exitDepends {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "warning: get registry policy: ", "depends on the registry policy, which can't be read\n  allowed by statement 1")
	status, out = call(t.Context(), "plan", "--accounts", "111111111111")
	if status != exitChanges {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "note: statements of the registry policy that deny a pull aren't reported: ")
}
