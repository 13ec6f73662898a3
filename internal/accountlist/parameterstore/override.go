package parameterstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Override returns an API in which parameters, by name, have other values, even if they don't exist in SSM. It is for
// showing the effect of lists before they are written.
func Override(api API, values map[string]string) API {
	o := &override{API: api, parameters: map[string]types.Parameter{}}
	for name, value := range values {
		o.parameters[name] = types.Parameter{
			Name:             &name,
			Type:             types.ParameterTypeString,
			Value:            &value,
			Version:          1,
			LastModifiedDate: aws.Time(time.Time{}),
		}
	}
	return o
}

type override struct {
	API
	parameters map[string]types.Parameter
}

func (o *override) replaces(name string) bool {
	_, ok := o.parameters[name]
	return ok
}

func (o *override) GetParameters(ctx context.Context, input *ssm.GetParametersInput, options ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	others := slices.DeleteFunc(slices.Clone(input.Names), o.replaces)
	output := &ssm.GetParametersOutput{}
	if len(others) > 0 {
		var err error
		if output, err = o.API.GetParameters(ctx, &ssm.GetParametersInput{Names: others}, options...); err != nil {
			return nil, err
		}
	}
	for _, name := range input.Names {
		if parameter, ok := o.parameters[name]; ok {
			output.Parameters = append(output.Parameters, parameter)
		}
	}
	return output, nil
}

// GetParametersByPath returns the overriding parameters on the last page.
func (o *override) GetParametersByPath(ctx context.Context, input *ssm.GetParametersByPathInput, options ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	output, err := o.API.GetParametersByPath(ctx, input, options...)
	if err != nil {
		return nil, err
	}
	output.Parameters = slices.DeleteFunc(output.Parameters, func(p types.Parameter) bool { return o.replaces(aws.ToString(p.Name)) })
	if aws.ToString(output.NextToken) == "" {
		for name, parameter := range o.parameters {
			if strings.HasPrefix(name, aws.ToString(input.Path)+"/") {
				output.Parameters = append(output.Parameters, parameter)
			}
		}
	}
	return output, nil
}

// GetParameterHistory returns the overriding value as the only version.
func (o *override) GetParameterHistory(ctx context.Context, input *ssm.GetParameterHistoryInput, options ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error) {
	if p, ok := o.parameters[aws.ToString(input.Name)]; ok {
		return &ssm.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{{
			Name:             p.Name,
			Type:             p.Type,
			Value:            p.Value,
			Version:          p.Version,
			LastModifiedDate: p.LastModifiedDate,
		}}}, nil
	}
	return o.API.GetParameterHistory(ctx, input, options...)
}
