package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// Registry identifies an ECR private registry. An AWS account has one registry
// in each Region:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
type Registry struct {
	Partition string // aws, aws-cn, aws-us-gov, …
	Region    string // such as eu-west-1
	AccountID string // 12 digits
}

func (r Registry) validate() error {
	var problems []error
	// AWS adds partitions, such as aws-eusc, so only the form is checked.
	if r.Partition != "aws" && (!strings.HasPrefix(r.Partition, "aws-") || !consistsOf(r.Partition, isLowerOrDigitOrHyphen)) {
		problems = append(problems, fmt.Errorf("invalid partition %s; expected a name such as aws or aws-cn", quote(r.Partition)))
	}
	// The Region becomes part of a pattern, which a wildcard would widen.
	if r.Region == "" || !consistsOf(r.Region, isLowerOrDigitOrHyphen) {
		problems = append(problems, fmt.Errorf("invalid Region %s; expected a name such as eu-west-1", quote(r.Region)))
	}
	if !iampolicy.IsAccountID(r.AccountID) {
		problems = append(problems, fmt.Errorf("invalid account ID %s of the registry; expected 12 digits", quote(r.AccountID)))
	}
	return errors.Join(problems...)
}

func rootARN(partition, accountID string) string {
	return "arn:" + partition + ":iam::" + accountID + ":root"
}

// functionPrefix and functionSuffix enclose the account ID in the pattern that
// matches all Lambda functions of an account in the registry's Region.
func (r Registry) functionPrefix() string {
	return "arn:" + r.Partition + ":lambda:" + r.Region + ":"
}

const functionSuffix = ":function:*"

// FunctionPattern returns the pattern that matches the ARNs of all Lambda
// functions of an account in the registry's Region.
func (r Registry) FunctionPattern(accountID string) string {
	return r.functionPrefix() + accountID + functionSuffix
}

// anyFunctionPattern returns the pattern that matches the ARNs of all Lambda
// functions in the registry's Region, of all accounts.
func (r Registry) anyFunctionPattern() string { return r.FunctionPattern("*") }

// RepositoryARN returns the ARN of a repository.
//
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
func (r Registry) RepositoryARN(repository string) string {
	return "arn:" + r.Partition + ":ecr:" + r.Region + ":" + r.AccountID + ":repository/" + repository
}
