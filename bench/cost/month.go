// Package cost calculates the monthly cost of a registry from the counts of package calls and AWS's prices.
package cost

import (
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/calls"
)

// The assumptions about a month. docs/cost.md lists them too.
const (
	schedules   = 122  // scheduled rollouts, one every six hours
	listChanges = 4    // rollouts in which the policy of every repository changes
	pushes      = 20   // image pushes to each repository
	created     = 0.02 // new repositories, as a fraction of the existing ones
	badHours    = 24   // hours in which a repository failed, and in which a policy was restored

	// findings is the number of metrics that have data in each hour with a rollout: UnusableListsFound and
	// RejectedPrincipalsFound. failures is the number of metrics that have data only if something is wrong:
	// FailedPermanently and RestoredPolicies.
	findings = 2
	failures = 2

	// platformLogBytes is the size of the log lines START, END, and REPORT that Lambda writes for each invocation.
	platformLogBytes = 400

	// secondsPerCall is the duration of a call to AWS. The calls are counted as if they were sequential.
	secondsPerCall = 0.02

	// memory is the memory of each function in GB, as in template.yaml.
	memory = 0.25

	// idlePolls is the number of ReceiveMessage calls that Lambda makes in a month to poll the request queue. Five
	// calls run concurrently, and each waits for 20 seconds.
	idlePolls = 5 * 30.4 * 24 * 3600 / 20

	// callsPerMessage is the number of SQS calls for a message: SendMessage, ReceiveMessage, and DeleteMessage.
	callsPerMessage = 3
)

// month is the billed usage of a month.
type month struct {
	invocations float64
	calls       float64 // calls to ECR, SSM, and EventBridge
	requests    float64 // published events; each becomes a message in the request queue
	logBytes    float64
}

// monthFor returns the usage of a registry with n repositories.
func monthFor(n float64, rows []calls.Row) (month, error) {
	var m month
	// Each value is the number of repositories that the trigger concerns in a month.
	for trigger, repositories := range map[string]float64{
		calls.Scheduled:         schedules * n,
		calls.ListChanged:       listChanges * n,
		calls.RequestUnchanged:  schedules * n,
		calls.RequestChanged:    listChanges * n,
		calls.ImagePushed:       pushes * n,
		calls.RepositoryCreated: created * n,
	} {
		row, err := find(rows, trigger)
		if err != nil {
			return month{}, err
		}
		m.add(row, repositories/float64(row.Repositories))
	}
	return m, nil
}

func find(rows []calls.Row, trigger string) (calls.Row, error) {
	for _, row := range rows {
		if row.Trigger == trigger {
			return row, nil
		}
	}
	return calls.Row{}, fmt.Errorf("%q was not counted", trigger)
}

// add adds the counts of a row, multiplied by times, which needn't be an integer: half of the counted repositories cost
// half of the counted calls.
func (m *month) add(row calls.Row, times float64) {
	m.invocations += times
	m.calls += times * float64(row.Lists+row.Reads+row.Writes+row.Parameters+row.Publishes)
	m.requests += times * float64(row.Requests)
	m.logBytes += times * float64(row.LogBytes+platformLogBytes)
}
