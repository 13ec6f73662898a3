package localaws

import (
	"context"
	"path/filepath"
)

// Translate returns the template of a repository as plain CloudFormation, in JSON, as SAM would deploy it.
func Translate(ctx context.Context, root string) ([]byte, error) {
	venv, err := Setup(ctx, root, nil)
	if err != nil {
		return nil, err
	}
	return translate(ctx, venv, filepath.Join(root, "template.yaml"), defaultRegion, false)
}
