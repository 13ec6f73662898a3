package localaws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const samTransform = "AWS::Serverless-2016-10-31"

// translateChangeSet does what moto doesn't for the change sets of sam deploy: it reads the template from the bucket, and
// carries out the transform.
func (a *AWS) translateChangeSet(ctx context.Context, form url.Values) error {
	location := form.Get("TemplateURL")
	if location == "" {
		return checkTemplate(form.Get("TemplateBody"))
	}
	object, err := url.Parse(location) // https://s3.REGION.amazonaws.com/BUCKET/KEY
	if err != nil {
		return fmt.Errorf("reading the URL of a template: %w", err)
	}
	template, err := a.readObject(ctx, object.Path)
	if err != nil {
		return err
	}
	if bytes.Contains(template, []byte(samTransform)) {
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

// checkUpdate rejects updates of the stack with another template, which only change sets are prepared for.
func checkUpdate(_ context.Context, form url.Values) error {
	if form.Get("UsePreviousTemplate") == "true" || !isStack(form.Get("StackName")) {
		return nil
	}
	return &apiError{"ValidationError", "the simulated AWS services update the stack " + stackName + " with its previous template; to deploy another one, run make deploy"}
}

// checkTemplate rejects the source of a template, as CloudFormation does because of the aliases in it.
func checkTemplate(body string) error {
	if !strings.Contains(body, samTransform) {
		return nil
	}
	return &apiError{"ValidationError", "the template isn't packaged; run make deploy"}
}

// isStack reports whether a name or an ID is that of the stack.
func isStack(id string) bool {
	return id == stackName || strings.Contains(id, ":stack/"+stackName+"/")
}
