package accountlist

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Instead returns an API for which the parameter with that name has another value, whatever it has, or if it exists,
// in SSM. It shows what a list would do before it is written.
func Instead(api API, name, value string) API {
	return &instead{API: api, parameter: types.Parameter{
		Name:             &name,
		Type:             types.ParameterTypeString,
		Value:            &value,
		Version:          1,
		LastModifiedDate: aws.Time(time.Time{}),
	}}
}

type instead struct {
	API
	parameter types.Parameter
}

func (i *instead) replaces(name string) bool { return name == aws.ToString(i.parameter.Name) }

func (i *instead) GetParameters(ctx context.Context, input *ssm.GetParametersInput, options ...func(*ssm.Options)) (*ssm.GetParametersOutput, error) {
	others := slices.DeleteFunc(slices.Clone(input.Names), i.replaces)
	output := &ssm.GetParametersOutput{}
	if len(others) > 0 {
		var err error
		if output, err = i.API.GetParameters(ctx, &ssm.GetParametersInput{Names: others}, options...); err != nil {
			return nil, err
		}
	}
	if len(others) < len(input.Names) {
		output.Parameters = append(output.Parameters, i.parameter)
	}
	return output, nil
}

// GetParameterHistory has the value alone: what was valid once in SSM says nothing about it.
func (i *instead) GetParameterHistory(ctx context.Context, input *ssm.GetParameterHistoryInput, options ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error) {
	if i.replaces(aws.ToString(input.Name)) {
		return &ssm.GetParameterHistoryOutput{Parameters: []types.ParameterHistory{{
			Name:             i.parameter.Name,
			Type:             i.parameter.Type,
			Value:            i.parameter.Value,
			Version:          i.parameter.Version,
			LastModifiedDate: i.parameter.LastModifiedDate,
		}}}, nil
	}
	return i.API.GetParameterHistory(ctx, input, options...)
}
