package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const accountList = "/ecr-pull-policy/accounts"

const checkRepository = "checking-principalcheckrepository-1a2b3c" // of the stack checking

// programArguments is the environment variable with arguments, one a line. If it is set, the process is the program itself.
const programArguments = "ECR_PULL_POLICY_TEST_ARGUMENTS"

func TestMain(m *testing.M) {
	if args := os.Getenv(programArguments); args != "" {
		os.Args = append(os.Args[:1], strings.Split(args, "\n")...)
		main()
	}
	os.Exit(m.Run())
}

// stacks returns the responses of CloudFormation for the stacks that exist.
func stacks() map[string]string {
	parameter := func(name, value string) string {
		return "<member><ParameterKey>" + name + "</ParameterKey><ParameterValue>" + value + "</ParameterValue></member>"
	}
	stack := func(mode, style, include, exclude, outputs string) string {
		return "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Parameters>" +
			parameter("AccountListName", accountList) + parameter("GrantStyle", style) + parameter("LambdaStatement", "on") +
			parameter("ExtraActions", "") + parameter("Include", include) + parameter("Exclude", exclude) + parameter("Mode", mode) +
			"</Parameters><Outputs>" + outputs + "</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
	}
	check := "<member><OutputKey>" + checkOutput + "</OutputKey><OutputValue>" + checkRepository + "</OutputValue></member>"
	return map[string]string{
		"observing": stack("observe", "principal", "**", "", ""),
		"checking":  stack("enforce", "principal", "**", "", check),
		"condition": stack("enforce", "condition", "**", "", check),
		"narrow":    stack("enforce", "principal", "team-a/**,team-b/**", "**/scratch", check),
		"one-level": stack("enforce", "principal", "team-*", "", check),
		"updating": strings.Replace(stack("enforce", "principal", "**", "", check),
			"</Parameters>", parameter("PolicyLevel", "registry")+"</Parameters><StackStatus>UPDATE_IN_PROGRESS</StackStatus>", 1),
	}
}

// newCloud starts a stub of AWS, with the two services that package stubaws doesn't have.
func newCloud(t *testing.T) *stubaws.AWS {
	t.Helper()
	return newCloudIn(t, "aws")
}

func newCloudIn(t *testing.T, partition string) *stubaws.AWS {
	t.Helper()
	cloud := stubaws.New("123456789012", "eu-central-1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		response, exists := stacks()[request.FormValue("StackName")]
		switch {
		case request.Header.Get("X-Amz-Target") != "":
			cloud.ServeHTTP(w, request)
		case request.FormValue("Action") == "GetCallerIdentity":
			fmt.Fprintf(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:%s:iam::123456789012:user/stub</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`, partition)
		case exists:
			fmt.Fprint(w, response)
		case request.FormValue("StackName") == "secret":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>`)
		default:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>does not exist</Message></Error></ErrorResponse>`)
		}
	}))
	t.Cleanup(server.Close)
	useEndpoint(t, server.URL)
	return cloud
}

// useEndpoint makes the program call a server instead of AWS.
func useEndpoint(t *testing.T, url string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "stub", "AWS_SECRET_ACCESS_KEY": "stub",
		"AWS_EC2_METADATA_DISABLED": "true", "HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
}

// output is both outputs of the program. It can be written concurrently, because an interrupt is reported at once.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func call(ctx context.Context, args ...string) (status int, text string) {
	var out output
	p := program{in: strings.NewReader(""), out: &out, errOut: &out, timeout: callTimeout}
	return p.run(ctx, args), out.String()
}

func contains(t *testing.T, output string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(output, part) {
			t.Errorf("output doesn't contain %q:\n%s", part, output)
		}
	}
}
