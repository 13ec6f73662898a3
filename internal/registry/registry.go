// Package registry reads and writes an ECR registry: the names of its repositories and their policies.
package registry

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

var (
	// ErrNotFound is the error for a repository that doesn't exist, or that ECR doesn't know yet.
	ErrNotFound = errors.New("repository not found")
	// ErrExists is the error for a repository that can't be created because it exists.
	ErrExists = errors.New("repository already exists")
	// ErrRejected is the error for a policy that ECR rejects, for example because one of its principals doesn't exist.
	ErrRejected = errors.New("policy rejected")
)

// PolicyAPI is the part of the ECR API that Policies uses.
type PolicyAPI interface {
	GetRepositoryPolicy(context.Context, *ecr.GetRepositoryPolicyInput, ...func(*ecr.Options)) (*ecr.GetRepositoryPolicyOutput, error)
	SetRepositoryPolicy(context.Context, *ecr.SetRepositoryPolicyInput, ...func(*ecr.Options)) (*ecr.SetRepositoryPolicyOutput, error)
	DeleteRepositoryPolicy(context.Context, *ecr.DeleteRepositoryPolicyInput, ...func(*ecr.Options)) (*ecr.DeleteRepositoryPolicyOutput, error)
}

// Policies reads and writes the repository policies of a registry. Errors are ErrNotFound or ErrRejected where these
// apply.
type Policies struct{ api PolicyAPI }

// NewPolicies returns the policies of the registry of an API client.
func NewPolicies(api PolicyAPI) *Policies { return &Policies{api: api} }

// Policy returns the policy of a repository, or "" if it has none.
func (p *Policies) Policy(ctx context.Context, repository string) (string, error) {
	output, err := p.api.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: &repository})
	if _, ok := errors.AsType[*types.RepositoryPolicyNotFoundException](err); ok {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("get policy of %s: %w", repository, classify(err))
	}
	if aws.ToString(output.PolicyText) == "" { // ECR documents an exception for a repository without a policy
		return "", fmt.Errorf("get policy of %s: the response has no policy text", repository)
	}
	return *output.PolicyText, nil
}

// SetPolicy replaces the policy of a repository. It never sets force, which would allow a policy that prevents later
// changes.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
func (p *Policies) SetPolicy(ctx context.Context, repository, document string) error {
	_, err := p.api.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: &repository, PolicyText: &document})
	if _, ok := errors.AsType[*types.InvalidParameterException](err); ok {
		return fmt.Errorf("set policy of %s: %w: %w", repository, ErrRejected, err)
	}
	if err != nil {
		return fmt.Errorf("set policy of %s: %w", repository, classify(err))
	}
	return nil
}

// DeletePolicy removes the policy of a repository, if it has one.
func (p *Policies) DeletePolicy(ctx context.Context, repository string) error {
	_, err := p.api.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: &repository})
	if _, ok := errors.AsType[*types.RepositoryPolicyNotFoundException](err); err != nil && !ok {
		return fmt.Errorf("delete policy of %s: %w", repository, classify(err))
	}
	return nil
}

func classify(err error) error {
	// ECR rejects a name that isn't valid. Which names are valid has changed over the years.
	if _, ok := errors.AsType[*types.InvalidParameterException](err); ok {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if _, ok := errors.AsType[*types.RepositoryNotFoundException](err); ok {
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	return err
}

// CreatedAt returns when a repository was created.
func CreatedAt(ctx context.Context, api ecr.DescribeRepositoriesAPIClient, repository string) (time.Time, error) {
	output, err := api.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{repository}})
	if err != nil {
		return time.Time{}, fmt.Errorf("describe repository %s: %w", repository, err)
	}
	if len(output.Repositories) != 1 {
		return time.Time{}, fmt.Errorf("describe repository %s: got %d repositories", repository, len(output.Repositories))
	}
	return aws.ToTime(output.Repositories[0].CreatedAt), nil
}

// Names yields the names of all repositories of the registry in pages of up to 1,000. After an error it ends.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html
func Names(ctx context.Context, api ecr.DescribeRepositoriesAPIClient) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		pages := ecr.NewDescribeRepositoriesPaginator(api, &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("list repositories: %w", err))
				return
			}
			names := make([]string, len(page.Repositories))
			for i, repository := range page.Repositories {
				names[i] = aws.ToString(repository.RepositoryName)
			}
			if !yield(names, nil) {
				return
			}
		}
	}
}

// AllNames returns the names of all repositories of the registry.
func AllNames(ctx context.Context, api ecr.DescribeRepositoriesAPIClient) ([]string, error) {
	var all []string
	for names, err := range Names(ctx, api) {
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	return all, nil
}

// LifecycleAPI is the part of the ECR API that creates and deletes repositories.
type LifecycleAPI interface {
	CreateRepository(context.Context, *ecr.CreateRepositoryInput, ...func(*ecr.Options)) (*ecr.CreateRepositoryOutput, error)
	DeleteRepository(context.Context, *ecr.DeleteRepositoryInput, ...func(*ecr.Options)) (*ecr.DeleteRepositoryOutput, error)
}

// Create creates a repository with ECR's default settings. It makes one attempt only, so that ErrExists means that
// another call created the repository.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
func Create(ctx context.Context, api LifecycleAPI, repository string) error {
	_, err := api.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &repository}, func(o *ecr.Options) { o.Retryer = aws.NopRetryer{} })
	if _, ok := errors.AsType[*types.RepositoryAlreadyExistsException](err); ok {
		return fmt.Errorf("create repository %s: %w", repository, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("create repository %s: %w", repository, err)
	}
	return nil
}

// Delete deletes a repository. It never sets force, which would delete images.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html
func Delete(ctx context.Context, api LifecycleAPI, repository string) error {
	if _, err := api.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: &repository}); err != nil {
		return fmt.Errorf("delete repository %s: %w", repository, classify(err))
	}
	return nil
}
