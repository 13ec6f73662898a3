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
