package audit

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is a security finding, or a difference from the standard policy.
type Finding struct {
	Severity    Severity `json:"severity"`
	Kind        Kind     `json:"kind"`
	Repository  string   `json:"repository"` // "" for the registry policy
	Statement   int      `json:"statement"`  // position from 1, or 0 for the policy as a whole
	Sid         string   `json:"sid"`        // "" if the statement has none
	Explanation string   `json:"explanation"`
	Remedy      string   `json:"remedy"`

	// Denies are the Deny statements that limit the access of the statement, each on one line.
	Denies []string `json:"denies"`
}

// Place returns the repository, or that the finding is about the registry policy.
func (f Finding) Place() string { return cmp.Or(f.Repository, registryPolicy) }

// Severity is the severity of a finding. A greater value is more severe.
type Severity int

// The severities. Low is for information that can be intended.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

// severities returns all severities in descending order.
func severities() []Severity { return []Severity{Critical, High, Medium, Low} }

// ParseSeverity returns the severity with a name.
func ParseSeverity(name string) (Severity, error) {
	for _, s := range severities() {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("severity %q doesn't exist; use critical, high, medium, or low", name)
}

// String returns the name in lowercase, and "" for 0, which means that there is no finding.
func (s Severity) String() string {
	switch s {
	case 0:
		return ""
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// MarshalText returns the name for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Severity) UnmarshalText(name []byte) (err error) {
	*s, err = ParseSeverity(string(name))
	return err
}

// Kind is the kind of a finding.
type Kind string

// The kinds of findings.
const (
	OpenToAll          Kind = "open-to-all-principals"
	NetworkOnly        Kind = "network-only"
	InvertedPrincipal  Kind = "not-principal"
	InvertedAction     Kind = "not-action"
	CrossAccountWrite  Kind = "cross-account-write"
	OutsideList        Kind = "outside-list"
	UnlimitedService   Kind = "service-without-source"
	UnreadablePolicy   Kind = "unreadable"
	DeletedPrincipal   Kind = "deleted-principal"
	Drift              Kind = "drift"
	StandardTooLarge   Kind = "too-large"
	NoPolicy           Kind = "no-policy"
	GrantOfMissingList Kind = "missing-list"
	DeniedConsumer     Kind = "denied-consumer"
	OtherLevel         Kind = "other-level"
)

// Kinds returns all kinds, in the order of findings that have the same severity.
func Kinds() []Kind {
	return []Kind{
		OpenToAll, InvertedPrincipal, InvertedAction, CrossAccountWrite, OutsideList, UnlimitedService, UnreadablePolicy,
		NetworkOnly, DeletedPrincipal, DeniedConsumer, Drift, StandardTooLarge, NoPolicy, GrantOfMissingList, OtherLevel,
	}
}

// Title returns a heading for findings of the kind.
func (k Kind) Title() string {
	title, _ := k.texts()
	return title
}

// Remedy returns instructions for findings of the kind.
func (k Kind) Remedy() string {
	_, remedy := k.texts()
	return remedy
}

func (k Kind) texts() (title, remedy string) {
	switch k {
	case OpenToAll:
		return "Open to all principals",
			"Name the accounts in Principal, or add a condition on aws:PrincipalOrgID, aws:PrincipalOrgPaths or aws:PrincipalAccount, and remove all actions except the pull actions. If the account list already includes the consumers, remove the statement."
	case NetworkOnly:
		return "Limited only by network",
			"Add a condition on aws:PrincipalOrgID, aws:PrincipalOrgPaths or aws:PrincipalAccount, and remove all actions except the pull actions. Principals of any account can send requests from a network that allows them."
	case InvertedPrincipal:
		return "Allow with NotPrincipal",
			"Name the intended principals in Principal. Use NotPrincipal only in Deny statements."
	case InvertedAction:
		return "Allow with NotAction",
			"Name the intended actions in Action. NotAction includes every action that AWS adds to ECR."
	case CrossAccountWrite:
		return "Write access for other accounts",
			"Remove all actions except the pull actions, and let pipelines in other accounts assume a role in this account instead. If the access is intended, limit it to one role."
	case OutsideList:
		return "Access outside the account list",
			"Remove the statement. If the consumer needs to pull, add it to the account list. If its account belongs to an organization in the list, a condition on aws:PrincipalOrgID can show this instead."
	case UnlimitedService:
		return "Service without aws:SourceArn",
			"Add a condition on aws:SourceArn with the account whose resources the service can act on behalf of."
	case UnreadablePolicy:
		return "Unreadable policy",
			"To see the policy, run aws ecr get-repository-policy or, for the registry policy, aws ecr get-registry-policy, and correct it. If access is denied, ask an administrator of the account to allow ecr:GetRepositoryPolicy or ecr:GetRegistryPolicy. Then run the audit again."
	case DeletedPrincipal:
		return "Deleted role or user",
			"Remove the ID from the statement. If the role or user was created again, name its ARN again, because its ID has changed."
	case Drift:
		return "Difference from the standard policy",
			"Run ecr-pull-policy apply, or wait for the next scheduled rollout. If the difference returns, find the tool that writes this policy, such as Terraform, CloudFormation or a script."
	case StandardTooLarge:
		return "Standard policy too large",
			"Use an organization or an organizational unit in the account list, set the grant style to condition, or shorten the unmanaged statements."
	case NoPolicy:
		return "No policy",
			"If other accounts need to pull, add them to the account list, then run ecr-pull-policy apply or wait for the next scheduled rollout. Otherwise, no action is needed."
	case DeniedConsumer:
		return "Consumers of the account list are denied",
			"If the consumers must pull, remove the Deny statement, or change it so that it leaves them out. Otherwise, remove the consumers from the account list."
	case OtherLevel:
		return "Managed statement of the other policy level",
			"Run ecr-pull-policy apply, which removes the statement after the policies of the level grant the same. Until then, the statement follows the account list."
	case GrantOfMissingList:
		return "Access from an unusable account list",
			"Write a valid list to the parameter: include the consumers to keep their access, or write none to revoke it."
	}
	return string(k), ""
}

// The remedies that differ from those of the kind.
const (
	remedyOptional    = "Remove IfExists or ForAllValues from the operator of the condition, so that requests without the key don't meet it: use StringEquals for aws:PrincipalOrgID, and ForAnyValue:StringLike for aws:PrincipalOrgPaths."
	remedyReplication = "If the accounts must replicate images to this registry, no action is needed. Otherwise, remove the statement."
	remedyOutOfScope  = "Remove the statement, or include the repository in the scope. The stack doesn't change policies out of scope."
)

// todo returns a heading for what is to be done about a finding: the title of its kind, unless the remedy is another one.
func (f Finding) todo() string {
	switch f.Remedy {
	case remedyOptional:
		return "Open to accounts outside any organization"
	case remedyReplication:
		return "Replication from other accounts"
	case remedyOutOfScope:
		return "Managed statement out of scope"
	case Drift.Remedy():
		return Drift.Title()
	}
	return f.Kind.Title()
}

// mark is a finding without its place.
type mark struct {
	severity    Severity
	kind        Kind
	explanation string
	remedy      string // "" for that of the kind
}

// at returns the finding for a statement, limited by Deny statements.
func (m mark) at(repository string, s Statement, denies []string) Finding {
	return Finding{
		Severity:    m.severity,
		Kind:        m.kind,
		Repository:  repository,
		Statement:   s.Position,
		Sid:         s.Sid,
		Explanation: m.explanation,
		Remedy:      cmp.Or(m.remedy, m.kind.Remedy()),
		Denies:      denies,
	}
}

// whole returns the finding for a policy as a whole.
func (m mark) whole(repository string) Finding { return m.at(repository, Statement{}, []string{}) }

func sortFindings(findings []Finding) {
	order := Kinds()
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			cmp.Compare(a.Remedy, b.Remedy),
			cmp.Compare(a.Repository, b.Repository),
			cmp.Compare(a.Statement, b.Statement),
		)
	})
}

// place is the place of a finding: a statement, or position 0 for the policy as a whole.
type place struct {
	repository string
	statement  int
}

// anywhere is the position that stands for all places in a repository.
const anywhere = -1

// worstByPlace returns the highest severity at each place that has a finding, and in each repository.
func worstByPlace(findings []Finding) map[place]Severity {
	worst := map[place]Severity{}
	for _, f := range findings {
		for _, at := range []place{{f.Repository, f.Statement}, {f.Repository, anywhere}} {
			worst[at] = max(worst[at], f.Severity)
		}
	}
	return worst
}
