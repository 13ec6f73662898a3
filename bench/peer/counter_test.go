package peer

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCounter(t *testing.T) {
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		_, _ = io.Copy(w, request.Body) // the test compares the echo with the request
	}))
	defer aws.Close()
	c, err := newCounter(aws.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	call := func(target, body string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.endpoint, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amz-Target", target)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if got, err := io.ReadAll(response.Body); err != nil || string(got) != body {
			t.Errorf("echo of %q: got %q, %v", body, got, err)
		}
	}
	call("AmazonEC2ContainerRegistry_V20150921.GetRepositoryPolicy", `{"repositoryName":"a"}`)
	call("AmazonEC2ContainerRegistry_V20150921.GetRepositoryPolicy", `{"repositoryName":"b"}`)
	call("", "Action=GetCallerIdentity&Version=2011-06-15")
	want := map[string]int{"GetRepositoryPolicy": 2, "GetCallerIdentity": 1}
	if got := c.take(); !maps.Equal(got, want) {
		t.Errorf("take() = %v, want %v", got, want)
	}
	if got := c.take(); len(got) != 0 {
		t.Errorf("second take() = %v, want no calls", got)
	}
}
