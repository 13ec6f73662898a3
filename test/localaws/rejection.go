package localaws

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// rejection returns why AWS rejects a call that moto accepts; nil if it doesn't. isGone reports whether a principal
// doesn't exist.
func (c call) rejection(isGone func(principal string) bool) *apiError {
	switch {
	case c.service == targetECR:
		return c.ecrRejection(isGone)
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
func (c call) ecrRejection(isGone func(principal string) bool) *apiError {
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
