package policy

import (
	"errors"
	"fmt"
	"strings"
)

// Registry is the ECR private registry whose repositories get the policy. An
// AWS account has one registry in each Region.
type Registry struct {
	Partition string // aws, aws-cn, aws-us-gov, …
	Region    string // such as eu-west-1
	AccountID string // 12 digits
}

func (r Registry) validate() error {
	var problems []error
	// Which partitions there are is AWS's to say: aws, aws-cn, aws-eusc, …
	if r.Partition != "aws" && (!strings.HasPrefix(r.Partition, "aws-") || !consistsOf(r.Partition, isLowerOrDigitOrHyphen)) {
		problems = append(problems, fmt.Errorf("%s is not the name of a partition, such as aws or aws-cn", quote(r.Partition)))
	}
	// The Region becomes part of a pattern, so a wildcard would widen it.
	if r.Region == "" || !consistsOf(r.Region, isLowerOrDigitOrHyphen) {
		problems = append(problems, fmt.Errorf("%s is not the name of a Region", quote(r.Region)))
	}
	if !isAccountID(r.AccountID) {
		problems = append(problems, fmt.Errorf("registry account ID %s is not 12 digits", quote(r.AccountID)))
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
