package registry_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// answering returns the same response to every call.
type answering struct {
	text *string
	err  error
}

func (a answering) GetRepositoryPolicy(context.Context, *ecr.GetRepositoryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRepositoryPolicyOutput, error) {
	return &ecr.GetRepositoryPolicyOutput{PolicyText: a.text}, a.err
}

func (a answering) SetRepositoryPolicy(context.Context, *ecr.SetRepositoryPolicyInput, ...func(*ecr.Options)) (*ecr.SetRepositoryPolicyOutput, error) {
	return &ecr.SetRepositoryPolicyOutput{}, a.err
}

func (a answering) DeleteRepositoryPolicy(context.Context, *ecr.DeleteRepositoryPolicyInput, ...func(*ecr.Options)) (*ecr.DeleteRepositoryPolicyOutput, error) {
	return &ecr.DeleteRepositoryPolicyOutput{}, a.err
}

func TestErrors(t *testing.T) {
	errOther := errors.New("throttled")
	for name, c := range map[string]struct {
		answer           error
		get, set, delete error // nil for success
	}{
		"no error":          {},
		"no repository":     {&types.RepositoryNotFoundException{}, registry.ErrNotFound, registry.ErrNotFound, registry.ErrNotFound},
		"no policy":         {&types.RepositoryPolicyNotFoundException{}, nil, errOther, nil},
		"invalid parameter": {&types.InvalidParameterException{}, registry.ErrNotFound, registry.ErrRejected, registry.ErrNotFound},
		"another error":     {errOther, errOther, errOther, errOther},
	} {
		t.Run(name, func(t *testing.T) {
			text := "{}"
			policies := registry.NewPolicies(answering{&text, c.answer})
			_, get := policies.Policy(t.Context(), "api")
			set := policies.SetPolicy(t.Context(), "api", "{}")
			remove := policies.DeletePolicy(t.Context(), "api")
			for _, got := range []struct {
				call string
				got  error
				want error
			}{{"get", get, c.get}, {"set", set, c.set}, {"delete", remove, c.delete}} {
				switch {
				case got.want == nil && got.got != nil, got.want != nil && got.got == nil:
					t.Errorf("%s: got %v, want %v", got.call, got.got, got.want)
				case got.want != nil && !errors.Is(got.want, errOther) && !errors.Is(got.got, got.want):
					t.Errorf("%s: got %v, want %v", got.call, got.got, got.want)
				case errors.Is(got.want, errOther) && (errors.Is(got.got, registry.ErrNotFound) || errors.Is(got.got, registry.ErrRejected)):
					t.Errorf("%s: got %v, want another error", got.call, got.got)
				}
			}
		})
	}
}

// A response without a policy text doesn't mean that there is no policy. Overwriting it could lose statements.
func TestResponseWithoutPolicy(t *testing.T) {
	empty := ""
	for _, text := range []*string{nil, &empty} {
		if got, err := registry.NewPolicies(answering{text: text}).Policy(t.Context(), "api"); err == nil {
			t.Errorf("got %q", got)
		}
	}
}

func (a answering) GetRegistryPolicy(context.Context, *ecr.GetRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRegistryPolicyOutput, error) {
	return &ecr.GetRegistryPolicyOutput{PolicyText: a.text}, a.err
}

func (a answering) PutRegistryPolicy(context.Context, *ecr.PutRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.PutRegistryPolicyOutput, error) {
	return &ecr.PutRegistryPolicyOutput{}, a.err
}

func (a answering) DeleteRegistryPolicy(context.Context, *ecr.DeleteRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.DeleteRegistryPolicyOutput, error) {
	return &ecr.DeleteRegistryPolicyOutput{}, a.err
}

func TestOwnPolicyErrors(t *testing.T) {
	text := "{}"
	for name, c := range map[string]struct {
		answer           error
		get, set, delete bool // fails
		rejected         bool
	}{
		"no error":          {},
		"no policy":         {answer: &types.RegistryPolicyNotFoundException{}, set: true},
		"invalid parameter": {answer: &types.InvalidParameterException{}, get: true, set: true, delete: true, rejected: true},
		"invalid document":  {answer: &types.ValidationException{}, get: true, set: true, delete: true, rejected: true},
		"another error":     {answer: errors.New("throttled"), get: true, set: true, delete: true},
	} {
		own := registry.NewOwnPolicy(answering{&text, c.answer})
		_, get := own.Policy(t.Context())
		set, remove := own.SetPolicy(t.Context(), "{}"), own.DeletePolicy(t.Context())
		if (get != nil) != c.get || (set != nil) != c.set || (remove != nil) != c.delete || errors.Is(set, registry.ErrRejected) != c.rejected {
			t.Errorf("%s: get %v, set %v, delete %v", name, get, set, remove)
		}
	}
	if got, err := registry.NewOwnPolicy(answering{}).Policy(t.Context()); err == nil {
		t.Errorf("a response without a text: %q", got)
	}
}
