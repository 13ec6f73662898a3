package localaws

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Event is an EventBridge event.
type Event struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       time.Time       `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newEvent makes the event that a service of the account would emit now.
func newEvent(region, source, detailType string, resources []string, detail any) (Event, error) {
	encoded, err := json.Marshal(detail)
	if err != nil {
		return Event{}, fmt.Errorf("encoding the detail of a %s event: %w", detailType, err)
	}
	if resources == nil {
		resources = []string{} // never null in AWS
	}
	return Event{
		Version:    "0",
		ID:         newID(),
		DetailType: detailType,
		Source:     source,
		Account:    Account,
		Time:       time.Now().UTC().Truncate(time.Second),
		Region:     region,
		Resources:  resources,
		Detail:     encoded,
	}, nil
}

func scheduledEvent(region, ruleARN string) Event {
	return Event{
		Version:    "0",
		ID:         newID(),
		DetailType: "Scheduled Event",
		Source:     "aws.events",
		Account:    Account,
		Time:       time.Now().UTC().Truncate(time.Second),
		Region:     region,
		Resources:  []string{ruleARN},
		Detail:     json.RawMessage("{}"),
	}
}

// apiCall is the detail of an event AWS API Call via CloudTrail of ECR.
type apiCall struct {
	EventVersion       string           `json:"eventVersion"`
	UserIdentity       userIdentity     `json:"userIdentity"`
	EventTime          time.Time        `json:"eventTime"`
	EventSource        string           `json:"eventSource"`
	EventName          string           `json:"eventName"`
	Region             string           `json:"awsRegion"`
	SourceIPAddress    string           `json:"sourceIPAddress"`
	UserAgent          string           `json:"userAgent"`
	RequestParameters  repositoryCall   `json:"requestParameters"`
	ResponseElements   repositoryAnswer `json:"responseElements"`
	RequestID          string           `json:"requestID"`
	EventID            string           `json:"eventID"`
	ReadOnly           bool             `json:"readOnly"`
	Resources          []trailResource  `json:"resources"`
	EventType          string           `json:"eventType"`
	ManagementEvent    bool             `json:"managementEvent"`
	RecipientAccountID string           `json:"recipientAccountId"`
	EventCategory      string           `json:"eventCategory"`
}

type userIdentity struct {
	Type           string         `json:"type"`
	PrincipalID    string         `json:"principalId"`
	ARN            string         `json:"arn"`
	AccountID      string         `json:"accountId"`
	SessionContext sessionContext `json:"sessionContext"`
}

type sessionContext struct {
	SessionIssuer sessionIssuer `json:"sessionIssuer"`
}

type sessionIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

type repositoryCall struct {
	RepositoryName string `json:"repositoryName"`
	PolicyText     string `json:"policyText,omitempty"`
	Force          *bool  `json:"force,omitempty"`
}

// repositoryAnswer has a repository if one was created, and else names it.
type repositoryAnswer struct {
	Repository     *trailRepository `json:"repository,omitempty"`
	RegistryID     string           `json:"registryId,omitempty"`
	RepositoryName string           `json:"repositoryName,omitempty"`
	PolicyText     string           `json:"policyText,omitempty"`
}

type trailRepository struct {
	RepositoryName string `json:"repositoryName"`
	RepositoryARN  string `json:"repositoryArn"`
	RegistryID     string `json:"registryId"`
	RepositoryURI  string `json:"repositoryUri"`
}

type trailResource struct {
	ARN       string `json:"ARN"`
	AccountID string `json:"accountId"`
}

// operatorRole is a role that isn't the stack's.
const operatorRole = "arn:aws:iam::" + Account + ":role/operator"

func callerOf(role string) userIdentity {
	name := role[strings.LastIndex(role, "/")+1:]
	const id = "AROAEXAMPLEEXAMPLE123"
	return userIdentity{
		Type:        "AssumedRole",
		PrincipalID: id + ":session",
		ARN:         "arn:aws:sts::" + Account + ":assumed-role/" + name + "/session",
		AccountID:   Account,
		SessionContext: sessionContext{SessionIssuer: sessionIssuer{
			Type: "Role", PrincipalID: id, ARN: role, AccountID: Account, UserName: name,
		}},
	}
}

// apiCallEvent makes the event of a call to ECR.
func (a *AWS) apiCallEvent(role, name string, call repositoryCall, answer repositoryAnswer) (Event, error) {
	return newEvent(a.Region, "aws.ecr", "AWS API Call via CloudTrail", nil, apiCall{
		EventVersion:       "1.09",
		UserIdentity:       callerOf(role),
		EventTime:          time.Now().UTC().Truncate(time.Second),
		EventSource:        "ecr.amazonaws.com",
		EventName:          name,
		Region:             a.Region,
		SourceIPAddress:    "192.0.2.1",
		UserAgent:          "localaws",
		RequestParameters:  call,
		ResponseElements:   answer,
		RequestID:          newID(),
		EventID:            newID(),
		Resources:          []trailResource{{a.repositoryARN(call.RepositoryName), Account}},
		EventType:          "AwsApiCall",
		ManagementEvent:    true,
		RecipientAccountID: Account,
		EventCategory:      "Management",
	})
}

func (a *AWS) repositoryARN(name string) string {
	return fmt.Sprintf("arn:aws:ecr:%s:%s:repository/%s", a.Region, Account, name)
}

// imageAction is the detail of an event ECR Image Action.
type imageAction struct {
	ActionType     string `json:"action-type"`
	Result         string `json:"result"`
	RepositoryName string `json:"repository-name"`
	ImageDigest    string `json:"image-digest"`
	ImageTag       string `json:"image-tag"`
}

// parameterChange is the detail of an event Parameter Store Change.
type parameterChange struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Operation string `json:"operation"`
}

// Publish puts an event on the default bus. As with AWS, its ID, account and Region become those of the bus.
func (a *AWS) Publish(ctx context.Context, eventJSON []byte) error {
	var event Event
	if err := json.Unmarshal(eventJSON, &event); err != nil {
		return fmt.Errorf("reading an event: %w", err)
	}
	return a.publish(ctx, event)
}

func (a *AWS) publish(ctx context.Context, event Event) error {
	entry := eventtypes.PutEventsRequestEntry{
		Source:     &event.Source,
		DetailType: &event.DetailType,
		Detail:     aws.String(string(event.Detail)),
		Resources:  event.Resources,
	}
	if !event.Time.IsZero() {
		entry.Time = &event.Time
	}
	put, err := a.EventBridge.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{entry}})
	if err != nil {
		return fmt.Errorf("publishing a %s event: %w", event.DetailType, err)
	}
	for _, result := range put.Entries {
		if result.ErrorCode != nil {
			return fmt.Errorf("publishing a %s event: %s: %s", event.DetailType, *result.ErrorCode, aws.ToString(result.ErrorMessage))
		}
	}
	return nil
}

// Tick delivers a scheduled event for every schedule of the stack, as AWS does when it is time.
func (a *AWS) Tick(ctx context.Context) error {
	return a.router.tick(ctx)
}

// CreateRepository creates a repository, and publishes the event that CloudTrail would.
func (a *AWS) CreateRepository(ctx context.Context, name string) error {
	created, err := a.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
	if err != nil {
		return fmt.Errorf("creating the repository %s: %w", name, err)
	}
	event, err := a.apiCallEvent(operatorRole, "CreateRepository", repositoryCall{RepositoryName: name},
		repositoryAnswer{Repository: &trailRepository{
			RepositoryName: name,
			RepositoryARN:  aws.ToString(created.Repository.RepositoryArn),
			RegistryID:     aws.ToString(created.Repository.RegistryId),
			RepositoryURI:  aws.ToString(created.Repository.RepositoryUri),
		}})
	if err != nil {
		return err
	}
	return a.publish(ctx, event)
}

// PushImage publishes the event of a pushed image, without an image.
func (a *AWS) PushImage(ctx context.Context, repository string) error {
	event, err := newEvent(a.Region, "aws.ecr", "ECR Image Action", nil, imageAction{
		ActionType:     "PUSH",
		Result:         "SUCCESS",
		RepositoryName: repository,
		ImageDigest:    "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234",
		ImageTag:       "latest",
	})
	if err != nil {
		return err
	}
	return a.publish(ctx, event)
}

// PutList writes an account list, and publishes the event that Parameter Store would.
func (a *AWS) PutList(ctx context.Context, name, value string) error {
	put, err := a.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name:      &name,
		Value:     &value,
		Type:      ssmtypes.ParameterTypeString,
		Tier:      ssmtypes.ParameterTierIntelligentTiering,
		Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("writing the list %s: %w", name, err)
	}
	operation := "Update"
	if put.Version == 1 {
		operation = "Create"
	}
	return a.publishParameterChange(ctx, name, operation)
}

// DeleteList deletes an account list, and publishes the event that Parameter Store would.
func (a *AWS) DeleteList(ctx context.Context, name string) error {
	if _, err := a.SSM.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name}); err != nil {
		return fmt.Errorf("deleting the list %s: %w", name, err)
	}
	return a.publishParameterChange(ctx, name, "Delete")
}

func (a *AWS) publishParameterChange(ctx context.Context, name, operation string) error {
	arn := fmt.Sprintf("arn:aws:ssm:%s:%s:parameter%s", a.Region, Account, name)
	event, err := newEvent(a.Region, "aws.ssm", "Parameter Store Change", []string{arn},
		parameterChange{Name: name, Type: string(ssmtypes.ParameterTypeString), Operation: operation})
	if err != nil {
		return err
	}
	return a.publish(ctx, event)
}

// SetPolicy sets a repository's policy as a role would that isn't the stack's, and publishes the event that CloudTrail
// would.
func (a *AWS) SetPolicy(ctx context.Context, repository, policy string) error {
	_, err := a.ECR.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: &repository, PolicyText: &policy})
	if err != nil {
		return fmt.Errorf("setting the policy of %s: %w", repository, err)
	}
	event, err := a.setPolicyEvent(operatorRole, repository, policy)
	if err != nil {
		return err
	}
	return a.publish(ctx, event)
}

// DeletePolicy deletes a repository's policy as SetPolicy sets it.
func (a *AWS) DeletePolicy(ctx context.Context, repository string) error {
	deleted, err := a.ECR.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: &repository})
	if err != nil {
		return fmt.Errorf("deleting the policy of %s: %w", repository, err)
	}
	event, err := a.apiCallEvent(operatorRole, "DeleteRepositoryPolicy", repositoryCall{RepositoryName: repository},
		repositoryAnswer{RegistryID: Account, RepositoryName: repository, PolicyText: aws.ToString(deleted.PolicyText)})
	if err != nil {
		return err
	}
	return a.publish(ctx, event)
}

// OwnWriteEvent makes the event that CloudTrail would emit for the policy that a repository has now, if a function, by
// its logical ID, set it.
func (a *AWS) OwnWriteEvent(ctx context.Context, function, repository string) ([]byte, error) {
	policy, _, err := a.Policy(ctx, repository)
	if err != nil {
		return nil, err
	}
	event, err := a.setPolicyEvent(a.Stack.Functions[function].RoleARN, repository, policy)
	if err != nil {
		return nil, err
	}
	return json.Marshal(event)
}

func (a *AWS) setPolicyEvent(role, repository, policy string) (Event, error) {
	return a.apiCallEvent(role, "SetRepositoryPolicy",
		repositoryCall{RepositoryName: repository, PolicyText: policy, Force: aws.Bool(false)},
		repositoryAnswer{RegistryID: Account, RepositoryName: repository, PolicyText: policy})
}

// Policy returns the policy of a repository, and whether it has one.
func (a *AWS) Policy(ctx context.Context, repository string) (policy string, found bool, err error) {
	got, err := a.ECR.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: &repository})
	_, none := errors.AsType[*ecrtypes.RepositoryPolicyNotFoundException](err)
	switch {
	case none:
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("reading the policy of %s: %w", repository, err)
	}
	return aws.ToString(got.PolicyText), true, nil
}
