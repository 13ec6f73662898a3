package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// described is an ECR client whose DescribeRepositories returns the repositories or the error.
type described struct {
	repositories []types.Repository
	err          error
}

func (d described) DescribeRepositories(_ context.Context, input *ecr.DescribeRepositoriesInput, _ ...func(*ecr.Options)) (*ecr.DescribeRepositoriesOutput, error) {
	if got := strings.Join(input.RepositoryNames, " "); got != "own" {
		return nil, errors.New("asked for " + got)
	}
	return &ecr.DescribeRepositoriesOutput{Repositories: d.repositories}, d.err
}

func TestCreatedAt(t *testing.T) {
	want := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	got, err := registry.CreatedAt(t.Context(), described{repositories: []types.Repository{{CreatedAt: aws.Time(want)}}}, "own")
	if err != nil || !got.Equal(want) {
		t.Errorf("got %v, %v", got, err)
	}
	for name, api := range map[string]described{
		"denied": {err: errors.New("denied")},
		"none":   {},
	} {
		if _, err := registry.CreatedAt(t.Context(), api, "own"); err == nil || !strings.Contains(err.Error(), "describe repository own") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// lifecycle is an ECR client that returns the error to every call, and counts the attempts.
type lifecycle struct {
	registry.LifecycleAPI
	err error
}

func (l lifecycle) CreateRepository(_ context.Context, _ *ecr.CreateRepositoryInput, set ...func(*ecr.Options)) (*ecr.CreateRepositoryOutput, error) {
	var options ecr.Options
	for _, option := range set {
		option(&options)
	}
	if options.Retryer == nil || options.Retryer.MaxAttempts() != 1 {
		return nil, errors.New("the call is retried")
	}
	return &ecr.CreateRepositoryOutput{}, l.err
}

func (l lifecycle) DeleteRepository(_ context.Context, input *ecr.DeleteRepositoryInput, _ ...func(*ecr.Options)) (*ecr.DeleteRepositoryOutput, error) {
	if input.Force {
		return nil, errors.New("forced")
	}
	return &ecr.DeleteRepositoryOutput{}, l.err
}

func TestLifecycle(t *testing.T) {
	errOther := errors.New("denied")
	for name, c := range map[string]struct{ answer, create, remove error }{
		"no error":       {},
		"exists":         {&types.RepositoryAlreadyExistsException{}, registry.ErrExists, nil},
		"does not exist": {&types.RepositoryNotFoundException{}, nil, registry.ErrNotFound},
		"another error":  {errOther, errOther, errOther},
	} {
		api := lifecycle{err: c.answer}
		if err := registry.Create(t.Context(), api, "own"); !errors.Is(err, c.create) && c.create != nil || err != nil && c.answer == nil {
			t.Errorf("%s: create: %v", name, err)
		}
		if err := registry.Delete(t.Context(), api, "own"); !errors.Is(err, c.remove) && c.remove != nil || err != nil && c.answer == nil {
			t.Errorf("%s: delete: %v", name, err)
		}
	}
}
