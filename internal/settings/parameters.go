package settings

import (
	"errors"
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Parameters are the parameters of the stack that decide which policy a repository gets, and whether it does, as the
// template names and CloudFormation writes them.
type Parameters struct {
	AccountListName string
	GrantStyle      string
	LambdaStatement string // on or off
	ExtraActions    []string
	Include         []string
	Exclude         []string
	Mode            string // enforce or observe

	// PrincipalCheckRepository is the output of the stack that names its own repository; "" if there is no stack.
	PrincipalCheckRepository string
}

// Defaults returns those of template.yaml.
func Defaults() Parameters {
	return Parameters{
		AccountListName: "/ecr-pull-policy/accounts",
		GrantStyle:      string(policy.GrantPrincipal),
		LambdaStatement: "on",
		Include:         []string{"**"},
		Mode:            string(enforce),
	}
}

// Settings checks the parameters for a registry. The error names everything that is wrong with them.
func (p Parameters) Settings(stack string, registry policy.Registry) (Settings, error) {
	var lambda toggle
	var m mode
	var errs []error
	if err := lambda.UnmarshalText([]byte(p.LambdaStatement)); err != nil {
		errs = append(errs, fmt.Errorf("parameter LambdaStatement: %w", err))
	}
	if err := m.UnmarshalText([]byte(p.Mode)); err != nil {
		errs = append(errs, fmt.Errorf("parameter Mode: %w", err))
	}
	s, err := check(Settings{
		Stack:    stack,
		ListName: p.AccountListName,
		Standard: policy.Standard{
			Registry:     registry,
			Style:        policy.GrantStyle(p.GrantStyle),
			Lambda:       bool(lambda),
			ExtraActions: p.ExtraActions,
		},
		Observe: m == observe,

		PrincipalCheckRepository: p.PrincipalCheckRepository,
	}, p.Include, p.Exclude)
	return s, errors.Join(append(errs, err)...)
}
