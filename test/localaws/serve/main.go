// Command serve keeps a local AWS with sample data running, until Ctrl-C, for sam local invoke and the AWS CLI.
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
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// environmentFile is what sam local invoke takes as --env-vars.
const environmentFile = ".local/env.json"

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
	path, err := writeEnvironment(local)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	fmt.Printf(`A local AWS is running; Ctrl-C stops it. It has the repositories team-a/api and team-b/web, without policies,
and the account list %[1]s.

In another terminal, with Docker:

  ARCHITECTURE=%[3]s sam build --parameter-overrides Architecture=%[3]s
  sam local invoke OnRepoFunction --event events/create-repository.json --env-vars %[2]s \
    --docker-network host --region %[4]s --parameter-overrides Architecture=%[3]s

Or with the AWS CLI:

  export AWS_ENDPOINT_URL=%[5]s AWS_REGION=%[4]s AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
  aws ecr get-repository-policy --repository-name team-a/api --query policyText --output text
`, local.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"], environmentFile,
		architecture(), local.Region, local.Endpoint)
	<-ctx.Done()
	return nil
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
		if _, err := local.ECR.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
			return fmt.Errorf("create repository %s: %w", name, err)
		}
	}
	_, err := local.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name:  aws.String(local.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"]),
		Value: aws.String("111111111111,222222222222"),
		Type:  ssmtypes.ParameterTypeStringList,
	})
	if err != nil {
		return fmt.Errorf("write the account list: %w", err)
	}
	return nil
}

// writeEnvironment writes the environment of the functions, as the stack gives it, and where the local AWS is.
func writeEnvironment(local *localaws.AWS) (path string, err error) {
	functions := map[string]map[string]string{}
	for name, function := range local.Stack.Functions {
		functions[name] = maps.Clone(function.Environment)
		functions[name]["AWS_ENDPOINT_URL"] = local.Endpoint
	}
	text, err := json.MarshalIndent(functions, "", "  ")
	if err != nil {
		return "", err
	}
	root, err := localaws.Root(".")
	if err != nil {
		return "", err
	}
	path = filepath.Join(root, environmentFile)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write the functions' environment: %w", err)
	}
	return path, nil
}
