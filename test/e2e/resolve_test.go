package e2e_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What CloudFormation takes at most.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	maxStackName      = 128
	maxParameterValue = 4096
)

// largest returns the template with every reference resolved to the longest value that it can have: the stack's name,
// its parameters, and the names that CloudFormation gives to resources.
func largest(t *testing.T) template {
	t.Helper()
	tmpl := translated(t)
	r := resolver{t: t, template: tmpl}
	resources := make(map[string]resource, len(tmpl.Resources))
	for name, res := range tmpl.Resources {
		res.Properties = r.resolve(res.Properties)
		resources[name] = res
	}
	tmpl.Resources = resources
	return tmpl
}

type resolver struct {
	t        *testing.T
	template template
}

func (r resolver) resolve(raw json.RawMessage) json.RawMessage {
	r.t.Helper()
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		r.t.Fatal(err)
	}
	resolved, err := json.Marshal(r.value(value))
	if err != nil {
		r.t.Fatal(err)
	}
	return resolved
}

// noValue takes the place of AWS::NoValue, which removes the property or the item that it is the value of.
type noValue struct{}

func (r resolver) value(v any) any {
	switch v := v.(type) {
	case []any:
		list := []any{}
		for _, item := range v {
			if resolved := r.value(item); resolved != (noValue{}) {
				list = append(list, resolved)
			}
		}
		return list
	case map[string]any:
		if len(v) == 1 {
			for function, argument := range v {
				if function == "Ref" || strings.HasPrefix(function, "Fn::") {
					return r.call(function, argument)
				}
			}
		}
		object := map[string]any{}
		for key, member := range v {
			if resolved := r.value(member); resolved != (noValue{}) {
				object[key] = resolved
			}
		}
		return object
	default:
		return v
	}
}

func (r resolver) call(function string, argument any) any {
	r.t.Helper()
	switch function {
	case "Ref":
		return r.reference(argument.(string))
	case "Fn::GetAtt":
		path := argument.([]any)
		return r.attribute(path[0].(string), path[1].(string))
	case "Fn::Sub":
		return regexp.MustCompile(`\$\{[^}]+\}`).ReplaceAllStringFunc(argument.(string), func(reference string) string {
			name, attribute, ok := strings.Cut(strings.Trim(reference, "${}"), ".")
			if !ok {
				return fmt.Sprint(r.reference(name))
			}
			return r.attribute(name, attribute)
		})
	case "Fn::Join":
		separator, items := argument.([]any)[0].(string), r.value(argument.([]any)[1])
		if text, ok := items.(string); ok { // a parameter that is a list
			return text
		}
		var texts []string
		for _, item := range items.([]any) {
			texts = append(texts, fmt.Sprint(item))
		}
		return strings.Join(texts, separator)
	case "Fn::If":
		branches := argument.([]any)
		return slices.MaxFunc([]any{r.value(branches[1]), r.value(branches[2])}, longer)
	case "Fn::FindInMap":
		var values []any
		for _, row := range r.template.Mappings[argument.([]any)[0].(string)] {
			values = append(values, row[argument.([]any)[2].(string)])
		}
		return slices.MaxFunc(values, longer)
	default:
		r.t.Fatalf("%s is not resolved here", function)
		return nil
	}
}

func longer(a, b any) int { return cmp.Compare(len(fmt.Sprint(a)), len(fmt.Sprint(b))) }

func (r resolver) reference(name string) any {
	r.t.Helper()
	switch name {
	case "AWS::NoValue":
		return noValue{}
	case "AWS::StackName":
		return strings.Repeat("s", maxStackName)
	case "AWS::Partition":
		return "aws-us-gov"
	case "AWS::Region":
		return "ap-southeast-1"
	case "AWS::AccountId":
		return "123456789012"
	}
	if p, ok := r.template.Parameters[name]; ok {
		return p.longest()
	}
	physical := r.physicalName(name)
	if r.template.Resources[name].Type == "AWS::SQS::Queue" {
		return "https://sqs.ap-southeast-1.amazonaws.com/123456789012/" + physical
	}
	return physical
}

// longest returns a value of the parameter that no other is longer than.
func (p parameter) longest() any {
	switch {
	case len(p.AllowedValues) > 0:
		return slices.MaxFunc(p.AllowedValues, longer)
	case p.Type == "Number":
		return p.MaxValue
	default:
		return strings.Repeat("p", cmp.Or(p.MaxLength, maxParameterValue))
	}
}

func (r resolver) attribute(name, attribute string) string {
	r.t.Helper()
	services := map[string]string{
		"AWS::CloudWatch::Alarm": "cloudwatch:ap-southeast-1:123456789012:alarm:",
		"AWS::ECR::Repository":   "ecr:ap-southeast-1:123456789012:repository/",
		"AWS::Events::Rule":      "events:ap-southeast-1:123456789012:rule/",
		"AWS::IAM::Role":         "iam::123456789012:role/",
		"AWS::Lambda::Function":  "lambda:ap-southeast-1:123456789012:function:",
		"AWS::Logs::LogGroup":    "logs:ap-southeast-1:123456789012:log-group:",
		"AWS::SQS::Queue":        "sqs:ap-southeast-1:123456789012:",
	}
	service, ok := services[r.template.Resources[name].Type]
	switch {
	case attribute == "QueueName":
		return r.physicalName(name)
	case !ok || attribute != "Arn":
		r.t.Fatalf("%s.%s is not resolved here", name, attribute)
	}
	return "arn:aws-us-gov:" + service + r.physicalName(name)
}

// physicalName returns the name of a resource: what the template says, or one as long as CloudFormation makes it, which
// cuts it to what the service takes.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
func (r resolver) physicalName(name string) string {
	r.t.Helper()
	given := map[string]string{
		"AWS::CloudWatch::Dashboard": "DashboardName",
		"AWS::Logs::LogGroup":        "LogGroupName",
	}
	res, ok := r.template.Resources[name]
	if !ok {
		r.t.Fatalf("nothing is called %s", name)
	}
	if property, ok := given[res.Type]; ok {
		var properties map[string]any
		if err := json.Unmarshal(res.Properties, &properties); err != nil {
			r.t.Fatal(err)
		}
		return r.value(properties[property]).(string)
	}
	longest := map[string]int{
		"AWS::CloudWatch::Alarm": 255,
		"AWS::ECR::Repository":   256,
		"AWS::Events::Rule":      64,
		"AWS::IAM::Role":         64,
		"AWS::Lambda::Function":  64,
		"AWS::SQS::Queue":        80,
	}
	length, ok := longest[res.Type]
	if !ok {
		r.t.Fatalf("how long names of %s are is not known here, only those of %q", res.Type, slices.Sorted(maps.Keys(longest)))
	}
	return name + strings.Repeat("x", length-len(name))
}
