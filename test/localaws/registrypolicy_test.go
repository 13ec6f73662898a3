package localaws_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// registryDocument has what registry policies of scope V2 can have.
const registryDocument = `{"Version":"2008-10-17","Statement":[
	{"Sid":"x","Effect":"Allow","Principal":"*","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],
		"Resource":["arn:aws:ecr:eu-central-1:123456789012:repository/a","arn:aws:ecr:eu-central-1:123456789012:repository/a/*"],
		"Condition":{"StringEquals":{"aws:PrincipalAccount":["111111111111"]}}},
	{"Sid":"x","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"ecr:BatchGetImage",
		"NotResource":"arn:aws:ecr:eu-central-1:123456789012:repository/b/*"},
	{"Effect":"Deny","Principal":"*","Action":"ecr:*","Resource":"*"}]}`

func putRegistryPolicy(local *localaws.AWS, document string) error {
	_, err := local.ECR.PutRegistryPolicy(context.Background(), &ecr.PutRegistryPolicyInput{PolicyText: &document})
	return err
}

// registryPolicy returns the policy, or the error in its place.
func registryPolicy(local *localaws.AWS, region string) string {
	output, err := local.ECR.GetRegistryPolicy(context.Background(), &ecr.GetRegistryPolicyInput{},
		func(o *ecr.Options) { o.Region = region })
	if err != nil {
		return err.Error()
	}
	return *output.PolicyText
}

// A Region has one registry policy. It takes what IAM's format takes, with any action of ECR; what is rejected leaves it
// as it was.
func TestRegistryPolicy(t *testing.T) {
	local := startAWS(t, localaws.Options{})
	check(t, putRegistryPolicy(local, registryDocument))
	const other = "us-east-1"
	if got := registryPolicy(local, other); !strings.Contains(got, "RegistryPolicyNotFoundException") {
		t.Errorf("the policy in another Region is %s", got)
	}
	for name, change := range map[string]struct{ old, new string }{
		"no JSON":                  {"{", ""},
		"no version of IAM":        {"2008-10-17", "2026-01-01"},
		"another service's action": {"ecr:GetDownloadUrlForLayer", "s3:GetObject"},
		"no principal":             {`"Principal":"*",`, ""},
		"no resource":              {`,"Resource":"*"`, ""},
	} {
		err := putRegistryPolicy(local, strings.ReplaceAll(registryDocument, change.old, change.new))
		if err == nil || !strings.Contains(err.Error(), "InvalidParameterException") || !strings.Contains(err.Error(), "Invalid registry policy provided") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := registryPolicy(local, local.Region); got != registryDocument {
		t.Errorf("the policy is %s", got)
	}
}
