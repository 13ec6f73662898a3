package localaws

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// Operator is the name of the role whose access key the environment has.
const Operator = "operator"

// observe returns what has to be done when a call has been answered: to publish the events that AWS would, or to replace
// a deleted principal in policies. Events of other Regions reach no rule of the stack.
func (a *AWS) observe(ctx context.Context, c call) (answered func(answer) error, err error) {
	var events func(answer) ([]Event, error)
	switch {
	case c.form != nil:
		return a.observePrincipal(ctx, c)
	case c.region != "" && c.region != a.Region:
		return nil, nil
	case c.service == targetECR && !isRead(c.operation):
		events = func(result answer) ([]Event, error) { return a.registryEvents(c, result) }
	case c.service == targetSSM && (c.operation == "PutParameter" || c.operation == "DeleteParameter" || c.operation == "DeleteParameters"):
		types, err := a.parameterTypes(ctx, c)
		if err != nil {
			return nil, err
		}
		events = func(result answer) ([]Event, error) { return a.parameterEvents(c, types, result) }
	default:
		return nil, nil
	}
	return func(result answer) error {
		published, err := events(result)
		if err != nil {
			return err
		}
		return a.publish(context.WithoutCancel(ctx), published...) // whoever called may be gone
	}, nil
}

// isRead reports whether an operation of ECR changes nothing. EventBridge gets no events of such.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
func isRead(operation string) bool {
	for _, prefix := range []string{"Get", "List", "Describe", "BatchGet", "BatchCheck"} {
		if strings.HasPrefix(operation, prefix) {
			return true
		}
	}
	return false
}

// object is a JSON object that is only sent.
type object map[string]any

// identityOf returns the user identity in CloudTrail of a session of a role.
func identityOf(role string) object {
	const id = "AROAEXAMPLEEXAMPLE123"
	return object{
		"type":        "AssumedRole",
		"principalId": id + ":session",
		"arn":         "arn:aws:sts::" + Account + ":assumed-role/" + role + "/session",
		"accountId":   Account,
		"sessionContext": object{"sessionIssuer": object{
			"type": "Role", "principalId": id, "arn": "arn:aws:iam::" + Account + ":role/" + role, "accountId": Account, "userName": role,
		}},
	}
}

// registryEvents makes the events of a call to ECR. To CloudTrail, request and response are as they are on the wire.
func (a *AWS) registryEvents(c call, result answer) ([]Event, error) {
	var asked struct{ RepositoryName string }
	if err := json.Unmarshal(c.parameters, &asked); err != nil {
		return nil, nil // no call that ECR understands
	}
	detail := object{
		"eventVersion":       "1.11",
		"userIdentity":       identityOf(c.caller),
		"eventTime":          time.Now().UTC().Truncate(time.Second),
		"eventSource":        "ecr.amazonaws.com",
		"eventName":          c.operation,
		"awsRegion":          a.Region,
		"sourceIPAddress":    "127.0.0.1",
		"userAgent":          c.userAgent,
		"requestParameters":  c.parameters,
		"responseElements":   nil,
		"requestID":          newID(),
		"eventID":            newID(),
		"readOnly":           false,
		"eventType":          "AwsApiCall",
		"managementEvent":    true,
		"recipientAccountId": Account,
		"eventCategory":      "Management",
	}
	if asked.RepositoryName != "" {
		arn := fmt.Sprintf("arn:aws:ecr:%s:%s:repository/%s", a.Region, Account, asked.RepositoryName)
		detail["resources"] = []object{{"ARN": arn, "accountId": Account}}
	}
	var failure struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if result.status != http.StatusOK {
		if err := json.Unmarshal(result.body, &failure); err != nil {
			return nil, fmt.Errorf("reading the error of %s: %w: %s", c.operation, err, result.body)
		}
		detail["errorCode"] = failure.Type[strings.LastIndex(failure.Type, "#")+1:]
		detail["errorMessage"] = failure.Message
	} else {
		detail["responseElements"] = result.body
	}
	recorded, err := newEvent(a.Region, "aws.ecr", "AWS API Call via CloudTrail", nil, detail)
	if err != nil || c.operation != "PutImage" || result.status != http.StatusOK {
		return []Event{recorded}, err
	}
	var put struct {
		Image struct {
			ImageID struct{ ImageDigest, ImageTag string }
		}
	}
	if err := json.Unmarshal(result.body, &put); err != nil {
		return nil, fmt.Errorf("reading the answer of PutImage: %w", err)
	}
	pushed, err := newEvent(a.Region, "aws.ecr", "ECR Image Action", nil, object{
		"action-type":     "PUSH",
		"result":          "SUCCESS",
		"repository-name": asked.RepositoryName,
		"image-digest":    put.Image.ImageID.ImageDigest,
		"image-tag":       put.Image.ImageID.ImageTag,
	})
	return []Event{recorded, pushed}, err
}

// parameterTypes returns the types of the parameters that a call is about, by name: as the call has them, or else as they
// are before it.
func (a *AWS) parameterTypes(ctx context.Context, c call) (map[string]string, error) {
	var asked struct {
		Name, Type string
		Names      []string
	}
	if err := json.Unmarshal(c.parameters, &asked); err != nil {
		return nil, nil // no call that Parameter Store understands
	}
	if asked.Type != "" {
		return map[string]string{asked.Name: asked.Type}, nil
	}
	if asked.Name != "" {
		asked.Names = []string{asked.Name}
	}
	known, err := a.Quiet.SSM.GetParameters(ctx, &ssm.GetParametersInput{Names: asked.Names})
	if err != nil {
		return nil, fmt.Errorf("reading the types of parameters: %w", err)
	}
	types := map[string]string{}
	for _, parameter := range known.Parameters {
		types[*parameter.Name] = string(parameter.Type)
	}
	return types, nil
}

// parameterEvents makes the events of a call to Parameter Store, one for each parameter that it was about. A failed call
// has none.
func (a *AWS) parameterEvents(c call, types map[string]string, result answer) ([]Event, error) {
	if result.status != http.StatusOK {
		return nil, nil
	}
	var got struct{ Version int }
	if err := json.Unmarshal(result.body, &got); err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.operation, err)
	}
	operation := "Delete"
	if c.operation == "PutParameter" {
		operation = "Update"
		if got.Version == 1 {
			operation = "Create"
		}
	}
	var events []Event
	for name, kind := range types {
		arn := fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/%s", a.Region, Account, strings.TrimPrefix(name, "/"))
		event, err := newEvent(a.Region, "aws.ssm", "Parameter Store Change", []string{arn}, object{"name": name, "type": kind, "operation": operation})
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}
