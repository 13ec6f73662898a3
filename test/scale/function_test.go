package scale_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// function is a real function's process, which a test plays the Lambda runtime API for. Lambda's emulator would do,
// but hides the process whose memory is to be measured.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
type function struct {
	t       *testing.T
	process *exec.Cmd
	events  chan string
	results chan result
}

type result struct {
	path string // …/response or …/error
	body string
}

func startFunction(t *testing.T, name string, environment map[string]string) *function {
	t.Helper()
	binaries := t.TempDir()
	if err := localaws.Build(t.Context(), "../..", binaries); err != nil {
		t.Fatal(err)
	}
	f := &function{t: t, events: make(chan string), results: make(chan result, 1)}
	api := httptest.NewServer(http.HandlerFunc(f.serve))
	f.process = exec.CommandContext(t.Context(), filepath.Join(binaries, name, "bootstrap"))
	f.process.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://")}
	for key, value := range environment {
		f.process.Env = append(f.process.Env, key+"="+value)
	}
	if err := f.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = f.process.Process.Kill()
		_ = f.process.Wait()
		api.CloseClientConnections()
		api.Close()
	})
	return f
}

func (f *function) serve(w http.ResponseWriter, request *http.Request) {
	if strings.HasSuffix(request.URL.Path, "/next") {
		select {
		case event := <-f.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(15*time.Minute).UnixMilli(), 10))
			_, _ = io.WriteString(w, event)
		case <-request.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(request.Body)
	w.WriteHeader(http.StatusAccepted)
	f.results <- result{request.URL.Path, string(body)}
}

func (f *function) invoke(ctx context.Context, event string) string {
	f.t.Helper()
	select {
	case f.events <- event:
	case <-ctx.Done():
		f.t.Fatal("the function asks for no event")
	}
	select {
	case r := <-f.results:
		if !strings.HasSuffix(r.path, "/response") {
			f.t.Fatalf("the function failed: %s", r.body)
		}
		return r.body
	case <-ctx.Done():
		f.t.Fatal("the function gives no answer")
		return ""
	}
}

// peakMemory returns the most memory that the process ever had resident, in bytes, as Linux counts it.
func (f *function) peakMemory() int {
	f.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.process.Process.Pid))
	if err != nil {
		f.t.Fatal(err)
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		f.t.Fatalf("no peak in %s", status)
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		f.t.Fatal(err)
	}
	return kilobytes * 1024
}
