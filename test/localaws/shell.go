package localaws

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// wrapper is the AWS CLI in .venv. Version 1, which pip installs, ignores AWS_ENDPOINT_URL for some services and would
// call the real SQS; and it takes payloads as they are, as the option does that version 2 needs.
//
// https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-endpoints.html
const wrapper = `#!/usr/bin/env bash
words=()
while (($#)); do
  if [[ $1 == --cli-binary-format ]]; then shift; else words+=("$1"); fi
  shift
done
exec '%s' --endpoint-url "$AWS_ENDPOINT_URL" "${words[@]}"
`

// WriteShell writes a file that makes a shell that sources it (bash or zsh) use this AWS and no other, and returns its
// path. It hides all settings and profiles of the user. If version 2 of the AWS CLI isn't installed, aws is the one in
// .venv.
func (a *AWS) WriteShell(ctx context.Context) (path string, err error) {
	var text strings.Builder
	text.WriteString("unset AWS_PROFILE $(env | grep -o '^AWS_[A-Za-z0-9_]*')\n")
	for _, variable := range a.Environment() {
		if name, value, _ := strings.Cut(variable, "="); name != "HOME" {
			fmt.Fprintf(&text, "export %s='%s'\n", name, value)
		}
	}
	if !hasVersion2(ctx) {
		tools, err := venv.Tools(ctx, a.options.Root, a.options.Progress)
		if err != nil {
			return "", err
		}
		dir := filepath.Join(a.WorkDir, "cli")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, "aws"), fmt.Appendf(nil, wrapper, tools.Tool("aws")), 0o755); err != nil {
			return "", fmt.Errorf("writing a wrapper of the AWS CLI: %w", err)
		}
		fmt.Fprintf(&text, "export PATH='%s':\"$PATH\"\n", dir)
	}
	path = filepath.Join(a.WorkDir, "env")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		return "", fmt.Errorf("writing the environment of a shell: %w", err)
	}
	return path, nil
}

func hasVersion2(ctx context.Context) bool {
	version, err := exec.CommandContext(ctx, "aws", "--version").Output()
	return err == nil && strings.HasPrefix(string(version), "aws-cli/2.")
}
