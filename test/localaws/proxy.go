package localaws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
)

// GoneAccount is an account that doesn't exist in the local AWS, and neither do roles and users whose names end in
// GoneName. All others do.
const (
	GoneAccount = "404040404040"
	GoneName    = "/gone"
)

// proxy is a proxy of moto that rejects calls that AWS rejects and moto accepts.
type proxy struct {
	server   *http.Server
	endpoint string
}

func startProxy(moto string) (*proxy, error) {
	target, err := url.Parse(moto)
	if err != nil {
		return nil, fmt.Errorf("starting the proxy of moto: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the proxy of moto: %w", err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // moto makes the URLs of queues of it
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }, // moto has ended
	}
	p := &proxy{
		server:   &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(forward, w, r) })},
		endpoint: "http://" + listener.Addr().String(),
	}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

func (p *proxy) stop() { _ = p.server.Close() }

// ecrCall is what is checked of a call to ECR.
type ecrCall struct {
	RepositoryName string `json:"repositoryName"`
	PolicyText     string `json:"policyText"`
}

func serve(moto http.Handler, w http.ResponseWriter, r *http.Request) {
	operation, isECR := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AmazonEC2ContainerRegistry_V20150921.")
	if !isECR {
		moto.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var call ecrCall
	if json.Unmarshal(body, &call) == nil {
		if reason := call.rejection(operation); reason != "" {
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": "InvalidParameterException", "message": reason})
			return
		}
	}
	moto.ServeHTTP(w, r)
}

// rejection returns why ECR rejects a call; "" if it doesn't.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
func (c ecrCall) rejection(operation string) string {
	const maxCharacters = 10240
	switch {
	case c.RepositoryName != "" && registry.CheckName(c.RepositoryName) != nil:
		return "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression'"
	case operation != "SetRepositoryPolicy":
		return ""
	case utf8.RuneCountInString(c.PolicyText) > maxCharacters:
		return fmt.Sprintf("Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Member must have length less than or equal to %d'", maxCharacters)
	case slices.ContainsFunc(principalsOf(c.PolicyText), isGone):
		return "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Principal not found'"
	}
	return ""
}

// isGone reports whether a principal doesn't exist. Unique IDs are what is left of deleted roles and users.
func isGone(principal string) bool {
	return strings.HasPrefix(principal, "AROA") || strings.HasPrefix(principal, "AIDA") ||
		strings.HasSuffix(principal, GoneName) || principal == GoneAccount || strings.Contains(principal, "::"+GoneAccount+":")
}

// principalsOf returns the AWS principals that a policy names.
func principalsOf(document string) []string {
	var policy struct {
		Statement []struct{ Principal, NotPrincipal json.RawMessage }
	}
	if json.Unmarshal([]byte(document), &policy) != nil {
		return nil // moto rejects it
	}
	var principals []string
	for _, statement := range policy.Statement {
		for _, raw := range []json.RawMessage{statement.Principal, statement.NotPrincipal} {
			var named struct{ AWS json.RawMessage }
			if raw == nil || json.Unmarshal(raw, &named) != nil {
				continue
			}
			var one string
			var many []string
			if json.Unmarshal(named.AWS, &one) == nil {
				many = []string{one}
			} else {
				_ = json.Unmarshal(named.AWS, &many)
			}
			principals = append(principals, many...)
		}
	}
	return principals
}
