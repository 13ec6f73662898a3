package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/settings"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

const (
	accountList = "/ecr-pull-policy/accounts"
	many        = 100 // repositories in scope
	outOfScope  = 1   // repositories out of scope
)

// world is a simulated AWS and the compiled program.
type world struct {
	*localaws.AWS
	t       *testing.T
	program string
}

func newWorld(t *testing.T) world {
	t.Helper()
	return newWorldWith(t, map[string]string{"Exclude": "**/scratch"})
}

// newWorldWith starts a simulated AWS whose stack has the given parameters.
func newWorldWith(t *testing.T, parameters map[string]string) world {
	t.Helper()
	w := world{t: t, program: filepath.Join(t.TempDir(), "ecr-pull-policy")}
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", w.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var err error
	w.AWS, err = localaws.Start(t.Context(), localaws.Options{Progress: t.Output(), Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// command returns the program with its own environment, so that it can't reach a real account.
func (w world) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(w.t.Context(), w.program, args...)
	c.Env = w.Environment()
	return c
}

// run runs the program, checks its exit status, and returns both outputs.
func (w world) run(status int, args ...string) (out, errOut string) {
	w.t.Helper()
	return w.runWith(status, "", args...)
}

func (w world) runWith(status int, input string, args ...string) (out, errOut string) {
	w.t.Helper()
	c := w.command(args...)
	var stdout, stderr bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), &stdout, &stderr
	started := time.Now()
	err := c.Run()
	w.t.Logf("%s took %.1f s", strings.Join(args, " "), time.Since(started).Seconds())
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		w.t.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != status {
		w.t.Fatalf("%s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, status, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

func (w world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// list writes a list without an event: the tests compare what the program would do, and not what the stack does.
func (w world) list(name, value string) {
	w.t.Helper()
	w.must(w.Quiet.PutList(w.t.Context(), name, value))
}

// repositories creates the repositories in scope, and one out of scope.
func (w world) repositories() {
	w.t.Helper()
	group, ctx := errgroup.WithContext(w.t.Context())
	group.SetLimit(8)
	for i := range many {
		group.Go(func() error {
			return w.Quiet.CreateRepository(ctx, fmt.Sprintf("shop/service-%04d", i), "")
		})
	}
	w.must(group.Wait())
	w.must(w.Quiet.CreateRepository(w.t.Context(), "shop/scratch", ""))
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("output doesn't contain %q:\n%s", part, text)
		}
	}
	if strings.Contains(text, "\x1b[") {
		t.Error("colors in a pipe")
	}
}

func TestCommands(t *testing.T) {
	w := newWorld(t)

	out, _ := w.run(1, "doctor")
	contains(t, out, "ecr-pull-policy is CREATE_COMPLETE", "the stack contains all required resources", "8 rules are enabled",
		accountList+" doesn't exist", "  aws ssm put-parameter --type String --name "+accountList+" --value file://accounts.txt --region eu-central-1\n",
		"onrepo receives requests from the request queue", "ok       registry policy  the registry has no policy", "no trail logs management events", "OnRepoDeadLetterQueue is empty", "problems: 1")
	_, errOut := w.run(1, "plan")
	contains(t, errOut, accountList+" can't be used", "no account list can be used")

	w.repositories()
	w.list(accountList, "111111111111, arn:aws:iam::222222222222:role/deploy")
	w.list(accountList+"/shop/service-0099", "o-a1b2c3d4e5")
	w.must(w.CreateTrail(w.t.Context()))
	out, _ = w.run(0, "doctor")
	contains(t, out, "contains 1 account, 1 role or user", "management logs management events", "problems: 0")

	w.parametersAreTheDefaults()
	out, errOut = w.run(2, "plan")
	contains(t, out, "same change in 100 repositories: shop/service-0000, shop/service-0001, shop/service-0002, and 97 more",
		"    + account 111111111111\n", "    + role arn:aws:iam::222222222222:role/deploy\n", "    + action ecr:BatchGetImage\n",
		"    + functions of account 111111111111\n", "\nadditional change in shop/service-0099\n", "    + organization o-a1b2c3d4e5\n",
		fmt.Sprintf("%d repositories: %d to change, 0 unchanged, %d out of scope\n", many+outOfScope, many, outOfScope))
	if errOut != "" {
		t.Errorf("unexpected output of plan: %s", errOut)
	}

	_, errOut = w.run(1, "apply")
	contains(t, errOut, "pass --yes")
	w.interruptedApply()
	out, _ = w.run(0, "apply", "--yes")
	contains(t, out, "applied: ", " updated")
	out, _ = w.run(0, "plan")
	if want := fmt.Sprintf("registry 123456789012 in eu-central-1, stack ecr-pull-policy, list %s\n\n"+
		"%d repositories: 0 to change, %d unchanged, %d out of scope\n", accountList, many+outOfScope, many, outOfScope); out != want {
		t.Errorf("unexpected output of plan: %s", out)
	}
	if _, found, err := w.Policy(t.Context(), "shop/scratch"); err != nil || found {
		t.Errorf("a repository out of scope has a policy: %v, %v", found, err)
	}

	out, _ = w.runWith(2, "none # at all", "plan", "--list", "-", "--include", "shop/service-000?", "--lambda-statement=on")
	contains(t, out, "same change in 10 repositories", "- account 111111111111", "the policy is deleted", "\n10 repositories: 10 to change, 0 unchanged\n")
	out, _ = w.run(2, "plan", "--accounts", "111111111111,333333333333", "--include", "shop/service-000?", "--all")
	contains(t, out, "shop/service-0007\n  accounts, roles and users (EcrPullPolicyAccounts)\n    - role arn:aws:iam::222222222222:role/deploy\n    + account 333333333333\n")
	_, errOut = w.run(1, "plan", "--accounts", "1111")
	contains(t, errOut, "invalid account ID; expected 12 digits, found 4")

	w.audits()

	out, _ = w.run(0, "render", "shop/service-0099")
	document, _, err := w.Policy(t.Context(), "shop/service-0099")
	w.must(err)
	if squeeze(out) != squeeze(document) {
		t.Errorf("policy of render:\n%s\npolicy of the repository:\n%s", out, document)
	}
	out, errOut = w.run(0, "render", "team/scratch", "--accounts", "333333333333", "--grant-style", "condition")
	contains(t, out, `"aws:PrincipalAccount": ["333333333333"]`)
	contains(t, errOut, "out of scope")

	_, errOut = w.run(1, "render", "team/scratch", "--stack", "other", "--accounts", "333333333333")
	contains(t, errOut, "stack other doesn't exist in eu-central-1; specify the stack with --stack")

	w.smokes()
	w.resolves()
}

// audits runs audit on a registry in which one repository has a critical finding.
func (w world) audits() {
	w.t.Helper()
	out, _ := w.run(0, "audit")
	contains(w.t, out, fmt.Sprintf("%d repositories, %d with a policy", many+outOfScope, many))

	w.must(w.SetPolicy(w.t.Context(), "shop/scratch", `{"Version":"2012-10-17","Statement":[{"Sid":"Everybody","Effect":"Allow","Principal":"*","Action":"ecr:*"}]}`))
	out, _ = w.run(2, "audit", "--output", "html")
	contains(w.t, out, "<!doctype html>", "Everybody", "shop/service-0000")
}

// parametersAreTheDefaults checks that the command line has the defaults of the template, except for Exclude.
func (w world) parametersAreTheDefaults() {
	w.t.Helper()
	described, err := w.CloudFormation.DescribeStacks(w.t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("ecr-pull-policy")})
	w.must(err)
	parameters := map[string]string{}
	for _, p := range described.Stacks[0].Parameters {
		parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	defaults := settings.Defaults()
	for name, value := range map[string]string{
		"AccountListName": defaults.AccountListName,
		"PolicyLevel":     defaults.PolicyLevel,
		"GrantStyle":      defaults.GrantStyle,
		"LambdaStatement": defaults.LambdaStatement,
		"ExtraActions":    strings.Join(defaults.ExtraActions, ","),
		"Include":         strings.Join(defaults.Include, ","),
		"Mode":            defaults.Mode,
	} {
		if parameters[name] != value {
			w.t.Errorf("the default of %s is %q, in the template %q", name, value, parameters[name])
		}
	}
}

// interruptedApply sends Ctrl-C after the first policy was written.
func (w world) interruptedApply() {
	w.t.Helper()
	c := w.command("apply", "--yes", "--include", "shop/service-00*")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	w.must(c.Start())
	for deadline := time.Now().Add(30 * time.Second); ; {
		_, found, err := w.Policy(w.t.Context(), "shop/service-0000")
		w.must(err)
		if found {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatal("no policy was written")
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.must(c.Process.Signal(os.Interrupt))
	_ = c.Wait()
	if status := c.ProcessState.ExitCode(); status != 130 {
		w.t.Errorf("exit status %d\n%s", status, &out)
	}
	contains(w.t, out.String(), "interrupted: ", " remaining (shop/service-", "run apply again to continue")
}

func squeeze(document string) string { return strings.Join(strings.Fields(document), "") }

// The stack has the policy level registry, and repositories have statements from before. apply moves the grants while the
// functions run, audit and doctor find nothing afterwards, and remove names the stack.
func TestPolicyLevelOfTheStack(t *testing.T) {
	w := newWorldWith(t, map[string]string{"PolicyLevel": "registry", "LambdaStatement": "off"})
	for _, name := range []string{"shop/api", "shop/web"} {
		w.must(w.Quiet.CreateRepository(t.Context(), name, ""))
	}
	w.list(accountList, "111111111111")
	w.list(accountList+"/shop/api", "o-a1b2c3d4e5")
	w.must(w.CreateTrail(t.Context()))
	w.must(w.Quiet.SetPolicy(t.Context(), "shop/web", `{"Version":"2012-10-17","Statement":[{"Sid":"Team","Effect":"Allow","Principal":{"AWS":"333333333333"},"Action":"ecr:BatchGetImage"},`+
		`{"Sid":"EcrPullPolicyAccounts","Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":["ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`))

	out, _ := w.run(2, "plan")
	contains(t, out, "registry policy\n  accounts, roles and users on all repositories (EcrPullPolicyAccounts)\n    + account 111111111111\n",
		"organizations on shop/api, shop/api/* (EcrPullPolicyOrganizationsInshopSlashapi)", "calls that write: 2 PutRegistryPolicy, 1 SetRepositoryPolicy\n")
	out, _ = w.run(0, "apply", "--yes")
	contains(t, out, "applied: 1 updated, 1 unchanged\n", "registry policy: updated\n")
	_, err := w.Settle(t.Context())
	w.must(err)
	document, _, err := w.Policy(t.Context(), "shop/web")
	w.must(err)
	if strings.Contains(document, "EcrPullPolicy") || !strings.Contains(document, "333333333333") {
		t.Errorf("the policy of shop/web is %s", document)
	}
	w.run(0, "plan")
	out, _ = w.run(0, "doctor")
	contains(t, out, "the policy level is registry, and the registry policy is what the lists", "problems: 0")
	out, _ = w.run(0, "can", "111111111111", "pull", "shop/web")
	contains(t, out, "allowed by statement 1 (EcrPullPolicyOnlyAccounts) of the registry policy")
	_, errOut := w.run(1, "remove", "--registry-policy", "--yes")
	contains(t, errOut, "stack ecr-pull-policy would restore the managed statements of the registry policy; deploy it with PolicyLevel=repository or Mode=observe")
	_, errOut = w.run(1, "apply", "--yes", "--policy-level", "repository")
	contains(t, errOut, "stack ecr-pull-policy has PolicyLevel=registry and would undo changes at the level repository")
}
