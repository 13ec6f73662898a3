package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

const accountList = "/ecr-pull-policy/accounts"

// watching is CloudFormation's answer about a stack in mode observe.
const watching = `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>watching</StackName><Parameters>
<member><ParameterKey>AccountListName</ParameterKey><ParameterValue>/ecr-pull-policy/accounts</ParameterValue></member>
<member><ParameterKey>GrantStyle</ParameterKey><ParameterValue>principal</ParameterValue></member>
<member><ParameterKey>LambdaStatement</ParameterKey><ParameterValue>on</ParameterValue></member>
<member><ParameterKey>ExtraActions</ParameterKey><ParameterValue></ParameterValue></member>
<member><ParameterKey>Include</ParameterKey><ParameterValue>**</ParameterValue></member>
<member><ParameterKey>Exclude</ParameterKey><ParameterValue></ParameterValue></member>
<member><ParameterKey>Mode</ParameterKey><ParameterValue>observe</ParameterValue></member>
</Parameters></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`

// newCloud returns an AWS for the program: a stub, and the two calls that it hasn't.
func newCloud(t *testing.T) *stubaws.AWS {
	t.Helper()
	cloud := stubaws.New("123456789012", "eu-central-1")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch {
		case request.Header.Get("X-Amz-Target") != "":
			cloud.ServeHTTP(w, request)
		case request.FormValue("Action") == "GetCallerIdentity":
			fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
		case request.FormValue("StackName") == "watching":
			fmt.Fprint(w, watching)
		case request.FormValue("StackName") == "secret":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>`)
		default:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>does not exist</Message></Error></ErrorResponse>`)
		}
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "stub", "AWS_SECRET_ACCESS_KEY": "stub",
		"AWS_EC2_METADATA_DISABLED": "true", "HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	return cloud
}

// output is both outputs of the program, which tells of an interrupt while it writes.
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

func call(ctx context.Context, args ...string) (status int, said string) {
	var out output
	status = run(ctx, args, strings.NewReader(""), &out, &out)
	return status, out.String()
}

func says(t *testing.T, said string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("it doesn't say %q:\n%s", part, said)
		}
	}
}
