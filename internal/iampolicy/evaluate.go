package iampolicy

import (
	"fmt"
	"slices"
	"strings"
)

// Answer is whether a request is allowed, or whether a statement applies to it.
type Answer string

// The answers. Depends means that it depends on something that isn't known, such as the address that a request comes
// from, or that it differs between the principals that the consumer stands for.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Depends Answer = "depends"
)

// Document is a policy document that applies to a resource.
type Document struct {
	Name       string // repository policy, registry policy
	Statements []Statement
	Err        error // the reason why the document can't be read
}

// Request is what is known about the requests of a consumer. A consumer can stand for many principals, such as all
// principals in an account.
type Request struct {
	Consumer Consumer
	Resource string // the ARN of the repository
}

// Evaluation is the evaluation of the requests of a consumer, by their action.
type Evaluation struct {
	documents []Document
	request   Request
	known     context
	matches   [][]match // by document and statement, so far
}

// match is whether a statement applies to a request, and what that depends on. It is zero if it isn't known yet.
type match struct {
	answer    Answer
	undecided []string
}

// Evaluate evaluates the statements of all documents that apply to a resource.
//
// It follows IAM's rules for resource-based policies: an explicit deny wins, and one allow is enough. If a document
// allows an account, the IAM policies of that account decide.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func Evaluate(documents []Document, r Request) *Evaluation {
	e := &Evaluation{documents: documents, request: r, known: r.context()}
	for _, d := range documents {
		e.matches = append(e.matches, make([]match, len(d.Statements)))
	}
	return e
}

// Decision is whether an action is allowed, and why.
type Decision struct {
	Answer Answer

	// Reasons are the statements that decide: those that deny, or else those that allow. If the answer depends on
	// something, they are the statements that can deny, and then those that allow or can allow. There are none if no
	// statement allows the action.
	Reasons []Reason
}

// Reason is a statement, and what it depends on whether it applies.
type Reason struct {
	Document  string
	Position  int       // of the statement in the document, from 1; 0 if the document can't be read
	Statement Statement // the zero value if the document can't be read
	Undecided []string  // conditions and other clauses that must all be true; none if the statement applies
}

// Decide returns whether an action is allowed.
func (e *Evaluation) Decide(action string) Decision {
	deny := e.Denies(action)
	if deny.Answer == Yes {
		return Decision{No, deny.Reasons}
	}
	allow := e.decide(Allow, action)
	if allow.Answer == No || deny.Answer == No {
		return allow
	}
	return Decision{Depends, unique(append(deny.Reasons, allow.Reasons...))}
}

// Denies returns whether an action is denied explicitly.
func (e *Evaluation) Denies(action string) Decision { return e.decide(Deny, action) }

// decide returns whether a statement with an effect covers an action and applies. What can't be read can have either
// effect.
func (e *Evaluation) decide(effect Effect, action string) Decision {
	d := Decision{Answer: No}
	for i, document := range e.documents {
		if document.Err != nil {
			d.add(match{answer: Depends}, Reason{Document: document.Name})
		}
		for j, s := range document.Statements {
			if s.Err == nil && (s.Effect != effect || !s.CoversAction(action)) {
				continue
			}
			m := &e.matches[i][j]
			if m.answer == "" {
				*m = s.match(e.request, e.known)
			}
			d.add(*m, Reason{Document: document.Name, Position: j + 1, Statement: s})
		}
	}
	return d
}

// add adds a statement. A statement that applies makes those irrelevant that depend on something.
func (d *Decision) add(m match, r Reason) {
	switch {
	case m.answer == No || m.answer == Depends && d.Answer == Yes:
		return
	case m.answer == Yes && d.Answer == Depends:
		d.Reasons = nil
	}
	d.Answer = m.answer
	r.Undecided = m.undecided
	d.Reasons = append(d.Reasons, r)
}

// unique removes the second of two reasons that are the same: what can't be read can both allow and deny.
func unique(reasons []Reason) []Reason {
	var all []Reason
	for _, r := range reasons {
		if !slices.ContainsFunc(all, func(a Reason) bool { return a.Document == r.Document && a.Position == r.Position }) {
			all = append(all, r)
		}
	}
	return all
}

// Applies returns whether a statement applies to a request, whatever its action, and what that depends on.
func (s Statement) Applies(r Request) (answer Answer, undecided []string) {
	m := s.match(r, r.context())
	return m.answer, m.undecided
}

func (s Statement) match(r Request, known context) match {
	if s.Err != nil {
		return match{Depends, []string{"it covers the request, but it can't be read"}}
	}
	m := s.matchPrincipal(r.Consumer)
	if m.answer == No {
		return m
	}
	switch s.matchResource(r.Resource, known) {
	case No:
		return match{answer: No}
	case Depends:
		m.answer = Depends
		matches := "the repository matches "
		if s.NotResource {
			matches = "the repository doesn't match "
		}
		m.undecided = append(m.undecided, matches+anyOf(s.Resources))
	}
	for _, c := range s.Conditions {
		switch s.evaluate(c, known) {
		case No:
			return match{answer: No}
		case Depends:
			m.answer = Depends
			m.undecided = append(m.undecided, c.String())
		}
	}
	return m
}

// matchPrincipal returns whether the Principal or NotPrincipal element applies to a consumer.
func (s Statement) matchPrincipal(c Consumer) match {
	if s.NotPrincipal {
		return s.matchNotPrincipal(c)
	}
	var possible []string
	for _, p := range s.Principals {
		switch p.includes(c) {
		case Yes:
			return match{answer: Yes}
		case Depends:
			possible = append(possible, p.clause())
		}
	}
	if len(possible) == 0 {
		return match{answer: No}
	}
	return match{Depends, []string{"the principal " + anyOf(possible)}}
}

// clause returns what is true of the callers that a principal in a statement includes.
func (p Principal) clause() string {
	if named := p.consumer(); named.Kind == Account {
		return "belongs to account " + named.Account
	}
	return "is " + p.Value
}

// anyOf joins the first of several alternatives, and counts the others.
func anyOf(texts []string) string {
	const most = 3
	if len(texts) > most+1 {
		texts = append(slices.Clone(texts[:most]), fmt.Sprintf("one of %d others", len(texts)-most))
	}
	return strings.Join(texts, " or ")
}

// matchNotPrincipal returns whether a NotPrincipal element applies to a consumer. It applies to all principals, also to
// AWS services, that it doesn't list. AWS evaluates the account, the role and the session of a caller separately, and a
// Deny with NotPrincipal applies to all principals with a permissions boundary, so callers in an account with a principal
// in the list can't be decided:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
func (s Statement) matchNotPrincipal(c Consumer) match {
	var exempt []string
	for _, p := range s.Principals {
		named := p.consumer()
		switch includes := p.includes(c); {
		case includes == Yes && !isCaller(c):
			return match{answer: No}
		case includes != No, isCaller(c) && named.Account != "" && named.Account == c.Account:
			exempt = append(exempt, p.Value)
		}
	}
	switch {
	case len(exempt) == 0:
		return match{answer: Yes}
	case isCaller(c):
		return match{Depends, []string{"NotPrincipal, which lists " + anyOf(exempt) + ", doesn't exempt the principal (it exempts no principal that has a permissions boundary)"}}
	}
	return match{Depends, []string{"the principal isn't " + anyOf(exempt)}}
}

// includes returns whether a principal in a statement includes a consumer.
func (p Principal) includes(c Consumer) Answer {
	named := p.consumer()
	switch named.Kind {
	case AllPrincipals:
		return Yes
	case Account:
		switch {
		case c.Account == named.Account && isCaller(c):
			return Yes
		case c.Account == "" && isCaller(c):
			return Depends
		}
		return No
	case NamedPrincipal:
		switch {
		case c.Kind == NamedPrincipal:
			return includesNamed(named.ID, c.ID)
		case isCaller(c) && (c.Account == "" || c.Account == named.Account):
			return Depends
		}
		return No
	case ServicePrincipal:
		switch {
		case c.Kind != ServicePrincipal:
			return No
		case c.ID == named.ID:
			return Yes
		case c.ID == AnyService:
			return Depends
		}
		return No
	}
	if c.Kind == named.Kind && c.ID == named.ID {
		return Yes
	}
	return No
}

// isCaller reports whether a consumer stands for principals that call AWS themselves with the permissions of an
// account.
func isCaller(c Consumer) bool {
	return slices.Contains([]ConsumerKind{AllPrincipals, Organization, OrganizationalUnit, Account, NamedPrincipal}, c.Kind)
}

// includesNamed returns whether a role, user or session in a statement includes a role, user or session. A role
// includes its sessions, whatever its path, which their ARNs don't show.
func includesNamed(named, consumer string) Answer {
	if named == consumer {
		return Yes
	}
	role, ofRole := roleOf(named)
	other, ofOther := roleOf(consumer)
	switch {
	case ofRole && ofOther && role == other && isSession(named) && !isSession(consumer):
		return Depends // a session of the role
	case ofRole && ofOther && role == other && !isSession(named) && isSession(consumer):
		return Yes
	case isPattern(consumer) && matchesARN(named, consumer) != No:
		return Depends
	}
	return No
}

// isSession reports whether an ARN is that of a session of a role.
func isSession(arn string) bool { return strings.Contains(arn, ":assumed-role/") }

// roleOf returns the account and the name of the role in the ARN of a role or of a session. Names are unique in an
// account, whatever their paths. The ARN of a session has no path.
func roleOf(arn string) (role string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || isPattern(arn) {
		return "", false
	}
	segments := strings.Split(parts[5], "/")
	switch {
	case segments[0] == "role":
		return parts[4] + " " + segments[len(segments)-1], true
	case segments[0] == "assumed-role" && len(segments) > 1:
		return parts[4] + " " + segments[1], true
	}
	return "", false
}
