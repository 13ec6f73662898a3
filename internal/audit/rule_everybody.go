package audit

import "slices"

func (r rules) openToEverybody(s Statement) (mark, bool) {
	sentence := "Lets everybody in any AWS account " + phrase(s.Access)
	switch {
	case !s.allows() || s.NotPrincipal || !slices.ContainsFunc(s.Consumers, isEverybody):
		return mark{}, false
	case len(s.Conditions) > 0:
		return mark{High, OpenToEverybody, sentence + "; its conditions pin no organization, OU or account."}, true
	case !s.allows(contents()...):
		return mark{High, OpenToEverybody, sentence + "."}, true
	}
	return mark{Critical, OpenToEverybody, sentence + "."}, true
}

func (r rules) invertedPrincipal(s Statement) (mark, bool) {
	sentence := "Lets everybody but " + names(s.named()) + " " + phrase(s.Access)
	switch {
	case !s.allows() || !s.NotPrincipal:
		return mark{}, false
	case slices.ContainsFunc(s.Consumers, isEverybody):
		return mark{Critical, InvertedPrincipal, sentence + "."}, true
	}
	return mark{High, InvertedPrincipal, sentence + ", as far as its conditions let them."}, true
}

func (r rules) invertedAction(s Statement) (mark, bool) {
	sentence := "Lets " + names(s.Consumers) + " do everything but " + few(s.Actions) + "."
	return mark{High, InvertedAction, sentence}, s.allows() && s.NotAction
}

func isEverybody(c Consumer) bool { return c.Kind == Everybody }
