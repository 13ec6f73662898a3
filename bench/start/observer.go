package start

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"
)

// observer is a proxy between a function and the emulator's Runtime API that records the times of the calls.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type observer struct {
	address string
	server  *http.Server
	started chan struct{} // closed when starter.py has reported the process

	// Set before started is closed.
	pid int
	api string // address of the emulator's Runtime API, HOST:PORT

	mu    sync.Mutex
	times times
}

// times are the times that an observer recorded.
type times struct {
	begin     time.Time   // start of the process
	next      time.Time   // first request for an event
	delivered []time.Time // deliveries of events to the function
	responded []time.Time // responses of the function
}

func newObserver() (*observer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the function: %w", err)
	}
	o := &observer{address: listener.Addr().String(), started: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", o.api },
		ModifyResponse: o.recordResponse,
		// Each function has an observer of its own, so close its connections soon after the last call.
		Transport: &http.Transport{DisableCompression: true, IdleConnTimeout: time.Second},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway) // the emulator stops while the function waits for an event
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /started", o.recordStart)
	mux.HandleFunc("/", func(w http.ResponseWriter, request *http.Request) {
		at := time.Now()
		select {
		case <-o.started:
		case <-request.Context().Done():
			return
		}
		o.recordRequest(request, at)
		proxy.ServeHTTP(w, request)
	})
	o.server = &http.Server{Handler: mux}
	go func() { _ = o.server.Serve(listener) }()
	return o, nil
}

func (o *observer) close() { _ = o.server.Close() }

// recordStart handles the request of starter.py, which reports the process ID, the address of the Runtime API, and the
// time.
func (o *observer) recordStart(_ http.ResponseWriter, request *http.Request) {
	text, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	var nanoseconds int64
	if _, err := fmt.Sscan(string(text), &o.pid, &o.api, &nanoseconds); err != nil {
		return
	}
	o.mu.Lock()
	o.times.begin = time.Unix(0, nanoseconds)
	o.mu.Unlock()
	close(o.started)
}

func (o *observer) recordRequest(request *http.Request, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch path := request.URL.Path; {
	case strings.HasSuffix(path, "/invocation/next") && o.times.next.IsZero():
		o.times.next = at
	case strings.HasSuffix(path, "/response"):
		o.times.responded = append(o.times.responded, at)
	}
}

func (o *observer) recordResponse(response *http.Response) error {
	if strings.HasSuffix(response.Request.URL.Path, "/invocation/next") {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.times.delivered = append(o.times.delivered, time.Now())
	}
	return nil
}

// invocations returns the recorded times, or an error if they aren't those of n invocations.
func (o *observer) invocations(ctx context.Context, n int) (times, error) {
	if err := ctx.Err(); err != nil {
		return times{}, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if t := o.times; !t.begin.IsZero() && len(t.responded) == n && len(t.delivered) >= n {
		return t, nil
	}
	return times{}, fmt.Errorf("the observer didn't record the function's start and the calls of %d invocations", n)
}
