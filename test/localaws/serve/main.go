// Command serve runs simulated AWS services with sample data until Ctrl-C, for the command line, the AWS CLI and sam
// local invoke.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

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
	local, err := localaws.Start(ctx, localaws.Options{Progress: os.Stderr})
	if err != nil {
		return err
	}
	defer local.Close()
	if err := addSampleData(ctx, local); err != nil {
		return err
	}
	fmt.Print(instructions(local))
	if address, ok := bridgeAddress(); ok {
		endpoint, stop, err := forward(address, local.Endpoint)
		if err != nil {
			return err
		}
		defer stop()
		environment, err := writeEnvironment(local, endpoint)
		if err != nil {
			return err
		}
		fmt.Print(containerInstructions(local, environment))
	} else {
		fmt.Print("\nTo use sam local invoke, start Docker, and run make local-aws again.\n")
	}
	<-ctx.Done()
	return nil
}

// instructions returns how to use the simulated AWS services.
func instructions(local *localaws.AWS) string {
	return fmt.Sprintf(`Simulated AWS services are running. To stop them, press Ctrl-C. They have the account list %[1]s
and the repositories team-a/api and team-b/web, which don't have policies yet.

To use them instead of AWS, run these commands in another terminal:

  export AWS_ENDPOINT_URL=%[2]s AWS_DEFAULT_REGION=%[3]s AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
  unset AWS_PROFILE AWS_REGION AWS_SESSION_TOKEN

To see what the account list would change, apply it, and show a policy:

  make cli
  bin/ecr-pull-policy plan
  bin/ecr-pull-policy apply
  .venv/bin/aws ecr get-repository-policy --repository-name team-a/api --query policyText --output text

Here, commands of the AWS CLI cause no events. To run the functions for a new repository, publish a request:

  .venv/bin/aws ecr create-repository --repository-name team-b/new
  .venv/bin/aws events put-events --entries '[{"Source": "ecr-pull-policy", "DetailType": "Repository Reconcile Requested",
    "Detail": "{\"repositories\": [\"team-b/new\"]}"}]'
  .venv/bin/aws ecr get-repository-policy --repository-name team-b/new --query policyText --output text
`, local.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"], local.Endpoint, local.Region)
}

// containerInstructions returns how to run a function in Docker. environment is the file that writeEnvironment wrote.
func containerInstructions(local *localaws.AWS, environment string) string {
	return fmt.Sprintf(`
To run a function in Docker with an event from events/:

  ARCHITECTURE=%[2]s .venv/bin/sam build --parameter-overrides Architecture=%[2]s
  .venv/bin/sam local invoke OnRepoFunction --event events/create-repository.json --env-vars %[1]s \
    --region %[3]s --parameter-overrides Architecture=%[2]s
`, environment, architecture(), local.Region)
}

// architecture returns the architecture of this machine, as in the template.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// addSampleData creates the repositories and the list that the samples in events/ name.
func addSampleData(ctx context.Context, local *localaws.AWS) error {
	for _, name := range []string{"team-a/api", "team-b/web"} {
		if err := local.AddRepository(ctx, name); err != nil {
			return err
		}
	}
	_, err := local.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name:  aws.String(local.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"]),
		Value: aws.String("111111111111,222222222222"),
		Type:  ssmtypes.ParameterTypeString,
	})
	if err != nil {
		return fmt.Errorf("write the account list: %w", err)
	}
	return nil
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
	root, err := localaws.Root(".")
	if err != nil {
		return "", err
	}
	path = filepath.Join(local.WorkDir, "env.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write the functions' environment: %w", err)
	}
	return filepath.Rel(root, path)
}
