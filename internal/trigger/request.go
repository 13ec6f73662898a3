package trigger

import (
	"fmt"

	"github.com/aws/aws-lambda-go/events"
)

// What a request to reconcile repositories looks like on the event bus. Anybody whom IAM lets may publish one.
const (
	RequestSource     = "ecr-pull-policy"
	RequestDetailType = "Repository Reconcile Requested"

	// MaxRequestNames is how many repositories one request may name.
	MaxRequestNames = 100
)

// Kinds of Repositories that come as requests.
const (
	KindListChanged = "ListChanged" // of a rollout after a list changed
	KindScheduled   = "Scheduled"   // of a rollout of the schedule
	KindRequest     = "Request"     // of anybody else
)

// Request is the detail of the event that asks to reconcile repositories.
type Request struct {
	Trigger      string   `json:"trigger,omitempty"` // one of the kinds; it is for logs and metrics alone
	Repositories []string `json:"repositories"`
}

func request(event events.EventBridgeEvent) (Repositories, error) {
	var detail Request
	if err := decodeDetail(event, &detail); err != nil {
		return Repositories{}, err
	}
	if n := len(detail.Repositories); n == 0 || n > MaxRequestNames {
		return Repositories{}, fmt.Errorf("request names %d repositories: name 1 to %d in detail.repositories", n, MaxRequestNames)
	}
	switch detail.Trigger {
	case KindListChanged, KindScheduled:
		return Repositories{Kind: detail.Trigger, Names: detail.Repositories}, nil
	default:
		return Repositories{Kind: KindRequest, Names: detail.Repositories}, nil
	}
}
