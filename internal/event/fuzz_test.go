package event_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
)

// AWS's own pattern for repository names.
var repositoryName = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// FuzzEvent checks that any event yields an error or valid names, and not more names than a request can have.
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
	f.Add([]byte(`{"source":"aws.replication.ecr","detail-type":"AWS Service Event via CloudTrail","detail":{"eventSource":"replication.ecr.amazonaws.com","eventName":"CreateRepository","serviceEventDetails":{"repositoryArn":"arn:aws:ecr:x:123456789012:repository/a--b"}}}`))
	f.Add([]byte(`{"source":"aws.ecr","detail-type":"AWS API Call via CloudTrail","detail":{"eventSource":"ecr.amazonaws.com","eventName":"SetRepositoryPolicy","requestParameters":{"repositoryName":"a.b"},"userIdentity":{"arn":` + string(mustJSON(f, strings.Repeat("ä", 1000))) + `}}}`))
	f.Add([]byte(`{"source":"aws.ecr","detail-type":"ECR Scan Resource Change","detail":{"repositories":[{"repository-name":"a..b"},{"repository-arn":"arn:aws:ecr:x:123456789012:repository/a__b"},{"repository-arn":"arn:aws:ecr:x:210987654321:repository/a_b"}]}}`))
	f.Add([]byte(`null`))

	f.Fuzz(func(t *testing.T, payload []byte) {
		messages, _, err := event.Messages(payload)
		if err != nil {
			return
		}
		for _, message := range messages {
			got, err := event.ForRepositories(message.Event, account)
			if err == nil {
				checkRepositories(t, got)
			} else if ignored, ok := errors.AsType[*event.Ignored](err); ok && ignored.Reason == "" {
				t.Error("ignored without a reason")
			}
			list, err := event.ForLists(message.Event, account)
			if changed, ok := list.(event.ListChanged); err == nil && ok && changed.Name == "" {
				t.Error("a list without a name")
			}
		}
	})
}

func checkRepositories(t *testing.T, got event.Repositories) {
	t.Helper()
	request := got.Trigger == event.TriggerRequest || got.Trigger == event.TriggerListChanged || got.Trigger == event.TriggerScheduled
	if n := len(got.Names); n == 0 || request && n+len(got.Invalid) > event.MaxRequestNames || got.Trigger == "" {
		t.Errorf("%d names, kind %q", n, got.Trigger)
	}
	if len(got.ChangedBy) > 710 || !utf8.ValidString(got.ChangedBy) {
		t.Errorf("%d bytes of a caller: %q", len(got.ChangedBy), got.ChangedBy)
	}
	if p := got.Principals; p != event.PrincipalsUnknown && p != event.PrincipalsExist {
		t.Errorf("principals %q", p)
	}
	for _, name := range got.Names {
		if len(name) < 2 || len(name) > 256 || !repositoryName.MatchString(name) {
			t.Errorf("%q isn't a valid repository name", name)
		}
	}
	for _, err := range got.Invalid {
		if !strings.Contains(err.Error(), "invalid repository name") {
			t.Errorf("a name is rejected: %v", err)
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
