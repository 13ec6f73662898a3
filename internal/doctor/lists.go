package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Lists are the account lists.
type Lists interface {
	ReadAll(ctx context.Context) (accountlist.Snapshot, error)
}

// lists looks whether the account list and those of namespaces can be used, and returns whom they name.
func (d *Doctor) lists(ctx context.Context) (findings []Finding, consumers []string) {
	snapshot, err := d.Lists.ReadAll(ctx)
	if err != nil {
		return []Finding{unknown("list", "ssm:GetParameters, ssm:GetParametersByPath and ssm:GetParameterHistory", err)}, nil
	}
	for _, list := range snapshot.All() {
		findings = append(findings, d.list(list))
		if c := list.Consumers; c != nil {
			consumers = slices.Concat(consumers, c.Accounts, c.Principals, c.Organizations, c.OrganizationalUnits)
		}
	}
	slices.Sort(consumers)
	return findings, slices.Compact(consumers)
}

func (d *Doctor) list(list accountlist.List) Finding {
	const (
		subject = "list"
		mend    = "write a mended list into accounts.txt, check it, and make it the list:"
	)
	switch {
	case accountlist.IsMissing(list.Problem):
		return problem(subject, "write into accounts.txt who may pull, check it, and make it the list:",
			"%s does not exist: no repository gets anything from it", list.Name).run(d.writeList("--type String", list.Name)...)
	case list.Problem != nil && list.InUse == 0:
		return problem(subject, mend, "%s can't be used, and no earlier version can: %v", list.Name, list.Problem).run(d.writeList("--overwrite", list.Name)...)
	case list.Problem != nil:
		return problem(subject, mend, "version %d of %s can't be used, version %d is used instead: %v", list.Version, list.Name, list.InUse, list.Problem).
			run(d.writeList("--overwrite", list.Name)...)
	}
	return ok(subject, "%s, version %d, names %s", list.Name, list.Version, Count(*list.Consumers))
}

// Count says how many consumers there are: "2 accounts, 1 organization".
func Count(c policy.Consumers) string {
	var said []string
	for _, counted := range []struct {
		n         int
		one, many string
	}{
		{len(c.Accounts), "account", "accounts"},
		{len(c.Principals), "role or user", "roles and users"},
		{len(c.Organizations), "organization", "organizations"},
		{len(c.OrganizationalUnits), "organizational unit", "organizational units"},
	} {
		switch counted.n {
		case 0:
		case 1:
			said = append(said, "1 "+counted.one)
		default:
			said = append(said, fmt.Sprintf("%d %s", counted.n, counted.many))
		}
	}
	if len(said) == 0 {
		return "nobody"
	}
	return strings.Join(said, ", ")
}
