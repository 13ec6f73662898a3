package localaws

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// AddRepository creates a repository without publishing an event. The repository can exist already, because the SDK
// retries calls.
func (a *AWS) AddRepository(ctx context.Context, name string) error {
	_, err := a.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
	if _, ok := errors.AsType[*ecrtypes.RepositoryAlreadyExistsException](err); err != nil && !ok {
		return fmt.Errorf("create repository %s: %w", name, err)
	}
	return nil
}
