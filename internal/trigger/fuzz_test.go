package trigger_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
)

// AWS's own pattern for repository names, less its rule that no two separators follow each other.
var repositoryName = regexp.MustCompile(`^([a-z0-9]([a-z0-9._-]*[a-z0-9])?/)*[a-z0-9]([a-z0-9._-]*[a-z0-9])?$`)

// FuzzEvent: whatever anybody publishes, the functions get valid names, not more than a request may have, or an error.
func FuzzEvent(f *testing.F) {
	for _, pattern := range []string{"../../events/*.json", "../../events/ignored/*.json"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal("no samples", err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	request := func(names string) []byte {
		return []byte(`{"source":"ecr-pull-policy","detail-type":"Repository Reconcile Requested","detail":{"repositories":[` + names + `]}}`)
	}
	f.Add(request(`"../../etc","a\u0000b","` + strings.Repeat("x", 1000) + `"`))
	f.Add(request(strings.Repeat(`"ab",`, 1000) + `"ab"`))
	f.Add(request(`{"a":1}`))
	f.Add([]byte(`{"Records":[{"body":` + string(mustJSON(f, strings.Repeat("[", 100_000))) + `}]}`))
	f.Add([]byte(`{"Records":[{"body":"{\"requestPayload\":{\"requestPayload\":{}}}"},{"body":""}]}`))
	f.Add([]byte(`{"source":"aws.ecr","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"ecr.amazonaws.com","eventName":"CreateRepository","resources":[{"ARN":"arn:aws:ecr:x:123456789012:repository/"}]}}`))
	f.Add([]byte(`null`))

	f.Fuzz(func(t *testing.T, payload []byte) {
		messages, _, err := trigger.Messages(payload)
		if err != nil {
			return
		}
		for _, message := range messages {
			got, err := trigger.ForRepositories(message.Event, account)
			if err == nil {
				checkRepositories(t, got)
			} else if ignored := (*trigger.Ignored)(nil); errors.As(err, &ignored) && ignored.Reason == "" {
				t.Error("ignored without a reason")
			}
			list, err := trigger.ForLists(message.Event, account)
			if changed, ok := list.(trigger.ListChanged); err == nil && ok && changed.Name == "" {
				t.Error("a list without a name")
			}
		}
	})
}

func checkRepositories(t *testing.T, got trigger.Repositories) {
	t.Helper()
	if n := len(got.Names); n == 0 || n > trigger.MaxRequestNames || got.Kind == "" {
		t.Errorf("%d names, kind %q", n, got.Kind)
	}
	for _, name := range got.Names {
		if len(name) < 2 || len(name) > 256 || !repositoryName.MatchString(name) {
			t.Errorf("%q is no repository name", name)
		}
	}
}

func mustJSON(f *testing.F, value any) []byte {
	f.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		f.Fatal(err)
	}
	return text
}
