// Command serve runs simulated AWS services until Ctrl-C, for the AWS CLI, the command line and SAM, and prints what
// happens there.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/fatih/color"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "local-aws:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	local, err := start(ctx, localaws.Options{Progress: os.Stderr, Watcher: &follower{out: color.Output}})
	if err != nil {
		return err
	}
	defer local.Close()
	instructions, err := instructions(ctx, local)
	if err != nil {
		return err
	}
	fmt.Print(instructions)
	if address, ok := bridgeAddress(); ok {
		endpoint, err := local.Listen(address.String())
		if err != nil {
			return err
		}
		environment, err := writeEnvironment(local, endpoint)
		if err != nil {
			return err
		}
		fmt.Print(containerInstructions(local, environment))
	} else if runtime.GOOS == "linux" {
		fmt.Print("\nTo use sam local invoke, start Docker, and run make local-aws again.\n")
	}
	fmt.Print("\nEvents and repositories appear here:\n\n")
	<-ctx.Done()
	return nil
}

// start starts simulated AWS services with the repositories that the samples in events/ name.
func start(ctx context.Context, options localaws.Options) (*localaws.AWS, error) {
	local, err := localaws.Start(ctx, options)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"team-a/api", "team-b/web"} {
		if err := local.Quiet.CreateRepository(ctx, name, ""); err != nil {
			return nil, err
		}
	}
	return local, local.CreateTrail(ctx)
}

// instructions returns how to use the simulated AWS services.
func instructions(ctx context.Context, local *localaws.AWS) (string, error) {
	shell, err := local.WriteShell(ctx)
	if err != nil {
		return "", err
	}
	deadLetters := local.Stack.Outputs["OnRepoDeadLetterQueueUrl"]
	return fmt.Sprintf(`Simulated AWS services are running. To stop them, press Ctrl-C. They have the
stack %[1]s, and the repositories team-a/api and team-b/web, which
don't have policies. The logs are in %[2]s.

To use the services, run this command in another terminal, in bash or zsh. The
terminal can't use your AWS accounts and profiles any more:

  source '%[3]s'

To let two accounts pull from all repositories:

  aws ssm put-parameter --name %[4]s --type String \
    --value 111111111111,222222222222

To create a repository, which gets the policy within two seconds:

  aws ecr create-repository --repository-name team-b/new
  aws ecr get-repository-policy --repository-name team-b/new \
    --query policyText --output text

To delete a policy, which onrepo restores:

  aws ecr delete-repository-policy --repository-name team-b/web
  aws ecr get-repository-policy --repository-name team-b/web \
    --query policyText --output text

To show onrepo's log line of each repository:

  aws logs filter-log-events --log-group-name \
    %[5]s \
    --filter-pattern '"repository processed"' \
    --query 'events[].[message]' --output text

To check the installation, and to show who can pull:

  make cli
  bin/ecr-pull-policy doctor
  bin/ecr-pull-policy audit

To publish a request that fails, which ends in the dead-letter queue of onrepo,
and to redrive the queue:

  aws events put-events --entries '[{"Source": "ecr-pull-policy",
    "DetailType": "Repository Reconcile Requested",
    "Detail": "{\"repositories\": []}"}]'
  aws sqs start-message-move-task --source-arn \
    %[6]s

To change a parameter of the stack, for example the policy level, and to change
the policies accordingly:

  aws cloudformation update-stack --stack-name %[1]s \
    --use-previous-template --capabilities CAPABILITY_IAM \
    --parameters ParameterKey=PolicyLevel,ParameterValue=registry
  bin/ecr-pull-policy apply --yes
`, local.Stack.Name, relative(local.WorkDir), shell, local.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"],
		local.Stack.Outputs["OnRepoLogGroup"],
		fmt.Sprintf("arn:aws:sqs:%s:%s:%s", local.Region, localaws.Account, path.Base(deadLetters))), nil
}

// relative returns a path as seen from the working directory, if it is below that.
func relative(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if below, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(below) {
		return below
	}
	return path
}

// containerInstructions returns how to run the functions in Docker. environment is the file that writeEnvironment wrote.
func containerInstructions(local *localaws.AWS, environment string) string {
	const build = `
To run the functions in Docker with events from events/:

  ARCHITECTURE=%[1]s .venv/bin/sam build --parameter-overrides Architecture=%[1]s
`
	const invoke = `  AWS_ACCESS_KEY_ID=%[5]s .venv/bin/sam local invoke \
    %[1]s --event events/%[2]s.json \
    --env-vars %[3]s --parameter-overrides Architecture=%[4]s
`
	text := fmt.Sprintf(build, architecture())
	for _, run := range []struct{ function, event string }{{localaws.OnRepo, "create-repository"}, {localaws.OnAccount, "list-updated"}} {
		text += fmt.Sprintf(invoke, run.function, run.event, relative(environment), architecture(), local.Stack.Functions[run.function].Role())
	}
	return text
}

// architecture returns the architecture of this machine, as in the template.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// writeEnvironment writes the environment of the functions, as the stack gives it, and where they find the local AWS,
// into a file that goes with the local AWS. It is what sam local invoke takes as --env-vars.
func writeEnvironment(local *localaws.AWS, endpoint string) (path string, err error) {
	functions := map[string]map[string]string{}
	for name, function := range local.Stack.Functions {
		functions[name] = maps.Clone(function.Environment)
		functions[name]["AWS_ENDPOINT_URL"] = endpoint
	}
	text, err := json.MarshalIndent(functions, "", "  ")
	if err != nil {
		return "", err
	}
	path = filepath.Join(local.WorkDir, "env.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write the functions' environment: %w", err)
	}
	return path, nil
}
