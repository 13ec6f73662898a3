package settings

import (
	"errors"
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Parameters are the parameters of the stack that decide which policy a repository gets, as the template names and
// CloudFormation writes them.
type Parameters struct {
	AccountListName string
	GrantStyle      string
	LambdaStatement string // on or off
	ExtraActions    []string
	Include         []string
	Exclude         []string
}

// Defaults returns those of template.yaml.
func Defaults() Parameters {
	return Parameters{
		AccountListName: "/ecr-pull-policy/accounts",
		GrantStyle:      string(policy.GrantPrincipal),
		LambdaStatement: "on",
		Include:         []string{"**"},
	}
}

// Settings checks the parameters for a registry. The error names everything that is wrong with them.
func (p Parameters) Settings(stack string, registry policy.Registry) (Settings, error) {
	var lambda toggle
	err := lambda.UnmarshalText([]byte(p.LambdaStatement))
	if err != nil {
		err = fmt.Errorf("LambdaStatement: %w", err)
	}
	s, checkErr := check(Settings{
		Stack:    stack,
		ListName: p.AccountListName,
		Standard: policy.Standard{
			Registry:     registry,
			Style:        policy.GrantStyle(p.GrantStyle),
			Lambda:       bool(lambda),
			ExtraActions: p.ExtraActions,
		},
	}, p.Include, p.Exclude)
	return s, errors.Join(err, checkErr)
}
