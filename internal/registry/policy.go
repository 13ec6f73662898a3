package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// GetPolicyAPI is the part of the ECR API that Policy uses.
type GetPolicyAPI interface {
	GetRegistryPolicy(context.Context, *ecr.GetRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRegistryPolicyOutput, error)
}

// Policy returns the policy of the registry, or "" if it has none.
func Policy(ctx context.Context, api GetPolicyAPI) (string, error) {
	output, err := api.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	if hasNoPolicy(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get registry policy: %w", err)
	}
	if aws.ToString(output.PolicyText) == "" { // ECR documents an exception for a registry without a policy
		return "", errors.New("get registry policy: the response has no policy text")
	}
	return *output.PolicyText, nil
}

// OwnPolicyAPI is the part of the ECR API that OwnPolicy uses.
type OwnPolicyAPI interface {
	GetPolicyAPI
	PutRegistryPolicy(context.Context, *ecr.PutRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.PutRegistryPolicyOutput, error)
	DeleteRegistryPolicy(context.Context, *ecr.DeleteRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.DeleteRegistryPolicyOutput, error)
}

// OwnPolicy reads and writes the policy of the registry itself. Errors are ErrRejected where this applies.
type OwnPolicy struct{ api OwnPolicyAPI }

// NewOwnPolicy returns the policy of the registry of an API client.
func NewOwnPolicy(api OwnPolicyAPI) *OwnPolicy { return &OwnPolicy{api: api} }

// Policy returns the policy, or "" if there is none.
func (p *OwnPolicy) Policy(ctx context.Context) (string, error) { return Policy(ctx, p.api) }

// SetPolicy replaces the policy.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutRegistryPolicy.html
func (p *OwnPolicy) SetPolicy(ctx context.Context, document string) error {
	_, err := p.api.PutRegistryPolicy(ctx, &ecr.PutRegistryPolicyInput{PolicyText: &document})
	if isRejection(err) {
		return fmt.Errorf("put registry policy: %w: %w", ErrRejected, err)
	}
	if err != nil {
		return fmt.Errorf("put registry policy: %w", err)
	}
	return nil
}

// DeletePolicy removes the policy, if there is one.
func (p *OwnPolicy) DeletePolicy(ctx context.Context) error {
	if _, err := p.api.DeleteRegistryPolicy(ctx, &ecr.DeleteRegistryPolicyInput{}); err != nil && !hasNoPolicy(err) {
		return fmt.Errorf("delete registry policy: %w", err)
	}
	return nil
}

func hasNoPolicy(err error) bool {
	_, ok := errors.AsType[*types.RegistryPolicyNotFoundException](err)
	return ok
}

func isRejection(err error) bool {
	_, isInvalid := errors.AsType[*types.InvalidParameterException](err)
	_, isMalformed := errors.AsType[*types.ValidationException](err)
	return isInvalid || isMalformed
}
