// Package runtimeapi serves the Lambda Runtime API to one instance of a function, which handles one invocation at a
// time.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrExited is the error if the process of the instance has exited.
var ErrExited = errors.New("the function's process has exited")

// Server serves the Runtime API on the loopback interface.
type Server struct {
	Address string // HOST:PORT, the value of AWS_LAMBDA_RUNTIME_API

	timeout time.Duration
	events  chan []byte
	results chan Result
	api     *http.Server
}

// Result is the outcome of an invocation.
type Result struct {
	OK   bool
	Body []byte // response or error
}

// Listen starts a server for an instance whose invocations have a timeout.
func Listen(timeout time.Duration) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for calls to the Runtime API: %w", err)
	}
	s := &Server{Address: listener.Addr().String(), timeout: timeout, events: make(chan []byte), results: make(chan Result, 1)}
	s.api = &http.Server{Handler: s}
	go func() { _ = s.api.Serve(listener) }()
	return s, nil
}

// Close stops the server.
func (s *Server) Close() { _ = s.api.Close() }

// Deliver starts an invocation: it waits until the instance requests an event, and responds with this one. The channel
// exited is closed when the process of the instance exits.
func (s *Server) Deliver(ctx context.Context, event []byte, exited <-chan struct{}) error {
	select {
	case s.events <- event:
		return nil
	case <-exited:
		return ErrExited
	case <-ctx.Done():
		return fmt.Errorf("the function didn't request an event: %w", context.Cause(ctx))
	}
}

// Wait waits for the result of the invocation that Deliver started.
func (s *Server) Wait(ctx context.Context, exited <-chan struct{}) (Result, error) {
	select {
	case r := <-s.results:
		return r, nil
	case <-exited:
	case <-ctx.Done():
		return Result{}, fmt.Errorf("the function didn't respond: %w", context.Cause(ctx))
	}
	select {
	case r := <-s.results: // it reported a panic before it exited
		return r, nil
	default:
		return Result{}, ErrExited
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if !strings.HasSuffix(request.URL.Path, "/next") {
		body, _ := io.ReadAll(request.Body)
		w.WriteHeader(http.StatusAccepted)
		s.results <- Result{strings.HasSuffix(request.URL.Path, "/response"), body}
		return
	}
	select {
	case event := <-s.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(s.timeout).UnixMilli(), 10))
		_, _ = w.Write(event)
	case <-request.Context().Done():
	}
}
