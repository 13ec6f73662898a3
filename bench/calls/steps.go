package calls

import (
	"context"
	"fmt"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/function"
)

// The triggers that a month's cost is made of.
const (
	RepositoryCreated = "repository created"
	ImagePushed       = "image pushed, policy as it should be"
	RequestChanged    = "request of 100, all to be changed"
	RequestUnchanged  = "request of 100, none to be changed"
	ListChanged       = "list changed"
	Scheduled         = "schedule"
)

// excluded are repositories that are out of scope.
const excluded = "scratch-*"

type step struct {
	trigger      string
	repositories int
	prepare      func()
	invoke       func(context.Context) error
}

// steps are in an order: each finds what those before it left.
func (s *stack) steps() []step {
	const created = "team-a/api" // in events/
	list := func(value string) func() { return func() { s.cloud.PutList(function.List, value) } }
	nothing := func() {}
	batch := s.create("batch", event.MaxRequestNames)
	return []step{
		{RepositoryCreated, 1, func() { s.cloud.CreateRepository(created); list("111111111111")() },
			s.sample(s.onrepo, "create-repository.json")},
		{"the same event again", 1, nothing, s.sample(s.onrepo, "create-repository.json")},
		{ImagePushed, 1, nothing, s.sample(s.onrepo, "image-pushed.json")},
		{"policy changed by hand", 1, func() { s.cloud.SetPolicy(created, "") }, s.sample(s.onrepo, "set-repository-policy-by-user.json")},
		{"repository out of scope", 1, nothing, s.request([]string{"scratch-api"})},
		{"event of another registry", 1, nothing, s.sample(s.onrepo, "ignored/create-repository-other-registry.json")},
		{RequestChanged, len(batch), nothing, s.request(batch)},
		{RequestUnchanged, len(batch), nothing, s.request(batch)},
		{"list invalid: repository created", 1, func() { list("11111111111")(); s.cloud.SetPolicy(created, "") },
			s.sample(s.onrepo, "create-repository.json")},
		{ListChanged, registrySize, func() { list("222222222222")(); s.create("service", registrySize-len(batch)-1) },
			s.sample(s.onaccount, "list-updated.json")},
		{Scheduled, registrySize, nothing, s.sample(s.onaccount, "schedule.json")},
	}
}

func (s *stack) create(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%06d", prefix, i)
	}
	s.cloud.CreateRepository(names...)
	return names
}
