package doctor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
)

// RegistryAPI is what the doctor needs of ECR.
type RegistryAPI interface {
	GetAccountSetting(context.Context, *ecr.GetAccountSettingInput, ...func(*ecr.Options)) (*ecr.GetAccountSettingOutput, error)
	GetRegistryPolicy(context.Context, *ecr.GetRegistryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRegistryPolicyOutput, error)
}

// registryPolicy looks whether the registry policy grants the same as the lists: then taking somebody off a list
// takes nothing away. Only policies of scope V2 can: what the scope is matters to such a policy alone, and not every
// registry says it.
//
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
func (d *Doctor) registryPolicy(ctx context.Context, consumers []string) Finding {
	const subject = "registry policy"
	output, err := d.ECR.GetRegistryPolicy(ctx, &ecr.GetRegistryPolicyInput{})
	switch {
	case hasCode(err, "RegistryPolicyNotFoundException"):
		return ok(subject, "there is none")
	case err != nil:
		return unknown(subject, "ecr:GetRegistryPolicy", err)
	}
	granted, err := pullers(aws.ToString(output.PolicyText))
	if err != nil {
		return unknown(subject, "ecr:GetRegistryPolicy", err)
	}
	both := slices.DeleteFunc(slices.Clone(consumers), func(c string) bool { return !slices.Contains(granted, c) })
	who := strings.Join(both, ", ")
	if slices.Contains(granted, everybody) {
		who = "everybody"
	}
	if who == "" {
		return ok(subject, "it grants pull on all repositories to nobody on the lists")
	}
	setting, err := d.ECR.GetAccountSetting(ctx, &ecr.GetAccountSettingInput{Name: aws.String(policyScope)})
	switch {
	case err != nil:
		return warning(subject, "see what its scope is:", "it lets %s pull from all repositories if its scope is V2, which can't be told: %s", who, awsclient.ErrorText(err)).
			run(d.here("aws ecr get-account-setting --name " + policyScope))
	case aws.ToString(setting.Value) == "V1":
		return ok(subject, "its scope is V1: it can't grant pull")
	case slices.Contains(granted, everybody):
		return problem(subject, "take the grant to everybody out of it:", "it lets everybody pull from all repositories, whatever the lists say").
			run(d.here("aws ecr get-registry-policy --query policyText --output text"))
	}
	return warning(subject, "have it in one place: take the grant out of the registry policy, or the consumers off the lists",
		"it lets %s pull from all repositories already: taking them off a list would take nothing away", who)
}

const (
	everybody   = "*"
	policyScope = "REGISTRY_POLICY_SCOPE"
)

// pullers returns whom a registry policy lets pull from all repositories, as account lists name them.
func pullers(document string) ([]string, error) {
	var policy struct{ Statement statements }
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		return nil, err
	}
	var named []string
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || !slices.ContainsFunc(s.Action, letsPull) || !slices.ContainsFunc(s.Resource, isAllRepositories) {
			continue
		}
		for _, principal := range s.Principal {
			account, isRoot := strings.CutSuffix(principal, ":root")
			switch {
			case isRoot:
				named = append(named, account[strings.LastIndex(account, ":")+1:])
			case principal != everybody || len(s.Condition) == 0:
				named = append(named, principal)
			}
		}
		for _, byKey := range s.Condition {
			for _, values := range byKey {
				named = append(named, values...)
			}
		}
	}
	return named, nil
}

// letsPull tells whether an action of a policy, which may have wildcards at its end, takes in that of a pull.
func letsPull(action string) bool {
	prefix, isPrefix := strings.CutSuffix(strings.ToLower(action), "*")
	const pull = "ecr:batchgetimage"
	return isPrefix && strings.HasPrefix(pull, prefix) || prefix == pull
}

func isAllRepositories(resource string) bool {
	return resource == everybody || strings.HasSuffix(resource, ":*") || strings.HasSuffix(resource, ":repository/*")
}

type registryStatement struct {
	Effect    string
	Principal principals
	Action    texts
	Resource  texts
	Condition map[string]map[string]texts
}

// statements are written as a list, or as one alone.
type statements []registryStatement

func (s *statements) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]registryStatement)(s))
	}
	*s = make(statements, 1)
	return json.Unmarshal(data, &(*s)[0])
}

// texts are written as a list, or as one alone.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(t))
	}
	*t = make(texts, 1)
	return json.Unmarshal(data, &(*t)[0])
}

// principals are written by their kinds, or as "*" for everybody. The kind doesn't matter here.
type principals []string

func (p *principals) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		return json.Unmarshal(data, (*texts)(p))
	}
	var byKind map[string]texts
	if err := json.Unmarshal(data, &byKind); err != nil {
		return err
	}
	for _, named := range byKind {
		*p = append(*p, named...)
	}
	return nil
}
