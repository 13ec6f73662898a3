package localaws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// GoneAccount is an account that doesn't exist in the local AWS, and neither do roles and users whose names end in
// GoneName. All others do.
const (
	GoneAccount = "404040404040"
	GoneName    = "/gone"
)

// rejection returns why AWS rejects a call that moto accepts; nil if it doesn't.
func (c call) rejection() *apiError {
	switch {
	case c.service == targetECR:
		return c.ecrRejection()
	case c.service == targetSQS && (c.operation == "CreateQueue" || c.operation == "SetQueueAttributes"):
		var asked struct{ Attributes struct{ Policy string } }
		if json.Unmarshal(c.parameters, &asked) == nil && namesSeveral([]byte(asked.Attributes.Policy)) {
			return &apiError{"InvalidAttributeValue", "Invalid value for the parameter Policy."}
		}
	case c.operation == "CreateStack" || c.operation == "UpdateStack":
		var template struct {
			Resources map[string]struct {
				Type       string
				Properties struct{ PolicyDocument json.RawMessage }
			}
		}
		if json.Unmarshal([]byte(c.form.Get("TemplateBody")), &template) != nil {
			return nil
		}
		for name, resource := range template.Resources {
			if resource.Type == "AWS::SQS::QueuePolicy" && namesSeveral(resource.Properties.PolicyDocument) {
				return &apiError{"ValidationError", name + ": Invalid value for the parameter Policy."} // AWS would roll back
			}
		}
	}
	return nil
}

// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutRegistryPolicy.html
func (c call) ecrRejection() *apiError {
	const maxCharacters = 10240
	var asked struct{ RepositoryName, PolicyText string }
	if json.Unmarshal(c.parameters, &asked) != nil {
		return nil // moto rejects it
	}
	invalid := func(parameter, constraint string) *apiError {
		return &apiError{"InvalidParameterException", fmt.Sprintf("Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, constraint)}
	}
	switch {
	case asked.RepositoryName != "" && registry.CheckName(asked.RepositoryName) != nil:
		return invalid("repositoryName", "must satisfy regular expression")
	case c.operation != "SetRepositoryPolicy" && c.operation != "PutRegistryPolicy":
		return nil
	case utf8.RuneCountInString(asked.PolicyText) > maxCharacters:
		return invalid("PolicyText", fmt.Sprintf("Member must have length less than or equal to %d", maxCharacters))
	case slices.ContainsFunc(principalsOf(asked.PolicyText), isGone):
		return invalid("PolicyText", "Principal not found")
	}
	return nil
}

// isGone reports whether a principal doesn't exist. Unique IDs are what is left of deleted roles and users.
func isGone(principal string) bool {
	return strings.HasPrefix(principal, "AROA") || strings.HasPrefix(principal, "AIDA") ||
		strings.HasSuffix(principal, GoneName) || principal == GoneAccount || strings.Contains(principal, "::"+GoneAccount+":")
}

// oneOrMore are the values of a member of a policy that is a string or a list of strings.
type oneOrMore []string

func (v *oneOrMore) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, (*[]string)(v))
	}
	*v = make(oneOrMore, 1)
	return json.Unmarshal(data, &(*v)[0])
}

// principalsOf returns the AWS principals that a policy names.
func principalsOf(document string) []string {
	var policy struct {
		Statement []struct{ Principal, NotPrincipal json.RawMessage }
	}
	if json.Unmarshal([]byte(document), &policy) != nil {
		return nil // moto rejects it
	}
	var principals []string
	for _, statement := range policy.Statement {
		for _, raw := range []json.RawMessage{statement.Principal, statement.NotPrincipal} {
			var named struct{ AWS oneOrMore }
			if raw != nil && json.Unmarshal(raw, &named) == nil {
				principals = append(principals, named.AWS...)
			}
		}
	}
	return principals
}

// namesSeveral reports whether a statement of a queue's policy names more than one queue. In a template, a name can be
// an object.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-creating-custom-policies.html
func namesSeveral(document json.RawMessage) bool {
	var policy struct {
		Statement []struct{ Resource json.RawMessage }
	}
	if json.Unmarshal(document, &policy) != nil {
		return false
	}
	for _, statement := range policy.Statement {
		var queues []json.RawMessage
		if json.Unmarshal(statement.Resource, &queues) == nil && len(queues) > 1 {
			return true
		}
	}
	return false
}
