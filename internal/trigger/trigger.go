// Package trigger decodes what starts the functions - EventBridge events, alone or in SQS messages - into small
// typed values.
//
// An event is a hint: a trigger carries names to look at and nothing that could end up in a policy. Names are
// checked here, so that whoever gets a trigger may pass its names to AWS.
package trigger

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
)

// Repositories asks to bring the named repositories to the standard policy.
type Repositories struct {
	Kind    string   // what happened, for the log: CreateRepository, ImagePushed, ListChanged, …
	Names   []string // at least one; valid repository names
	Created bool     // the repository has just been created: ECR may not know it yet
}

// ListChanged says that an account list was created, updated or deleted.
type ListChanged struct {
	Name      string // of the SSM parameter
	Operation string // Create, Update or Delete
}

// Scheduled asks to look at everything again.
type Scheduled struct{}

// Ignored is the error of an event that is well-formed and not for us.
type Ignored struct{ Reason string }

func (i *Ignored) Error() string { return "ignored: " + i.Reason }

func ignored(format string, a ...any) *Ignored { return &Ignored{Reason: fmt.Sprintf(format, a...)} }

// kind is what tells EventBridge messages apart.
type kind struct{ source, detailType string }

// ForRepositories decodes an event that names repositories of the registry of the account. The error is *Ignored
// if the event is not for us; any other error means that it is malformed.
func ForRepositories(message []byte, account string) (Repositories, error) {
	event, err := decode(message, account)
	if err != nil {
		return Repositories{}, err
	}
	var t Repositories
	switch k := (kind{event.Source, event.DetailType}); k {
	case kind{"aws.ecr", "AWS API Call via CloudTrail"},
		kind{"aws.ecr", "AWS Service Event via CloudTrail"}:
		t, err = cloudTrail(event, account)
	case kind{"aws.ecr", "ECR Image Action"}:
		t, err = imageAction(event, "ImagePushed", "PUSH")
	case kind{"aws.ecr", "ECR Replication Action"}:
		t, err = imageAction(event, "ImageReplicated", "REPLICATE")
	case kind{"aws.ecr", "ECR Pull Through Cache Action"}:
		t, err = pullThroughCacheAction(event)
	case kind{RequestSource, RequestDetailType}:
		t, err = request(event)
	default:
		err = ignored("no event of this function: source %q, detail-type %q", k.source, k.detailType)
	}
	if err != nil {
		return Repositories{}, err
	}
	for _, name := range t.Names {
		if err := CheckRepositoryName(name); err != nil {
			return Repositories{}, fmt.Errorf("%s event: %w", t.Kind, err)
		}
	}
	return t, nil
}

// ForLists decodes an event that concerns the account lists: it returns ListChanged or Scheduled. Errors are
// those of ForRepositories.
func ForLists(message []byte, account string) (any, error) {
	event, err := decode(message, account)
	if err != nil {
		return nil, err
	}
	switch k := (kind{event.Source, event.DetailType}); k {
	case kind{"aws.ssm", "Parameter Store Change"}:
		return parameterStoreChange(event)
	case kind{"aws.events", "Scheduled Event"}:
		return Scheduled{}, nil
	default:
		return nil, ignored("no event of this function: source %q, detail-type %q", k.source, k.detailType)
	}
}

func decode(message []byte, account string) (events.EventBridgeEvent, error) {
	var event events.EventBridgeEvent
	if err := json.Unmarshal(message, &event); err != nil {
		return event, fmt.Errorf("decode EventBridge event: %w", err)
	}
	if event.AccountID != "" && event.AccountID != account {
		return event, ignored("the event is of account %q, the registry of %s", event.AccountID, account)
	}
	return event, nil
}

func decodeDetail(event events.EventBridgeEvent, detail any) error {
	if err := json.Unmarshal(event.Detail, detail); err != nil {
		return fmt.Errorf("decode detail of %q: %w", event.DetailType, err)
	}
	return nil
}
