// Command serve keeps a local AWS with sample data running, until Ctrl-C, for the command line, the AWS CLI and sam local
// invoke.
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
		fmt.Print("\nFor sam local invoke, start Docker, and then this again.\n")
	}
	<-ctx.Done()
	return nil
}

// instructions say what to do with a local AWS.
func instructions(local *localaws.AWS) string {
	return fmt.Sprintf(`A local AWS is running; Ctrl-C stops it. It has the account list %[1]s, and
the repositories team-a/api and team-b/web, which have no policy yet. In another terminal, to talk to it and not to AWS:

  export AWS_ENDPOINT_URL=%[2]s AWS_DEFAULT_REGION=%[3]s AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
  unset AWS_PROFILE AWS_REGION AWS_SESSION_TOKEN

See what the list would change, change it, and look:

  make cli
  bin/ecr-pull-policy plan
  bin/ecr-pull-policy apply
  .venv/bin/aws ecr get-repository-policy --repository-name team-a/api --query policyText --output text

Nobody tells the functions what you do with the AWS CLI: there are no events of ECR and SSM here. Request a look:

  .venv/bin/aws ecr create-repository --repository-name team-b/new
  .venv/bin/aws events put-events --entries '[{"Source": "ecr-pull-policy", "DetailType": "Repository Reconcile Requested",
    "Detail": "{\"repositories\": [\"team-b/new\"]}"}]'
  .venv/bin/aws ecr get-repository-policy --repository-name team-b/new --query policyText --output text
`, local.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"], local.Endpoint, local.Region)
}

// containerInstructions say how to run a function in Docker. Environment is the file that writeEnvironment wrote.
func containerInstructions(local *localaws.AWS, environment string) string {
	return fmt.Sprintf(`
Run a function in Docker, on an event of events/:

  ARCHITECTURE=%[2]s .venv/bin/sam build --parameter-overrides Architecture=%[2]s
  .venv/bin/sam local invoke OnRepoFunction --event events/create-repository.json --env-vars %[1]s \
    --region %[3]s --parameter-overrides Architecture=%[2]s
`, environment, architecture(), local.Region)
}

// architecture is that of this machine, as the template names it.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

// addSampleData makes what the samples in events/ speak of.
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

// writeEnvironment writes the environment of the functions, as the stack gives it, and where they find the local AWS, into
// a file that goes with the local AWS. It is what sam local invoke takes as --env-vars.
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
