package main

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// smokeCloud is a stub of AWS with a list and a stack that repairs policies at once, if there is a trail.
func smokeCloud(t *testing.T, list string, trail bool) *stubaws.AWS {
	t.Helper()
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, list)
	own := policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}
	parsed, err := policy.ParseList(list, own)
	if err != nil {
		t.Fatal(err)
	}
	cloud.OnDone = func(_ context.Context, call stubaws.Call, err error) {
		var input struct{ RepositoryName string }
		switch call.Operation {
		case "CreateRepository", "SetRepositoryPolicy":
			if json.Unmarshal(call.Body, &input) != nil || err != nil || !trail {
				return
			}
			existing, _ := cloud.Policy(input.RepositoryName)
			document, _ := policy.ParseDocument(existing, own)
			change, _ := policy.Standard{Registry: own, Style: policy.GrantPrincipal, Lambda: true}.Merge(document, []policy.Listed{{Consumers: &parsed.Consumers}})
			cloud.SetPolicy(input.RepositoryName, change.Document)
		}
	}
	return cloud
}

var smokeName = regexp.MustCompile(`ecr-pull-policy-smoke-[a-z2-7]{10}`)

// isAlone checks that the test left only the other repository, without a policy.
func isAlone(t *testing.T, cloud *stubaws.AWS, out string) {
	t.Helper()
	name := smokeName.FindString(out)
	if _, exists := cloud.Policy(name); exists || name == "" {
		t.Errorf("repository %q exists: %t", name, exists)
	}
	if document, exists := cloud.Policy("a/api"); !exists || document != "" {
		t.Errorf("the other repository: %t, %s", exists, document)
	}
}

func TestSmoke(t *testing.T) {
	cloud := smokeCloud(t, "111111111111 o-a1b2c3d4e5", true)
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if strings.Contains(string(call.Body), `"repositoryName"`) && !smokeName.Match(call.Body) {
			t.Errorf("%s of another repository: %s", call.Operation, call.Body)
		}
		return stubaws.Fault{}
	}
	status, out := call(t.Context(), "smoke", "--yes", "--stack", "checking")
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "smoke tests stack checking in 123456789012, eu-central-1. It makes these calls:", "  ecr:CreateRepository     once: ecr-pull-policy-smoke-",
		"ecr-pull-policy smoke: passed\n", "stack    checking: grant style principal, Lambda statement on\nlists    1 account, 1 organization\n",
		"ok  policy                written 0.", "ok  repair                restored 0.", "ok  unmanaged statements  unchanged by the repair\n", "ok  deletion              the repository is deleted\n",
		"note     returned policy                the same values as written\n", "note     aws:SourceOrgID for Lambda     accepted: ECR stores the condition;", "skipped  log  the log group of onrepo isn't known")
	_, report, _ := strings.Cut(out, "ecr-pull-policy smoke: ")
	if regexp.MustCompile(`\d{12}`).MatchString(report) {
		t.Error("the report contains an account ID:", report)
	}
	isAlone(t, cloud, out)
}

// Before anything is created, smoke fails if there is nothing to test.
func TestNothingToSmoke(t *testing.T) {
	for name, c := range map[string]struct {
		list string
		args []string
		want string
	}{
		"observe":     {"111111111111", []string{"--yes", "--stack", "observing"}, "the mode of stack observing is observe, so it writes no policies; deploy it with Mode=enforce; to check the rest of the installation, run: ecr-pull-policy doctor"},
		"none":        {"none", []string{"--yes", "--stack", "checking"}, "so the stack writes no policy; write consumers to list " + accountList + " first"},
		"no stack":    {"none", []string{"--yes", "--stack", ""}, "smoke requires a stack"},
		"no terminal": {"111111111111", []string{"--stack", "checking"}, "pass --yes"},
		"no time":     {"111111111111", []string{"--yes", "--timeout", "0s"}, "--timeout must be more than 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := smokeCloud(t, c.list, true)
			status, out := call(t.Context(), append([]string{"smoke"}, c.args...)...)
			if status != exitFailed || cloud.Calls()["CreateRepository"] > 0 {
				t.Errorf("exit status %d, calls %v", status, cloud.Calls())
			}
			contains(t, out, c.want)
		})
	}
}

func TestSmokeWithoutTrail(t *testing.T) {
	cloud := smokeCloud(t, "111111111111", false)
	status, out := call(t.Context(), "smoke", "--yes", "--stack", "checking", "--timeout", "1ms")
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "ecr-pull-policy smoke: failed\n", "wasn't written within 1ms: no event", "run:\n  ecr-pull-policy doctor --region eu-central-1 --stack checking\n", "white space", "the repository is deleted")
	isAlone(t, cloud, out)
}

// Ctrl-C deletes the repository, and the message has the command in case the deletion is interrupted too.
func TestInterruptedSmoke(t *testing.T) {
	cloud := smokeCloud(t, "111111111111", false)
	ctx, interrupt := context.WithCancel(t.Context())
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "GetRepositoryPolicy" {
			interrupt()
		}
		return stubaws.Fault{}
	}
	status, out := call(ctx, "smoke", "--yes", "--stack", "checking")
	if status != exitInterrupted {
		t.Errorf("exit status %d", status)
	}
	name := smokeName.FindString(out)
	contains(t, out, "\nDeleting repository "+name+". If you press Ctrl-C again", "  aws ecr delete-repository --region eu-central-1 --repository-name "+name+"\n",
		"skipped  policy      the test ended earlier\n", "failed   test        interrupted\n", "ok       deletion    the repository is deleted\n")
	isAlone(t, cloud, out)
}

func TestSmokeLeavesRepository(t *testing.T) {
	cloud := smokeCloud(t, "111111111111", true)
	cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
		if call.Operation == "DeleteRepository" {
			return stubaws.Fault{Code: "AccessDeniedException"}
		}
		return stubaws.Fault{}
	}
	status, out := call(t.Context(), "smoke", "--yes", "--stack", "checking")
	if status != exitFailed {
		t.Errorf("exit status %d", status)
	}
	name := smokeName.FindString(out)
	contains(t, out, "failed  deletion              the repository still exists: delete repository",
		"To delete it, run:\n  aws ecr delete-repository --region eu-central-1 --repository-name "+name+"\n")

	var errOut output // if the report can't be written
	p := program{in: strings.NewReader(""), out: fullDisk{}, errOut: &errOut, timeout: callTimeout}
	if status := p.run(t.Context(), []string{"smoke", "--yes", "--stack", "checking"}); status != exitFailed {
		t.Errorf("without a report: exit status %d", status)
	}
	contains(t, errOut.String(), "aws ecr delete-repository --region eu-central-1 --repository-name "+smokeName.FindString(errOut.String())+"\n")
}

func TestConfirmSmoke(t *testing.T) {
	for answer, want := range map[string]string{"no\n": "Test canceled. Nothing was created.", "yes\n": "Do you want to make these calls?"} {
		var out output
		command := &cobra.Command{}
		command.SetContext(t.Context())
		command.SetIn(strings.NewReader(answer))
		command.SetErr(&out)
		agreed, err := (&session{}).confirmSmoke(command, "name", "log", false)
		if agreed != (answer == "yes\n") || err != nil {
			t.Errorf("%q: %t, %v", answer, agreed, err)
		}
		contains(t, out.String(), want)
	}
}
