package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// user is somebody with the files of a release, the AWS CLI, and no Go, in a directory that has nothing else.
type user struct {
	*localaws.AWS
	t     *testing.T
	dir   string
	shell string
	path  string
}

func newUser(t *testing.T) *user {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the functions of a release are Linux programs")
	}
	local, err := localaws.Start(t.Context(), localaws.Options{NoStack: true, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	})
	u := &user{AWS: local, t: t, dir: t.TempDir(), path: t.TempDir()}
	u.must(os.CopyFS(u.dir, os.DirFS(artifacts(t))))
	if u.shell, err = local.WriteShell(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bash", "cat", "cut", "env", "grep", "gzip", "sh", "sha256sum", "tar"} {
		program, err := exec.LookPath(name)
		u.must(err)
		u.must(os.Symlink(program, filepath.Join(u.path, name)))
	}
	return u
}

func (u *user) must(err error) {
	u.t.Helper()
	if err != nil {
		u.t.Fatal(err)
	}
}

// try runs commands in bash.
func (u *user) try(commands string) (string, error) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), 3*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, filepath.Join(u.path, "bash"), "-euo", "pipefail", "-c", "source "+u.shell+"\n"+commands)
	shell.Dir, shell.Env = u.dir, []string{"PATH=" + u.path, "HOME=" + u.dir}
	output, err := shell.CombinedOutput()
	return string(output), err
}

func (u *user) run(commands string) string {
	u.t.Helper()
	output, err := u.try(commands)
	if err != nil {
		u.t.Fatalf("%v\n%s\n%s", err, commands, output)
	}
	return output
}

// settle waits until the stack is idle, and fails if a function failed.
func (u *user) settle() localaws.Activity {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), time.Minute)
	defer cancel()
	activity, err := u.Settle(ctx)
	u.must(err)
	for _, err := range activity.Errors() {
		u.t.Error(err)
	}
	return activity
}

// policy returns the policy of a repository, or "" if it has none.
func (u *user) policy(repository string) string {
	u.t.Helper()
	text, _, err := u.Policy(u.t.Context(), repository)
	u.must(err)
	return text
}

// commands returns the first bash block below a heading of a page. The functions run on the processor of this machine.
func commands(t *testing.T, page, heading string) string {
	t.Helper()
	_, section, _ := strings.Cut(string(read(t, repository, page)), "\n"+heading+"\n")
	_, block, found := strings.Cut(section, "```bash\n")
	block, _, _ = strings.Cut(block, "```")
	if !found {
		t.Fatalf("%s has no commands below %q", page, heading)
	}
	block = strings.ReplaceAll(block, "linux_amd64", runtime.GOOS+"_"+runtime.GOARCH)
	if runtime.GOARCH == "amd64" {
		block = strings.ReplaceAll(block, "CodeBucket=example-code", "CodeBucket=example-code Architecture=x86_64")
	}
	return block
}

const installHeading = "### From a release"

// From the files of a release alone, by the commands of the README, repositories get their policy.
func TestInstall(t *testing.T) {
	u := newUser(t)
	u.run("aws ecr create-repository --repository-name team-a/old")
	u.run(commands(t, "README.md", installHeading))
	u.settle()
	u.run("aws ecr create-repository --repository-name team-a/new")
	activity := u.settle()
	for _, name := range []string{"team-a/old", "team-a/new"} {
		if policy := u.policy(name); !strings.Contains(policy, "EcrPullPolicyAccounts") || !strings.Contains(policy, "111111111111") {
			t.Errorf("%s has the policy %q", name, policy)
		}
	}
	for _, invocation := range activity.Of(localaws.OnRepo) {
		for _, line := range invocation.Logs {
			if line.Fields["build"] != builtAs {
				t.Errorf("a log line has the build %v: %s", line.Fields["build"], line.Text)
			}
		}
	}
	if got := u.Stack.Outputs["Version"]; got != builtAs {
		t.Errorf("the output Version is %q", got)
	}
	if output := u.run("bin/ecr-pull-policy plan --region eu-central-1"); !strings.Contains(output, "stack ecr-pull-policy") {
		t.Errorf("plan prints\n%s", output)
	}
}

// A new release keeps what there is: parameters, resources, lists, and policies. It writes no policy.
func TestUpgrade(t *testing.T) {
	u := newUser(t)
	u.run(commands(t, "README.md", installHeading))
	u.run(`aws cloudformation deploy --stack-name ecr-pull-policy --template-file template.yaml --capabilities CAPABILITY_IAM \
  --parameter-overrides Exclude=legacy LogRetentionDays=365
aws ecr create-repository --repository-name team-a/api
aws ecr create-repository --repository-name team-b/web
aws ecr create-repository --repository-name legacy`)
	u.settle()
	unmanaged := `{"Version":"2012-10-17","Statement":[{"Sid":"Ours","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"ecr:BatchGetImage"}]}`
	u.must(u.SetPolicy(t.Context(), "team-b/web", unmanaged))
	u.settle()
	before, resources := u.policies(), u.resources()
	if len(before) != 3 || !strings.Contains(before["team-b/web"], "EcrPullPolicy") || !strings.Contains(before["team-b/web"], "Ours") || before["legacy"] != "" {
		t.Fatalf("before the upgrade, the policies are %q", before)
	}

	next := release{platforms: host(t), out: u.dir, work: t.TempDir(), version: "v0.2.0", commit: commit, time: time.Unix(1765000000, 0)}
	var err error
	next.root, err = filepath.Abs(repository)
	u.must(err)
	u.must(next.template(t.Context()))
	u.must(next.functions(t.Context()))
	u.must(next.script(t.Context()))
	u.must(u.CreateTrail(t.Context())) // doctor warns without it
	u.run(commands(t, "docs/operations.md", "## Upgrade"))
	u.must(u.Tick(t.Context())) // the next scheduled rollout
	activity := u.settle()

	outcomes := map[string]any{}
	for _, invocation := range activity.Of(localaws.OnRepo) {
		for _, line := range invocation.Logs {
			if name, ok := line.Fields["repository"].(string); ok {
				outcomes[name] = line.Fields["outcome"]
				if line.Fields["build"] != "v0.2.0 (0123456789ab)" {
					t.Errorf("%v processed %s", line.Fields["build"], name)
				}
			}
		}
	}
	if len(outcomes) != 2 || outcomes["team-a/api"] != "unchanged" || outcomes["team-b/web"] != "unchanged" {
		t.Errorf("the new version's outcomes are %v", outcomes)
	}
	for name, policy := range u.policies() {
		if policy != before[name] {
			t.Errorf("%s had the policy\n%s, and has\n%s", name, before[name], policy)
		}
	}
	for id, physical := range u.resources() {
		if resources[id] != physical {
			t.Errorf("%s was %q, and is %q", id, resources[id], physical)
		}
	}
	parameters := u.run("aws cloudformation describe-stacks --stack-name ecr-pull-policy --query 'Stacks[0].Parameters' --output text")
	for _, want := range []string{"Exclude\tlegacy", "LogRetentionDays\t365", "CodeBucket\texample-code"} {
		if !strings.Contains(parameters, want) {
			t.Errorf("the parameters are\n%s\nwithout %q", parameters, want)
		}
	}
}

// policies returns the policies of all repositories but the stack's own.
func (u *user) policies() map[string]string {
	u.t.Helper()
	policies := map[string]string{}
	for _, name := range []string{"team-a/api", "team-b/web", "legacy"} {
		policies[name] = u.policy(name)
	}
	return policies
}

// resources returns the physical IDs of the stack's resources.
func (u *user) resources() map[string]string {
	u.t.Helper()
	listed, err := u.Quiet.CloudFormation.DescribeStackResources(u.t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: aws.String("ecr-pull-policy")})
	u.must(err)
	resources := map[string]string{}
	for _, resource := range listed.StackResources {
		resources[aws.ToString(resource.LogicalResourceId)] = aws.ToString(resource.PhysicalResourceId)
	}
	return resources
}

// The script serves StackSets too: several Regions, with buckets that an organization can read.
func TestCopyCode(t *testing.T) {
	u := newUser(t)
	output := u.run("sh copy-code.sh --organization o-a1b2c3d4e5 shared-code eu-central-1 us-east-1")
	if !strings.Contains(output, "aws cloudformation create-stack-set ") || !strings.Contains(output, "--regions eu-central-1 us-east-1") {
		t.Errorf("the script prints\n%s", output)
	}
	u.run("sh copy-code.sh --organization o-a1b2c3d4e5 shared-code eu-central-1") // again
	for _, region := range []string{"eu-central-1", "us-east-1"} {
		if listed := u.run("aws s3 ls s3://shared-code-" + region); strings.Count(listed, "_v0.1.0_") != 2 {
			t.Errorf("the bucket in %s has\n%s", region, listed)
		}
		text := u.run("aws s3api get-bucket-policy --bucket shared-code-" + region + " --query Policy --output text")
		var policy struct {
			Statement []struct {
				Principal, Action, Resource string
				Condition                   map[string]map[string]string
			}
		}
		u.must(json.Unmarshal([]byte(text), &policy))
		if s := policy.Statement[0]; s.Action != "s3:GetObject" || s.Resource != "arn:aws:s3:::shared-code-"+region+"/*" || s.Condition["StringEquals"]["aws:PrincipalOrgID"] != "o-a1b2c3d4e5" {
			t.Errorf("the bucket in %s has the policy %s", region, text)
		}
	}
	for command, want := range map[string]string{
		"sh copy-code.sh shared-code":                                               "Usage: ",
		"sh copy-code.sh --organization 123 shared-code eu-central-1":               "invalid organization ID",
		"sh copy-code.sh --organization o-zzzzzzzzzz shared-code eu-central-1":      "has a policy that doesn't name o-zzzzzzzzzz",
		"cd bin 2>/dev/null || cd /; sh \"$OLDPWD/copy-code.sh\" code eu-central-1": "is missing; run this script in the directory",
	} {
		if output, err := u.try(command); err == nil || !strings.Contains(output, want) {
			t.Errorf("%s: %v, want %q in\n%s", command, err, want, output)
		}
	}
}
