package localaws

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// Translate returns the template of a repository as plain CloudFormation, in JSON, as SAM would deploy it.
func Translate(ctx context.Context, root string) ([]byte, error) {
	python, err := venv.Services(ctx, root, nil)
	if err != nil {
		return nil, err
	}
	return translateFile(ctx, python, filepath.Join(root, "template.yaml"), defaultRegion, false)
}

// TranslateText is Translate for the text of a template.
func TranslateText(ctx context.Context, root string, template []byte) ([]byte, error) {
	python, err := venv.Services(ctx, root, nil)
	if err != nil {
		return nil, err
	}
	return translate(ctx, python, string(template), defaultRegion, false)
}

func translateFile(ctx context.Context, python venv.Venv, path, region string, forMoto bool) ([]byte, error) {
	template, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	translated, err := translate(ctx, python, string(template), region, forMoto)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return translated, nil
}
