package audit

// Kind is what a finding is about.
type Kind string

// The kinds of findings.
const (
	OpenToEverybody    Kind = "open-to-everybody"
	InvertedPrincipal  Kind = "not-principal"
	InvertedAction     Kind = "not-action"
	CrossAccountWrite  Kind = "cross-account-write"
	OutsideList        Kind = "outside-list"
	UnpinnedService    Kind = "service-without-source"
	UnreadablePolicy   Kind = "unreadable"
	DeletedPrincipal   Kind = "deleted-principal"
	Drift              Kind = "drift"
	StandardTooLarge   Kind = "too-large"
	NoPolicy           Kind = "no-policy"
	GrantOfMissingList Kind = "missing-list"
)

// Kinds returns all of them, in the order in which findings of one severity are shown.
func Kinds() []Kind {
	return []Kind{
		OpenToEverybody, InvertedPrincipal, InvertedAction, CrossAccountWrite, OutsideList, UnpinnedService,
		UnreadablePolicy, DeletedPrincipal, Drift, StandardTooLarge, NoPolicy, GrantOfMissingList,
	}
}

// Title names the kind for a heading.
func (k Kind) Title() string {
	title, _ := k.about()
	return title
}

// Remedy says what to do about a finding of the kind.
func (k Kind) Remedy() string {
	_, remedy := k.about()
	return remedy
}

func (k Kind) about() (title, remedy string) {
	switch k {
	case OpenToEverybody:
		return "Open to everybody",
			"Name the accounts, or add a condition on aws:PrincipalOrgID, aws:PrincipalOrgPaths or aws:PrincipalAccount. If the account list serves them already, remove the statement."
	case InvertedPrincipal:
		return "Allow with NotPrincipal",
			"Name with Principal whom it is meant for. NotPrincipal belongs into statements that deny."
	case InvertedAction:
		return "Allow with NotAction",
			"Name with Action what it is meant for. NotAction takes in every action that AWS adds to ECR."
	case CrossAccountWrite:
		return "Writing from other accounts",
			"Let pipelines of other accounts assume a role in this account instead, or leave only the pull actions. If it is meant so, narrow it to one role."
	case OutsideList:
		return "Granted outside the account list",
			"Add the consumer to the account list if it is to pull, and remove the statement either way."
	case UnpinnedService:
		return "Service without aws:SourceArn",
			"Add a condition on aws:SourceArn that names the account of the resources for which the service may act."
	case UnreadablePolicy:
		return "Policy could not be read",
			"Look at it with aws ecr get-repository-policy; then correct it, or the permission that was missing, and run the audit again."
	case DeletedPrincipal:
		return "Deleted role or user",
			"Remove the ID from the statement, or name the role again if it was made anew: a new role of the same name has another ID."
	case Drift:
		return "Differs from the standard",
			"Run apply, or wait for the schedule. If it comes back, something else writes this policy: Terraform, CloudFormation, a script."
	case StandardTooLarge:
		return "No room for the standard policy",
			"Name an organization or an organizational unit in the account list, set the grant style to condition, or shorten the foreign statements."
	case NoPolicy:
		return "No policy",
			"Run apply, or wait for the schedule, if other accounts are to pull. Otherwise it is as it should be."
	case GrantOfMissingList:
		return "Grant of a list that is gone",
			"Write the list again: with its consumers to keep the grant, with none to revoke it."
	}
	return string(k), ""
}
