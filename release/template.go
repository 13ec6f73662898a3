package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

//go:embed template.py
var templateScript string

// maxTemplate is the size of a template that CloudFormation and StackSets take without a bucket.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxTemplate = 51_200

// template writes template.yaml as plain CloudFormation.
func (r *release) template(ctx context.Context) error {
	translated, err := localaws.Translate(ctx, r.root)
	if err != nil {
		return err
	}
	input, err := json.Marshal(map[string]any{
		"template": json.RawMessage(translated),
		"version":  r.version,
		"build":    fmt.Sprintf("%s (%.12s)", r.version, r.commit),
	})
	if err != nil {
		return err
	}
	python, err := venv.Services(ctx, r.root, os.Stderr)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, python.Python(), "-c", templateScript)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	template, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("write the template as plain CloudFormation: %w", err)
	}
	if len(template) > maxTemplate {
		return fmt.Errorf("the template has %d bytes, but CloudFormation takes at most %d without a bucket; shorten template.yaml", len(template), maxTemplate)
	}
	return r.write("template.yaml", template)
}
