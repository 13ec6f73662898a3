package event

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Triggers for CloudTrail events are the names of the calls.
const (
	triggerCreated      = "CreateRepository"
	triggerSetPolicy    = "SetRepositoryPolicy"
	triggerDeletePolicy = "DeleteRepositoryPolicy"
)

// cloudTrailDetail is the part of a CloudTrail record that names the repository and the caller of a call to ECR. Calls
// by ECR itself (pull through cache, replication, create on push) are service events. They have no parameters and no
// response, and name the repository in serviceEventDetails or only in resources.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/logging-using-cloudtrail.html
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/non-api-aws-service-events.html
type cloudTrailDetail struct {
	EventSource       string `json:"eventSource"`
	EventName         string `json:"eventName"`
	ErrorCode         string `json:"errorCode"`
	RequestParameters struct {
		RepositoryName string `json:"repositoryName"`
		RegistryID     string `json:"registryId"`
	} `json:"requestParameters"`
	ResponseElements struct {
		RegistryID string `json:"registryId"`
		Repository struct {
			RepositoryName string `json:"repositoryName"`
			RegistryID     string `json:"registryId"`
		} `json:"repository"`
	} `json:"responseElements"`
	ServiceEventDetails struct {
		RepositoryName string `json:"repositoryName"`
		RepositoryARN  string `json:"repositoryArn"`
	} `json:"serviceEventDetails"`
	Resources []struct {
		ARN string `json:"ARN"`
	} `json:"resources"`
	UserIdentity struct {
		ARN            string `json:"arn"`
		SessionContext struct {
			SessionIssuer struct {
				ARN string `json:"arn"`
			} `json:"sessionIssuer"`
		} `json:"sessionContext"`
	} `json:"userIdentity"`
}

func cloudTrail(event envelope, account string) (Repositories, error) {
	detail, err := detailOf[cloudTrailDetail](event)
	if err != nil {
		return Repositories{}, err
	}
	switch detail.EventName {
	case triggerCreated, triggerSetPolicy, triggerDeletePolicy:
	default:
		return Repositories{}, ignored("%q doesn't create a repository or change its policy", detail.EventName)
	}
	if err := detail.check(account); err != nil {
		return Repositories{}, err
	}
	name, _ := detail.repository()
	if name == "" {
		return Repositories{}, fmt.Errorf("%s event doesn't name a repository", detail.EventName)
	}
	t := Repositories{Trigger: detail.EventName, Names: []string{name}, Created: detail.EventName == triggerCreated}
	if t.ChangedPolicy() {
		t.ChangedBy = detail.caller()
	}
	return t, nil
}

// registryPolicyChange decodes a change to the policy of the account's registry.
func registryPolicyChange(event envelope, account string) (RegistryPolicyChanged, error) {
	detail, err := detailOf[cloudTrailDetail](event)
	if err != nil {
		return RegistryPolicyChanged{}, err
	}
	switch detail.EventName {
	case "PutRegistryPolicy", "DeleteRegistryPolicy":
	default:
		return RegistryPolicyChanged{}, ignored("%q doesn't change the registry policy", detail.EventName)
	}
	if err := detail.check(account); err != nil {
		return RegistryPolicyChanged{}, err
	}
	return RegistryPolicyChanged{Call: detail.EventName, ChangedBy: detail.caller()}, nil
}

// check returns an error for a call that isn't to ECR, has failed, or is for another registry than that of the account.
func (d cloudTrailDetail) check(account string) error {
	switch d.EventSource {
	case "ecr.amazonaws.com", "replication.ecr.amazonaws.com":
	default:
		return ignored("the call is to %q, not to ECR", d.EventSource)
	}
	if d.ErrorCode != "" {
		return ignored("%s failed with %q", d.EventName, d.ErrorCode)
	}
	if _, registry := d.repository(); registry != "" && registry != account {
		return ignored("%s is in registry %q, not in %s", d.EventName, registry, account)
	}
	return nil
}

// repository returns the name of the repository and, if it is in the record, the ID of its registry.
func (d cloudTrailDetail) repository() (name, registry string) {
	arnName, arnRegistry := parseRepositoryARN(d.ServiceEventDetails.RepositoryARN)
	for _, resource := range d.Resources {
		if arnName != "" {
			break
		}
		arnName, arnRegistry = parseRepositoryARN(resource.ARN)
	}
	name = cmp.Or(d.ResponseElements.Repository.RepositoryName, d.RequestParameters.RepositoryName,
		d.ServiceEventDetails.RepositoryName, arnName)
	registry = cmp.Or(d.ResponseElements.Repository.RegistryID, d.ResponseElements.RegistryID,
		d.RequestParameters.RegistryID, arnRegistry)
	return name, registry
}

// caller returns the ARN of the calling role, or of a user or root user, which have no session.
func (d cloudTrailDetail) caller() string {
	const longest = 700 // an IAM role's ARN has a path of up to 512 characters and a name of up to 64
	caller := cmp.Or(d.UserIdentity.SessionContext.SessionIssuer.ARN, d.UserIdentity.ARN)
	if len(caller) > longest {
		caller = strings.ToValidUTF8(caller[:longest], "") + "…"
	}
	return caller
}

// parseRepositoryARN returns the name and the registry in the ARN of a repository. Both are empty if text is not such
// an ARN.
func parseRepositoryARN(text string) (name, registry string) {
	parsed, err := arn.Parse(text)
	if err != nil || parsed.Service != "ecr" {
		return "", ""
	}
	name, ok := strings.CutPrefix(parsed.Resource, "repository/")
	if !ok {
		return "", ""
	}
	return name, parsed.AccountID
}
