package parameterstore

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Override returns an API in which a parameter has another value, even if it doesn't exist in SSM. It is for showing
// the effect of a list before it is written.
func Override(api API, name, value string) API {
	return &override{API: api, parameter: types.Parameter{
		Name:             &name,
		Type:             types.ParameterTypeString,
		Value:            &value,
		Version:          1,
		LastModifiedDate: aws.Time(time.Time{}),
	}}
}

type override struct {
	API
	parameter types.Parameter
}

func (o *override) replaces(name string) bool { return name == aws.ToString(o.parameter.Name) }

func (o *override) GetParameters(ctx context.Context, input *ssm.GetParametersInput, options ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	others := slices.DeleteFunc(slices.Clone(input.Names), o.replaces)
	output := &ssm.GetParametersOutput{}
	if len(others) > 0 {
		var err error
		if output, err = o.API.GetParameters(ctx, &ssm.GetParametersInput{Names: others}, options...); err != nil {
			return nil, err
		}
	}
	if len(others) < len(input.Names) {
		output.Parameters = append(output.Parameters, o.parameter)
	}
	return output, nil
}

// GetParameterHistory returns the overriding value as the only version.
func (o *override) GetParameterHistory(ctx context.Context, input *ssm.GetParameterHistoryInput, options ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error) {
	if o.replaces(aws.ToString(input.Name)) {
		return &ssm.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{{
			Name:             o.parameter.Name,
			Type:             o.parameter.Type,
			Value:            o.parameter.Value,
			Version:          o.parameter.Version,
			LastModifiedDate: o.parameter.LastModifiedDate,
		}}}, nil
	}
	return o.API.GetParameterHistory(ctx, input, options...)
}
