package settings

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Parameters are the parameters of the stack for the standard policy and the scope, with the names and formats of the
// template.
type Parameters struct {
	AccountListName string
	PolicyLevel     string // repository or registry
	GrantStyle      string
	LambdaStatement string // on or off
	ExtraActions    []string
	Include         []string
	Exclude         []string
	Mode            string // enforce or observe

	// PrincipalCheckRepository is the output of the stack with the name of its own repository, or "" without a stack.
	PrincipalCheckRepository string
}

// Items returns the items of a parameter that is a list. In the template, commas separate them.
func Items(parameter string) []string {
	return strings.FieldsFunc(parameter, func(r rune) bool { return r == ',' })
}

// Defaults returns the defaults of template.yaml.
func Defaults() Parameters {
	return Parameters{
		AccountListName: "/ecr-pull-policy/accounts",
		PolicyLevel:     string(policy.LevelRepository),
		GrantStyle:      string(policy.GrantPrincipal),
		LambdaStatement: "on",
		Include:         []string{"**"},
		Mode:            string(enforce),
	}
}

// Settings checks the parameters, and returns the settings for a registry. The error lists all problems.
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
			Level:        policy.Level(p.PolicyLevel),
		},
		Observe: m == observe,

		PrincipalCheckRepository: p.PrincipalCheckRepository,
	}, p.Include, p.Exclude)
	return s, errors.Join(append(errs, err)...)
}
