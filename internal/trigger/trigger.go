// Package trigger decodes what starts the functions - EventBridge events, alone or in SQS messages - into small
// typed values.
//
// An event is a hint: a trigger carries names of repositories and lists, and nothing that could end up in a policy. The
// names are checked here, so that they can be passed to AWS.
package trigger

import (
	"errors"
	"fmt"
)

// Repositories asks to reconcile the named repositories.
type Repositories struct {
	Kind       string     // what happened, for the log: CreateRepository, ImagePushed, ListChanged, …
	Names      []string   // at least one; valid repository names
	Invalid    []error    // why other names in the event were rejected
	Created    bool       // the repositories may have just been created: ECR may not know them yet
	Principals Principals // what the rollout knows of the principals in the lists
	ChangedBy  string     // ARN of the principal that changed the policy. It can be forged: it is for the log alone
}

// ChangedPolicy reports whether the trigger is a change of a policy. The rule leaves out those that the stack itself makes.
func (t Repositories) ChangedPolicy() bool {
	return t.Kind == kindSetPolicy || t.Kind == kindDeletePolicy
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

// kind is what tells EventBridge messages apart.
type kind struct{ source, detailType string }

// ForRepositories decodes an event that names repositories of the account's registry. The error is *Ignored if the
// event isn't for this function; any other error means that it is malformed.
func ForRepositories(message []byte, account string) (Repositories, error) {
	event, err := decode(message, account)
	if err != nil {
		return Repositories{}, err
	}
	var t Repositories
	switch k := (kind{event.Source, event.DetailType}); k {
	case kind{"aws.ecr", "AWS API Call via CloudTrail"},
		kind{"aws.ecr", "AWS Service Event via CloudTrail"},
		// Assumed: AWS documents the eventSource replication.ecr.amazonaws.com, not the source of such an event.
		kind{"aws.replication.ecr", "AWS API Call via CloudTrail"},
		kind{"aws.replication.ecr", "AWS Service Event via CloudTrail"}:
		t, err = cloudTrail(event, account)
	case kind{"aws.ecr", "ECR Image Action"}:
		t, err = imageAction(event, "ImagePushed", "PUSH")
	case kind{"aws.ecr", "ECR Replication Action"}:
		t, err = imageAction(event, "ImageReplicated", "REPLICATE")
	case kind{"aws.ecr", "ECR Pull Through Cache Action"}:
		t, err = pullThroughCacheAction(event)
	case kind{"aws.ecr", "ECR Scan Resource Change"}:
		t, err = scanResourceChange(event, account)
	case kind{RequestSource, RequestDetailType}:
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
		if err := CheckRepositoryName(name); err != nil {
			t.Invalid = append(t.Invalid, err)
			continue
		}
		t.Names = append(t.Names, name)
	}
	if len(t.Names) == 0 {
		return Repositories{}, fmt.Errorf("%s event: %w", t.Kind, errors.Join(t.Invalid...))
	}
	return t, nil
}

// ForLists decodes an event that concerns the account lists. Errors are those of ForRepositories.
func ForLists(message []byte, account string) (Rollout, error) {
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
		return nil, ignored("not an event for this function: source %q, detail-type %q", k.source, k.detailType)
	}
}
