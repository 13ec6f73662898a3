package start

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

// observer stands between a function and the emulator's Runtime API, and writes down when what passes.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type observer struct {
	address string
	server  *http.Server
	started chan struct{} // closed when the function's process is known

	// Known from then on.
	pid int
	api string // the emulator's Runtime API, HOST:PORT

	mu   sync.Mutex
	seen seen
}

// seen is what an observer saw.
type seen struct {
	begin     time.Time   // of the process
	next      time.Time   // the function asks for its first event
	delivered []time.Time // an event is handed to the function
	responded []time.Time // the function answers
}

func newObserver() (*observer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the function: %w", err)
	}
	o := &observer{address: listener.Addr().String(), started: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", o.api },
		ModifyResponse: o.comesBack,
		// It lives as long as one function: its connections must not outlive that.
		Transport: &http.Transport{DisableCompression: true, IdleConnTimeout: time.Second},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway) // the emulator is stopped while the function waits for an event
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /started", o.starts)
	mux.HandleFunc("/", func(w http.ResponseWriter, request *http.Request) {
		at := time.Now()
		select {
		case <-o.started:
		case <-request.Context().Done():
			return
		}
		o.goesOut(request, at)
		proxy.ServeHTTP(w, request)
	})
	o.server = &http.Server{Handler: mux}
	go func() { _ = o.server.Serve(listener) }()
	return o, nil
}

func (o *observer) close() { _ = o.server.Close() }

// starts hears from starter.py.
func (o *observer) starts(_ http.ResponseWriter, request *http.Request) {
	text, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	var nanoseconds int64
	if _, err := fmt.Sscan(string(text), &o.pid, &o.api, &nanoseconds); err != nil {
		return
	}
	o.mu.Lock()
	o.seen.begin = time.Unix(0, nanoseconds)
	o.mu.Unlock()
	close(o.started)
}

func (o *observer) goesOut(request *http.Request, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch path := request.URL.Path; {
	case strings.HasSuffix(path, "/invocation/next") && o.seen.next.IsZero():
		o.seen.next = at
	case strings.HasSuffix(path, "/response"):
		o.seen.responded = append(o.seen.responded, at)
	}
}

func (o *observer) comesBack(response *http.Response) error {
	if strings.HasSuffix(response.Request.URL.Path, "/invocation/next") {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.seen.delivered = append(o.seen.delivered, time.Now())
	}
	return nil
}

// invocations returns what was seen once the function has answered n times.
func (o *observer) invocations(ctx context.Context, n int) (seen, error) {
	if err := ctx.Err(); err != nil {
		return seen{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.seen; !s.begin.IsZero() && len(s.responded) == n && len(s.delivered) >= n {
		return s, nil
	}
	return seen{}, errors.New("the function's calls of the Runtime API went past the observer")
}
