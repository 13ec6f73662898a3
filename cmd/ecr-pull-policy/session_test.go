package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plan and apply show the registry, the stack and the list first.
func TestHeader(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	file := filepath.Join(t.TempDir(), "accounts.txt")
	if err := os.WriteFile(file, []byte("222222222222"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"plan"}, "no stack, list /ecr-pull-policy/accounts"},
		{[]string{"plan", "--accounts", "222222222222"}, "no stack, --accounts instead of list /ecr-pull-policy/accounts"},
		{[]string{"apply", "--yes", "--stack", "", "--list", file}, "no stack, --list " + file + " instead of list /ecr-pull-policy/accounts"},
	} {
		var out, errOut bytes.Buffer
		program{in: strings.NewReader(""), out: &out, errOut: &errOut, timeout: callTimeout}.run(t.Context(), c.args)
		if want := "registry 123456789012 in eu-central-1, " + c.want + "\n\n"; !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s begins with\n%swant\n%s", c.args, out.String(), want)
		}
	}
}

func TestCredentials(t *testing.T) {
	newCloud(t)
	code := "ExpiredToken"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>too late</Message></Error></ErrorResponse>`, code)
	}))
	t.Cleanup(server.Close)
	configuration := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(configuration, []byte("[profile broken]\ncredential_process = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", configuration)
	t.Setenv("AWS_ENDPOINT_URL", server.URL)
	const signIn = "sign in with aws sso login, or specify a profile with --profile or AWS_PROFILE\n"
	const renew = "renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN in the environment, or unset them and specify a profile with --profile"
	expect := func(want string, args ...string) {
		t.Helper()
		if status, out := call(t.Context(), append([]string{"plan"}, args...)...); status != 1 || out != "ecr-pull-policy: "+want {
			t.Errorf("exit status %d\n%swant\n%s", status, out, want)
		}
	}
	expect("AWS rejects the credentials: ExpiredToken: too late; " + renew + "\n")
	code = "InvalidClientTokenId"
	expect("AWS rejects the credentials: InvalidClientTokenId: too late; " + renew + ", and check that the account has enabled the Region eu-central-1\n")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	expect("no AWS credentials found; " + signIn)
	expect("get AWS credentials: failed to refresh cached credentials, process provider error: error in credential_process: exit status 1; "+
		"sign in with aws sso login --profile broken, or specify another profile\n", "--profile", "broken")
}

// The response of another server, such as a proxy, is not reported as rejected credentials.
func TestResponsesFromOtherServers(t *testing.T) {
	newCloud(t)
	for _, status := range []int{http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		t.Setenv("AWS_ENDPOINT_URL", server.URL)
		if _, out := call(t.Context(), "plan"); !strings.HasPrefix(out, "ecr-pull-policy: get the account of the credentials: ") {
			t.Errorf("%d: %s", status, out)
		}
	}
}
