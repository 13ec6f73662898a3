package trigger

import (
	"github.com/aws/aws-lambda-go/events"
)

// imageActionDetail is that of image pushes and replications. ECR sends them without any CloudTrail trail.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
type imageActionDetail struct {
	Result         string `json:"result"`
	ActionType     string `json:"action-type"`
	RepositoryName string `json:"repository-name"`
}

func imageAction(event events.EventBridgeEvent, kind, actionType string) (Repositories, error) {
	var detail imageActionDetail
	if err := decodeDetail(event, &detail); err != nil {
		return Repositories{}, err
	}
	if detail.ActionType != actionType || detail.Result != "SUCCESS" {
		return Repositories{}, ignored("image action %q with result %q", detail.ActionType, detail.Result)
	}
	return Repositories{Kind: kind, Names: []string{detail.RepositoryName}}, nil
}

type pullThroughCacheDetail struct {
	SyncStatus     string `json:"sync-status"`
	RepositoryName string `json:"repository-name"`
}

func pullThroughCacheAction(event events.EventBridgeEvent) (Repositories, error) {
	var detail pullThroughCacheDetail
	if err := decodeDetail(event, &detail); err != nil {
		return Repositories{}, err
	}
	if detail.SyncStatus != "SUCCESS" {
		return Repositories{}, ignored("pull through cache action with sync-status %q", detail.SyncStatus)
	}
	return Repositories{Kind: "ImagePulledThrough", Names: []string{detail.RepositoryName}}, nil
}
