package localaws

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// maxTemplateBody is the size that CloudFormation takes without a bucket.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const maxTemplateBody = 51_200

// serveStacks lets a caller update the stack, and create it if Options.NoStack is set. It gives moto a template that moto
// can deploy, and then runs the functions again with their new settings.
func (a *AWS) serveStacks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := readCall(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		stack := a.stackOf(r.Context(), c)
		recorded := httptest.NewRecorder()
		switch rejected, err := a.prepareStack(r, c); {
		case err != nil:
			http.Error(recorded, err.Error(), http.StatusBadGateway)
		case rejected != nil:
			rejected.write(recorded, true)
		default:
			next.ServeHTTP(recorded, r)
		}
		if recorded.Code == http.StatusOK && stack != "" {
			if err := a.runStack(stack); err != nil {
				recorded = httptest.NewRecorder()
				http.Error(recorded, err.Error(), http.StatusBadGateway)
			}
		}
		maps.Copy(w.Header(), recorded.Header())
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
	})
}

// stackOf returns the stack that a call deploys, or "" if it deploys none whose functions can be run. A call can have the
// ID of a change set or of a stack without its name.
func (a *AWS) stackOf(ctx context.Context, c call) string {
	stack := c.form.Get("StackName")
	switch {
	case c.operation == "CreateStack" && a.options.NoStack, c.operation == "UpdateStack":
	case c.operation == "ExecuteChangeSet":
		changes, err := a.Quiet.CloudFormation.DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: aws.String(c.form.Get("ChangeSetName"))})
		if err == nil {
			stack = aws.ToString(changes.StackName)
		}
	default:
		return ""
	}
	if a.options.NoStack || isStack(stack) {
		return stack
	}
	return ""
}

// prepareStack replaces the template of a call. It rejects what CloudFormation rejects and moto doesn't.
func (a *AWS) prepareStack(r *http.Request, c call) (*apiError, error) {
	body := c.form.Get("TemplateBody")
	switch {
	case !a.options.NoStack || body == "" || c.operation == "ValidateTemplate":
		return nil, nil
	case len(body) > maxTemplateBody:
		return &apiError{"ValidationError", fmt.Sprintf("templateBody has %d bytes; at most %d are allowed", len(body), maxTemplateBody)}, nil
	case !strings.HasPrefix(c.form.Get("Capabilities.member.1"), "CAPABILITY_"):
		return &apiError{"InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]"}, nil
	}
	translated, err := translate(r.Context(), a.venv, body, a.Region, true)
	if err != nil {
		return nil, err
	}
	c.form.Set("TemplateBody", string(translated))
	form := c.form.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	r.Header.Set("Content-Length", fmt.Sprint(len(form)))
	return nil, nil
}

// runStack runs a stack that a caller has created or updated.
func (a *AWS) runStack(name string) error {
	a.deployed.Lock()
	defer a.deployed.Unlock()
	var known []Rule
	if a.Stack != nil {
		known = a.Stack.Rules
	}
	stack, err := readStack(a.done, a.Quiet, name, known)
	if err != nil {
		return err
	}
	if a.options.NoStack {
		if a.options.Binaries, err = a.fetchCodes(stack); err != nil {
			return err
		}
	}
	a.stopStack()
	a.Stack = stack
	return a.startStack()
}

// fetchCodes unpacks the code of all functions into a new directory.
func (a *AWS) fetchCodes(stack *Stack) (binaries string, err error) {
	if binaries, err = os.MkdirTemp(a.WorkDir, "code-"); err != nil {
		return "", err
	}
	for _, function := range stack.Functions {
		if err := a.fetchCode(a.done, function, bootstrap(binaries, function.LogicalID)); err != nil {
			return "", fmt.Errorf("code of %s: %w", function.LogicalID, err)
		}
	}
	return binaries, nil
}

// fetchCode unpacks the code of a function from the bucket that its template names.
func (a *AWS) fetchCode(ctx context.Context, function Function, path string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("it is for Linux, and this machine runs %s", runtime.GOOS)
	}
	processors := map[string]string{"arm64": "arm64", "x86_64": "amd64"}
	if processors[function.Architecture] != runtime.GOARCH {
		return fmt.Errorf("it is for %s, and this machine runs %s; choose another Architecture", function.Architecture, runtime.GOARCH)
	}
	content, err := a.readObject(ctx, function.Code.Bucket+"/"+function.Code.Key)
	if err != nil {
		return err
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return err
	}
	file, err := archive.Open("bootstrap")
	if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Mode().Perm()&0o111 == 0 {
		return errors.Join(errors.New("bootstrap isn't executable"), err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	program, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(program, file)
	return errors.Join(err, program.Close())
}
