package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// listen returns the address of a server that accepts connections and never responds.
func listen(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // the connections wait in its backlog
	return listener.Addr().String()
}

// closed returns an address that refuses connections.
func closed(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(nil)
	server.Close()
	return server.Listener.Addr().String()
}

// accountsFile returns a file with a list.
func accountsFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "accounts.txt")
	if err := os.WriteFile(file, []byte("111111111111"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// newRegistry starts a stub of AWS with 800 repositories that have no policies.
func newRegistry(t *testing.T) *stubaws.AWS {
	t.Helper()
	cloud := newCloud(t)
	for i := range 800 {
		cloud.CreateRepository(fmt.Sprintf("a/%03d", i))
	}
	cloud.CreateRepository(checkRepository)
	cloud.PutList(accountList, "111111111111")
	return cloud
}

// Every command reports at once the service and the address that refuses connections.
func TestClosedPort(t *testing.T) {
	newRegistry(t)
	address := closed(t)
	file := accountsFile(t)
	commands := [][]string{{"plan"}, {"apply", "--yes"}, {"audit"}, {"render", "a/api"}, {"doctor"}, {"validate", file, "--check-principals"}}
	for _, command := range commands {
		for service, commands := range map[string]string{
			"STS": "plan apply audit render doctor validate", "CloudFormation": "plan apply audit render doctor validate",
			"SSM": "plan apply audit render doctor", "ECR": "plan apply audit doctor validate",
		} {
			if !strings.Contains(commands, command[0]) {
				continue
			}
			t.Run(command[0]+" without "+service, func(t *testing.T) {
				t.Setenv("AWS_ENDPOINT_URL_"+strings.ToUpper(service), "http://"+address)
				status, out := call(t.Context(), append(command, "--stack", "checking")...)
				if warns := command[0] == "doctor" && (service == "SSM" || service == "ECR"); status != exitFailed && !warns {
					t.Errorf("exit status %d", status)
				}
				contains(t, strings.Join(strings.Fields(out), " "), "no response from "+service+" at http://"+address+": dial tcp "+address+": connect: connection refused")
				if strings.Count(out, "no response") > 2 || len(out) > 5000 {
					t.Errorf("repetitive output:\n%s", out)
				}
			})
		}
	}
}

// A server that never responds or breaks connections is reported in time: with the timeout of the command line instead
// of that of the test, within 15 seconds.
func TestSilence(t *testing.T) {
	const brief = 400 * time.Millisecond // for servers that never respond
	var calls atomic.Int64
	breaking := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		panic(http.ErrAbortHandler) // without a response
	}))
	t.Cleanup(breaking.Close)
	untrusted := httptest.NewUnstartedServer(nil)
	untrusted.Config.ErrorLog = log.New(t.Output(), "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	for _, c := range []struct {
		command  string
		services string
		endpoint string
		want     string
		timeout  time.Duration
		status   int
	}{
		{"plan", "STS", "http://" + listen(t), "headers", brief, exitFailed},
		{"plan", "ECR", "https://" + listen(t), "TLS handshake timeout", brief, exitFailed},
		{"plan", "ECR", untrusted.URL, "certificate signed by unknown authority", callTimeout, exitFailed},
		{"plan", "SSM", "http://ssm.invalid", "lookup ssm.invalid", callTimeout, exitFailed},
		{"plan", "STS", breaking.URL, "EOF", callTimeout, exitFailed},
		{"doctor", "SSM ECR CLOUDTRAIL", "http://" + listen(t), "headers", brief, 0},
		{"doctor", "CLOUDFORMATION SSM ECR CLOUDTRAIL", "http://" + listen(t), "headers", brief, exitFailed},
	} {
		t.Run(c.command+" without "+c.services+": "+c.want, func(t *testing.T) {
			newRegistry(t)
			for service := range strings.FieldsSeq(c.services) {
				t.Setenv("AWS_ENDPOINT_URL_"+service, c.endpoint)
			}
			var out output
			p := program{in: strings.NewReader(""), out: &out, errOut: &out, timeout: c.timeout}
			calls.Store(0)
			began := time.Now()
			status := p.run(t.Context(), []string{c.command, "--stack", "checking"})
			if took := time.Since(began); took*callTimeout/c.timeout > 15*time.Second {
				t.Errorf("it took %v with a timeout of %v", took, c.timeout)
			}
			if status != c.status || calls.Load() > 2 {
				t.Errorf("exit status %d after %d calls", status, calls.Load())
			}
			contains(t, strings.Join(strings.Fields(out.String()), " "), "at "+c.endpoint+": ", c.want)
		})
	}
}

// Commands that read or write many repositories stop when a call gets no response. apply reports how many remain.
func TestSilenceInBetween(t *testing.T) {
	const successful = 100
	for _, c := range []struct {
		args      []string
		operation string
		output    []string
	}{
		{[]string{"plan"}, "GetRepositoryPolicy", nil},
		{[]string{"audit"}, "GetRepositoryPolicy", nil},
		{[]string{"apply", "--yes"}, "GetRepositoryPolicy", []string{"applied: ", "repositories remaining; run apply again to continue"}},
		{[]string{"apply", "--yes"}, "SetRepositoryPolicy", []string{"applied: 100 updated\n", "700 repositories remaining; run apply again to continue"}},
		{[]string{"apply", "--yes"}, "SetRepositoryPolicy and all later calls", []string{"applied: 100 updated\n", "700 repositories remaining; run apply again to continue"}},
	} {
		t.Run(c.args[0]+" "+c.operation, func(t *testing.T) {
			cloud := newRegistry(t)
			var calls atomic.Int64
			operation, andLater := strings.CutSuffix(c.operation, " and all later calls")
			cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
				if call.Operation == operation {
					return stubaws.Fault{Lost: calls.Add(1) > successful}
				}
				return stubaws.Fault{Lost: andLater && calls.Load() > successful}
			}
			status, out := call(t.Context(), append(c.args, "--stack", "checking")...)
			if status != exitFailed {
				t.Errorf("exit status %d", status)
			}
			contains(t, out, append(c.output, "no response from ECR at http://127.0.0.1:")...)
			const concurrent, attempts = 16, 2
			if n := calls.Load(); n > successful+concurrent*attempts {
				t.Errorf("%d calls", n)
			}
			if strings.Count(out, "no response") > 1 {
				t.Errorf("repetitive output:\n%s", out)
			}
		})
	}
}

// Throttled calls are retried until they succeed, and calls on a broken connection are retried.
func TestPatience(t *testing.T) {
	cloud := newCloud(t)
	cloud.CreateRepository("a/api")
	cloud.PutList(accountList, "111111111111")
	for name, c := range map[string]struct {
		fault stubaws.Fault
		times int64
	}{
		"throttled":         {stubaws.Fault{Code: "ThrottlingException"}, 3},
		"unavailable":       {stubaws.Fault{Code: "ServerException", Status: http.StatusInternalServerError}, 3},
		"broken connection": {stubaws.Fault{Lost: true}, 1},
	} {
		var calls atomic.Int64
		cloud.OnCall = func(_ context.Context, call stubaws.Call) stubaws.Fault {
			if call.Operation == "GetRepositoryPolicy" && calls.Add(1) <= c.times {
				return c.fault
			}
			return stubaws.Fault{}
		}
		if status, out := call(t.Context(), "plan"); status != exitChanges {
			t.Errorf("%s: exit status %d\n%s", name, status, out)
		}
	}
}
