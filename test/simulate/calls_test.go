package simulate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// call is a call to AWS that waits until the scheduler lets it go.
type call struct {
	stubaws.Call
	run        *invocation
	repository string // if it is about one
	release    chan stubaws.Fault
	fault      stubaws.Fault
}

// compare orders calls by what they are, as those of one invocation park in any order. Equal ones are alike.
func (c *call) compare(other *call) int {
	return cmp.Or(cmp.Compare(c.run.number, other.run.number), cmp.Compare(c.Operation, other.Operation),
		bytes.Compare(c.Body, other.Body))
}

// park is called by an invocation before each of its calls.
func (w *world) park(ctx context.Context, made stubaws.Call) stubaws.Fault {
	run := ctx.Value(invocationKey{}).(*invocation)
	c := &call{Call: made, run: run, repository: readInput(made).RepositoryName, release: make(chan stubaws.Fault, 1)}
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
func (w *world) done(_ context.Context, made stubaws.Call, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	run, answered := w.inFlight.run, w.inFlight.fault == stubaws.Fault{}
	input := readInput(made)
	r := w.repositories[input.RepositoryName]
	if made.Operation == "GetRepositoryPolicy" && answered && r != nil && r.exists {
		run.read[r] = reading{r.document, r.changes, run.since}
	}
	if err != nil {
		code, _, _ := strings.Cut(err.Error(), ":")
		w.note("%s  … %s", run, code)
		run.refused[r] = run.refused[r] || made.Operation == "SetRepositoryPolicy"
		switch {
		case !answered:
		case code == "RepositoryNotFoundException":
			delete(run.read, r)
		case code == "RepositoryPolicyNotFoundException" && made.Operation == "DeleteRepositoryPolicy":
			run.read[r] = reading{document{}, r.changes, len(w.moments) - 1}
		}
		return
	}
	switch made.Operation {
	case "PutEvents":
		run.handedBack = true
	case "SetRepositoryPolicy":
		w.wrote(run, r, readDocument(input.PolicyText), answered)
	case "DeleteRepositoryPolicy":
		w.wrote(run, r, document{}, answered)
	}
}

// input is what the simulation looks at in a call.
type input struct{ RepositoryName, PolicyText string }

func readInput(made stubaws.Call) (read input) {
	must(json.Unmarshal(made.Body, &read))
	return read
}

func (w *world) unpark(c *call) {
	w.parked = slices.DeleteFunc(w.parked, func(p *call) bool { return p == c })
}

// release lets a call go, well or badly.
func (w *world) release(c *call) { w.releaseWith(c, w.chooseFault(c)) }

func (w *world) releaseWith(c *call, fault stubaws.Fault) {
	w.unpark(c)
	c.run.calls++
	w.counted["calls to AWS"]++
	w.note("%s  %s %s%s", c.run, c.Operation, c.repository, said(fault))
	c.fault = fault
	w.inFlight = c
	c.release <- fault
	w.settle()
	w.mayFail = false
	for _, published := range w.cloud.Published() {
		w.publish(event{source: published.Source, detailType: published.DetailType, detail: published.Detail, what: "request " + published.Detail})
	}
}

// chooseFault chooses how a call goes wrong, if it does.
func (w *world) chooseFault(c *call) stubaws.Fault {
	if r := w.repositories[c.repository]; r != nil && r.exists && time.Now().Before(r.knownFrom) {
		w.counted["fault: a new repository is not known yet"]++
		// Who doesn't know that the repository is new takes it for gone. If there was no list when it was created, and
		// one is rolled out within these seconds, only the schedule mends that.
		w.lossy = w.lossy || !c.run.created
		delete(c.run.read, r)
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
