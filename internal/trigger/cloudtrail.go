package trigger

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// cloudTrailDetail is the part of a CloudTrail record that says which repository a call concerned. Calls by ECR
// itself (pull through cache, replication, create on push) come as service events: without parameters and
// response, the name in serviceEventDetails or only in resources.
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
	} `json:"serviceEventDetails"`
	Resources []struct {
		ARN string `json:"ARN"`
	} `json:"resources"`
}

func cloudTrail(event events.EventBridgeEvent, account string) (Repositories, error) {
	var detail cloudTrailDetail
	if err := decodeDetail(event, &detail); err != nil {
		return Repositories{}, err
	}
	switch detail.EventSource {
	case "ecr.amazonaws.com", "replication.ecr.amazonaws.com":
	default:
		return Repositories{}, ignored("a call to %q, not to ECR", detail.EventSource)
	}
	switch detail.EventName {
	case "CreateRepository", "SetRepositoryPolicy", "DeleteRepositoryPolicy":
	default:
		return Repositories{}, ignored("%q changes no repository policy", detail.EventName)
	}
	if detail.ErrorCode != "" {
		return Repositories{}, ignored("%s failed with %q", detail.EventName, detail.ErrorCode)
	}
	name, registry := detail.repository()
	if registry != "" && registry != account {
		return Repositories{}, ignored("%s in the registry %q, not in %s", detail.EventName, registry, account)
	}
	if name == "" {
		return Repositories{}, fmt.Errorf("%s event names no repository", detail.EventName)
	}
	return Repositories{
		Kind:    detail.EventName,
		Names:   []string{name},
		Created: detail.EventName == "CreateRepository",
	}, nil
}

// repository returns the name of the repository and, if the record says it, its registry.
func (d cloudTrailDetail) repository() (name, registry string) {
	var arnName, arnRegistry string
	for _, resource := range d.Resources {
		if arnName, arnRegistry = parseRepositoryARN(resource.ARN); arnName != "" {
			break
		}
	}
	name = cmp.Or(d.ResponseElements.Repository.RepositoryName, d.RequestParameters.RepositoryName,
		d.ServiceEventDetails.RepositoryName, arnName)
	registry = cmp.Or(d.ResponseElements.Repository.RegistryID, d.ResponseElements.RegistryID,
		d.RequestParameters.RegistryID, arnRegistry)
	return name, registry
}

// parseRepositoryARN takes arn:PARTITION:ecr:REGION:REGISTRY:repository/NAME apart.
func parseRepositoryARN(arn string) (name, registry string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "ecr" {
		return "", ""
	}
	name, ok := strings.CutPrefix(parts[5], "repository/")
	if !ok {
		return "", ""
	}
	return name, parts[4]
}
