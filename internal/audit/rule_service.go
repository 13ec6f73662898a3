package audit

import "slices"

// unpinnedService marks services that anybody could make act for them, the confused deputy:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
func (r rules) unpinnedService(s Statement) (mark, bool) {
	services := slices.DeleteFunc(slices.Clone(s.Consumers), func(c Consumer) bool { return c.Kind != Service })
	if !s.allows() || len(services) == 0 {
		return mark{}, false
	}
	if _, ok := pinsOf(s.Conditions, "aws:SourceArn"); ok {
		return mark{}, false
	}
	sentence := "Lets " + names(services) + " " + phrase(s.Access)
	if slices.ContainsFunc(services, isForAnybody) {
		return mark{High, UnpinnedService, sentence + " on behalf of anybody: no condition says for whose resources."}, true
	}
	return mark{Medium, UnpinnedService, sentence + ": pinned to an account or organization, and not to resources in it."}, true
}

// isForAnybody tells whether a consumer is a service that nothing ties to an account or organization.
func isForAnybody(c Consumer) bool {
	return c.Kind == Service && c.Account == "" && c.Organization == ""
}
