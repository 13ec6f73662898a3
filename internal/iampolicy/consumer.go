package iampolicy

import (
	"cmp"
	"slices"
	"strings"
)

// Consumer is a consumer that a statement applies to: a principal that it names or, if it names all principals and
// limits them using a condition, an account, organization, OU, role or user in that condition.
type Consumer struct {
	Kind ConsumerKind `json:"kind"`
	ID   string       `json:"id"` // account or organization ID, OU path, ARN, service name, *

	// Account and Organization are those of the consumer, if they are known. For a service, they are those that it acts
	// on behalf of.
	Account      string `json:"account,omitempty"`
	Organization string `json:"organization,omitempty"`

	// OrganizationPath is the path of the OU of Account, if it is known.
	OrganizationPath string `json:"organizationPath,omitempty"`

	// Source is the pattern of the ARNs of the resources that a service acts on behalf of, if it is known.
	Source string `json:"source,omitempty"`

	Principal string `json:"principal"` // as the statement names it
}

// AnyService is the ID of a consumer that stands for all AWS services.
const AnyService = "any AWS service"

// OwnOrganization is the ID of the organization of the registry's account, which policies refer to using this policy
// variable.
const OwnOrganization = "${aws:ResourceOrgID}"

// OfAccount returns the consumer that stands for all principals in an account.
func OfAccount(id string) Consumer { return Principal{AWS, id}.consumer() }

// OfARN returns the consumer with the ARN of a role or user.
func OfARN(arn string) Consumer { return Principal{AWS, arn}.consumer() }

// OfOrganization returns the consumer that stands for all principals in an organization.
func OfOrganization(id string) Consumer {
	c, _ := limitedTo("aws:PrincipalOrgID", id)
	return c
}

// OfOrganizationalUnit returns the consumer that stands for all principals in an OU, which its path specifies.
func OfOrganizationalUnit(path string) Consumer {
	c, _ := limitedTo("aws:PrincipalOrgPaths", path)
	return c
}

// OfLambda returns the consumer that stands for the Lambda service on behalf of the functions that a pattern matches.
func OfLambda(functions string) Consumer {
	return Consumer{Kind: ServicePrincipal, ID: "lambda.amazonaws.com", Account: accountOf(functions), Source: functions}
}

const (
	strangersAccount      = "000000000000"
	strangersOrganization = "o-0000000000"
)

// Stranger returns an account that no statement names. Whether it belongs to an organization isn't known, but no
// statement names that organization.
func Stranger() Consumer {
	return Consumer{Kind: Account, ID: strangersAccount, Account: strangersAccount, Organization: strangersOrganization}
}

// ConsumerKind is the kind of a consumer.
type ConsumerKind string

// The kinds of consumers.
const (
	AllPrincipals      ConsumerKind = "all-principals"
	Organization       ConsumerKind = "organization"
	OrganizationalUnit ConsumerKind = "organizational-unit"
	Account            ConsumerKind = "account"
	NamedPrincipal     ConsumerKind = "principal" // a role, user or session
	ServicePrincipal   ConsumerKind = "service"
	FederatedPrincipal ConsumerKind = "federated"
	DeletedPrincipal   ConsumerKind = "deleted" // the unique ID of a deleted role or user
	OtherPrincipal     ConsumerKind = "other"
)

// ConsumerKinds returns all kinds, from the widest to the narrowest.
func ConsumerKinds() []ConsumerKind {
	return []ConsumerKind{
		AllPrincipals, Organization, OrganizationalUnit, Account, NamedPrincipal, ServicePrincipal, FederatedPrincipal,
		OtherPrincipal, DeletedPrincipal,
	}
}

// String returns the name of the consumer for use in a sentence.
func (c Consumer) String() string {
	switch {
	case c.Kind == AllPrincipals:
		return "all principals"
	case c.ID == OwnOrganization:
		return "the registry's organization"
	}
	return c.ID
}

// IsUnlimitedService reports whether the consumer is a service that can act on behalf of any account.
func (c Consumer) IsUnlimitedService() bool {
	return c.Kind == ServicePrincipal && c.Account == "" && c.Organization == ""
}

// SessionRole returns the name of the role if the consumer is a session of a role.
func (c Consumer) SessionRole() (name string, ok bool) {
	role, ok := roleOf(c.ID)
	return strings.TrimPrefix(role, c.Account+" "), ok && isSession(c.ID)
}

// AppliesTo returns the consumers that the statement applies to. If it allows, they are narrowed by the conditions that
// limit them to organizations, OUs, accounts or principals. The conditions of a statement that denies are ignored,
// because each of them exempts principals from the denial.
func (s Statement) AppliesTo() []Consumer {
	if s.NotPrincipal {
		return s.limit(Consumer{Kind: AllPrincipals, ID: "*", Principal: "*"})
	}
	consumers := []Consumer{}
	for _, c := range s.Named() {
		consumers = append(consumers, s.limit(c)...)
	}
	return consumers
}

// Named returns the consumers in the Principal or NotPrincipal element, regardless of conditions.
func (s Statement) Named() []Consumer {
	var consumers []Consumer
	for _, p := range s.Principals {
		consumers = append(consumers, p.consumer())
	}
	return consumers
}

// Limits reports whether a condition limits the statement to values of a key that each name an account or
// organization.
func (s Statement) Limits(key string) bool {
	_, ok := s.limits(key)
	return ok
}

// NamesCallers reports whether the callers that meet the conditions are named, even if other requests meet them too
// because they don't have the key.
func (s Statement) NamesCallers() bool {
	s.Conditions = slices.Clone(s.Conditions)
	for i, c := range s.Conditions {
		s.Conditions[i].Operator = strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(c.Operator), "ifexists"), "forallvalues:")
	}
	return slices.ContainsFunc(principalKeys(), s.Limits)
}

func (p Principal) consumer() Consumer {
	c := Consumer{Kind: OtherPrincipal, ID: p.Value, Principal: p.Value}
	switch p.Type {
	case Service:
		c.Kind = ServicePrincipal
	case Federated:
		c.Kind, c.Account = FederatedPrincipal, accountOf(p.Value)
	case AWS:
		c.Kind, c.ID, c.Account = readAWS(p.Value)
	}
	return c
}

// readAWS reads a principal of the type AWS.
func readAWS(value string) (kind ConsumerKind, id, account string) {
	account = accountOf(value)
	switch {
	case IsAccountID(value):
		return Account, value, value
	case IsUniqueID(value):
		return DeletedPrincipal, value, ""
	case account != "" && strings.HasSuffix(value, ":root"):
		return Account, account, account
	case account != "":
		return NamedPrincipal, value, account
	case strings.Contains(value, "*"):
		return AllPrincipals, "*", ""
	}
	return OtherPrincipal, value, ""
}

// accountOf returns the account ID in an ARN, or "" if it has none or has a pattern instead.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || !IsAccountID(parts[4]) {
		return ""
	}
	return parts[4]
}

// IsAccountID reports whether s has the form of an account ID.
func IsAccountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// IsUniqueID reports whether s is the unique ID of a role or user, which has 16 to 128 characters. When a role or user
// is deleted, IAM replaces its ARN in stored policies with this ID:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html,
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
func IsUniqueID(s string) bool {
	return (strings.HasPrefix(s, "AROA") || strings.HasPrefix(s, "AIDA")) && 16 <= len(s) && len(s) <= 128 &&
		strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// The condition keys that can limit a request to an organization, an OU, an account or a principal, from the narrowest
// to the widest: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html

func principalKeys() []string {
	return []string{"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgPaths", "aws:PrincipalOrgID"}
}

func sourceKeys() []string {
	return []string{"aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgPaths", "aws:SourceOrgID"}
}

// limit returns the consumers that remain of one that the statement names, after its conditions. Only all principals
// and services are narrowed. The organization of the others is known if a condition requires it.
func (s Statement) limit(c Consumer) []Consumer {
	if s.Effect != Allow {
		return []Consumer{c}
	}
	if c.Kind == AllPrincipals && s.requires("aws:PrincipalIsAWSService", "true") {
		c.Kind, c.ID = ServicePrincipal, AnyService
	}
	var keys []string
	organization := "aws:PrincipalOrgID"
	switch c.Kind {
	case AllPrincipals:
		keys = append(principalKeys(), sourceKeys()...)
	case ServicePrincipal:
		keys, organization = sourceKeys(), "aws:SourceOrgID"
	}
	if c.Kind == ServicePrincipal {
		c.Source = s.source()
	}
	consumers := []Consumer{c}
	for _, key := range keys {
		if values, ok := s.limits(key); ok {
			for i := range values {
				values[i].Principal = c.Principal
				if c.Kind == ServicePrincipal {
					values[i].ID, values[i].Source = c.ID, cmp.Or(values[i].Source, c.Source)
				}
			}
			consumers = values
			break
		}
	}
	if required, ok := s.limits(organization); ok && len(required) == 1 {
		for i := range consumers {
			consumers[i].Organization = cmp.Or(consumers[i].Organization, required[0].Organization)
		}
	}
	return consumers
}

// source returns the pattern of the ARNs of the resources that a service must act on behalf of. It is "" if a condition
// doesn't require one, or requires one of several.
func (s Statement) source() string {
	for _, c := range s.Conditions {
		if strings.EqualFold(c.Key, "aws:SourceArn") && requiresMatch(c.Operator) && len(c.Values) == 1 && !s.isText(c.Values[0]) {
			return c.Values[0]
		}
	}
	return ""
}

// LimitsSourceType reports whether a condition limits a service to resources of one type, such as Lambda functions, in
// whatever account.
func (s Statement) LimitsSourceType() bool {
	parts := partsOf(s.source())
	if parts == nil {
		return false
	}
	service, resource := parts[2], parts[5]
	end := strings.IndexAny(resource, ":/")
	return !isPattern(service) && end > 0 && !isPattern(resource[:end])
}

// requires reports whether a condition requires a key to have a value.
func (s Statement) requires(key, value string) bool {
	return slices.ContainsFunc(s.Conditions, func(c Condition) bool {
		o := parseOperator(c.Operator)
		return strings.EqualFold(c.Key, key) && !o.negated && !o.all && !o.ifExists && slices.Contains([]string{"bool", "stringequals"}, o.name) &&
			len(c.Values) == 1 && strings.EqualFold(c.Values[0], value)
	})
}

// Exempts returns the consumers that a statement that denies leaves out: those in its NotPrincipal element, and those
// in conditions that require other values. It reports whether they are all that it leaves out: a pattern such as 1* can
// leave out any account.
func (s Statement) Exempts() (consumers []Consumer, all bool) {
	if s.NotPrincipal {
		consumers = s.Named()
	}
	all = true
	for _, c := range s.Conditions {
		for _, key := range principalKeys() {
			if o := parseOperator(c.Operator); !strings.EqualFold(c.Key, key) || !o.negated {
				continue
			}
			for _, value := range c.Values {
				switch exempt, ok := limitedTo(key, value); {
				case s.isText(value): // it matches no principal
				case ok:
					exempt.Principal = value
					consumers = append(consumers, exempt)
				default:
					all = false
				}
			}
		}
	}
	return consumers, all
}

// OptionalLimits returns the conditions that require an organization or OU, but that requests without the key meet, too:
// principals in accounts outside any organization don't have these keys.
func (s Statement) OptionalLimits() []Condition {
	return slices.DeleteFunc(slices.Clone(s.Conditions), func(c Condition) bool {
		o := parseOperator(c.Operator)
		return o.negated || !o.ifExists && !o.all || !strings.EqualFold(c.Key, "aws:PrincipalOrgID") && !strings.EqualFold(c.Key, "aws:PrincipalOrgPaths")
	})
}

// limits returns the consumers that a condition on a key allows. It reports false if there is no such condition, or if
// one of its values doesn't name an account or organization.
func (s Statement) limits(key string) ([]Consumer, bool) {
	for _, condition := range s.Conditions {
		if !strings.EqualFold(condition.Key, key) || !requiresMatch(condition.Operator) || len(condition.Values) == 0 {
			continue
		}
		values := slices.DeleteFunc(slices.Clone(condition.Values), s.isText)
		var consumers []Consumer
		for _, value := range values {
			if c, ok := limitedTo(key, value); ok {
				consumers = append(consumers, c)
			}
		}
		if len(consumers) == len(values) {
			return consumers, true
		}
	}
	return nil, false
}

// ConditionsOf returns the conditions that the requests of a consumer must meet, one of those that AppliesTo returns. Of
// a condition whose values name the consumers, they have only the values that name this one.
func (s Statement) ConditionsOf(c Consumer) []Condition {
	conditions := slices.Clone(s.Conditions)
	for i, condition := range conditions {
		for _, key := range append(principalKeys(), sourceKeys()...) {
			if !strings.EqualFold(condition.Key, key) || !requiresMatch(condition.Operator) || !s.Limits(key) {
				continue
			}
			var values []string
			for _, value := range condition.Values {
				if named, _ := limitedTo(key, value); named.Account == c.Account && named.Source == c.Source && named.OrganizationPath == c.OrganizationPath &&
					(c.Kind == ServicePrincipal || named.ID == c.ID) {
					values = append(values, value)
				}
			}
			if len(values) > 0 {
				conditions[i].Values = values
			}
		}
	}
	return conditions
}

// requiresMatch reports whether an operator requires the key to be present and to have one of the values. With IfExists
// and ForAllValues, requests without the key meet the condition.
func requiresMatch(text string) bool {
	o := parseOperator(text)
	return !o.negated && !o.ifExists && !o.all &&
		slices.Contains([]string{"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"}, o.name)
}

// limitedTo reads a value of a key. It reports false if a wildcard replaces the account or organization, because the
// value then limits nothing.
func limitedTo(key, value string) (Consumer, bool) {
	organization, _, _ := strings.Cut(value, "/")
	isOrganization := (strings.HasPrefix(organization, "o-") || organization == OwnOrganization) && !isPattern(organization)
	switch key {
	case "aws:PrincipalArn":
		c := Principal{AWS, value}.consumer()
		return c, c.Account != ""
	case "aws:PrincipalAccount":
		return Consumer{Kind: Account, ID: value, Account: value}, IsAccountID(value)
	case "aws:PrincipalOrgPaths":
		return Consumer{Kind: OrganizationalUnit, ID: value, Organization: organization}, isOrganization
	case "aws:PrincipalOrgID":
		return Consumer{Kind: Organization, ID: value, Organization: organization}, isOrganization
	}

	c := Consumer{Kind: ServicePrincipal, ID: AnyService} // limit replaces the ID if the statement names a service
	switch key {
	case "aws:SourceArn":
		c.Account, c.Source = accountOf(value), value
	case "aws:SourceAccount":
		if IsAccountID(value) {
			c.Account = value
		}
	default:
		if isOrganization {
			c.Organization = organization
		}
		if key == "aws:SourceOrgPaths" {
			c.OrganizationPath = value
		}
	}
	return c, c.Account+c.Organization != ""
}
