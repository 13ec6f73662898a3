package peer

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// counter stands between a tool and AWS, and counts the calls.
type counter struct {
	endpoint string
	server   *http.Server

	mu    sync.Mutex
	calls map[string]int // by operation
}

func newCounter(endpoint string) (*counter, error) {
	target, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for calls: %w", err)
	}
	c := &counter{endpoint: "http://" + listener.Addr().String(), calls: map[string]int{}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	c.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		c.count(operation(request))
		proxy.ServeHTTP(w, request)
	})}
	go func() { _ = c.server.Serve(listener) }()
	return c, nil
}

func (c *counter) close() { _ = c.server.Close() }

func (c *counter) count(operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[operation]++
}

// take returns the counts since the last time.
func (c *counter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := maps.Clone(c.calls)
	clear(c.calls)
	return calls
}

// operation names what a request asks for. ECR and SSM speak AWS's JSON protocol, which has it in a header; STS and
// CloudFormation speak the query protocol, which has it in the form.
func operation(request *http.Request) string {
	if target := request.Header.Get("X-Amz-Target"); target != "" {
		return target[strings.LastIndex(target, ".")+1:]
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return "unreadable"
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" {
		return form.Get("Action")
	}
	return request.Method + " " + request.URL.Path
}
