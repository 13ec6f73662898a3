package event

import "cmp"

// imageActionDetail is the detail of image pushes and replications. ECR sends these events without a CloudTrail trail.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
type imageActionDetail struct {
	Result         string `json:"result"`
	ActionType     string `json:"action-type"`
	RepositoryName string `json:"repository-name"`
}

func imageAction(event envelope, trigger, actionType string) (Repositories, error) {
	detail, err := detailOf[imageActionDetail](event)
	if err != nil {
		return Repositories{}, err
	}
	if detail.ActionType != actionType || detail.Result != "SUCCESS" {
		return Repositories{}, ignored("image action %q with result %q", detail.ActionType, detail.Result)
	}
	return Repositories{Trigger: trigger, Names: []string{detail.RepositoryName}}, nil
}

type pullThroughCacheDetail struct {
	SyncStatus     string `json:"sync-status"`
	RepositoryName string `json:"repository-name"`
}

func pullThroughCacheAction(event envelope) (Repositories, error) {
	detail, err := detailOf[pullThroughCacheDetail](event)
	if err != nil {
		return Repositories{}, err
	}
	if detail.SyncStatus != "SUCCESS" {
		return Repositories{}, ignored("pull through cache action with sync-status %q", detail.SyncStatus)
	}
	return Repositories{Trigger: "ImagePulledThrough", Names: []string{detail.RepositoryName}}, nil
}

// scanResourceChangeDetail is the detail of an event that ECR sends without a CloudTrail trail if enhanced scanning is
// on. According to AWS, ECR sends it for new repositories too, but AWS documents its shape only for a changed scan
// frequency.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced-events.html
type scanResourceChangeDetail struct {
	ActionType   string `json:"action-type"`
	Repositories []struct {
		Name string `json:"repository-name"`
		ARN  string `json:"repository-arn"`
	} `json:"repositories"`
}

func scanResourceChange(event envelope, account string) (Repositories, error) {
	detail, err := detailOf[scanResourceChangeDetail](event)
	if err != nil {
		return Repositories{}, err
	}
	t := Repositories{Trigger: "ScanResourceChanged", Created: true}
	for _, repository := range detail.Repositories {
		arnName, registry := parseRepositoryARN(repository.ARN)
		if name := cmp.Or(repository.Name, arnName); name != "" && (registry == "" || registry == account) {
			t.Names = append(t.Names, name)
		}
	}
	if len(t.Names) == 0 {
		return Repositories{}, ignored("scan resource change %q doesn't name a repository of account %s", detail.ActionType, account)
	}
	return t, nil
}
