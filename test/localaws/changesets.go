package localaws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// translateChangeSet does what moto doesn't for the change sets of sam deploy: it reads the template from the bucket, and
// carries out the transform.
func (a *AWS) translateChangeSet(ctx context.Context, form url.Values) error {
	location := form.Get("TemplateURL")
	if location == "" {
		return nil
	}
	object, err := url.Parse(location) // https://s3.REGION.amazonaws.com/BUCKET/KEY
	if err != nil {
		return fmt.Errorf("reading the URL of a template: %w", err)
	}
	template, err := a.readObject(ctx, object.Path)
	if err != nil {
		return err
	}
	if bytes.Contains(template, []byte("AWS::Serverless-2016-10-31")) {
		if form.Get("StackName") != stackName {
			return &apiError{"ValidationError", "the simulated AWS services have functions only for the stack " + stackName}
		}
		if template, err = translate(ctx, a.venv, string(template), a.Region, true); err != nil {
			return &apiError{"ValidationError", err.Error()}
		}
	}
	form.Del("TemplateURL")
	form.Set("TemplateBody", string(template))
	return nil
}

// readObject reads an object of S3, BUCKET/KEY.
func (a *AWS) readObject(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.QuietEndpoint+"/"+strings.TrimPrefix(path, "/"), nil)
	if err != nil {
		return nil, err
	}
	// moto checks no signature, but takes a call without one for anonymous.
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20260101/%s/s3/aws4_request", Operator, a.Region))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading %s in S3: %w", path, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &apiError{"ValidationError", "S3 error: " + path + ": " + response.Status}
	}
	return io.ReadAll(response.Body)
}

// checkChangeSet rejects what would leave the functions and the router behind. A call can have the ID of the change set
// without the name of the stack.
func (a *AWS) checkChangeSet(ctx context.Context, form url.Values) error {
	stack := form.Get("StackName")
	changes, err := a.Quiet.CloudFormation.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: aws.String(form.Get("ChangeSetName"))})
	if err == nil {
		stack = aws.ToString(changes.StackName)
	}
	return checkUpdate(stack)
}

// checkUpdate rejects an update of the stack, which a call names by its name or ID.
func checkUpdate(stack string) error {
	if stack != stackName && !strings.Contains(stack, ":stack/"+stackName+"/") {
		return nil
	}
	return &apiError{"ValidationError", "the simulated AWS services keep the template and parameters that they started with; " +
		"to deploy a changed template, restart them"}
}
