// Package cost calculates the monthly cost of a registry from the counts of package calls and AWS's prices.
package cost

import (
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/calls"
)

// What a month is taken to bring. docs/cost.md says so too.
const (
	schedules   = 122  // rollouts of the schedule, every six hours
	listChanges = 4    // rollouts in which every repository changes
	pushes      = 20   // images pushed to each repository
	created     = 0.02 // repositories created, as a share of those that there are

	// Lambda's own lines in the log, START, END and REPORT, in bytes an invocation.
	platformLogBytes = 400

	// AWS answers a call in so many seconds. Calls are counted as if one came after the other.
	secondsPerCall = 0.02

	// Memory of the functions, in GB, as template.yaml has it.
	memory = 0.25

	// Lambda asks the queue all the time, with five calls side by side that wait for 20 seconds each.
	idlePolls = 5 * 30.4 * 24 * 3600 / 20

	// Calls of SQS that a message takes: it is sent, received and deleted.
	callsPerMessage = 3
)

// month is what happens in a month.
type month struct {
	invocations float64
	calls       float64 // to ECR, SSM and EventBridge
	requests    float64 // events published, each of which becomes a message
	logBytes    float64
}

// of returns the month of a registry of n repositories.
func of(n float64, rows []calls.Row) (month, error) {
	var m month
	for trigger, times := range map[string]float64{
		// of a whole registry
		calls.Scheduled:   schedules * n,
		calls.ListChanged: listChanges * n,
		// of up to a hundred repositories
		calls.RequestUnchanged: schedules * n,
		calls.RequestChanged:   listChanges * n,
		// of one repository
		calls.ImagePushed:       pushes * n,
		calls.RepositoryCreated: created * n,
	} {
		row, err := find(rows, trigger)
		if err != nil {
			return month{}, err
		}
		m.add(row, times/float64(row.Repositories))
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

// add adds what an invocation cost, so many times; for a part of what was counted, that part of it.
func (m *month) add(row calls.Row, times float64) {
	m.invocations += times
	m.calls += times * float64(row.Lists+row.Reads+row.Writes+row.Parameters+row.Publishes)
	m.requests += times * float64(row.Requests)
	m.logBytes += times * float64(row.LogBytes+platformLogBytes)
}
