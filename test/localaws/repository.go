package localaws

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// AddRepository makes a repository, if it is not there, and tells nobody: there is no event. After a call that the SDK
// repeated, it is there.
func (a *AWS) AddRepository(ctx context.Context, name string) error {
	_, err := a.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})
	if there := (*ecrtypes.RepositoryAlreadyExistsException)(nil); err != nil && !errors.As(err, &there) {
		return fmt.Errorf("create repository %s: %w", name, err)
	}
	return nil
}
