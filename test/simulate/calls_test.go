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
	run, fault := w.inFlight.run, w.inFlight.fault
	answered := !fault.Lost && fault.Code == ""
	input := readInput(made)
	code := ""
	if err != nil {
		code, _, _ = strings.Cut(err.Error(), ":")
		w.note("%s  … %s", run, code)
	}
	switch r := w.repositories[input.RepositoryName]; {
	case made.Operation == "PutEvents":
		run.handedBack = run.function == "onrepo"
	case made.Operation == "SetRepositoryPolicy" && input.RepositoryName == checkRepository:
		w.judgeCheck(run, readDocument(input.PolicyText))
		if err == nil {
			w.publish(ecrCall(made.Operation, checkRepository, onAccountRole))
		}
	case r == nil:
	case code == "RepositoryNotFoundException":
		if answered {
			delete(run.read, r)
		}
		run.mayHaveWritten(r, made)
	case made.Operation == "GetRepositoryPolicy" && answered:
		run.read[r] = w.reading(run, r, fault.Stale)
		run.before[r] = run.wrote[r]
	case made.Operation == "SetRepositoryPolicy" && code == "InvalidParameterException":
		w.judge(run, r, readDocument(input.PolicyText))
		if answered {
			w.refused(run, r, readDocument(input.PolicyText))
		} else {
			run.mayHaveWritten(r, made)
		}
	case made.Operation == "SetRepositoryPolicy" && err == nil:
		w.wrote(run, r, readDocument(input.PolicyText), answered)
	case made.Operation == "DeleteRepositoryPolicy" && err == nil:
		w.wrote(run, r, document{}, answered)
	case made.Operation == "DeleteRepositoryPolicy" && answered: // there was none
		run.read[r] = reading{document{}, r.changes, len(w.moments) - 1, w.calls, &document{}}
		run.wrote[r] = &document{}
	}
}

// mayHaveWritten notes a write of which the invocation doesn't know that it was done.
func (i *invocation) mayHaveWritten(r *repository, made stubaws.Call) {
	if made.Operation == "SetRepositoryPolicy" || made.Operation == "DeleteRepositoryPolicy" {
		d := readDocument(readInput(made).PolicyText)
		i.wrote[r] = &d
	}
}

// reading returns what an invocation learns of a repository's policy.
func (w *world) reading(run *invocation, r *repository, stale bool) reading {
	if !stale {
		return reading{r.document, r.changes, run.since, w.calls, run.wrote[r]}
	}
	if r.writer != run && r.before.document.form() != r.document.form() {
		// The run may take for right what isn't any more. It knows what it has written itself.
		r.owed = true
	}
	return reading{r.before.document, r.before.changes, run.since, r.changedAt - 1, run.wrote[r]}
}

// input is what the simulation reads of a call.
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
	w.calls++
	w.counted["calls to AWS"]++
	w.note("%s  %s %s%s", c.run, c.Operation, c.repository, said(fault))
	c.fault = fault
	c.run.disturbed = c.run.disturbed || fault != stubaws.Fault{} || w.mayFail
	w.inFlight = c
	r := w.repositories[c.repository]
	if fault.Code == rejection && r != nil {
		d := readDocument(readInput(c.Call).PolicyText)
		w.judge(c.run, r, d)
		w.refused(c.run, r, d)
	} else if fault.Code != "" || fault.Lost {
		c.run.mayHaveWritten(r, c.Call)
	}
	if fault.Code == panicking {
		c.run.failed[r] = true
	}
	c.release <- fault
	w.settle()
	if fault.Code == panicking {
		r.owed = true // only the schedule corrects that, or a later event
	}
	w.mayFail = false
	for _, published := range w.cloud.Published() {
		says := strings.Contains(published.Detail, `"principals":"exist"`)
		w.checkWord(c.run, says)
		w.publish(event{
			source: published.Source, detailType: published.DetailType, detail: published.Detail,
			allExist: says, what: "request " + published.Detail,
		})
	}
}

const (
	rejection = "InvalidParameterException"
	panicking = "SimulatedPanic" // makes the code that gets this answer panic
)

// chooseFault chooses how a call goes wrong, if it does.
func (w *world) chooseFault(c *call) stubaws.Fault {
	if r := w.repositories[c.repository]; r != nil && r.exists && time.Now().Before(r.knownFrom) {
		w.counted["fault: a new repository is not known yet"]++
		// A run that doesn't know that the repository is new takes it for gone. If there was no list when it was
		// created, and one is rolled out within these seconds, only the schedule corrects that.
		r.owed = r.owed || !c.run.created
		delete(c.run.read, r)
		return stubaws.Fault{Code: "RepositoryNotFoundException"}
	}
	if !w.turmoil {
		return stubaws.Fault{}
	}
	if fault, ok := w.chooseFaultOfPolicies(c); ok {
		w.counted["fault:"+said(fault)]++
		return fault
	}
	if !w.percent(w.weather.calls) {
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

// chooseFaultOfPolicies chooses how a call that concerns a repository's policy goes wrong in ways of its own, if it
// does.
func (w *world) chooseFaultOfPolicies(c *call) (fault stubaws.Fault, ok bool) {
	r := w.repositories[c.repository]
	switch {
	case r != nil && c.repository == w.weather.panicky && w.percent(30):
		return stubaws.Fault{Code: panicking, Afterwards: w.percent(50)}, true
	case c.Operation == "SetRepositoryPolicy" && w.percent(w.weather.rejections):
		return stubaws.Fault{Code: rejection}, true
	case c.Operation == "GetRepositoryPolicy" && r != nil && r.exists && time.Since(r.written) < staleness && w.percent(w.weather.stale):
		return stubaws.Fault{Stale: true}, true
	}
	return stubaws.Fault{}, false
}

// staleness is for how long reads can return what was there before a write.
const staleness = 5 * time.Second

func said(fault stubaws.Fault) string {
	text := ""
	switch {
	case fault.Lost:
		text = " times out"
	case fault.Code != "":
		text = fmt.Sprintf(" answers %s", fault.Code)
	}
	if fault.Stale {
		text = " answers as it did before the last write"
	}
	if fault.Afterwards {
		text += " after it was done"
	}
	return text
}
