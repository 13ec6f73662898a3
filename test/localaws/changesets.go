package localaws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
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
	template, err := a.readObject(ctx, location)
	if err != nil {
		return err
	}
	if bytes.Contains(template, []byte("AWS::Serverless-2016-10-31")) {
		if form.Get("StackName") != stackName {
			return &apiError{"ValidationError", "the simulated AWS services have functions only for the stack " + stackName}
		}
		if template, err = a.translateText(ctx, template); err != nil {
			return &apiError{"ValidationError", err.Error()}
		}
	}
	form.Del("TemplateURL")
	form.Set("TemplateBody", string(template))
	return nil
}

// readObject reads an object of S3 by its URL, https://s3.REGION.amazonaws.com/BUCKET/KEY.
func (a *AWS) readObject(ctx context.Context, location string) ([]byte, error) {
	object, err := url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("reading the URL of a template: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.QuietEndpoint+object.Path, nil)
	if err != nil {
		return nil, err
	}
	// moto checks no signature, but takes a call without one for anonymous.
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20260101/%s/s3/aws4_request", Operator, a.Region))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading the template %s: %w", location, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &apiError{"ValidationError", "S3 error: " + response.Status}
	}
	return io.ReadAll(response.Body)
}

func (a *AWS) translateText(ctx context.Context, template []byte) ([]byte, error) {
	file, err := os.CreateTemp(a.WorkDir, "template-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(template); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	return translate(ctx, a.venv, file.Name(), a.Region, true)
}

// checkChangeSet rejects what would leave the emulators and the router behind. A call can have the ID of the change set
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
