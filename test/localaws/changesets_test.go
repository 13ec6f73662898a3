package localaws_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// sam deploy ends successfully if nothing has changed: its bucket's stack has outputs, and the template is read from the
// bucket, translated, and compared. Otherwise the functions get the new parameters.
func TestChangeSets(t *testing.T) {
	local := startAWS(t, localaws.Options{})
	ctx := t.Context()

	const bucket = `{"Resources":{"Bucket":{"Type":"AWS::S3::Bucket"}},"Outputs":{"Name":{"Value":{"Ref":"Bucket"}}}}`
	create := func(stack string, kind types.ChangeSetType, url, body *string, parameters ...types.Parameter) (id *string, err error) {
		created, err := local.CloudFormation.CreateChangeSet(ctx, &cloudformation.CreateChangeSetInput{StackName: &stack,
			ChangeSetName: aws.String("deploy"), ChangeSetType: kind, TemplateURL: url, TemplateBody: body, Parameters: parameters})
		if err != nil {
			return nil, err
		}
		return created.Id, nil
	}
	execute := func(stack string, id *string) error {
		_, err := local.CloudFormation.ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{StackName: &stack, ChangeSetName: id})
		return err
	}
	id, err := create("bucket", types.ChangeSetTypeCreate, nil, aws.String(bucket))
	check(t, err)
	check(t, execute("bucket", id))
	described, err := local.CloudFormation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("bucket")})
	check(t, err)
	if outputs := described.Stacks[0].Outputs; len(outputs) != 1 {
		t.Fatalf("the outputs of a stack that a change set created are %v", outputs)
	}

	root, err := localaws.Root(".")
	check(t, err)
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	check(t, err)
	key := "/" + *described.Stacks[0].Outputs[0].OutputValue + "/template"
	upload := func(key string, template []byte) {
		put, err := http.NewRequestWithContext(ctx, http.MethodPut, local.Endpoint+key, bytes.NewReader(template))
		check(t, err)
		put.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=operator/20260101/eu-central-1/s3/aws4_request")
		response, err := http.DefaultClient.Do(put)
		check(t, err)
		response.Body.Close()
	}
	upload(key, template)

	url := aws.String("https://s3.eu-central-1.amazonaws.com" + key)
	id, err = create(local.Stack.Name, types.ChangeSetTypeUpdate, url, nil,
		types.Parameter{ParameterKey: aws.String("Mode"), UsePreviousValue: aws.Bool(true)},
		types.Parameter{ParameterKey: aws.String("ExtraActions"), ParameterValue: aws.String("")})
	check(t, err)
	changes, err := local.CloudFormation.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: id})
	check(t, err)
	if changes.Status != types.ChangeSetStatusFailed || !strings.Contains(aws.ToString(changes.StatusReason), "didn't contain changes") {
		t.Errorf("the change set is %s: %s", changes.Status, aws.ToString(changes.StatusReason))
	}
	id, err = create(local.Stack.Name, types.ChangeSetTypeUpdate, url, nil, types.Parameter{ParameterKey: aws.String("Mode"), ParameterValue: aws.String("observe")})
	check(t, err)
	check(t, execute(local.Stack.Name, id))
	check(t, local.PutList(ctx, "/ecr-pull-policy/accounts", "111111111111"))
	check(t, local.CreateRepository(ctx, "observed", ""))
	_, err = local.Settle(ctx)
	check(t, err)
	if policy, found, err := local.Policy(ctx, "observed"); err != nil || found {
		t.Errorf("the mode observe wrote %s (%v)", policy, err)
	}
	if _, err := create(local.Stack.Name, types.ChangeSetTypeUpdate, nil, aws.String(string(template))); err == nil || !strings.Contains(err.Error(), "make deploy") {
		t.Errorf("a template that isn't packaged: %v", err)
	}
	_, err = local.CloudFormation.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: &local.Stack.Name, TemplateBody: aws.String(string(template))})
	if err == nil || !strings.Contains(err.Error(), "make deploy") {
		t.Errorf("an update with a template: %v", err)
	}
	if _, err := create("second", types.ChangeSetTypeCreate, url, nil); err == nil || !strings.Contains(err.Error(), "only for the stack") {
		t.Errorf("a second stack: %v", err)
	}
	if _, err := create(local.Stack.Name, types.ChangeSetTypeUpdate, aws.String(*url+"-absent"), nil); err == nil || !strings.Contains(err.Error(), "S3 error") {
		t.Errorf("an absent template: %v", err)
	}
	upload(key+"-broken", []byte(`{"Transform":"AWS::Serverless-2016-10-31","Resources":{"A":{"Type":"AWS::Serverless::Function","Properties":{}}}}`))
	if _, err := create(local.Stack.Name, types.ChangeSetTypeUpdate, aws.String(*url+"-broken"), nil); err == nil || !strings.Contains(err.Error(), "Runtime and Handler") {
		t.Errorf("a template that can't be translated: %v", err)
	}
}

// The functions of a stack whose parameters change run with the new ones, and each event is still delivered once.
func TestUpdatedParameters(t *testing.T) {
	local := startAWS(t, localaws.Options{})
	ctx := t.Context()
	check(t, local.CreateTrail(ctx))
	check(t, local.PutList(ctx, "/ecr-pull-policy/accounts", "111111111111"))
	for _, level := range []string{"registry", "repository", "registry"} {
		_, err := local.CloudFormation.UpdateStack(ctx, &cloudformation.UpdateStackInput{StackName: &local.Stack.Name, UsePreviousTemplate: aws.Bool(true),
			Parameters: []types.Parameter{{ParameterKey: aws.String("PolicyLevel"), ParameterValue: &level},
				{ParameterKey: aws.String("LambdaStatement"), ParameterValue: aws.String("off")}}})
		check(t, err)
	}
	_, err := local.Settle(ctx)
	check(t, err)
	check(t, local.CreateRepository(ctx, "team-a/api", ""))
	activity, err := local.Settle(ctx)
	check(t, err)
	if n := len(activity.Of(localaws.OnRepo)); n != 1 {
		t.Errorf("onrepo is invoked %d times for a new repository", n)
	}
	if policy, found, err := local.Policy(ctx, "team-a/api"); err != nil || found {
		t.Errorf("at the level registry, the policy of the repository is %s (%v)", policy, err)
	}
}
