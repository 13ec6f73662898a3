package iampolicy

import (
	"net/netip"
	"slices"
	"strings"
)

// LimitsNetwork reports whether a condition limits a statement to requests from certain VPCs, VPC endpoints or addresses.
// The statement then isn't open to everyone, but it doesn't limit whose principals send requests from there. A Deny
// statement limits a network if it denies the requests from elsewhere, also those without the key, which don't meet
// ForAnyValue. That a request comes from any VPC or from none, which Null requires, is no limit:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
func (s Statement) LimitsNetwork() bool {
	return slices.ContainsFunc(s.Conditions, func(c Condition) bool {
		o := parseOperator(c.Operator)
		if o.negated != (s.Effect == Deny) || s.Effect == Allow && (o.ifExists || o.all) || s.Effect == Deny && o.any || o.name == "null" || len(c.Values) == 0 {
			return false
		}
		isFixed := func(value string) bool { return value != "" && !strings.ContainsAny(value, "*?$") }
		switch strings.ToLower(c.Key) {
		case "aws:sourcevpc", "aws:sourcevpce":
			return !slices.ContainsFunc(c.Values, func(v string) bool { return !isFixed(v) })
		case "aws:sourceip":
			return o.name == "ipaddress" && !slices.ContainsFunc(c.Values, func(v string) bool { return !isNarrow(v) })
		}
		return false
	})
}

// isNarrow reports whether a range of addresses is so narrow that a policy with it isn't public, by the rules that S3
// applies to bucket policies:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
func isNarrow(cidr string) bool {
	const narrowIPv4, narrowIPv6 = 8, 32
	if address, err := netip.ParseAddr(cidr); err == nil {
		return address.IsValid()
	}
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return false
	}
	if prefix.Addr().Is4() {
		return prefix.Bits() >= narrowIPv4
	}
	return prefix.Bits() >= narrowIPv6
}
