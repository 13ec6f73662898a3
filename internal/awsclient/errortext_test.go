package awsclient_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/smithy-go"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

func TestText(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		switch name := string(text); {
		case strings.Contains(name, "a/denied"):
			w.Header().Set("X-Amzn-Requestid", "42")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"AccessDeniedException","message":"not for you"}`)
		case strings.Contains(name, "a/ill"):
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `<!doctype html>`)
		case strings.Contains(name, "a/portal"):
			fmt.Fprint(w, `<!doctype html>`)
		case strings.Contains(name, "a/empty"):
			w.WriteHeader(http.StatusBadGateway)
		case strings.Contains(name, "a/broken"):
			panic(http.ErrAbortHandler)
		case strings.Contains(name, "a/silent"):
			<-r.Context().Done()
		case strings.Contains(name, "a/cut"):
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"policyText":`)
		case strings.Contains(name, "a/half"):
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	config := stubaws.New("123456789012", "eu-central-1").Config()
	config.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).
		WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = time.Second })
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	get := func(endpoint, repository string) error {
		config.BaseEndpoint = &endpoint
		_, err := ecr.NewFromConfig(config).GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: &repository})
		return err
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	host := strings.TrimPrefix(gone.URL, "http://")
	for name, c := range map[string]struct {
		err        error
		want       string
		unanswered bool
	}{
		"an answer":      {fmt.Errorf("get policy: %w", get(server.URL, "a/denied")), "get policy: AccessDeniedException: not for you", false},
		"no JSON":        {get(server.URL, "a/ill"), "unexpected response from ECR at " + server.URL + ": 500 Internal Server Error", false},
		"no body":        {get(server.URL, "a/empty"), "unexpected response from ECR at " + server.URL + ": 502 Bad Gateway", false},
		"another's page": {get(server.URL, "a/portal"), "unexpected response from ECR at " + server.URL + ": unexpected token at offset 0", false},
		"no URL":         {get("nonsense", "a/api"), "the endpoint of ECR isn't a URL; check AWS_ENDPOINT_URL", true},
		"closed port": {fmt.Errorf("%w: see above", get(gone.URL, "a/api")),
			"no response from ECR at " + gone.URL + ": dial tcp " + host + ": connect: connection refused: see above", true},
		"broken connection": {get(server.URL, "a/broken"), "no response from ECR at " + server.URL + ": EOF", true},
		"silence": {get(server.URL, "a/silent"),
			"no response from ECR at " + server.URL + ": net/http: timeout awaiting response headers", true},
		"half an answer": {get(server.URL, "a/half"),
			"no response from ECR at " + server.URL + ": …", true}, // Go has several texts for it
		"a broken answer": {get(server.URL, "a/cut"), "no response from ECR at " + server.URL + ": unexpected EOF", true},
		"call for credentials": {&smithy.OperationError{ServiceID: "SSM", OperationName: "GetParameters", Err: get(server.URL, "a/broken")},
			"no response from ECR at " + server.URL + ": EOF", true},
		"a file":      {&os.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, "open x: no such file or directory", false},
		"none of AWS": {errors.New("out of paper"), "out of paper", false},
	} {
		want, isStart := strings.CutSuffix(c.want, "…")
		if got := awsclient.ErrorText(c.err); !strings.HasPrefix(got, want) || got != want && !isStart {
			t.Errorf("%s: got %q, want %q\nof %v", name, got, c.want, c.err)
		}
		if got := awsclient.Unanswered(c.err); got != c.unanswered {
			t.Errorf("%s: unanswered is %t\nof %v", name, got, c.err)
		}
		if got, want := awsclient.Undecided(c.err), c.unanswered || strings.Contains(c.want, ": 50"); got != want {
			t.Errorf("%s: undecided is %t\nof %v", name, got, c.err)
		}
	}
}
