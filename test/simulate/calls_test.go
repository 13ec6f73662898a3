package simulate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// call is a call to AWS that waits until the scheduler lets it go.
type call struct {
	stubaws.Call
	run     *invocation
	release chan stubaws.Fault

	carriedOut bool
	err        error // that AWS answers
}

// compare orders calls by what they are, as those of one invocation park in any order. Equal ones are alike.
func (c *call) compare(other *call) int {
	return cmp.Or(cmp.Compare(c.run.number, other.run.number), cmp.Compare(c.Operation, other.Operation),
		bytes.Compare(c.Body, other.Body))
}

// park is called by an invocation before each of its calls.
func (w *world) park(ctx context.Context, made stubaws.Call) stubaws.Fault {
	run := ctx.Value(invocationKey{}).(*invocation)
	c := &call{Call: made, run: run, release: make(chan stubaws.Fault, 1)}
	w.mu.Lock()
	if run.dead {
		w.mu.Unlock()
		return stubaws.Fault{Lost: true}
	}
	w.parked = append(w.parked, c)
	w.mu.Unlock()
	select {
	case fault := <-c.release:
		return fault
	case <-ctx.Done():
		w.mu.Lock()
		w.unpark(c)
		w.mu.Unlock()
		return stubaws.Fault{Lost: true}
	}
}

// done is called by an invocation when a call has been carried out: the one that the scheduler let go.
func (w *world) done(_ context.Context, _ stubaws.Call, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight.carriedOut, w.inFlight.err = true, err
}

func (w *world) unpark(c *call) {
	w.parked = slices.DeleteFunc(w.parked, func(p *call) bool { return p == c })
}

// release lets a call go, well or badly.
func (w *world) release(c *call) { w.releaseWith(c, w.chooseFault(c)) }

func (w *world) releaseWith(c *call, fault stubaws.Fault) {
	w.unpark(c)
	w.counted["calls to AWS"]++
	var input struct{ RepositoryName, PolicyText string }
	if err := json.Unmarshal(c.Body, &input); err != nil {
		panic(err) // the SDK writes JSON
	}
	w.note("%s  %s %s%s", c.run, c.Operation, input.RepositoryName, said(fault))
	w.inFlight = c
	c.release <- fault
	w.settle()
	w.mayFail = false
	if !c.carriedOut {
		return
	}
	answered := fault == stubaws.Fault{}
	r := w.repositories[input.RepositoryName]
	if c.Operation == "GetRepositoryPolicy" && answered && r != nil && r.exists {
		c.run.read[r] = reading{r.document, r.changes}
	}
	if c.err != nil {
		w.note("%s  … %v", c.run, c.err)
		return
	}
	switch c.Operation {
	case "SetRepositoryPolicy":
		w.wrote(c.run, r, readDocument(input.PolicyText), answered)
	case "DeleteRepositoryPolicy":
		w.wrote(c.run, r, document{}, answered)
	case "PutEvents":
		for _, published := range w.cloud.Published() {
			w.publish(event{source: published.Source, detailType: published.DetailType, detail: published.Detail, what: "request " + published.Detail})
		}
	}
}

// chooseFault chooses how a call goes wrong, if it does.
func (w *world) chooseFault(c *call) stubaws.Fault {
	var input struct{ RepositoryName string }
	_ = json.Unmarshal(c.Body, &input)
	if r := w.repositories[input.RepositoryName]; r != nil && r.exists && time.Now().Before(r.knownFrom) {
		w.counted["fault: a new repository is not known yet"]++
		return stubaws.Fault{Code: "RepositoryNotFoundException"}
	}
	if !w.turmoil || !w.percent(w.weather.calls) {
		return stubaws.Fault{}
	}
	fault := pick(w,
		stubaws.Fault{Code: "ThrottlingException"},
		stubaws.Fault{Code: "ThrottlingException", Status: 429},
		stubaws.Fault{Code: "InternalServerError", Status: 500},
		stubaws.Fault{Code: "InternalServerError", Status: 500, Afterwards: true},
		stubaws.Fault{Lost: true},
		stubaws.Fault{Lost: true, Afterwards: true},
		stubaws.Fault{}, // for PutEvents: entries fail
	)
	if fault != (stubaws.Fault{}) {
		w.counted["fault:"+said(fault)]++
	} else if c.Operation == "PutEvents" {
		w.mayFail = true
		w.counted["fault: entries of PutEvents fail"]++
	}
	return fault
}

func said(fault stubaws.Fault) string {
	text := ""
	switch {
	case fault.Lost:
		text = " times out"
	case fault.Code != "":
		text = fmt.Sprintf(" answers %s", fault.Code)
	}
	if fault.Afterwards {
		text += " after it was done"
	}
	return text
}
