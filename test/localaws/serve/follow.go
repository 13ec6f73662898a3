package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fatih/color"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// follower prints one line for each event and each repository, in color on a terminal.
type follower struct {
	mu  sync.Mutex
	out io.Writer
}

var colors = map[string]*color.Color{
	"event":        color.New(color.Bold),
	"updated":      color.New(color.FgGreen),
	"deleted":      color.New(color.FgGreen),
	"would-update": color.New(color.FgYellow),
	"unchanged":    color.New(color.Faint),
	"skipped":      color.New(color.Faint),
	"WARN":         color.New(color.FgYellow),
	"failed":       color.New(color.FgRed),
	"ERROR":        color.New(color.FgRed),
}

func (f *follower) print(kind, format string, a ...any) {
	paint := cmp.Or(colors[kind], color.New())
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprint(f.out, time.Now().Format("15:04:05 "))
	paint.Fprintf(f.out, format, a...)
	fmt.Fprintln(f.out)
}

// Delivered prints an event that a rule sent to a function or a queue.
func (f *follower) Delivered(d localaws.Delivery) {
	f.print("event", "%s → %s", describe(d.Event), shortName(d.Target))
}

// Failed prints an error of the simulation.
func (f *follower) Failed(err error) { f.print("ERROR", "local-aws: %v", err) }

// Logged prints what a line says about a repository or a rollout, warnings, errors, and what isn't a line of the log.
func (f *follower) Logged(function string, line localaws.LogLine) {
	field := func(name string) string {
		if value, ok := line.Fields[name]; ok {
			return fmt.Sprint(value)
		}
		return ""
	}
	name := shortName(function)
	switch {
	case line.Fields == nil:
		f.print("ERROR", "  %s: %s", name, line.Text)
	case field("outcome") != "":
		f.print(field("outcome"), "  %s: %s %s%s", name, cmp.Or(field("repository"), "registry policy"), field("outcome"), because(cmp.Or(field("error"), field("reason"))))
	case field("level") != "INFO":
		subject := ""
		if list := field("list"); list != "" {
			subject = " (" + list + ")"
		}
		f.print(field("level"), "  %s: %s%s%s", name, field("msg"), subject, because(cmp.Or(field("error"), field("notice"))))
	case hasSome(line.Fields["rejected"]):
		f.print("WARN", "  %s: %s: rejected %s", name, field("msg"), field("rejected"))
	case field("Requested") != "":
		noun := "repositories"
		if field("Requested") == "1" {
			noun = "repository"
		}
		f.print("", "  %s: %s %s requested", name, field("Requested"), noun)
	}
}

func hasSome(value any) bool {
	list, ok := value.([]any)
	return ok && len(list) > 0
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + strings.ReplaceAll(reason, "\n", "; ")
}

// shortName is the name of a function or queue in the documentation: that of OnRepoFunction is onrepo.
func shortName(target string) string {
	if function, ok := strings.CutSuffix(target, "Function"); ok {
		return strings.ToLower(function)
	}
	return "request queue"
}

// describe says what happened.
func describe(event localaws.Event) string {
	var detail struct {
		EventName         string
		RequestParameters struct{ RepositoryName string }
		UserIdentity      struct {
			SessionContext struct{ SessionIssuer struct{ UserName string } }
		}
		Name, Operation string
		RepositoryName  string `json:"repository-name"`
		Repositories    json.RawMessage
	}
	if json.Unmarshal(event.Detail, &detail) != nil {
		return event.DetailType
	}
	var names []any
	_ = json.Unmarshal(detail.Repositories, &names)
	switch {
	case detail.EventName != "":
		return fmt.Sprintf("%s by %s", strings.TrimSpace(detail.EventName+" "+detail.RequestParameters.RepositoryName),
			cmp.Or(detail.UserIdentity.SessionContext.SessionIssuer.UserName, "AWS"))
	case detail.Operation != "":
		return fmt.Sprintf("%s: %s %s", event.DetailType, detail.Operation, detail.Name)
	case detail.RepositoryName != "":
		return event.DetailType + ": " + detail.RepositoryName
	case len(names) > 0:
		return fmt.Sprintf("%s: %d", event.DetailType, len(names))
	default:
		return event.DetailType
	}
}
