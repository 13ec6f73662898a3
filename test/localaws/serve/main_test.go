package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// What is printed can be pasted into a shell, as far as it needs no Docker. Two may run at once.
func TestInstructions(t *testing.T) {
	root, err := localaws.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	var locals []*localaws.AWS
	var files, endpoints []string
	for range 2 {
		local, err := localaws.Start(t.Context(), localaws.Options{Progress: t.Output()})
		if err != nil {
			t.Fatal(err)
		}
		defer local.Close()
		if err := addSampleData(t.Context(), local); err != nil {
			t.Fatal(err)
		}
		endpoint, stop, err := forward(net.IPv4(127, 0, 0, 1), local.Endpoint)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		environment, err := writeEnvironment(local, endpoint)
		if err != nil {
			t.Fatal(err)
		}
		endpoints = append(endpoints, endpoint)
		locals, files = append(locals, local), append(files, environment)
	}
	for i, endpoint := range endpoints {
		text, err := os.ReadFile(files[i])
		var functions map[string]map[string]string
		if err != nil || json.Unmarshal(text, &functions) != nil || functions[localaws.OnRepo]["AWS_ENDPOINT_URL"] != endpoint {
			t.Errorf("%s: %s, %v", files[i], text, err)
		}
	}

	output := paste(t, instructions(locals[0]))
	if granted := strings.Count(output, `"Sid":"EcrPullPolicyAccounts"`); granted != 2 {
		t.Errorf("%d policies grant, want one that was applied and one that was requested:\n%s", granted, output)
	}
	if instructions := containerInstructions(locals[0], files[0]); !strings.Contains(instructions, "--env-vars "+files[0]) {
		t.Error(instructions)
	}
	// Functions in containers don't find AWS where it is for this machine.
	command := exec.CommandContext(t.Context(), "bash", "-c", ".venv/bin/aws ecr describe-repositories --repository-names team-a/api")
	command.Env = append(locals[0].Environment(), "AWS_ENDPOINT_URL="+endpoints[0])
	if output, err := command.CombinedOutput(); err != nil || !strings.Contains(string(output), "team-a/api") {
		t.Errorf("%v\n%s", err, output)
	}
	if err := locals[0].Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(files[1]); err != nil {
		t.Error("the end of one local AWS takes away what another has:", err)
	}
}

// paste runs the commands of the instructions but those of make.
func paste(t *testing.T, instructions string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ecr-pull-policy")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/ecr-pull-policy").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var script strings.Builder
	for line := range strings.Lines(instructions) {
		command, ok := strings.CutPrefix(line, "  ")
		switch {
		case !ok:
		case strings.Contains(command, "get-repository-policy"):
			// The function that was asked runs meanwhile.
			script.WriteString("until " + strings.TrimSpace(command) + " 2>/dev/null; do sleep 0.2; done\n")
		case strings.HasSuffix(command, " plan\n"):
			script.WriteString(strings.TrimSpace(command) + " || test $? = 2\n")
		case strings.HasSuffix(command, " apply\n"):
			script.WriteString(strings.TrimSpace(command) + " --yes\n")
		case strings.HasPrefix(command, "make "):
		default:
			script.WriteString(command)
		}
	}
	text := strings.ReplaceAll(script.String(), "bin/ecr-pull-policy", program)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", text)
	shell.WaitDelay = time.Second
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, text, output)
	}
	return string(output)
}
