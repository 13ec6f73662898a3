package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/group"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/obstacle"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Notice is what an operator must know about a repository although the account lists don't change it.
type Notice struct {
	Text    string // a clause
	Remedy  string
	Command string // for the remedy; "" for none
}

// notices returns the notices about a policy that follows the lists.
func (p *Planner) notices(name, document string, lists accountlist.Snapshot) []Notice {
	statements, err := iampolicy.Read(document)
	if err != nil && document != "" {
		return nil // policy.ParseDocument is stricter, so that can't happen
	}
	documents := []iampolicy.Document{
		{Name: "repository policy", Statements: statements},
		{Name: "registry policy", Statements: p.RegistryPolicy},
	}
	var notices []Notice
	for _, o := range obstacle.Find(p.Standard, documents, name, lists.Listed(name)) {
		notices = append(notices, Notice{Text: o.String(), Remedy: "if they must pull, change the Deny statement; otherwise, remove them from the list"})
	}
	return append(notices, p.deleted(name, document, lists)...)
}

// deleted returns a notice for each list that doesn't exist although the policy of a repository grants access because of
// it.
func (p *Planner) deleted(name, document string, lists accountlist.Snapshot) []Notice {
	parsed, err := policy.ParseDocument(document, p.Standard.Registry)
	if err != nil {
		return nil
	}
	path := lists.Path(name)
	return deletedLists(parsed, lists, func(g policy.Grant) string {
		if g.List >= len(path) {
			return ""
		}
		return path[g.List]
	})
}

// deletedInRegistry returns such notices about the registry policy.
func deletedInRegistry(registryPolicy policy.Document, lists accountlist.Snapshot) []Notice {
	return deletedLists(registryPolicy, lists, func(g policy.Grant) string {
		root := lists.Path("")[0]
		if g.Namespace == "" {
			return root
		}
		return root + "/" + g.Namespace
	})
}

func deletedLists(document policy.Document, lists accountlist.Snapshot, list func(policy.Grant) string) []Notice {
	consumers := map[string][]string{} // by list
	for _, g := range document.Grants() {
		if name := list(g); name != "" && accountlist.IsMissing(lists.List(name).Problem) {
			consumers[name] = append(consumers[name], g.Consumers...)
		}
	}
	var notices []Notice
	for _, name := range slices.Sorted(maps.Keys(consumers)) {
		of := consumers[name]
		slices.Sort(of)
		notices = append(notices, Notice{
			Text:    fmt.Sprintf("the policy still grants access to %s because of the list %s, which doesn't exist", strings.Join(slices.Compact(of), ", "), name),
			Remedy:  "to revoke the access, write none to the list:",
			Command: "aws ssm put-parameter --name " + name + " --type String --value none",
		})
	}
	return notices
}

// NoticeGroup is a notice that is the same about several repositories.
type NoticeGroup struct {
	Notice
	Repositories []string
}

// NoticeGroups returns the notices of a plan, in descending order of the number of repositories.
func NoticeGroups(planned []Repository) []NoticeGroup {
	type about struct {
		notice     Notice
		repository string
	}
	var all []about
	for _, r := range planned {
		for _, n := range r.Notices {
			all = append(all, about{n, r.Name})
		}
	}
	var groups []NoticeGroup
	for _, same := range group.By(all, func(a about) Notice { return a.notice }) {
		g := NoticeGroup{Notice: same[0].notice}
		for _, a := range same {
			g.Repositories = append(g.Repositories, a.repository)
		}
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b NoticeGroup) int { return cmp.Compare(len(b.Repositories), len(a.Repositories)) })
	return groups
}
