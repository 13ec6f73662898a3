package event

import "fmt"

// What identifies a request to reconcile repositories on the event bus. Any principal that IAM allows to can publish one.
const (
	RequestSource     = "ecr-pull-policy"
	RequestDetailType = "Repository Reconcile Requested"

	// MaxRequestNames is how many repositories one request may name.
	MaxRequestNames = 100
)

// Triggers of requests.
const (
	TriggerListChanged = "ListChanged" // of a rollout after a list changed
	TriggerScheduled   = "Scheduled"   // of a rollout of the schedule
	TriggerRequest     = "Request"     // of anyone else
)

// Principals is what a rollout knows of the principals that the lists name. It is a hint, as all that an event carries: it
// decides how a grant is written, never who gets it.
type Principals string

const (
	PrincipalsUnknown Principals = ""      // or ECR rejects at least one
	PrincipalsExist   Principals = "exist" // ECR accepts all of them
)

// Request is the detail of the event that asks to reconcile repositories.
type Request struct {
	Trigger      string     `json:"trigger,omitempty"` // it is for logs and metrics alone
	Principals   Principals `json:"principals,omitempty"`
	Repositories []string   `json:"repositories"`
}

func request(event envelope) (Repositories, error) {
	detail, err := detailOf[Request](event)
	if err != nil {
		return Repositories{}, err
	}
	if n := len(detail.Repositories); n == 0 || n > MaxRequestNames {
		return Repositories{}, fmt.Errorf("request names %d repositories: name 1 to %d in detail.repositories", n, MaxRequestNames)
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
