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

// Request is the detail of the event that asks to reconcile repositories.
type Request struct {
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
	return Repositories{Kind: "Request", Names: detail.Repositories}, nil
}
