package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/phrase"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Lists are the account lists.
type Lists interface {
	ReadAll(ctx context.Context) (accountlist.Snapshot, error)
}

// lists checks whether the account list and the namespace lists are usable, and returns them.
func (d *Doctor) lists(ctx context.Context) ([]Finding, accountlist.Snapshot) {
	snapshot, err := d.Lists.ReadAll(ctx)
	if err != nil {
		return []Finding{unknown("list", "ssm:GetParameters, ssm:GetParametersByPath and ssm:GetParameterHistory", err)}, snapshot
	}
	var findings []Finding
	for _, list := range snapshot.All() {
		findings = append(findings, d.list(list))
	}
	return findings, snapshot
}

func (d *Doctor) list(list accountlist.List) Finding {
	const (
		subject = "list"
		correct = "save a corrected list as accounts.txt, check it, and update the list:"
	)
	scopeError, isScope := errors.AsType[*policy.ScopeError](list.Problem)
	switch {
	case isScope:
		return problem(subject, "change the parameter Include or Exclude, or set PolicyLevel=repository, and deploy the stack",
			"%s can't be used at the policy level registry, and its grants stay as they are: %v", list.Name, scopeError)
	case accountlist.IsMissing(list.Problem):
		return problem(subject, "save the consumers, or none to revoke all grants of the list, in accounts.txt, check the file, and create the list:",
			"%s doesn't exist; existing policies keep its grants", list.Name).with(d.listCommands("--type String", list.Name)...)
	case list.Problem != nil && list.InUse == 0:
		return problem(subject, correct, "%s is unusable, and so are its earlier versions: %v", list.Name, list.Problem).with(d.listCommands("--overwrite", list.Name)...)
	case list.Problem != nil:
		return problem(subject, correct, "version %d of %s is unusable, so version %d is used instead: %v", list.Version, list.Name, list.InUse, list.Problem).
			with(d.listCommands("--overwrite", list.Name)...)
	}
	return ok(subject, "%s, version %d, contains %s", list.Name, list.Version, Count(*list.Consumers))
}

// Count returns the number of consumers of each kind: "2 accounts, 1 organization".
func Count(c policy.Consumers) string {
	var counts []string
	for _, counted := range []struct {
		n         int
		one, many string
	}{
		{len(c.Accounts), "account", "accounts"},
		{len(c.Principals), "role or user", "roles and users"},
		{len(c.Organizations), "organization", "organizations"},
		{len(c.OrganizationalUnits), "organizational unit", "organizational units"},
	} {
		if counted.n > 0 {
			counts = append(counts, phrase.Count(counted.n, counted.one, counted.many))
		}
	}
	if len(counts) == 0 {
		return "no consumers"
	}
	return strings.Join(counts, ", ")
}
