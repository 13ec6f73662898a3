package localaws

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// CreateRepository creates a repository, with a policy unless it is "". The repository can exist already, because the SDK
// retries calls.
func (c Clients) CreateRepository(ctx context.Context, name, policy string) error {
	_, err := c.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
	if _, ok := errors.AsType[*ecrtypes.RepositoryAlreadyExistsException](err); err != nil && !ok {
		return fmt.Errorf("creating the repository %s: %w", name, err)
	}
	if policy == "" {
		return nil
	}
	return c.SetPolicy(ctx, name, policy)
}

// Policy returns the policy of a repository, and whether it has one.
func (c Clients) Policy(ctx context.Context, repository string) (policy string, found bool, err error) {
	got, err := c.ECR.GetRepositoryPolicy(ctx, &ecr.GetRepositoryPolicyInput{RepositoryName: &repository})
	_, none := errors.AsType[*ecrtypes.RepositoryPolicyNotFoundException](err)
	switch {
	case none:
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("reading the policy of %s: %w", repository, err)
	}
	return aws.ToString(got.PolicyText), true, nil
}

// SetPolicy sets the policy of a repository.
func (c Clients) SetPolicy(ctx context.Context, repository, policy string) error {
	_, err := c.ECR.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: &repository, PolicyText: &policy})
	if err != nil {
		return fmt.Errorf("setting the policy of %s: %w", repository, err)
	}
	return nil
}

// DeletePolicy deletes the policy of a repository.
func (c Clients) DeletePolicy(ctx context.Context, repository string) error {
	_, err := c.ECR.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: &repository})
	if err != nil {
		return fmt.Errorf("deleting the policy of %s: %w", repository, err)
	}
	return nil
}

// PushImage pushes the manifest of an image that has no layers.
func (c Clients) PushImage(ctx context.Context, repository string) error {
	const manifest = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}`
	_, err := c.ECR.PutImage(ctx, &ecr.PutImageInput{RepositoryName: &repository, ImageManifest: aws.String(manifest), ImageTag: aws.String("latest")})
	if err != nil {
		return fmt.Errorf("pushing an image to %s: %w", repository, err)
	}
	return nil
}

// PutList writes an account list.
func (c Clients) PutList(ctx context.Context, name, value string) error {
	_, err := c.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name:      &name,
		Value:     &value,
		Type:      ssmtypes.ParameterTypeString,
		Tier:      ssmtypes.ParameterTierIntelligentTiering,
		Overwrite: aws.Bool(true),
	})
	if err != nil {
		return fmt.Errorf("writing the list %s: %w", name, err)
	}
	return nil
}

// DeleteList deletes an account list.
func (c Clients) DeleteList(ctx context.Context, name string) error {
	if _, err := c.SSM.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &name}); err != nil {
		return fmt.Errorf("deleting the list %s: %w", name, err)
	}
	return nil
}

// CreateOrganization creates an organization, whose management account is this account, and returns the ID of its root.
func (c Clients) CreateOrganization(ctx context.Context) (root string, err error) {
	if _, err := c.Organizations.CreateOrganization(ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll}); err != nil {
		return "", fmt.Errorf("creating an organization: %w", err)
	}
	roots, err := c.Organizations.ListRoots(ctx, &organizations.ListRootsInput{})
	if err != nil {
		return "", fmt.Errorf("listing the roots: %w", err)
	}
	return aws.ToString(roots.Roots[0].Id), nil
}

// CreateUnit creates an OU and returns its ID.
func (c Clients) CreateUnit(ctx context.Context, parent, name string) (id string, err error) {
	created, err := c.Organizations.CreateOrganizationalUnit(ctx, &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
	if err != nil {
		return "", fmt.Errorf("creating the OU %s: %w", name, err)
	}
	return aws.ToString(created.OrganizationalUnit.Id), nil
}

// CreateAccount creates an account in an OU and returns its ID.
func (c Clients) CreateAccount(ctx context.Context, root, unit, name string, tags ...orgtypes.Tag) (id string, err error) {
	created, err := c.Organizations.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: &name, Email: aws.String("owner@example.com"), Tags: tags})
	if err != nil {
		return "", fmt.Errorf("creating the account %s: %w", name, err)
	}
	id = aws.ToString(created.CreateAccountStatus.AccountId)
	if _, err := c.Organizations.MoveAccount(ctx, &organizations.MoveAccountInput{AccountId: &id, SourceParentId: &root, DestinationParentId: &unit}); err != nil {
		return "", fmt.Errorf("moving the account %s: %w", name, err)
	}
	return id, nil
}

// CreateTrail creates a trail that logs all management events. Calls have events without it too; it is for those who
// check whether there is one.
func (a *AWS) CreateTrail(ctx context.Context) error {
	bucket, err := http.NewRequestWithContext(ctx, http.MethodPut, a.QuietEndpoint+"/trails", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(bucket)
	if err != nil {
		return fmt.Errorf("creating the bucket of a trail: %w", err)
	}
	response.Body.Close()
	trail := aws.String("management")
	if _, err := a.Quiet.CloudTrail.CreateTrail(ctx, &cloudtrail.CreateTrailInput{Name: trail, S3BucketName: aws.String("trails")}); err != nil {
		return fmt.Errorf("creating a trail: %w", err)
	}
	if _, err := a.Quiet.CloudTrail.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: trail}); err != nil {
		return fmt.Errorf("starting a trail: %w", err)
	}
	return nil
}
