package function

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// runtime serves the Runtime API to one instance.
type runtime struct {
	timeout time.Duration
	events  chan []byte
	results chan result
}

// result is the outcome of an invocation.
type result struct {
	ok   bool
	body []byte // response or error
}

func (r *runtime) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if !strings.HasSuffix(request.URL.Path, "/next") {
		body, _ := io.ReadAll(request.Body)
		w.WriteHeader(http.StatusAccepted)
		r.results <- result{strings.HasSuffix(request.URL.Path, "/response"), body}
		return
	}
	select {
	case event := <-r.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(r.timeout).UnixMilli(), 10))
		_, _ = w.Write(event)
	case <-request.Context().Done():
	}
}
