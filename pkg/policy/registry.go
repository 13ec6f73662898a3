package policy

import (
	"errors"
	"fmt"
)

// Registry is the ECR private registry whose repositories get the policy. An
// AWS account has one registry in each Region.
type Registry struct {
	Partition string // aws, aws-cn or aws-us-gov
	Region    string // such as eu-west-1
	AccountID string // 12 digits
}

func (r Registry) validate() error {
	var problems []error
	switch r.Partition {
	case "aws", "aws-cn", "aws-us-gov":
	default:
		problems = append(problems, fmt.Errorf("unknown partition %s: use aws, aws-cn or aws-us-gov", quote(r.Partition)))
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
