package audit

import (
	"slices"
	"strings"
)

// The condition keys that can pin a request to an organization, an OU or an account, the narrowest first:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html

func principalKeys() []string {
	return []string{"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgPaths", "aws:PrincipalOrgID"}
}

func sourceKeys() []string {
	return []string{"aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgPaths", "aws:SourceOrgID"}
}

// pinned returns the consumers that the conditions of a statement leave of everybody, or of a service that may act
// for everybody. Any other consumer stays as it is, and so does everybody if nothing pins them; statements that deny
// are taken as written, for a condition on them lets go of principals.
func pinned(s Statement, c Consumer) []Consumer {
	var keys []string
	switch {
	case s.Effect != Allow:
	case c.Kind == Everybody:
		keys = append(principalKeys(), sourceKeys()...)
	case c.Kind == Service:
		keys = sourceKeys()
	}
	for _, key := range keys {
		if values, ok := pinsOf(s.Conditions, key); ok {
			for i := range values {
				values[i].Principal = c.Principal
				if c.Kind == Service {
					values[i].ID = c.ID
				}
			}
			return values
		}
	}
	return []Consumer{c}
}

// pinsOf returns the consumers that a condition on a key lets through, and whether there is one that pins them all.
func pinsOf(conditions []Condition, key string) ([]Consumer, bool) {
	for _, condition := range conditions {
		if !strings.EqualFold(condition.Key, key) || !canPin(condition.Operator) || len(condition.Values) == 0 {
			continue
		}
		var consumers []Consumer
		for _, value := range condition.Values {
			if c, ok := pinOf(key, value); ok {
				consumers = append(consumers, c)
			}
		}
		if len(consumers) == len(condition.Values) {
			return consumers, true
		}
	}
	return nil, false
}

// canPin tells whether an operator requires the key to be there and to have one of the values. IfExists and
// ForAllValues let requests pass that don't have the key.
func canPin(operator string) bool {
	operator = strings.TrimPrefix(strings.ToLower(operator), "foranyvalue:")
	return slices.Contains([]string{"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"}, operator)
}

// pinOf reads a value of a key. A value pins nobody if a wildcard takes the place of the account or organization.
func pinOf(key, value string) (Consumer, bool) {
	organization, _, _ := strings.Cut(value, "/")
	isOrganization := strings.HasPrefix(organization, "o-") && !strings.ContainsAny(organization, "*?")
	switch key {
	case "aws:PrincipalArn":
		c := consumerOf(Principal{typeAWS, value})
		return c, c.Account != ""
	case "aws:PrincipalAccount":
		return Consumer{Kind: Account, ID: value, Account: value}, isAccountID(value)
	case "aws:PrincipalOrgPaths":
		return Consumer{Kind: Unit, ID: value, Organization: organization}, isOrganization
	case "aws:PrincipalOrgID":
		return Consumer{Kind: Organization, ID: value, Organization: organization}, isOrganization
	}

	c := Consumer{Kind: Service, ID: "any AWS service"} // the caller knows better, if the principal is one
	switch key {
	case "aws:SourceArn":
		c.Account = accountOfARN(value)
	case "aws:SourceAccount":
		if isAccountID(value) {
			c.Account = value
		}
	default:
		if isOrganization {
			c.Organization = organization
		}
	}
	return c, c.Account+c.Organization != ""
}
