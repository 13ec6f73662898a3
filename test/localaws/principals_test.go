package localaws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// A deleted role or user is a unique ID in the policies that name it, which then can't be written any more.
func TestDeletedPrincipals(t *testing.T) {
	local := startAWS(t, localaws.Options{Parameters: map[string]string{"Mode": "observe"}})
	ctx := t.Context()
	const arns = "arn:aws:iam::" + localaws.Account
	policy := func(principal, resource string) string {
		return `{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Allow","Principal":{"AWS":["` + arns + `:root",` + principal +
			`]},"Action":"ecr:BatchGetImage"` + resource + `,"Condition":{"ArnEquals":{"aws:PrincipalArn":["` + arns + `:role/ci/deploy"]}}}]}`
	}
	named := `"` + arns + `:role/ci/deploy","` + arns + `:user/ci"`
	create := &iam.CreateRoleInput{RoleName: aws.String("deploy"), Path: aws.String("/ci/"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}
	role, err := local.IAM.CreateRole(ctx, create)
	check(t, err)
	_, err = local.IAM.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ci")})
	check(t, err)
	check(t, local.CreateRepository(ctx, "team-a/api", policy(named, "")))
	check(t, putRegistryPolicy(local, policy(named, `,"Resource":"*"`)))

	_, err = local.IAM.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("ci")})
	check(t, err)
	_, err = local.IAM.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role.Role.RoleName})
	check(t, err)
	stored, _, err := local.Policy(ctx, "team-a/api")
	check(t, err)
	_, user, _ := strings.Cut(stored, *role.Role.RoleId+`","`)
	user, _, _ = strings.Cut(user, `"`)
	if !strings.HasPrefix(*role.Role.RoleId, "AROA") || !strings.HasPrefix(user, "AIDA") {
		t.Errorf("the IDs are %s and %q", *role.Role.RoleId, user)
	}
	ids := `"` + *role.Role.RoleId + `","` + user + `"`
	if want := policy(ids, ""); stored != want {
		t.Errorf("the policy is %s, want %s", stored, want)
	}
	if got, want := registryPolicy(local, local.Region), policy(ids, `,"Resource":"*"`); got != want {
		t.Errorf("the registry policy is %s, want %s", got, want)
	}

	for _, gone := range []string{ids, `"` + arns + `:role/ci/deploy"`} {
		if err := local.SetPolicy(ctx, "team-a/api", policy(gone, "")); err == nil || !strings.Contains(err.Error(), "Principal not found") {
			t.Errorf("a policy with %s: %v", gone, err)
		}
	}
	one := strings.NewReplacer("[{", "{", "}]}", "}}").Replace(policy(ids, "")) // a statement instead of a list
	if err := local.SetPolicy(ctx, "team-a/api", one); err == nil || !strings.Contains(err.Error(), "Principal not found") {
		t.Errorf("the policy %s: %v", one, err)
	}
	_, err = local.IAM.CreateRole(ctx, create)
	check(t, err)
	check(t, local.SetPolicy(ctx, "team-a/api", policy(`"`+arns+`:role/ci/deploy"`, "")))
}
