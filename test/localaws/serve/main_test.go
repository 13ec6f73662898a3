package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// What is printed works when it is pasted into a shell, with the AWS CLI itself, whatever the user's settings are; and
// what happens is printed line by line.
func TestInstructions(t *testing.T) {
	root, err := localaws.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	var followed bytes.Buffer
	local, err := start(t.Context(), localaws.Options{Progress: t.Output(), Watcher: &follower{out: &followed}})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	text, err := instructions(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}

	output := paste(t, text)
	if granted := strings.Count(output, `"Sid":"EcrPullPolicyAccounts"`); granted != 2 {
		t.Errorf("%d policies grant, want the new one and the restored one", granted)
	}
	for _, part := range []string{`"outcome":"updated"`, "problems: 0", `"TaskHandle"`, "registry policy: updated"} {
		if !strings.Contains(output, part) {
			t.Errorf("%s isn't in the output", part)
		}
	}
	if t.Failed() {
		t.Log(output)
	}
	forContainers(t, local)
	if _, err := local.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	if err := local.Close(); err != nil { // after this, nothing writes to followed
		t.Error(err)
	}
	for _, line := range []string{
		`Parameter Store Change: Create /ecr-pull-policy/accounts → onaccount`,
		`  onaccount: 2 repositories requested`,
		`Repository Reconcile Requested: 2 → request queue`,
		`  onrepo: team-a/api updated`,
		`CreateRepository team-b/new by operator → onrepo`,
		`  onrepo: team-b/new updated`,
		`DeleteRepositoryPolicy team-b/web by operator → onrepo`,
		`  onrepo: message failed: event rejected: .*`,
	} {
		if !regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d ` + line + `$`).Match(followed.Bytes()) {
			t.Errorf("no line %q in\n%s", line, &followed)
		}
	}
	if bytes.Contains(followed.Bytes(), []byte("\x1b[")) {
		t.Error("colors where there is no terminal")
	}
}

// paste runs the commands of the instructions but those of make. The shell has settings that lead to a real account.
func paste(t *testing.T, instructions string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ecr-pull-policy")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/ecr-pull-policy").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var script strings.Builder
	script.WriteString("aws() { until command aws \"$@\"; do sleep 0.2; done; }\n") // a function is at work meanwhile
	for line := range strings.Lines(instructions) {
		if command, ok := strings.CutPrefix(line, "  "); ok && !strings.HasPrefix(command, "make ") {
			script.WriteString(command)
		}
		if len(strings.TrimRight(line, "\n")) > 80 && !strings.Contains(line, "arn:aws:sqs:") && !strings.Contains(line, "source ") {
			t.Errorf("more than 80 columns: %s", line)
		}
	}
	text := strings.ReplaceAll(script.String(), "bin/ecr-pull-policy", program)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", text)
	shell.Env = append(os.Environ(), "AWS_PROFILE=production", "AWS_ENDPOINT_URL_ECR=http://192.0.2.1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true")
	shell.Dir = t.TempDir() // the commands work from any directory
	shell.WaitDelay = time.Second
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, text, output)
	}
	return string(output)
}

// forContainers checks that the functions in containers have the environment of the stack, and find AWS at an address
// of their own.
func forContainers(t *testing.T, local *localaws.AWS) {
	t.Helper()
	endpoint, err := local.Listen("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(endpoint + "/moto-api/")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", response, err)
	}
	response.Body.Close()
	path, err := writeEnvironment(local, endpoint)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	var functions map[string]map[string]string
	if err != nil || json.Unmarshal(text, &functions) != nil {
		t.Fatalf("%s, %v", text, err)
	}
	printed := containerInstructions(local, path)
	for id, function := range local.Stack.Functions {
		if functions[id]["AWS_ENDPOINT_URL"] != endpoint || functions[id]["STACK_NAME"] != local.Stack.Name {
			t.Errorf("the environment of %s is %v", id, functions[id])
		}
		if want := "AWS_ACCESS_KEY_ID=" + function.Role() + " .venv/bin/sam local invoke \\\n    " + id; !strings.Contains(printed, want) {
			t.Errorf("%s isn't in %s", want, printed)
		}
	}
}
