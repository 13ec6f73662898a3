package event

import "fmt"

// The source and detail-type of a request on the event bus. Anyone with the IAM permission can publish one.
const (
	RequestSource     = "ecr-pull-policy"
	RequestDetailType = "Repository Reconcile Requested"

	// MaxRequestNames is the maximum number of repositories in a request.
	MaxRequestNames = 100
)

// Triggers of requests.
const (
	TriggerListChanged = "ListChanged" // a rollout after a list changed
	TriggerScheduled   = "Scheduled"   // a scheduled rollout
	TriggerRequest     = "Request"     // any other request
)

// Principals is what a rollout knows about the principals in the lists. It is a hint, like everything in an event: it
// affects how a grant is written, and never which principals it is for.
type Principals string

// The values of Principals.
const (
	PrincipalsUnknown Principals = ""      // not checked, or ECR rejects at least one
	PrincipalsExist   Principals = "exist" // ECR accepts all of them
)

// Request is the detail of the event that asks to reconcile repositories.
type Request struct {
	Trigger      string     `json:"trigger,omitempty"` // only for logs
	Principals   Principals `json:"principals,omitempty"`
	Repositories []string   `json:"repositories"`
}

func request(event envelope) (Repositories, error) {
	detail, err := detailOf[Request](event)
	if err != nil {
		return Repositories{}, err
	}
	if n := len(detail.Repositories); n == 0 || n > MaxRequestNames {
		return Repositories{}, fmt.Errorf("detail.repositories must contain 1 to %[2]d names, found %[1]d", n, MaxRequestNames)
	}
	t := Repositories{Trigger: TriggerRequest, Names: detail.Repositories}
	switch detail.Trigger {
	case TriggerListChanged, TriggerScheduled:
		t.Trigger = detail.Trigger
	}
	if detail.Principals == PrincipalsExist {
		t.Principals = PrincipalsExist
	}
	return t, nil
}
