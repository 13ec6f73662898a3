package audit

import "strings"

// Consumer is one to whom a statement applies: a principal that it names, or, where it names everybody under a
// condition that pins them, an account, organization or the like of that condition.
type Consumer struct {
	Kind ConsumerKind `json:"kind"`
	ID   string       `json:"id"` // account or organization ID, OU path, ARN, service name, *

	// Account and Organization say where the consumer belongs, if that is known. Of a service they say on whose
	// behalf it may act.
	Account      string `json:"account,omitempty"`
	Organization string `json:"organization,omitempty"`

	Principal string `json:"principal"` // as the statement names it
}

// ConsumerKind is what kind of principal a consumer is.
type ConsumerKind string

// The kinds of consumers.
const (
	Everybody      ConsumerKind = "everybody"
	Organization   ConsumerKind = "organization"
	Unit           ConsumerKind = "organizational-unit"
	Account        ConsumerKind = "account"
	NamedPrincipal ConsumerKind = "principal" // a role, a user, a session
	Service        ConsumerKind = "service"
	Federated      ConsumerKind = "federated"
	Deleted        ConsumerKind = "deleted" // the unique ID of a role or user that is gone
	Other          ConsumerKind = "other"
)

// consumerKinds returns all of them, in the order in which consumers are shown: the widest first.
func consumerKinds() []ConsumerKind {
	return []ConsumerKind{Everybody, Organization, Unit, Account, NamedPrincipal, Service, Federated, Other, Deleted}
}

// The types of principals.
const (
	typeAWS       = "AWS"
	typeService   = "Service"
	typeFederated = "Federated"
	typeCanonical = "CanonicalUser"
)

func principalTypes() []string {
	return []string{typeAWS, typeService, typeFederated, typeCanonical}
}

// String names the consumer in a sentence.
func (c Consumer) String() string {
	if c.Kind == Everybody {
		return "everybody"
	}
	return c.ID
}

// consumersOf returns to whom a statement applies.
func consumersOf(s Statement) []Consumer {
	consumers := []Consumer{}
	if s.NotPrincipal {
		return append(consumers, pinned(s, Consumer{Kind: Everybody, ID: "*", Principal: "*"})...)
	}
	for _, p := range s.Principals {
		consumers = append(consumers, pinned(s, consumerOf(p))...)
	}
	return consumers
}

// named returns whom a statement names, whatever its conditions say. With NotPrincipal it is whom it leaves out.
func (s Statement) named() []Consumer {
	var consumers []Consumer
	for _, p := range s.Principals {
		consumers = append(consumers, consumerOf(p))
	}
	return consumers
}

// consumerOf reads one principal.
func consumerOf(p Principal) Consumer {
	c := Consumer{Kind: Other, ID: p.Value, Principal: p.Value}
	switch p.Type {
	case typeService:
		c.Kind = Service
	case typeFederated:
		c.Kind, c.Account = Federated, accountOfARN(p.Value)
	case typeAWS:
		c.readAWS(p.Value)
	}
	return c
}

func (c *Consumer) readAWS(value string) {
	switch {
	case isAccountID(value):
		c.Kind, c.Account = Account, value
	case isUniqueID(value):
		c.Kind = Deleted
	case accountOfARN(value) != "":
		c.Kind, c.Account = NamedPrincipal, accountOfARN(value)
		if strings.HasSuffix(value, ":root") {
			c.Kind, c.ID = Account, c.Account
		}
	case strings.Contains(value, "*"):
		c.Kind, c.ID = Everybody, "*"
	}
}

// accountOfARN returns the account ID in an ARN, and "" if it has none or a pattern in its place.
func accountOfARN(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || !isAccountID(parts[4]) {
		return ""
	}
	return parts[4]
}

func isAccountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isUniqueID tells whether s is the unique ID of a role or user, which IAM puts in the place of the ARN when that is
// deleted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func isUniqueID(s string) bool {
	return (strings.HasPrefix(s, "AROA") || strings.HasPrefix(s, "AIDA")) && len(s) >= 16 &&
		strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
