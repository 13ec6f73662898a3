package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	for _, argument := range []string{"version", "--version"} {
		if status, out, _ := offline(t, "", argument); status != 0 || !strings.HasPrefix(out, "ecr-pull-policy version ") || !strings.Contains(out, " go1.") {
			t.Errorf("%s: exit status %d\n%s", argument, status, out)
		}
	}
}

// With --quiet, only the results are left.
func TestQuiet(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "none")
	if status, out := call(t.Context(), "plan", "--quiet"); status != 0 || out != "1 repository: 0 to change, 1 unchanged\n" {
		t.Errorf("exit status %d\n%s", status, out)
	}
	cloud.PutList(accountList, "what?")
	_, out := call(t.Context(), "plan", "-q")
	contains(t, out, "warning: version 2 of account list /ecr-pull-policy/accounts can't be used")
}

// --debug logs each attempt of each call to standard error, without credentials and policies.
func TestDebug(t *testing.T) {
	cloud := newCloud(t)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secretkey")
	t.Setenv("AWS_SESSION_TOKEN", "sessiontoken")
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	var out, errOut bytes.Buffer
	program{in: strings.NewReader(""), out: &out, errOut: &errOut, timeout: callTimeout}.run(t.Context(), []string{"plan", "--debug"})
	for _, want := range []string{
		`level=DEBUG msg="AWS call" service=STS operation=GetCallerIdentity duration=\d+[^ ]*s host=127.0.0.1:\d+\n`,
		`service=CloudFormation operation=DescribeStacks duration=[^ ]+ host=[^ ]+ error=ValidationError\n`,
		`service=ECR operation=GetRepositoryPolicy duration=[^ ]+ host=[^ ]+ error=RepositoryPolicyNotFoundException\n`,
		`service=SSM operation=GetParameters `,
	} {
		if !regexp.MustCompile(want).MatchString(errOut.String()) {
			t.Errorf("no line %s:\n%s", want, &errOut)
		}
	}
	for _, secret := range []string{"secretkey", "sessiontoken", "Authorization", "111111111111"} {
		if strings.Contains(errOut.String(), secret) {
			t.Errorf("%s in the log:\n%s", secret, &errOut)
		}
	}
	if strings.Contains(out.String(), "AWS call") {
		t.Errorf("log on standard output:\n%s", &out)
	}
}

func TestManPages(t *testing.T) {
	directory := t.TempDir()
	if status, out := call(t.Context(), "man", directory); status != 0 || out != "" {
		t.Fatalf("exit status %d\n%s", status, out)
	}
	for _, command := range newCommand(newFlags(program{})).Commands() {
		if command.Name() == "help" {
			continue
		}
		page, err := os.ReadFile(filepath.Join(directory, "ecr-pull-policy-"+command.Name()+".1"))
		if err != nil || !strings.Contains(string(page), command.Short) {
			t.Errorf("page of %s: %v", command.Name(), err)
		}
	}
	status, out := call(t.Context(), "man", filepath.Join(directory, "nosuch"))
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "ecr-pull-policy: write man pages: open "+directory+"/nosuch/")
}

func TestCompletion(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"apply --mode ", "enforce\nobserve\n:4\n"}, // 4 is ShellCompDirectiveNoFileComp
		{"rem", "remove\tRemove the managed statements from policies\n:4\n"},
		{"plan ", ":4\n"},
		{"validate ", ":0\n"},
		{"man ", ":16\n"},
		{"plan --output ", "text\njson\n:4\n"},
		{"audit --output ", "table\njson\ncsv\nhtml\nsarif\n:4\n"},
		{"audit --min-severity ", "critical\nhigh\nmedium\nlow\n:4\n"},
		{"render --grant-style ", "principal\ncondition\n:4\n"},
		{"plan --extra-actions ecr:ListImages,ecr:DescribeI", "ecr:ListImages,ecr:BatchGetRepositoryScanningConfiguration\necr:ListImages,ecr:BatchImportUpstreamImage\n"},
		{"plan --out ", ":0\n"},
		{"plan --accounts ", ":4\n"},
		{"can 111111111111 pu", "delete\npull\npush\necr:BatchCheckLayerAvailability\n"},
		{"can 111111111111 pull ", ":4\n"},
	} {
		var out bytes.Buffer
		program{in: strings.NewReader(""), out: &out, errOut: &bytes.Buffer{}, timeout: callTimeout}.run(t.Context(), append([]string{"__complete"}, strings.Split(c.args, " ")...))
		if !strings.HasPrefix(out.String(), c.want) {
			t.Errorf("%s: %q, want %q", c.args, out.String(), c.want)
		}
	}
}

// The commands that the program prints can be run as the program was: its name alone might not be in PATH.
func TestPrintedCommands(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.CreateRepository("b/api")
	cloud.SetPolicy("b/api", `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"AROAEXAMPLEEXAMPLEEX"},"Action":"ecr:PutImage"}]}`)
	cloud.PutList(accountList, "111111111111")
	file := filepath.Join(t.TempDir(), "plan.json")
	for _, c := range []struct{ args, want string }{
		{"plan a b --what", "\nUsage: %s plan [REPOSITORY|PATTERN]... [flags]\nFor details, run: %s plan --help\n"},
		{"plan --help", "Examples:\n  %s plan\n  %s plan team-a/api"},
		{"plan --stack checking --out " + file, "To apply it, run: %s apply " + file + "\n"},
		{"smoke --stack observing --yes", "run: %s doctor\n"},
		{"doctor --stack observing", " %s plan --stack observing --region eu-central-1\n"},
		{"apply --stack checking --yes", "run: %s apply --remove-dead-principals b/api\n"},
	} {
		for path, start := range map[string]string{
			"bin/ecr-pull-policy":   "bin/ecr-pull-policy",
			"../my bin/pull-policy": "'../my bin/pull-policy'",
			"ecr-pull-policy":       "ecr-pull-policy",
		} {
			var out output
			program{path: path, in: strings.NewReader(""), out: &out, errOut: &out, timeout: callTimeout}.run(t.Context(), strings.Fields(c.args))
			if want := strings.ReplaceAll(c.want, "%s", start); !strings.Contains(out.String(), want) {
				t.Errorf("%s %s: no %q in\n%s", path, c.args, want, &out)
			}
		}
	}
}
