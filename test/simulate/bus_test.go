package simulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// event is an event on the event bus, with the fields that the rules in template.yaml match.
type event struct {
	source, detailType string
	detail             string
	account            string // account of the event; empty for the account of the registry

	name      string // name of the API operation or of the parameter
	operation string // operation on the parameter
	caller    string // ARN of the role that made the API call

	repository string // repository that was changed, if any
	allExist   bool   // whether the event is a request that claims that all principals exist

	label    string // description for the trace
	ownWrite bool   // whether one of the functions made the API call
	forged   bool   // whether the event reports something that didn't happen
}

const (
	apiCall       = "AWS API Call via CloudTrail"
	onRepoRole    = "arn:aws:iam::" + account + ":role/onrepo"
	onAccountRole = "arn:aws:iam::" + account + ":role/onaccount"
)

// rule is an EventBridge rule in template.yaml.
type rule struct {
	name    string
	source  string
	types   []string         // detail types
	matches func(event) bool // rest of the event pattern
	target  string           // onrepo, onaccount, or queue
}

// rules returns the EventBridge rules in template.yaml.
func (w *world) rules() []rule {
	always := func(event) bool { return true }
	return []rule{
		{"RepositoryCreated", "aws.ecr", []string{apiCall}, func(e event) bool { return e.name == "CreateRepository" }, "onrepo"},
		{"PolicyChanged", "aws.ecr", []string{apiCall}, func(e event) bool {
			return (e.name == "SetRepositoryPolicy" || e.name == "DeleteRepositoryPolicy") &&
				(!e.ownWrite || w.sabotage.noOwnWriteFilter)
		}, "onrepo"},
		{"ImagePushed", "aws.ecr", []string{"ECR Image Action"}, always, "onrepo"},
		{"ListChanged", "aws.ssm", []string{"Parameter Store Change"}, func(e event) bool {
			return (e.name == root || strings.HasPrefix(e.name, root+"/")) &&
				slices.Contains([]string{"Create", "Update", "Delete"}, e.operation)
		}, "onaccount"},
		{"RegistryPolicyChanged", "aws.ecr", []string{apiCall}, func(e event) bool {
			return (e.name == "PutRegistryPolicy" || e.name == "DeleteRegistryPolicy") && (!e.ownWrite || w.sabotage.noOwnWriteFilter)
		}, "onaccount"},
		{"Schedule", "aws.events", []string{"Scheduled Event"}, always, "onaccount"},
		{"RequestRule", "ecr-pull-policy", []string{"Repository Reconcile Requested"}, always, "queue"},
	}
}

// publish delivers an event to the target of each rule that matches it.
func (w *world) publish(e event) {
	for _, r := range w.rules() {
		if e.account == "" && e.source == r.source && slices.Contains(r.types, e.detailType) && r.matches(e) {
			w.deliver(e, r)
		}
	}
}

// deliver delivers an event to the target of a rule. While faults occur, it can lose, delay, or duplicate the event.
func (w *world) deliver(e event, r rule) {
	if e.ownWrite {
		w.breaks(8, "%s, which is the functions' own write, matches the EventBridge rule %s", e.label, r.name)
		return
	}
	copies := 1
	switch {
	case !w.turmoil:
	case w.percent(w.rates.loss):
		w.counted["fault: event lost"]++
		w.note("lost: %s", e.label)
		w.lose(e)
		return
	case w.percent(w.rates.duplicates):
		w.counted["fault: event delivered twice"]++
		copies = 2
	}
	for range copies {
		delay := pick(w, 0, 0, time.Second, time.Minute)
		if delay > 0 {
			w.counted["fault: event delayed"]++
		}
		if r.target == "queue" {
			w.later(delay, func() { w.send(e) })
		} else {
			w.invokeLater(delay, r.target, e, 1)
		}
	}
}

// lose records the effect of an event that is permanently lost: until the schedule corrects it, one repository or all
// can be out of date.
func (w *world) lose(e event) {
	switch r := w.repositories[e.repository]; {
	case e.forged:
	case r != nil:
		r.needsSchedule = true
	case e.detailType != "ECR Image Action": // a push doesn't change a list or a policy
		w.eventLost = true
	}
}

// envelope returns the event in the form in which EventBridge delivers it to a function.
func (e event) envelope() []byte {
	owner := e.account
	if owner == "" {
		owner = account
	}
	return stubaws.New(owner, region).Envelope(stubaws.Event{Source: e.source, DetailType: e.detailType, Detail: e.detail})
}

// scheduled returns the event of the schedule.
func scheduled() event {
	return event{source: "aws.events", detailType: "Scheduled Event", detail: "{}", label: "event of the schedule"}
}

// ecrCall returns the event of a call to ECR.
func ecrCall(name, repository, caller string) event {
	return event{
		source: "aws.ecr", detailType: apiCall, name: name, caller: caller, ownWrite: caller == onRepoRole || caller == onAccountRole, repository: repository,
		label: fmt.Sprintf("%s %s", name, repository),
		detail: toJSON(map[string]any{
			"eventSource": "ecr.amazonaws.com", "eventName": name, "eventType": "AwsApiCall",
			"requestParameters": map[string]any{"repositoryName": repository},
			"userIdentity":      map[string]any{"sessionContext": map[string]any{"sessionIssuer": map[string]any{"arn": caller}}},
		}),
	}
}

func imagePushed(repository string) event {
	return event{
		source: "aws.ecr", detailType: "ECR Image Action", label: "push to " + repository,
		detail: toJSON(map[string]any{"action-type": "PUSH", "result": "SUCCESS", "repository-name": repository}),
	}
}

func listChanged(name, operation string) event {
	return event{
		source: "aws.ssm", detailType: "Parameter Store Change", name: name, operation: operation,
		label:  fmt.Sprintf("%s of %s", operation, name),
		detail: toJSON(map[string]any{"name": name, "operation": operation}),
	}
}

func requestFor(names ...string) event {
	return event{
		source: "ecr-pull-policy", detailType: "Repository Reconcile Requested", label: fmt.Sprint("request for ", names),
		detail: toJSON(map[string]any{"repositories": names}),
	}
}

// claimingAllExist returns a request that claims that all principals exist. The claim can be false.
func claimingAllExist(names ...string) event {
	e := requestFor(names...)
	e.detail = toJSON(map[string]any{"repositories": names, "principals": "exist"})
	e.label += ", claiming that all principals exist"
	e.allExist = true
	return e
}

func toJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
