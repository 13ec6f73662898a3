package calls

import (
	"context"
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
)

// The triggers from which package cost calculates the monthly cost.
const (
	RepositoryCreated = "repository created"
	ImagePushed       = "image pushed, policy up to date"
	RequestChanged    = "request, all policies out of date"
	RequestUnchanged  = "request, all policies up to date"
	ListChanged       = "list changed"
	Scheduled         = "schedule"
)

// excluded is the pattern of the repositories that are out of scope.
const excluded = "scratch-*"

// step is the measurement of one trigger.
type step struct {
	trigger      string
	repositories int
	prepare      func()
	invoke       func(context.Context) error
}

// steps returns the steps in the order in which they must run. Each step uses the repositories and policies that the
// previous steps left.
func (s *stack) steps() []step {
	const created = "team-a/api" // the repository in the sample events
	list := func(value string) func() { return func() { s.cloud.PutList(function.List, value) } }
	nothing := func() {}
	batch := s.create("batch", event.MaxRequestNames)
	return []step{
		{RepositoryCreated, 1, func() { s.cloud.CreateRepository(created); list("111111111111")() },
			s.sample(s.onrepo, "create-repository.json")},
		{"the same event again", 1, nothing, s.sample(s.onrepo, "create-repository.json")},
		{ImagePushed, 1, nothing, s.sample(s.onrepo, "image-pushed.json")},
		{"policy changed manually", 1, func() { s.cloud.SetPolicy(created, "") }, s.sample(s.onrepo, "set-repository-policy-by-user.json")},
		{"repository out of scope", 1, nothing, s.request([]string{"scratch-api"})},
		{"event about another registry", 1, nothing, s.sample(s.onrepo, "ignored/create-repository-other-registry.json")},
		{RequestChanged, len(batch), nothing, s.request(batch)},
		{RequestUnchanged, len(batch), nothing, s.request(batch)},
		{"repository created while the list is invalid", 1, func() { list("11111111111")(); s.cloud.SetPolicy(created, "") },
			s.sample(s.onrepo, "create-repository.json")},
		{ListChanged, registrySize, func() { list("222222222222")(); s.create("service", registrySize-len(batch)-1) },
			s.sample(s.onaccount, "list-updated.json")},
		{Scheduled, registrySize, nothing, s.sample(s.onaccount, "schedule.json")},
	}
}

// create creates n repositories and returns their names.
func (s *stack) create(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%06d", prefix, i)
	}
	s.cloud.CreateRepository(names...)
	return names
}
