package iampolicy

import (
	"cmp"
	"strings"
)

// fact is what is known about the values of a condition key in the requests of a consumer.
type fact struct {
	presence Answer // whether requests have the key
	value    string // with wildcards if only a pattern of the values is known; "" if nothing is known
	other    string // a value that requests can have instead; "" for none
}

// context has what is known, by condition key in lowercase. Nothing is known about other keys.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
type context map[string]fact

func is(value string) fact { return fact{presence: Yes, value: value} }

func absent() fact { return fact{presence: No} }

func (known context) of(key string) fact {
	if f, ok := known[strings.ToLower(key)]; ok {
		return f
	}
	return fact{presence: Depends}
}

func (r Request) context() context {
	known, c := ofResource(r.Resource), r.Consumer
	if c.Account != "" && c.Account == known.of("aws:ResourceAccount").value {
		if c.Organization == "" {
			c.Organization = OwnOrganization
		} else {
			known["aws:resourceorgid"] = is(c.Organization)
		}
	}
	if c.Kind == ServicePrincipal {
		known.addService(c)
	} else {
		known.addCaller(c)
	}
	return known
}

// ofResource returns the facts about all requests to a resource. ECR's endpoints accept only TLS:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/infrastructure-security.html
func ofResource(arn string) context {
	parts := strings.SplitN(arn, ":", 6)
	return context{
		"aws:requestedregion": is(parts[3]),
		"aws:resourceaccount": is(parts[4]),
		"aws:resourceorgid":   is(OwnOrganization),
		"aws:securetransport": is("true"),
	}
}

// addCaller adds the facts about principals that call ECR themselves.
func (known context) addCaller(c Consumer) {
	known["aws:principalisawsservice"] = is("false")
	for _, key := range []string{"aws:principalservicename", "aws:principalservicenameslist", "aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"} {
		known[key] = absent()
	}
	known["aws:principalaccount"], known["aws:principalarn"] = is("*"), is("*")
	if c.Account != "" {
		known["aws:principalaccount"] = is(c.Account)
		known["aws:principalarn"] = is("arn:*:*::" + c.Account + ":*")
	}
	if role, isSession := c.SessionRole(); isSession {
		// The key has the ARN of the role, which can have a path that the ARN of the session doesn't show.
		roles := "arn:" + partsOf(c.ID)[1] + ":iam::" + c.Account + ":role/"
		known["aws:principalarn"] = fact{Yes, roles + "*/" + role, roles + role}
	} else if c.Kind == NamedPrincipal {
		known["aws:principalarn"] = is(c.ID)
	}
	known.addOrganization("aws:principalorgid", "aws:principalorgpaths", c)
}

// addService adds the facts about a service that acts on behalf of a resource.
func (known context) addService(c Consumer) {
	known["aws:principalisawsservice"] = is("true")
	known["aws:principalorgid"], known["aws:principalorgpaths"] = absent(), absent()
	if c.ID != AnyService {
		known["aws:principalservicename"] = is(c.ID)
	}
	if c.Account != "" {
		known["aws:sourceaccount"] = is(c.Account)
		known["aws:sourcearn"] = is("arn:*:*:*:" + c.Account + ":*")
	}
	if c.Source != "" {
		known["aws:sourcearn"] = is(c.Source)
	}
	known.addOrganization("aws:sourceorgid", "aws:sourceorgpaths", c)
}

// addOrganization adds the facts about the organization of a consumer. Requests of accounts outside any organization
// don't have the keys.
func (known context) addOrganization(idKey, pathsKey string, c Consumer) {
	presence := Yes
	if c.Organization == strangersOrganization || c.Organization == OwnOrganization && c.Account != "" {
		presence = Depends
	}
	if c.Organization != "" {
		known[idKey] = fact{presence: presence, value: c.Organization}
		known[pathsKey] = fact{presence: presence, value: cmp.Or(c.OrganizationPath, c.Organization+"/*")}
	}
	if c.Kind == OrganizationalUnit {
		known[pathsKey] = is(c.ID)
	}
}

// expand replaces the policy variables in a value whose values are known:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func (known context) expand(value string) string {
	var expanded strings.Builder
	for {
		before, rest, _ := strings.Cut(value, "${")
		expanded.WriteString(before)
		name, after, isVariable := strings.Cut(rest, "}")
		if !isVariable {
			expanded.WriteString(value[len(before):])
			return expanded.String()
		}
		f := known.of(name)
		if f.presence == Yes && !isPattern(f.value) {
			expanded.WriteString(f.value)
		} else {
			expanded.WriteString("${" + name + "}")
		}
		value = after
	}
}

// Expand replaces the policy variables in the conditions whose values are those of the resource in all requests.
func (s Statement) Expand(resource string) Statement {
	if !s.Variables {
		return s
	}
	known := ofResource(resource)
	conditions := []Condition{}
	for _, c := range s.Conditions {
		values := make([]string, len(c.Values))
		for i, value := range c.Values {
			values[i] = known.expand(value)
		}
		conditions = append(conditions, Condition{c.Operator, c.Key, values})
	}
	s.Conditions = conditions
	return s
}
