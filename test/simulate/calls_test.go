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

// call is a call to AWS that waits until the scheduler releases it.
type call struct {
	stubaws.Call
	run        *invocation
	repository string // repository that the call concerns, if any
	release    chan stubaws.Fault
	fault      stubaws.Fault
}

// compare orders calls by their content, because the concurrent calls of an invocation park in any order. Equal calls
// are interchangeable.
func (c *call) compare(other *call) int {
	return cmp.Or(cmp.Compare(c.run.number, other.run.number), cmp.Compare(c.Operation, other.Operation),
		bytes.Compare(c.Body, other.Body))
}

// park blocks a call of an invocation until the scheduler releases it, and returns the fault to inject.
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

// done checks and records the result of the call that the scheduler released, after the call was executed.
func (w *world) done(_ context.Context, made stubaws.Call, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	run, fault := w.inFlight.run, w.inFlight.fault
	responded := !fault.Lost && fault.Code == ""
	input := readInput(made)
	code := ""
	if err != nil {
		code, _, _ = strings.Cut(err.Error(), ":")
		w.note("%s  … %s", run, code)
	}
	switch r := w.repositories[input.RepositoryName]; {
	case made.Operation == "GetRegistryPolicy" && responded:
		w.recordRegistryRead(run, fault.Stale)
	case made.Operation == "PutRegistryPolicy" && code == "InvalidParameterException":
		w.checkRegistryWrite(run, readRegistryDocument(input.PolicyText))
		w.registry.needsSchedule = true
	case made.Operation == "PutRegistryPolicy" && err == nil:
		w.recordRegistryWrite(run, readRegistryDocument(input.PolicyText), responded)
	case made.Operation == "DeleteRegistryPolicy" && err == nil:
		w.recordRegistryWrite(run, document{}, responded)
	case made.Operation == "DeleteRegistryPolicy" && responded: // there was no policy
		run.registryRead = &registryVersion{document{}, w.registry.current.changes, len(w.moments) - 1, w.calls}
		run.registryWrote = &document{}
	case made.Operation == "PutEvents":
		run.requestedRest = run.function == "onrepo"
	case made.Operation == "SetRepositoryPolicy" && input.RepositoryName == checkRepository:
		w.checkPrincipalCheck(run, readDocument(input.PolicyText))
		if err == nil {
			w.publish(ecrCall(made.Operation, checkRepository, onAccountRole))
		}
	case r == nil:
	case code == "RepositoryNotFoundException":
		if responded {
			delete(run.read, r)
		}
		run.mayHaveWritten(r, made)
	case made.Operation == "GetRepositoryPolicy" && responded:
		run.read[r] = w.reading(run, r, fault.Stale)
		run.before[r] = run.wrote[r]
	case made.Operation == "SetRepositoryPolicy" && code == "InvalidParameterException":
		w.checkWrite(run, r, readDocument(input.PolicyText))
		if responded {
			w.recordRejection(run, r, readDocument(input.PolicyText))
		} else {
			run.mayHaveWritten(r, made)
		}
	case made.Operation == "SetRepositoryPolicy" && err == nil:
		w.recordWrite(run, r, readDocument(input.PolicyText), responded)
	case made.Operation == "DeleteRepositoryPolicy" && err == nil:
		w.recordWrite(run, r, document{}, responded)
	case made.Operation == "DeleteRepositoryPolicy" && responded: // the repository had no policy
		run.read[r] = reading{document{}, r.changes, len(w.moments) - 1, w.calls, &document{}}
		run.wrote[r] = &document{}
	}
}

// mayHaveWritten records a write whose result the invocation doesn't know.
func (i *invocation) mayHaveWritten(r *repository, made stubaws.Call) {
	if made.Operation == "SetRepositoryPolicy" || made.Operation == "DeleteRepositoryPolicy" {
		d := readDocument(readInput(made).PolicyText)
		i.wrote[r] = &d
	}
}

// mayHaveWrittenRegistry records a write whose result the invocation doesn't know.
func (i *invocation) mayHaveWrittenRegistry(made stubaws.Call) {
	if made.Operation == "PutRegistryPolicy" || made.Operation == "DeleteRegistryPolicy" {
		d := readRegistryDocument(readInput(made).PolicyText)
		i.registryWrote = &d
	}
}

// reading returns the information that an invocation gets when it reads the policy of a repository.
func (w *world) reading(run *invocation, r *repository, stale bool) reading {
	if !stale {
		return reading{r.document, r.changes, run.since, w.calls, run.wrote[r]}
	}
	if r.writer != run && r.before.document.form() != r.document.form() {
		// The run can mistake the old policy for the current one, unless it wrote the current one itself.
		r.needsSchedule = true
	}
	return reading{r.before.document, r.before.changes, run.since, r.changedAt - 1, run.wrote[r]}
}

// input is the part of a call's input that the simulation uses.
type input struct{ RepositoryName, PolicyText string }

func readInput(made stubaws.Call) (read input) {
	must(json.Unmarshal(made.Body, &read))
	return read
}

func (w *world) unpark(c *call) {
	w.parked = slices.DeleteFunc(w.parked, func(p *call) bool { return p == c })
}

// release executes a call, possibly with a fault.
func (w *world) release(c *call) { w.releaseWith(c, w.chooseFault(c)) }

func (w *world) releaseWith(c *call, fault stubaws.Fault) {
	w.unpark(c)
	c.run.calls++
	w.calls++
	w.counted["calls to AWS"]++
	w.note("%s  %s %s%s", c.run, c.Operation, c.repository, describe(fault))
	c.fault = fault
	c.run.disturbed = c.run.disturbed || fault != stubaws.Fault{} || w.entriesFail
	w.inFlight = c
	r := w.repositories[c.repository]
	if fault.Code == rejection && r != nil {
		d := readDocument(readInput(c.Call).PolicyText)
		w.checkWrite(c.run, r, d)
		w.recordRejection(c.run, r, d)
	} else if fault.Code != "" || fault.Lost {
		c.run.mayHaveWritten(r, c.Call)
	}
	if fault.Code != "" || fault.Lost {
		c.run.mayHaveWrittenRegistry(c.Call)
	}
	if fault.Code == panicking {
		c.run.failed[r] = true
	}
	c.release <- fault
	w.settle()
	if fault.Code == panicking {
		r.needsSchedule = true // after a panic, onrepo doesn't retry the repository
	}
	w.entriesFail = false
	for _, published := range w.cloud.Published() {
		claims := strings.Contains(published.Detail, `"principals":"exist"`)
		w.checkClaim(c.run, claims)
		w.publish(event{
			source: published.Source, detailType: published.DetailType, detail: published.Detail,
			allExist: claims, label: "request " + published.Detail,
		})
	}
}

const (
	rejection = "InvalidParameterException"
	panicking = "SimulatedPanic" // makes the code that gets this error panic
)

// chooseFault chooses the fault to inject into a call, if any.
func (w *world) chooseFault(c *call) stubaws.Fault {
	if r := w.repositories[c.repository]; r != nil && r.exists && time.Now().Before(r.knownFrom) {
		w.counted["fault: new repository not found"]++
		// Only a run that was started by CreateRepository retries. Any other run assumes that the repository was
		// deleted. If a list is created and rolled out at this time, only the schedule updates the repository.
		r.needsSchedule = r.needsSchedule || !c.run.created
		delete(c.run.read, r)
		return stubaws.Fault{Code: "RepositoryNotFoundException"}
	}
	if !w.turmoil {
		return stubaws.Fault{}
	}
	if fault, ok := w.chooseFaultOfPolicies(c); ok {
		w.counted["fault:"+describe(fault)]++
		return fault
	}
	if !w.percent(w.rates.calls) {
		return stubaws.Fault{}
	}
	fault := pick(w,
		stubaws.Fault{Code: "ThrottlingException"},
		stubaws.Fault{Code: "ThrottlingException", Status: 429},
		stubaws.Fault{Code: "InternalServerError", Status: 500},
		stubaws.Fault{Code: "InternalServerError", Status: 500, Afterwards: true},
		stubaws.Fault{Lost: true},
		stubaws.Fault{Lost: true, Afterwards: true},
		stubaws.Fault{}, // for PutEvents, some entries fail instead
	)
	if fault != (stubaws.Fault{}) {
		w.counted["fault:"+describe(fault)]++
	} else if c.Operation == "PutEvents" {
		w.entriesFail = true
		w.counted["fault: entries of PutEvents fail"]++
	}
	return fault
}

// chooseFaultOfPolicies chooses a fault that only calls about policies can have. It returns false if there is none.
func (w *world) chooseFaultOfPolicies(c *call) (fault stubaws.Fault, ok bool) {
	r := w.repositories[c.repository]
	switch {
	case strings.HasSuffix(c.Operation, "RegistryPolicy"):
		return w.chooseRegistryFault(c)
	case r != nil && c.repository == w.rates.panicRepository && w.percent(30):
		return stubaws.Fault{Code: panicking, Afterwards: w.percent(50)}, true
	case c.Operation == "SetRepositoryPolicy" && w.percent(w.rates.rejections):
		return stubaws.Fault{Code: rejection}, true
	case c.Operation == "GetRepositoryPolicy" && r != nil && r.exists && time.Since(r.written) < staleness && w.percent(w.rates.stale):
		return stubaws.Fault{Stale: true}, true
	}
	return stubaws.Fault{}, false
}

// staleness is the time after a write in which reads can return the previous policy.
const staleness = 5 * time.Second

// describe returns a description of a fault for the trace, or "" for no fault.
func describe(fault stubaws.Fault) string {
	text := ""
	switch {
	case fault.Lost:
		text = " times out"
	case fault.Code != "":
		text = fmt.Sprintf(" returns %s", fault.Code)
	}
	if fault.Stale {
		text = " returns the policy before the last write"
	}
	if fault.Afterwards {
		text += " after it was executed"
	}
	return text
}
