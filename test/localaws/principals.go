package localaws

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// GoneAccount is an account that doesn't exist in the local AWS, and neither do roles and users whose names end in
// GoneName. All others do, even if they were never created, until they are deleted.
const (
	GoneAccount = "404040404040"
	GoneName    = "/gone"
)

// principals are roles and users.
type principals struct {
	mu      sync.Mutex
	deleted map[string]bool // by ARN
}

// isGone reports whether a principal doesn't exist. Unique IDs are what is left of deleted roles and users.
func (p *principals) isGone(principal string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.HasPrefix(principal, "AROA") || strings.HasPrefix(principal, "AIDA") || p.deleted[principal] ||
		strings.HasSuffix(principal, GoneName) || principal == GoneAccount || strings.Contains(principal, "::"+GoneAccount+":")
}

func (p *principals) setDeleted(arn string, deleted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deleted[arn] = deleted
}

// observePrincipal returns what has to be done when a call to IAM has been answered, if it creates or deletes a role or
// user. Policies that name a deleted one have its unique ID from then on.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func (a *AWS) observePrincipal(ctx context.Context, c call) (answered func(answer) error, err error) {
	var arn, id string
	switch c.operation {
	case "CreateRole", "CreateUser":
		kind := strings.ToLower(strings.TrimPrefix(c.operation, "Create"))
		name := cmp.Or(c.form.Get("RoleName"), c.form.Get("UserName"))
		arn = fmt.Sprintf("arn:aws:iam::%s:%s%s%s", Account, kind, cmp.Or(c.form.Get("Path"), "/"), name)
	case "DeleteRole":
		name := c.form.Get("RoleName")
		if got, err := a.Quiet.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &name}); err == nil {
			arn, id = *got.Role.Arn, *got.Role.RoleId
		}
	case "DeleteUser":
		name := c.form.Get("UserName")
		if got, err := a.Quiet.IAM.GetUser(ctx, &iam.GetUserInput{UserName: &name}); err == nil {
			arn, id = *got.User.Arn, "AIDA"+strings.ToUpper(*got.User.UserId) // moto's has no prefix
		}
	}
	if arn == "" {
		return nil, nil // no such principal
	}
	return func(result answer) error {
		if result.status != http.StatusOK {
			return nil
		}
		a.proxy.principals.setDeleted(arn, id != "")
		if id == "" {
			return nil
		}
		return a.replacePrincipal(context.WithoutCancel(ctx), arn, id)
	}, nil
}

// replacePrincipal replaces a principal in all stored policies.
func (a *AWS) replacePrincipal(ctx context.Context, arn, id string) error {
	names, err := registry.AllNames(ctx, a.Quiet.ECR)
	if err != nil {
		return err
	}
	for _, name := range names {
		document, _, err := a.Quiet.Policy(ctx, name)
		if err != nil {
			return err
		}
		if changed := withPrincipal(document, arn, id); changed != document {
			if err := a.Quiet.SetPolicy(ctx, name, changed); err != nil {
				return err
			}
		}
	}
	document, err := registry.Policy(ctx, a.Quiet.ECR)
	if err != nil {
		return err
	}
	if changed := withPrincipal(document, arn, id); changed != document {
		if _, err := a.Quiet.ECR.PutRegistryPolicy(ctx, &ecr.PutRegistryPolicyInput{PolicyText: &changed}); err != nil {
			return fmt.Errorf("replacing a principal in the registry policy: %w", err)
		}
	}
	return nil
}

// withPrincipal returns a policy with another principal in place of one. Conditions keep it.
func withPrincipal(document, arn, id string) string {
	for _, principal := range principalElements(document) {
		replaced := strings.ReplaceAll(string(principal), `"`+arn+`"`, `"`+id+`"`)
		document = strings.ReplaceAll(document, string(principal), replaced)
	}
	return document
}

// principalElements returns the elements Principal and NotPrincipal of a policy, as they are written.
func principalElements(document string) []json.RawMessage {
	var policy struct {
		Statement oneOrMore[struct{ Principal, NotPrincipal json.RawMessage }]
	}
	if json.Unmarshal([]byte(document), &policy) != nil {
		return nil // moto rejects it
	}
	var elements []json.RawMessage
	for _, statement := range policy.Statement {
		for _, element := range []json.RawMessage{statement.Principal, statement.NotPrincipal} {
			if bytes.HasPrefix(element, []byte("{")) { // "*" names no principal
				elements = append(elements, element)
			}
		}
	}
	return elements
}

// principalsOf returns the AWS principals that a policy names.
func principalsOf(document string) []string {
	var named []string
	for _, element := range principalElements(document) {
		var principal struct{ AWS oneOrMore[string] }
		if json.Unmarshal(element, &principal) == nil {
			named = append(named, principal.AWS...)
		}
	}
	return named
}

// oneOrMore are the values of a member of a policy that is one value or a list.
type oneOrMore[T any] []T

func (v *oneOrMore[T]) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("[")) {
		return json.Unmarshal(data, (*[]T)(v))
	}
	*v = make(oneOrMore[T], 1)
	return json.Unmarshal(data, &(*v)[0])
}
