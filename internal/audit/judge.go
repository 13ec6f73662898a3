package audit

import (
	"slices"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// judge decides what consumers can do in one resource, over the Allow and Deny statements of all its documents.
type judge struct {
	documents   []iampolicy.Document
	resource    string
	evaluations map[iampolicy.Consumer]*iampolicy.Evaluation
}

func newJudge(resource string, documents ...iampolicy.Document) *judge {
	return &judge{documents, resource, map[iampolicy.Consumer]*iampolicy.Evaluation{}}
}

// of returns the evaluation of a consumer, regardless of how a statement names it.
func (j *judge) of(c iampolicy.Consumer) *iampolicy.Evaluation {
	c.Principal = ""
	e := j.evaluations[c]
	if e == nil {
		e = iampolicy.Evaluate(j.documents, j.request(c))
		j.evaluations[c] = e
	}
	return e
}

func (j *judge) request(c iampolicy.Consumer) iampolicy.Request {
	return iampolicy.Request{Consumer: c, Resource: j.resource}
}

// grants returns what the statement gives each of its consumers after all Deny statements.
func (j *judge) grants(s Statement) []grant {
	if s.Effect != iampolicy.Allow || len(s.actions) == 0 {
		return nil
	}
	var grants []grant
	for _, c := range s.Consumers {
		g := grant{consumer: c, answers: map[Access]iampolicy.Answer{}, reach: map[Access]bool{}}
		applies, _ := s.Applies(j.request(c))
		for access, actions := range s.actions {
			answers := make([]iampolicy.Answer, len(actions))
			for i, action := range actions {
				answers[i] = j.answer(applies, c, action)
			}
			g.reach[access] = slices.ContainsFunc(answers, func(a iampolicy.Answer) bool { return a != iampolicy.No })
			if access == Pull && len(actions) < len(iampolicy.PullActions()) {
				other := j.otherPullActions(c, actions)
				g.incomplete = other == iampolicy.No && !slices.Contains(answers, iampolicy.No)
				answers = append(answers, other)
			}
			g.answers[access] = combine(access, answers)
		}
		grants = append(grants, g)
	}
	return grants
}

// otherPullActions returns whether a consumer can perform the pull actions that a statement doesn't cover, because of
// other statements.
func (j *judge) otherPullActions(c iampolicy.Consumer, covered []string) iampolicy.Answer {
	var answers []iampolicy.Answer
	for _, action := range iampolicy.PullActions() {
		if !slices.Contains(covered, action) {
			answers = append(answers, j.of(c).Decide(action).Answer)
		}
	}
	return combine(Pull, answers)
}

// answer returns whether a consumer can perform an action that a statement allows it if it applies.
func (j *judge) answer(applies iampolicy.Answer, c iampolicy.Consumer, action string) iampolicy.Answer {
	e := j.of(c)
	switch e.Denies(action).Answer {
	case iampolicy.Yes:
		return iampolicy.No
	case iampolicy.Depends:
		return iampolicy.Depends
	}
	if applies == iampolicy.Yes {
		return iampolicy.Yes
	}
	return e.Decide(action).Answer // another statement can allow it under any condition
}

// denies returns the Deny statements that deny or can deny the consumers of an Allow statement some of its access, each
// once, sorted.
func (j *judge) denies(s Statement) []string {
	texts := []string{}
	if s.Effect != iampolicy.Allow {
		return texts
	}
	consumers := append(slices.Clone(s.Consumers), s.Expand(j.resource).AppliesTo()...) // narrowed by these statements, or not
	if slices.ContainsFunc(consumers, isAllPrincipals) {
		consumers = append(consumers, iampolicy.Stranger())
	}
	for _, c := range consumers {
		for _, kind := range s.Access {
			for _, action := range s.actions[kind] {
				for _, r := range j.of(c).Denies(action).Reasons {
					if text := denyText(r.Statement); r.Position > 0 && r.Statement.Err == nil && !slices.Contains(texts, text) {
						texts = append(texts, text)
					}
				}
			}
		}
	}
	slices.Sort(texts)
	return texts
}

// combine returns whether a kind of access is possible, given the answers for its actions. A pull needs all actions,
// other access needs one.
func combine(access Access, answers []iampolicy.Answer) iampolicy.Answer {
	order := []iampolicy.Answer{iampolicy.Yes, iampolicy.Depends, iampolicy.No}
	if access == Pull {
		slices.Reverse(order)
	}
	for _, answer := range order {
		if slices.Contains(answers, answer) {
			return answer
		}
	}
	return iampolicy.No
}

// exposure is whether strangers can perform any of the actions that a statement allows.
type exposure struct {
	open    iampolicy.Answer
	denies  bool // it depends on Deny statements
	network bool // all requests must come from certain networks
}

// openTo returns the exposure of a statement. If one stranger can't perform the actions, others can, unless the
// conditions name those who can: an account can match a pattern such as 1*.
func (j *judge) openTo(s Statement, kinds []Access) exposure {
	e := j.exposure(s, kinds, iampolicy.Stranger())
	if exempted, all := j.exempted(s); e.open != iampolicy.No || s.NamesCallers() || len(exempted) > 0 && all {
		return e
	}
	return j.exposure(s, kinds, iampolicy.Consumer{Kind: iampolicy.AllPrincipals, ID: "*"})
}

// isOpenToServices reports whether AWS services, on behalf of any account, can perform any of the actions that a
// statement allows.
func (j *judge) isOpenToServices(s Statement) bool {
	services := iampolicy.Consumer{Kind: iampolicy.ServicePrincipal, ID: iampolicy.AnyService}
	if applies, _ := s.Applies(j.request(services)); applies == iampolicy.No {
		return false
	}
	for _, actions := range s.actions {
		if slices.ContainsFunc(actions, func(a string) bool { return j.of(services).Denies(a).Answer == iampolicy.No }) {
			return true
		}
	}
	return false
}

// exposure returns the exposure of a statement to strangers that a consumer stands for.
func (j *judge) exposure(s Statement, kinds []Access, strangers iampolicy.Consumer) exposure {
	applies, _ := s.Applies(j.request(strangers))
	if applies == iampolicy.No {
		return exposure{open: iampolicy.No}
	}
	e := exposure{open: iampolicy.No, network: true}
	for _, kind := range kinds {
		for _, action := range s.actions[kind] {
			denies := j.of(strangers).Denies(action)
			switch {
			case denies.Answer == iampolicy.No && applies == iampolicy.Yes:
				return exposure{open: iampolicy.Yes}
			case denies.Answer == iampolicy.Yes:
				continue
			}
			e.open = iampolicy.Depends
			e.denies = e.denies || len(denies.Reasons) > 0
			e.network = e.network && (s.LimitsNetwork() || slices.ContainsFunc(denies.Reasons, func(r iampolicy.Reason) bool {
				return j.deniesOtherNetworks(r.Statement, strangers)
			}))
		}
	}
	return e
}

// deniesOtherNetworks reports whether a statement denies strangers all requests except those from certain networks: the
// strangers meet its other conditions, whatever they do.
func (j *judge) deniesOtherNetworks(s iampolicy.Statement, strangers iampolicy.Consumer) bool {
	all := s.Conditions
	limits := false
	for i := range all {
		s.Conditions = all[i : i+1]
		if applies, _ := s.Applies(j.request(strangers)); applies == iampolicy.Yes {
			continue
		}
		if !s.LimitsNetwork() {
			return false
		}
		limits = true
	}
	return limits
}

// exempted returns the consumers that remain of all principals if a Deny statement leaves out only some, and whether they
// are all that remain.
func (j *judge) exempted(s Statement) (exempted []iampolicy.Consumer, all bool) {
	all = true
	for _, actions := range s.actions {
		for _, action := range actions {
			for _, r := range j.of(iampolicy.Stranger()).Denies(action).Reasons {
				consumers, complete := r.Statement.Expand(j.resource).Exempts()
				all = all && complete
				for _, c := range consumers {
					if !slices.Contains(exempted, c) {
						exempted = append(exempted, c)
					}
				}
			}
		}
	}
	return exempted, all
}

// grant is what one statement gives one consumer after all Deny statements.
type grant struct {
	consumer iampolicy.Consumer
	answers  map[Access]iampolicy.Answer
	reach    map[Access]bool // whether any action that gives the access can be possible

	incomplete bool // no statement allows the pull action that this one lacks
}

// reaches reports whether the consumer can have any of some kinds of access.
func (g grant) reaches(kinds ...Access) bool {
	return slices.ContainsFunc(kinds, func(a Access) bool { return g.reach[a] })
}
