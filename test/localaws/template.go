package localaws

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Translate returns the template of a repository as plain CloudFormation, in JSON, as SAM would deploy it.
func Translate(ctx context.Context, root string) ([]byte, error) {
	venv, err := Setup(ctx, root, nil)
	if err != nil {
		return nil, err
	}
	return translateFile(ctx, venv, filepath.Join(root, "template.yaml"), defaultRegion, false)
}

// TranslateText is Translate for the text of a template.
func TranslateText(ctx context.Context, root string, template []byte) ([]byte, error) {
	venv, err := Setup(ctx, root, nil)
	if err != nil {
		return nil, err
	}
	return translate(ctx, venv, string(template), defaultRegion, false)
}

func translateFile(ctx context.Context, venv Venv, path, region string, forMoto bool) ([]byte, error) {
	template, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	translated, err := translate(ctx, venv, string(template), region, forMoto)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return translated, nil
}
