// Package event is the messages that start the functions: it decodes EventBridge events, alone or in SQS messages, into
// small typed values, and publishes the one that is the product's own, the request to reconcile repositories.
//
// An event is a hint: it carries names of repositories and lists, and nothing that could end up in a policy. The names are
// checked here, so that they can be passed to AWS.
package event

import (
	"errors"
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// Repositories asks to reconcile the named repositories.
type Repositories struct {
	Trigger    string     // what happened, for the log: CreateRepository, ImagePushed, ListChanged, …
	Names      []string   // at least one; valid repository names
	Invalid    []error    // why other names in the event were rejected
	Created    bool       // the repositories may have just been created: ECR may not know them yet
	Principals Principals // what the rollout knows of the principals in the lists
	ChangedBy  string     // ARN of the principal that changed the policy. It can be forged: it is for the log alone
}

// ChangedPolicy reports whether the trigger is a change of a policy. The rule leaves out those that the stack itself makes.
func (t Repositories) ChangedPolicy() bool {
	return t.Trigger == triggerSetPolicy || t.Trigger == triggerDeletePolicy
}

// Rollout asks for a rollout: it is a ListChanged or a Scheduled.
type Rollout interface{ rollout() }

// ListChanged reports that an account list was created, updated or deleted.
type ListChanged struct {
	Name      string // of the SSM parameter
	Operation string // Create, Update or Delete
}

// Scheduled asks to reconcile every repository.
type Scheduled struct{}

func (ListChanged) rollout() {}
func (Scheduled) rollout()   {}

// Ignored is the error of an event that is well-formed and not for this function.
type Ignored struct{ Reason string }

func (i *Ignored) Error() string { return "ignored: " + i.Reason }

func ignored(format string, a ...any) *Ignored { return &Ignored{Reason: fmt.Sprintf(format, a...)} }

// messageType tells EventBridge messages apart.
type messageType struct{ source, detailType string }

// ForRepositories decodes an event that names repositories of the account's registry. The error is *Ignored if the
// event isn't for this function; any other error means that it is malformed.
func ForRepositories(message []byte, account string) (Repositories, error) {
	event, err := decode(message, account)
	if err != nil {
		return Repositories{}, err
	}
	var t Repositories
	switch k := (messageType{event.Source, event.DetailType}); k {
	case messageType{"aws.ecr", "AWS API Call via CloudTrail"},
		messageType{"aws.ecr", "AWS Service Event via CloudTrail"},
		// Assumed: AWS documents the eventSource replication.ecr.amazonaws.com, not the source of such an event.
		messageType{"aws.replication.ecr", "AWS API Call via CloudTrail"},
		messageType{"aws.replication.ecr", "AWS Service Event via CloudTrail"}:
		t, err = cloudTrail(event, account)
	case messageType{"aws.ecr", "ECR Image Action"}:
		t, err = imageAction(event, "ImagePushed", "PUSH")
	case messageType{"aws.ecr", "ECR Replication Action"}:
		t, err = imageAction(event, "ImageReplicated", "REPLICATE")
	case messageType{"aws.ecr", "ECR Pull Through Cache Action"}:
		t, err = pullThroughCacheAction(event)
	case messageType{"aws.ecr", "ECR Scan Resource Change"}:
		t, err = scanResourceChange(event, account)
	case messageType{RequestSource, RequestDetailType}:
		t, err = request(event)
	default:
		err = ignored("not an event for this function: source %q, detail-type %q", k.source, k.detailType)
	}
	if err != nil {
		return Repositories{}, err
	}
	return t.checked()
}

// checked moves the names that aren't valid to Invalid. It is an error if none is left.
func (t Repositories) checked() (Repositories, error) {
	names := t.Names
	t.Names = nil
	for _, name := range names {
		if err := registry.CheckName(name); err != nil {
			t.Invalid = append(t.Invalid, err)
			continue
		}
		t.Names = append(t.Names, name)
	}
	if len(t.Names) == 0 {
		return Repositories{}, fmt.Errorf("%s event: %w", t.Trigger, errors.Join(t.Invalid...))
	}
	return t, nil
}

// ForLists decodes an event that concerns the account lists. Errors are those of ForRepositories.
func ForLists(message []byte, account string) (Rollout, error) {
	event, err := decode(message, account)
	if err != nil {
		return nil, err
	}
	switch k := (messageType{event.Source, event.DetailType}); k {
	case messageType{"aws.ssm", "Parameter Store Change"}:
		return parameterStoreChange(event)
	case messageType{"aws.events", "Scheduled Event"}:
		return Scheduled{}, nil
	default:
		return nil, ignored("not an event for this function: source %q, detail-type %q", k.source, k.detailType)
	}
}
