package localaws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/aws-sdk-go-base/v2/endpoints"
)

// proxy forwards calls to moto. Around them it does what AWS does and moto doesn't: it rejects calls (rejection.go),
// has their events published (callevents.go), and lets others play what moto can't (invoke.go, redrive.go).
type proxy struct {
	region string // of the stack
	server *http.Server
	moto   http.Handler
	paths  *http.ServeMux                                      // of operations that are played; all others go to serveCall
	played map[string]func(context.Context, call) (any, error) // by service and operation; an *apiError is how AWS answers
	before map[string]func(context.Context) error              // by service: what has to be done before a call
	formed map[string]func(context.Context, url.Values) error  // by operation: what moto gets in place of a form
	edited map[string]func(body []byte) []byte                 // by operation: answers of moto that aren't those of AWS

	principals principals

	// observe is called with each call. The function that it returns, if any, is called with the answer before that is
	// sent, so that the events of a call that has ended are under way.
	observe func(context.Context, call) (answered func(answer) error, err error)
}

// call is a call whose parameters are in its body: of the JSON protocols, or of the query protocol.
type call struct {
	service    string // the name in X-Amz-Target; "" in the query protocol
	operation  string
	region     string
	caller     string // the name of a role
	userAgent  string
	parameters json.RawMessage // of the JSON protocols
	form       url.Values      // of the query protocol
}

type answer struct {
	status int
	body   json.RawMessage
}

// The services in X-Amz-Target.
const (
	targetECR  = "AmazonEC2ContainerRegistry_V20150921"
	targetSSM  = "AmazonSSM"
	targetSQS  = "AmazonSQS"
	targetLogs = "Logs_20140328"
)

// newProxy returns a proxy that doesn't serve yet.
func newProxy(moto, region string) (*proxy, error) {
	target, err := url.Parse(moto)
	if err != nil {
		return nil, fmt.Errorf("starting the proxy of moto: %w", err)
	}
	p := &proxy{
		region: region,
		moto: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.Out.Host = r.In.Host // moto makes the URLs of queues of it
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }, // moto has ended
		},
		paths:   http.NewServeMux(),
		played:  map[string]func(context.Context, call) (any, error){},
		before:  map[string]func(context.Context) error{},
		formed:  map[string]func(context.Context, url.Values) error{},
		edited:  map[string]func([]byte) []byte{"DescribeStacks": withoutFacts},
		observe: func(context.Context, call) (func(answer) error, error) { return nil, nil },

		principals: principals{deleted: map[string]bool{}},
	}
	p.paths.HandleFunc("/", p.serveCall)
	p.server = &http.Server{Handler: http.HandlerFunc(p.serve)}
	return p, nil
}

// listen serves at a free port of an address too, and returns the endpoint.
func (p *proxy) listen(address string) (endpoint string, err error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return "", fmt.Errorf("starting the proxy of moto: %w", err)
	}
	go func() { _ = p.server.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

func (p *proxy) stop() { _ = p.server.Close() }

// serve rejects calls to Regions that don't exist. AWS has no endpoints for them.
func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	scope := scopeOf(r)
	if scope.region == "" || isRegion(scope.region) {
		p.paths.ServeHTTP(w, r)
		return
	}
	const text = "%s: unknown Region; check the spelling. The simulated AWS services have the stack in %s, and nothing in the other Regions of AWS."
	(&apiError{"UnknownRegion", fmt.Sprintf(text, scope.region, p.region)}).write(w, isForm(r) || scope.service == "s3")
}

// isRegion reports whether AWS has a Region, as far as the list of the module knows.
func isRegion(name string) bool {
	return slices.ContainsFunc(endpoints.DefaultPartitions(), func(p endpoints.Partition) bool {
		_, ok := p.Regions()[name]
		return ok
	})
}

func (p *proxy) serveCall(w http.ResponseWriter, r *http.Request) {
	c, ok, err := readCall(r)
	if err == nil && ok {
		err = p.call(w, r, c)
	} else if err == nil {
		p.moto.ServeHTTP(w, r)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// call answers a call. If it returns an error, it has not answered.
func (p *proxy) call(w http.ResponseWriter, r *http.Request, c call) error {
	if prepare, ok := p.before[c.service]; ok {
		if err := prepare(r.Context()); err != nil {
			return err
		}
	}
	answered, err := p.observe(r.Context(), c)
	if err != nil {
		return err
	}
	recorded := httptest.NewRecorder()
	rejected := c.rejection(p.principals.isGone)
	if form, ok := p.formed[c.operation]; ok {
		err := form(r.Context(), c.form)
		if !errors.As(err, &rejected) && err != nil {
			return err
		}
		body := c.form.Encode()
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	play, isPlayed := p.played[c.service+"."+c.operation]
	edit, isEdited := p.edited[c.operation]
	switch {
	case rejected != nil:
		rejected.write(recorded, c.form != nil)
	case isPlayed:
		result, err := play(r.Context(), c)
		if rejected, ok := errors.AsType[*apiError](err); ok {
			rejected.write(recorded, c.form != nil)
		} else if err != nil {
			return err
		} else if err := json.NewEncoder(recorded).Encode(result); err != nil {
			return err
		}
	case answered == nil && !isEdited:
		p.moto.ServeHTTP(w, r)
		return nil
	default:
		p.moto.ServeHTTP(recorded, r)
	}
	body := recorded.Body.Bytes()
	if isEdited {
		body = edit(body)
		recorded.Header().Del("Content-Length")
	}
	if answered != nil {
		if err := answered(answer{recorded.Code, body}); err != nil {
			return err
		}
	}
	maps.Copy(w.Header(), recorded.Header())
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(body)
	return nil
}

// readCall reads a call, and leaves the request to be read again. ok is false if its body has no parameters.
func readCall(r *http.Request) (c call, ok bool, err error) {
	target := r.Header.Get("X-Amz-Target")
	if target == "" && !isForm(r) {
		return call{}, false, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return call{}, false, fmt.Errorf("reading a call: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	scope := scopeOf(r)
	c = call{region: scope.region, caller: scope.caller, userAgent: r.UserAgent()}
	if isForm(r) {
		c.form, err = url.ParseQuery(string(body))
		c.operation = c.form.Get("Action")
		return c, true, err
	}
	c.service, c.operation, _ = strings.Cut(target, ".")
	c.parameters = body
	return c, true, nil
}

func isForm(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// scope is what a call is signed for.
type scope struct {
	caller  string // the name of a role. It is the access key ID, which nothing else needs here
	region  string
	service string // such as ecr
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func scopeOf(r *http.Request) scope {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.SplitN(credential, "/", 5)
	if len(parts) < 5 {
		return scope{caller: Operator}
	}
	return scope{caller: parts[0], region: parts[2], service: parts[3]}
}

// apiError is how AWS answers a call that it rejects.
type apiError struct{ code, message string }

func (e *apiError) Error() string { return e.code + ": " + e.message }

func (e *apiError) write(w http.ResponseWriter, isXML bool) {
	if isXML {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", e.code, html.EscapeString(e.message))
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": e.code, "message": e.message})
}
