package awserror_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awserror"
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
		case strings.Contains(name, "a/empty"):
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(server.Close)
	config := stubaws.New("123456789012", "eu-central-1").Config()
	config.HTTPClient, config.Retryer = nil, func() aws.Retryer { return aws.NopRetryer{} }
	get := func(endpoint, repository string) error {
		config.BaseEndpoint = &endpoint
		_, err := ecr.NewFromConfig(config).GetRepositoryPolicy(t.Context(), &ecr.GetRepositoryPolicyInput{RepositoryName: &repository})
		return err
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"an answer":    {fmt.Errorf("get policy: %w", get(server.URL, "a/denied")), "get policy: AccessDeniedException: not for you"},
		"no JSON":      {get(server.URL, "a/ill"), "the answer was 500 Internal Server Error"},
		"no body":      {get(server.URL, "a/empty"), "the answer was 502 Bad Gateway"},
		"nobody there": {fmt.Errorf("%w: see above", get(gone.URL, "a/api")), "connection refused: see above"},
		"none of AWS":  {errors.New("out of paper"), "out of paper"},
	} {
		if got := awserror.Text(c.err); got != c.want {
			t.Errorf("%s: got %q, want %q\nof %v", name, got, c.want, c.err)
		}
	}
}
