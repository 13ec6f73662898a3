// Package settings reads the settings of the stack, from the environment of a function or from the parameters of the
// stack.
package settings

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/caarlos0/env/v11"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/scope"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Settings are the checked parameters of the stack.
type Settings struct {
	Stack    string
	ListName string
	Standard policy.Standard
	Scope    scope.Scope
	Observe  bool // write nothing

	// PrincipalCheckRepository is the stack's own empty repository, or "" without a stack. It isn't in scope.
	PrincipalCheckRepository string
}

type environment struct {
	StackName         string   `env:"STACK_NAME,required"`
	Region            string   `env:"AWS_REGION,required"`
	RegistryPartition string   `env:"REGISTRY_PARTITION,required"`
	RegistryAccountID string   `env:"REGISTRY_ACCOUNT_ID,required"`
	AccountListName   string   `env:"ACCOUNT_LIST_NAME,required"`
	PolicyLevel       string   `env:"POLICY_LEVEL,required,notEmpty"`
	GrantStyle        string   `env:"GRANT_STYLE,required"`
	LambdaStatement   toggle   `env:"LAMBDA_STATEMENT,required"`
	ExtraActions      []string `env:"EXTRA_ACTIONS"`
	Include           []string `env:"INCLUDE,notEmpty"`
	Exclude           []string `env:"EXCLUDE"`
	Mode              mode     `env:"MODE,required"`

	PrincipalCheckRepository string `env:"PRINCIPAL_CHECK_REPOSITORY,required,notEmpty"`
}

type (
	toggle bool
	mode   string
)

func (t *toggle) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on":
		*t = true
	case "off":
		*t = false
	default:
		return fmt.Errorf("%q is neither on nor off", text)
	}
	return nil
}

const (
	enforce mode = "enforce"
	observe mode = "observe"
)

func (m *mode) UnmarshalText(text []byte) error {
	*m = mode(text)
	if *m != enforce && *m != observe {
		return fmt.Errorf("%q is neither %s nor %s", text, enforce, observe)
	}
	return nil
}

// FromEnvironment reads the settings from the environment. The error lists all problems.
func FromEnvironment() (Settings, error) {
	e, err := env.ParseAs[environment]()
	if err != nil {
		return Settings{}, fmt.Errorf("read environment: %w", err)
	}
	standard := policy.Standard{
		Registry: policy.Registry{
			Partition: e.RegistryPartition,
			Region:    e.Region,
			AccountID: e.RegistryAccountID,
		},
		Style:        policy.GrantStyle(e.GrantStyle),
		Lambda:       bool(e.LambdaStatement),
		ExtraActions: e.ExtraActions,
		Level:        policy.Level(e.PolicyLevel),
	}
	s, err := check(Settings{
		Stack:    e.StackName,
		ListName: e.AccountListName,
		Standard: standard,
		Observe:  e.Mode == observe,

		PrincipalCheckRepository: e.PrincipalCheckRepository,
	}, e.Include, e.Exclude)
	if err != nil {
		return Settings{}, fmt.Errorf("read environment: %w", err)
	}
	return s, nil
}

// anyCheckRepository matches the names that CloudFormation gives to the repository PrincipalCheckRepository of a stack:
// that of the stack, the logical ID, and random characters, in lowercase.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html
const anyCheckRepository = "*-principalcheckrepository*"

// check adds the scope to settings, and checks them. The error lists all problems.
func check(s Settings, include, exclude []string) (Settings, error) {
	checkRepository := s.PrincipalCheckRepository
	if checkRepository == "" { // there can still be a stack: the command line also runs without its settings
		checkRepository = anyCheckRepository
	}
	// Grants in the registry policy also cover the check repository, which is empty: without an Exclude element, IAM can
	// express more patterns.
	s.Standard.Scope = policy.Scope{Include: include, Exclude: exclude}
	var err error
	s.Scope, err = scope.New(include, append(exclude[:len(exclude):len(exclude)], checkRepository))
	if err := errors.Join(checkListName(s.ListName), s.Standard.Validate(), err); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// checkListName rejects the same names as template.yaml. With an empty name, every parameter of the account would be a
// list.
func checkListName(name string) error {
	if len(name) > 200 || !regexp.MustCompile(`^(/[a-zA-Z0-9_.-]+){1,5}$`).MatchString(name) {
		return fmt.Errorf("%q: invalid account list name; must be a full parameter name with at most five levels, for example /ecr-pull-policy/accounts", name)
	}
	return nil
}
