package access

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/npm"
)

var (
	//go:embed package.json
	packages []byte
	//go:embed package-lock.json
	lockFile []byte
	//go:embed evaluate.mjs
	script []byte
)

// request is a call to ECR by a principal.
type request struct {
	Policy    json.RawMessage `json:"policy"` // of the repository or the registry
	Principal string          `json:"principal"`
	Action    string          `json:"action"`
	Resource  string          `json:"resource"`
	Account   string          `json:"account"` // that owns the resource
	Context   map[string]any  `json:"context"` // by condition key
}

// evaluate returns whether each request is allowed. The evaluator is iam-simulate, which shares nothing with this
// application: https://github.com/cloud-copilot/iam-simulate
func evaluate(t *testing.T, requests []request) []bool {
	t.Helper()
	files := map[string][]byte{"package.json": packages, "package-lock.json": lockFile, "evaluate.mjs": script}
	project, err := npm.Install(t.Context(), "../..", "access", files, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	command := project.Node(t.Context(), "evaluate.mjs")
	command.Stdin, command.Stderr = bytes.NewReader(input), &errOut
	output, err := command.Output()
	if err != nil {
		t.Fatalf("evaluate.mjs: %v\n%s", err, errOut.Bytes())
	}
	var allowed []bool
	if err := json.Unmarshal(output, &allowed); err != nil || len(allowed) != len(requests) {
		t.Fatalf("%d answers to %d requests, %v", len(allowed), len(requests), err)
	}
	return allowed
}
