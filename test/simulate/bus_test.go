package simulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// event is an event on the bus, with what the rules of template.yaml match.
type event struct {
	source, detailType string
	detail             string
	account            string // that it is of, if it isn't the registry's

	name      string // of the API call or of the parameter
	operation string // on the parameter
	by        string // role that made the call

	repository string // that it concerns, if it is of a change
	allExist   bool   // it is a request that says that all principals exist

	what   string // for the trace
	own    bool   // it is of the functions' own write
	forged bool   // nothing of the kind happened
}

const (
	apiCall       = "AWS API Call via CloudTrail"
	onRepoRole    = "arn:aws:iam::" + account + ":role/onrepo"
	onAccountRole = "arn:aws:iam::" + account + ":role/onaccount"
)

// rule is a rule of template.yaml: what it lets through, and where to.
type rule struct {
	name   string
	source string
	types  []string
	lets   func(event) bool
	target string
}

// rules returns the rules of template.yaml.
func (w *world) rules() []rule {
	always := func(event) bool { return true }
	return []rule{
		{"RepositoryCreated", "aws.ecr", []string{apiCall}, func(e event) bool { return e.name == "CreateRepository" }, "onrepo"},
		{"PolicyChanged", "aws.ecr", []string{apiCall}, func(e event) bool {
			return (e.name == "SetRepositoryPolicy" || e.name == "DeleteRepositoryPolicy") &&
				(!e.own || w.sabotage.noOwnWriteFilter)
		}, "onrepo"},
		{"ImagePushed", "aws.ecr", []string{"ECR Image Action"}, always, "onrepo"},
		{"ListChanged", "aws.ssm", []string{"Parameter Store Change"}, func(e event) bool {
			return (e.name == root || strings.HasPrefix(e.name, root+"/")) &&
				slices.Contains([]string{"Create", "Update", "Delete"}, e.operation)
		}, "onaccount"},
		{"Schedule", "aws.events", []string{"Scheduled Event"}, always, "onaccount"},
		{"RequestRule", "ecr-pull-policy", []string{"Repository Reconcile Requested"}, always, "queue"},
	}
}

// publish brings an event to the targets of the rules that it matches: once and soon, but for the weather.
func (w *world) publish(e event) {
	for _, r := range w.rules() {
		if e.account == "" && e.source == r.source && slices.Contains(r.types, e.detailType) && r.lets(e) {
			w.deliver(e, r)
		}
	}
}

func (w *world) deliver(e event, r rule) {
	if e.own {
		w.breaks(8, "an own write triggers something: %s, by rule %s", e.what, r.name)
		return
	}
	copies := 1
	switch {
	case !w.turmoil:
	case w.percent(w.weather.loss):
		w.counted["fault: an event is lost"]++
		w.note("lost: %s", e.what)
		w.lose(e)
		return
	case w.percent(w.weather.duplicates):
		w.counted["fault: an event is delivered twice"]++
		copies = 2
	}
	for range copies {
		delay := pick(w, 0, 0, time.Second, time.Minute)
		if delay > 0 {
			w.counted["fault: an event is delayed"]++
		}
		if r.target == "queue" {
			w.later(delay, func() { w.send(e) })
		} else {
			w.invokeLater(delay, r.target, e, 1)
		}
	}
}

// lose notes what the schedule alone corrects after an event is lost for good.
func (w *world) lose(e event) {
	switch r := w.repositories[e.repository]; {
	case e.forged:
	case r != nil:
		r.owed = true
	case e.detailType != "ECR Image Action": // a push changes nothing
		w.lossy = true
	}
}

// envelope returns the event as a function gets it.
func (e event) envelope() []byte {
	of := e.account
	if of == "" {
		of = account
	}
	return stubaws.New(of, region).Envelope(stubaws.Event{Source: e.source, DetailType: e.detailType, Detail: e.detail})
}

func scheduled() event {
	return event{source: "aws.events", detailType: "Scheduled Event", detail: "{}", what: "tick of the schedule"}
}

// ecrCall is the event of a call to ECR.
func ecrCall(name, repository, by string) event {
	return event{
		source: "aws.ecr", detailType: apiCall, name: name, by: by, own: by == onRepoRole || by == onAccountRole, repository: repository,
		what: fmt.Sprintf("%s %s", name, repository),
		detail: toJSON(map[string]any{
			"eventSource": "ecr.amazonaws.com", "eventName": name, "eventType": "AwsApiCall",
			"requestParameters": map[string]any{"repositoryName": repository},
			"userIdentity":      map[string]any{"sessionContext": map[string]any{"sessionIssuer": map[string]any{"arn": by}}},
		}),
	}
}

func imagePushed(repository string) event {
	return event{
		source: "aws.ecr", detailType: "ECR Image Action", what: "push to " + repository,
		detail: toJSON(map[string]any{"action-type": "PUSH", "result": "SUCCESS", "repository-name": repository}),
	}
}

func listChanged(name, operation string) event {
	return event{
		source: "aws.ssm", detailType: "Parameter Store Change", name: name, operation: operation,
		what:   fmt.Sprintf("%s of %s", operation, name),
		detail: toJSON(map[string]any{"name": name, "operation": operation}),
	}
}

func requestFor(names ...string) event {
	return event{
		source: "ecr-pull-policy", detailType: "Repository Reconcile Requested", what: fmt.Sprint("request for ", names),
		detail: toJSON(map[string]any{"repositories": names}),
	}
}

// sayingThatAllExist is a request that makes a claim about principals that may be false.
func sayingThatAllExist(names ...string) event {
	e := requestFor(names...)
	e.detail = toJSON(map[string]any{"repositories": names, "principals": "exist"})
	e.what += ", where all principals exist"
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
