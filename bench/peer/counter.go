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

// counter is a proxy between a tool and AWS that counts the calls.
type counter struct {
	endpoint string // URL of the proxy
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
		r.Out.Host = r.In.Host // the signature covers the host
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

// take returns the number of calls by operation since the previous call of take.
func (c *counter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := maps.Clone(c.calls)
	clear(c.calls)
	return calls
}

// operation returns the name of the API operation that a request calls. ECR and SSM use AWS's JSON protocol, in which a
// header contains the name. STS and CloudFormation use the query protocol, in which the form contains it.
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
