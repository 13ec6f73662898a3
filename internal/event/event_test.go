package event_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
)

const account = "123456789012"

func sample(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEverySampleForRepositories(t *testing.T) {
	for name, want := range map[string]event.Repositories{
		"create-repository":                    {Trigger: "CreateRepository", Names: []string{"team-a/api"}, Created: true},
		"create-repository-pull-through-cache": {Trigger: "CreateRepository", Names: []string{"team-a/api"}, Created: true},
		"create-repository-on-push":            {Trigger: "CreateRepository", Names: []string{"team-a/api"}, Created: true},
		"create-repository-replication":        {Trigger: "CreateRepository", Names: []string{"team-a/api"}, Created: true},
		"set-repository-policy":                {Trigger: "SetRepositoryPolicy", Names: []string{"team-a/api"}, ChangedBy: "arn:aws:iam::123456789012:role/deploy"},
		"set-repository-policy-by-user":        {Trigger: "SetRepositoryPolicy", Names: []string{"team-a/api"}, ChangedBy: "arn:aws:iam::123456789012:user/alice"},
		"delete-repository-policy":             {Trigger: "DeleteRepositoryPolicy", Names: []string{"team-a/api"}, ChangedBy: "arn:aws:iam::123456789012:role/deploy"},
		"image-pushed":                         {Trigger: "ImagePushed", Names: []string{"team-a/api"}},
		"image-replicated":                     {Trigger: "ImageReplicated", Names: []string{"team-a/api"}},
		"image-pulled-through":                 {Trigger: "ImagePulledThrough", Names: []string{"team-a/api"}},
		"scan-resource-changed":                {Trigger: "ScanResourceChanged", Names: []string{"team-a/api", "team-b/web"}, Created: true},
		"reconcile-request":                    {Trigger: "Request", Names: []string{"team-a/api", "team-b/web"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := event.ForRepositories(sample(t, name), account)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestEverySampleForLists(t *testing.T) {
	for name, want := range map[string]event.Rollout{
		"list-created":           event.ListChanged{Name: "/ecr-pull-policy/accounts", Operation: "Create"},
		"list-updated":           event.ListChanged{Name: "/ecr-pull-policy/accounts", Operation: "Update"},
		"list-deleted":           event.ListChanged{Name: "/ecr-pull-policy/accounts", Operation: "Delete"},
		"namespace-list-updated": event.ListChanged{Name: "/ecr-pull-policy/accounts/team-a", Operation: "Update"},
		"schedule":               event.Scheduled{},
		"put-registry-policy":    event.RegistryPolicyChanged{Call: "PutRegistryPolicy", ChangedBy: "arn:aws:iam::123456789012:role/deploy"},
		"delete-registry-policy": event.RegistryPolicyChanged{Call: "DeleteRegistryPolicy", ChangedBy: "arn:aws:iam::123456789012:role/deploy"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := event.ForLists(sample(t, name), account)
			if err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

// The rules exclude these events. The code ignores them too, because a rule can be edited and a function can be invoked
// directly.
func TestIgnored(t *testing.T) {
	samples, err := filepath.Glob("../../events/ignored/*.json")
	if err != nil || len(samples) == 0 {
		t.Fatal("no samples", err)
	}
	for _, path := range samples {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		t.Run(name, func(t *testing.T) {
			message := sample(t, "ignored/"+name)
			_, repositoriesErr := event.ForRepositories(message, account)
			if ignored := (*event.Ignored)(nil); !errors.As(repositoriesErr, &ignored) || ignored.Reason == "" {
				t.Errorf("onrepo: got %v, want it ignored with a reason", repositoriesErr)
			}
			list, listsErr := event.ForLists(message, account)
			if name == "parameter-other" || name == "parameter-similar" { // the store knows which names are lists
				if listsErr != nil || list.(event.ListChanged).Name == "" {
					t.Errorf("onaccount: got %v, %v", list, listsErr)
				}
				return
			}
			if ignored := (*event.Ignored)(nil); !errors.As(listsErr, &ignored) {
				t.Errorf("onaccount: got %v, want it ignored", listsErr)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	envelope := func(source, detailType, detail string) string {
		return fmt.Sprintf(`{"source":%q,"detail-type":%q,"account":%q,"detail":%s}`, source, detailType, account, detail)
	}
	request := func(names ...string) string {
		return envelope("ecr-pull-policy", "Repository Reconcile Requested", `{"repositories":["`+strings.Join(names, `","`)+`"]}`)
	}
	for name, c := range map[string]struct{ message, want string }{
		"invalid JSON":           {`{"source":`, "decode EventBridge event"},
		"detail isn't an object": {envelope("aws.ecr", "ECR Image Action", `"x"`), "decode detail"},
		"no repository": {envelope("aws.ecr", "AWS API Call via CloudTrail",
			`{"eventSource":"ecr.amazonaws.com","eventName":"CreateRepository"}`), "doesn't name a repository"},
		"ARNs of other resources": {envelope("aws.ecr", "AWS Service Event via CloudTrail",
			`{"eventSource":"ecr.amazonaws.com","eventName":"CreateRepository","resources":[{"ARN":"arn:aws:s3:::bucket"},{"ARN":"arn:aws:ecr:eu-central-1:123456789012:cache/x"}]}`), "doesn't name a repository"},
		"push without a name": {envelope("aws.ecr", "ECR Image Action", `{"result":"SUCCESS","action-type":"PUSH"}`), "invalid repository name"},
		"empty request":       {envelope("ecr-pull-policy", "Repository Reconcile Requested", `{"repositories":[]}`), "detail.repositories must contain 1 to 100 names, found 0"},
		"request too large":   {request(slices.Repeat([]string{"ab"}, 101)...), "detail.repositories must contain 1 to 100 names, found 101"},
		"upper case":          {request("Team/api"), "invalid repository name"},
		"path traversal":      {request("team/../api"), "invalid repository name"},
		"empty segment":       {request("team//api"), "invalid repository name"},
		"slash at the end":    {request("team/"), "invalid repository name"},
		"dash at the start":   {request("-team/api"), "invalid repository name"},
		"space":               {request("te am"), "invalid repository name"},
		"two dots":            {request("team..api"), "invalid repository name"},
		"two separators":      {request("team-_api"), "invalid repository name"},
		"three underscores":   {request("team___api"), "invalid repository name"},
		"no valid name":       {request("A", "b", "team.."), `"team.."`},
		"too short":           {request("a"), "must have 2 to 256 characters, found 1"},
		"too long":            {request(strings.Repeat("a", 257)), "must have 2 to 256 characters, found 257"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := event.ForRepositories([]byte(c.message), account)
			if ignored := (*event.Ignored)(nil); err == nil || errors.As(err, &ignored) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that contains %q", err, c.want)
			}
		})
	}
	if _, err := event.ForLists([]byte(envelope("aws.ssm", "Parameter Store Change", `{"operation":"Update"}`)), account); err == nil {
		t.Error("no error for a parameter without a name")
	}
}

func TestOneInvalidNameIsRejectedAlone(t *testing.T) {
	message := `{"source":"ecr-pull-policy","detail-type":"Repository Reconcile Requested","detail":{"repositories":["a--b","team..api","a__b","../x"]}}`
	got, err := event.ForRepositories([]byte(message), account)
	if err != nil || !slices.Equal(got.Names, []string{"a--b", "a__b"}) || len(got.Invalid) != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, name := range []string{`"team..api"`, `"../x"`} {
		if !strings.HasPrefix(got.Invalid[i].Error(), name+": invalid repository name; ") {
			t.Errorf("got %q", got.Invalid[i])
		}
	}
}

// Shapes that no sample has. Fields that aren't used can't make an event malformed.
func TestShapes(t *testing.T) {
	envelope := func(source, detailType, detail string) string {
		return fmt.Sprintf(`{"source":%q,"detail-type":%q,"account":%q,"time":"2023-02-29T02:36:48Z","resources":"none","detail":%s}`, source, detailType, account, detail)
	}
	const service = "AWS Service Event via CloudTrail"
	set := func(identity string) string {
		return envelope("aws.ecr", "AWS API Call via CloudTrail",
			`{"eventSource":"ecr.amazonaws.com","eventName":"SetRepositoryPolicy","requestParameters":{"repositoryName":"api"},"userIdentity":`+identity+`}`)
	}
	long := "arn:aws:iam::123456789012:user/" + strings.Repeat("x", 1000)
	request := func(members string) string {
		return envelope("ecr-pull-policy", "Repository Reconcile Requested", `{"repositories":["api"]`+members+`}`)
	}
	created := event.Repositories{Trigger: "CreateRepository", Names: []string{"api"}, Created: true}
	changed := func(by string) event.Repositories {
		return event.Repositories{Trigger: "SetRepositoryPolicy", Names: []string{"api"}, ChangedBy: by}
	}
	for name, c := range map[string]struct {
		message string
		want    event.Repositories
	}{
		"AWS's sample of a pull through cache action": {
			envelope("aws.ecr", "ECR Pull Through Cache Action", `{"rule-version":"1","sync-status":"SUCCESS","repository-name":"docker-hub/alpine"}`),
			event.Repositories{Trigger: "ImagePulledThrough", Names: []string{"docker-hub/alpine"}}},
		"source of replication": {
			envelope("aws.replication.ecr", service, `{"eventSource":"replication.ecr.amazonaws.com","eventName":"CreateRepository","serviceEventDetails":{"repositoryName":"api"}}`), created},
		"ARN in serviceEventDetails": {
			envelope("aws.ecr", service, `{"eventSource":"ecr.amazonaws.com","eventName":"CreateRepository","serviceEventDetails":{"repositoryArn":"arn:aws:ecr:eu-central-1:123456789012:repository/api"}}`), created},
		"by a role": {set(`{"arn":"arn:aws:sts::123456789012:assumed-role/ci/run","sessionContext":{"sessionIssuer":{"arn":"arn:aws:iam::123456789012:role/ci"}}}`),
			changed("arn:aws:iam::123456789012:role/ci")},
		"by root":             {set(`{"type":"Root","arn":"arn:aws:iam::123456789012:root"}`), changed("arn:aws:iam::123456789012:root")},
		"by a service":        {set(`{"type":"AWSService","invokedBy":"lambda.amazonaws.com"}`), changed("")},
		"by a long name":      {set(`{"arn":"` + long + `"}`), changed(long[:700] + "…")},
		"by the longest name": {set(`{"arn":"` + long[:700] + `"}`), changed(long[:700])},
		"principals exist":    {request(`,"principals":"exist"`), event.Repositories{Trigger: "Request", Names: []string{"api"}, Principals: event.PrincipalsExist}},
		"other principals":    {request(`,"principals":"rejected","trigger":"ListChanged"`), event.Repositories{Trigger: "ListChanged", Names: []string{"api"}}},
		"principals unknown":  {request(`,"principals":"all"`), event.Repositories{Trigger: "Request", Names: []string{"api"}}},
		"scan resource change by ARN": {
			envelope("aws.ecr", "ECR Scan Resource Change", `{"action-type":"CREATE","repositories":[{"repository-arn":"arn:aws:ecr:eu-central-1:123456789012:repository/api"},{"repository-name":"web","repository-arn":"arn:aws:ecr:eu-central-1:210987654321:repository/web"},{}]}`),
			event.Repositories{Trigger: "ScanResourceChanged", Names: []string{"api"}, Created: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := event.ForRepositories([]byte(c.message), account)
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
	for name, message := range map[string]string{
		"ARN of another registry": envelope("aws.ecr", service,
			`{"eventSource":"ecr.amazonaws.com","eventName":"CreateRepository","serviceEventDetails":{"repositoryArn":"arn:aws:ecr:eu-central-1:210987654321:repository/api"}}`),
		"scan resource change without names": envelope("aws.ecr", "ECR Scan Resource Change", `{"action-type":"CREATE"}`),
	} {
		if _, err := event.ForRepositories([]byte(message), account); !errors.As(err, new(*event.Ignored)) {
			t.Errorf("%s: got %v, want it ignored", name, err)
		}
	}
}

func TestMessages(t *testing.T) {
	t.Run("an event", func(t *testing.T) {
		sent := sample(t, "image-pushed")
		messages, queued, err := event.Messages(sent)
		if err != nil || queued || len(messages) != 1 || string(messages[0].Event) != string(sent) {
			t.Errorf("got %d messages, queued %t, %v", len(messages), queued, err)
		}
	})
	t.Run("an SQS batch", func(t *testing.T) {
		messages, queued, err := event.Messages(sample(t, "reconcile-request-queued"))
		if err != nil || !queued || len(messages) != 1 || messages[0].ID == "" {
			t.Fatalf("got %+v, queued %t, %v", messages, queued, err)
		}
		got, err := event.ForRepositories(messages[0].Event, account)
		if err != nil || len(got.Names) != 2 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("a failed invocation, redriven", func(t *testing.T) {
		batch := `{"Records":[{"messageId":"m","body":"{\"version\":\"1.0\",\"requestPayload\":{\"source\":\"x\"}}"}]}`
		messages, _, err := event.Messages([]byte(batch))
		if err != nil || string(messages[0].Event) != `{"source":"x"}` {
			t.Errorf("got %s, %v", messages[0].Event, err)
		}
	})
	t.Run("no JSON", func(t *testing.T) {
		if _, _, err := event.Messages([]byte("x")); err == nil {
			t.Error("no error")
		}
	})
}
