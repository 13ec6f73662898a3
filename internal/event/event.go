// Package event decodes the events that start the functions, alone or in SQS messages, into small typed values, and
// publishes requests to reconcile repositories.
//
// The functions don't trust events. An event contains names of repositories and lists, and nothing that is written to a
// policy. The package checks the names, so that they can be passed to AWS.
package event

import (
	"errors"
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// Repositories is an event that starts a check of repositories.
type Repositories struct {
	Trigger    string     // what happened, for the log: CreateRepository, ImagePushed, ListChanged, …
	Names      []string   // at least one; valid repository names
	Invalid    []error    // why other names in the event were rejected
	Created    bool       // the repositories may have just been created, so ECR may not know them yet
	Principals Principals // what the rollout knows about the principals in the lists
	ChangedBy  string     // ARN of the principal that changed the policy, only for the log, because it can be forged
}

// ChangedPolicy reports whether the trigger is a change to a policy. The rule excludes changes by the stack itself.
func (t Repositories) ChangedPolicy() bool {
	return t.Trigger == triggerSetPolicy || t.Trigger == triggerDeletePolicy
}

// Rollout is an event for onaccount: a ListChanged, a Scheduled, or a RegistryPolicyChanged.
type Rollout interface{ rollout() }

// ListChanged is the creation, update or deletion of an account list.
type ListChanged struct {
	Name      string // of the SSM parameter
	Operation string // Create, Update or Delete
}

// Scheduled is a scheduled event.
type Scheduled struct{}

// RegistryPolicyChanged is a change to the registry policy. The rule excludes changes by the stack itself.
type RegistryPolicyChanged struct {
	Call      string // PutRegistryPolicy or DeleteRegistryPolicy
	ChangedBy string // ARN of the principal that changed the policy, only for the log, because it can be forged
}

func (ListChanged) rollout()           {}
func (Scheduled) rollout()             {}
func (RegistryPolicyChanged) rollout() {}

// Ignored is the error for an event that is well-formed, but not for this function.
type Ignored struct{ Reason string }

func (i *Ignored) Error() string { return "ignored: " + i.Reason }

func ignored(format string, a ...any) *Ignored { return &Ignored{Reason: fmt.Sprintf(format, a...)} }

// messageType is the type of an EventBridge event.
type messageType struct{ source, detailType string }

// ForRepositories decodes an event that names repositories of the account's registry. The error is *Ignored if the
// event isn't for this function; any other error means that it is malformed.
func ForRepositories(message []byte, account string) (Repositories, error) {
	event, err := decode(message, account)
	if err != nil {
		return Repositories{}, err
	}
	var t Repositories
	switch received := (messageType{event.Source, event.DetailType}); received {
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
		err = ignored("the event isn't for this function: source %q, detail-type %q", received.source, received.detailType)
	}
	if err != nil {
		return Repositories{}, err
	}
	return t.checked()
}

// checked moves invalid names to Invalid. It is an error if no valid names remain.
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

// ForLists decodes an event that starts a rollout. Errors are those of ForRepositories.
func ForLists(message []byte, account string) (Rollout, error) {
	event, err := decode(message, account)
	if err != nil {
		return nil, err
	}
	switch received := (messageType{event.Source, event.DetailType}); received {
	case messageType{"aws.ssm", "Parameter Store Change"}:
		return parameterStoreChange(event)
	case messageType{"aws.events", "Scheduled Event"}:
		return Scheduled{}, nil
	case messageType{"aws.ecr", "AWS API Call via CloudTrail"}:
		return registryPolicyChange(event, account)
	default:
		return nil, ignored("the event isn't for this function: source %q, detail-type %q", received.source, received.detailType)
	}
}
