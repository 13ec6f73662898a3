// Package e2e_test runs the functions that sam deploy would deploy with simulated AWS services. The template's own
// event patterns decide which events reach them.
package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

const accountList = "/ecr-pull-policy/accounts"

// registry is a local AWS in a test.
type registry struct {
	*localaws.AWS
	t *testing.T
}

func start(t *testing.T, parameters map[string]string) registry {
	t.Helper()
	local, err := localaws.Start(t.Context(), localaws.Options{Parameters: parameters, Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	})
	return registry{AWS: local, t: t}
}

func (r registry) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// repository creates a repository without an event.
func (r registry) repository(name, document string) {
	r.t.Helper()
	r.must(r.Quiet.CreateRepository(r.t.Context(), name, document))
}

// list writes a list without an event.
func (r registry) list(name, value string) {
	r.t.Helper()
	r.must(r.Quiet.PutList(r.t.Context(), name, value))
}

// settle waits until all is done, and fails if a function failed.
func (r registry) settle() localaws.Activity {
	r.t.Helper()
	activity := r.activity()
	for _, err := range activity.Errors() {
		r.t.Error(err)
	}
	return activity
}

func (r registry) activity() localaws.Activity {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	activity, err := r.Settle(ctx)
	r.must(err)
	return activity
}

// consumers returns the principals of the managed statement for accounts in a repository's policy.
func (r registry) consumers(name string) string {
	r.t.Helper()
	document, _, err := r.Policy(r.t.Context(), name)
	r.must(err)
	if document == "" {
		return ""
	}
	var decoded struct {
		Statement []struct {
			Sid       string
			Principal struct{ AWS []string }
		}
	}
	r.must(json.Unmarshal([]byte(document), &decoded))
	var accounts []string
	for _, statement := range decoded.Statement {
		if strings.HasPrefix(statement.Sid, "EcrPullPolicyAccounts") {
			accounts = append(accounts, statement.Principal.AWS...)
		}
	}
	return strings.NewReplacer("arn:aws:iam::", "", ":root", "").Replace(strings.Join(accounts, " "))
}

// outcomes returns the outcomes of the repositories in the log.
func outcomes(activity localaws.Activity) []string {
	var outcomes []string
	for _, invocation := range activity.Of(localaws.OnRepo) {
		for _, line := range invocation.Logs {
			if line.Fields["msg"] == "repository processed" {
				outcomes = append(outcomes, line.Fields["repository"].(string)+" "+line.Fields["outcome"].(string))
			}
		}
	}
	slices.Sort(outcomes)
	return outcomes
}

func sample(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sampleNames returns the samples of a folder of events/.
func sampleNames(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../../events", folder, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no samples", err)
	}
	for i, path := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(path), ".json")
	}
	return paths
}

func TestEverySample(t *testing.T) {
	r := start(t, nil)
	r.list(accountList, "111111111111")
	r.list(accountList+"/team-a", "222222222222")
	r.repository("team-a/api", "")
	r.repository("team-b/web", "")

	const (
		both     = "team-a/api team-b/web"
		onlyTeam = "team-a/api"
	)
	type routed struct{ rule, repositories string }
	want := map[string]routed{
		"create-repository":                    {"OnRepoFunctionRepositoryCreated", onlyTeam},
		"create-repository-pull-through-cache": {"OnRepoFunctionRepositoryCreated", onlyTeam},
		"create-repository-on-push":            {"OnRepoFunctionRepositoryCreated", onlyTeam},
		"create-repository-replication":        {"OnRepoFunctionRepositoryCreated", onlyTeam},
		"set-repository-policy":                {"OnRepoFunctionPolicyChanged", onlyTeam},
		"set-repository-policy-by-user":        {"OnRepoFunctionPolicyChanged", onlyTeam},
		"delete-repository-policy":             {"OnRepoFunctionPolicyChanged", onlyTeam},
		"image-pushed":                         {"OnRepoFunctionImagePushed", onlyTeam},
		"image-replicated":                     {"OnRepoFunctionImagePushed", onlyTeam},
		"image-pulled-through":                 {"OnRepoFunctionPulledThroughOrScanned", onlyTeam},
		"scan-resource-changed":                {"OnRepoFunctionPulledThroughOrScanned", both},
		"reconcile-request":                    {"RequestRule", both},
		"reconcile-request-queued":             {"", both},
		"list-created":                         {"OnAccountFunctionListChanged", both},
		"list-updated":                         {"OnAccountFunctionListChanged", both},
		"list-deleted":                         {"OnAccountFunctionListChanged", both}, // an old event: the list is there
		"namespace-list-updated":               {"OnAccountFunctionListChanged", onlyTeam},
		"put-registry-policy":                  {"OnAccountFunctionRegistryPolicyChanged", ""},
		"delete-registry-policy":               {"OnAccountFunctionRegistryPolicyChanged", ""},
		"schedule":                             {"OnAccountFunctionSchedule", both},
	}
	for _, name := range sampleNames(t, "") {
		t.Run(name, func(t *testing.T) {
			r := registry{r.AWS, t}
			w, ok := want[name]
			if !ok {
				t.Fatal("this test has no expectation for the sample")
			}
			for _, repository := range strings.Fields(both) { // so that there is something to do
				_ = r.Quiet.DeletePolicy(t.Context(), repository)
			}
			switch name {
			case "reconcile-request-queued": // what Lambda makes of a queue's message
				invocation, err := r.Invoke(t.Context(), localaws.OnRepo, sample(t, name))
				r.must(err)
				if invocation.Error != nil || strings.Contains(string(invocation.Response), "batchItemFailures") {
					t.Errorf("got %s, %v", invocation.Response, invocation.Error)
				}
			case "schedule": // a schedule has no pattern
				invocation, err := r.Invoke(t.Context(), localaws.OnAccount, sample(t, name))
				r.must(err)
				if invocation.Error != nil {
					t.Error(invocation.Error)
				}
				r.settle()
				for _, repository := range strings.Fields(both) {
					_ = r.Quiet.DeletePolicy(t.Context(), repository)
				}
				r.must(r.Tick(t.Context()))
			default:
				r.must(r.Publish(t.Context(), sample(t, name)))
			}
			activity := r.settle()
			if w.rule != "" && (len(activity.Deliveries) == 0 || activity.Deliveries[0].Rule != w.rule) {
				t.Errorf("delivered %+v, want it by %s", activity.Deliveries, w.rule)
			}
			for repository, consumers := range map[string]string{"team-a/api": "111111111111 222222222222", "team-b/web": "111111111111"} {
				if !slices.Contains(strings.Fields(w.repositories), repository) {
					consumers = ""
				}
				if got := r.consumers(repository); got != consumers {
					t.Errorf("%s may be pulled by %q, want %q", repository, got, consumers)
				}
			}
		})
	}
	t.Run("source of replication", func(t *testing.T) { // assumed: AWS has no sample of it
		r := registry{r.AWS, t}
		replicated := bytes.Replace(sample(t, "create-repository-replication"), []byte(`"aws.ecr"`), []byte(`"aws.replication.ecr"`), 1)
		r.must(r.Publish(t.Context(), replicated))
		if activity := r.settle(); len(activity.Deliveries) != 1 || activity.Deliveries[0].Rule != "OnRepoFunctionRepositoryCreated" {
			t.Errorf("delivered %+v", activity.Deliveries)
		}
	})
	for _, name := range sampleNames(t, "ignored") {
		t.Run("ignored/"+name, func(t *testing.T) {
			r := registry{r.AWS, t}
			r.must(r.Publish(t.Context(), sample(t, "ignored/"+name)))
			if activity := r.settle(); len(activity.Deliveries) != 0 {
				t.Errorf("delivered %+v", activity.Deliveries)
			}
		})
	}
}

const unmanagedPolicy = `{"Version":"2008-10-17","Id":"team","Statement":[` +
	`{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},` +
	`"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],` +
	`"Condition":{"StringLike":{"aws:sourceArn":"arn:aws:lambda:eu-central-1:123456789012:function:*"}}}]}`

// The life of a list, from the first to the last.
func TestLists(t *testing.T) {
	r := start(t, nil)
	ctx := t.Context()
	r.repository("bare", "")
	r.repository("unmanaged", unmanagedPolicy)
	statement := func() string {
		document, _, err := r.Policy(ctx, "unmanaged")
		r.must(err)
		var decoded struct{ Statement []json.RawMessage }
		r.must(json.Unmarshal([]byte(document), &decoded))
		return string(decoded.Statement[0])
	}
	original := statement()
	step := func(what string, do func() error, consumers string) localaws.Activity {
		t.Helper()
		r.must(do())
		activity := r.settle()
		for _, repository := range []string{"bare", "unmanaged"} {
			if got := r.consumers(repository); got != consumers {
				t.Errorf("%s: %s may be pulled by %q, want %q", what, repository, got, consumers)
			}
		}
		if got := statement(); got != original {
			t.Errorf("%s: the unmanaged statement became %s", what, got)
		}
		return activity
	}
	write := func(value string) func() error { return func() error { return r.PutList(ctx, accountList, value) } }

	unusable := func(what string, activity localaws.Activity, want any) {
		t.Helper()
		if got := metric(activity, localaws.OnAccount, telemetry.UnusableLists); got != want {
			t.Errorf("%s: %v lists are unusable, want %v", what, got, want)
		}
	}

	unusable("a new stack has a day to get a list", step("no list yet", func() error { return r.Tick(ctx) }, ""), nil)
	first := step("first list", write("111111111111, 222222222222"), "111111111111 222222222222")
	if metric(first, localaws.OnRepo, telemetry.PropagationSeconds) == nil {
		t.Error("no metric of how long the list took to arrive")
	}
	for _, delivery := range first.Deliveries { // onrepo wrote two policies, and onaccount that of its own repository
		if delivery.Rule == "OnRepoFunctionPolicyChanged" {
			t.Errorf("a write of the stack itself was delivered: %s", delivery.Event.Detail)
		}
	}
	if _, found, err := r.Policy(ctx, r.Stack.Outputs["PrincipalCheckRepositoryName"]); err != nil || !found {
		t.Errorf("onaccount wrote no policy: %v", err)
	}
	step("an account leaves", write("222222222222"), "222222222222")
	for what, value := range map[string]string{
		"empty":        "# empty",
		"malformed":    "222222222222,*",
		"own only":     localaws.Account,
		"none and one": "none,222222222222",
		"too large":    manyAccounts(300),
	} {
		unusable(what, step(what, write(value), "222222222222"), 1.0)
	}
	unusable("fixed", step("fixed", write("222222222222"), "222222222222"), 0.0)
	unusable("deleted", step("deleted", func() error { return r.DeleteList(ctx, accountList) }, "222222222222"), 1.0)
	unusable("that alarm stays", step("the schedule, without a list", func() error { return r.Tick(ctx) }, "222222222222"), nil)
	activity := step("written again", write("333333333333"), "333333333333")
	if got := outcomes(activity); !slices.Equal(got, []string{"bare updated", "unmanaged updated"}) {
		t.Errorf("outcomes %q", got)
	}
	if got := outcomes(step("nothing new", func() error { return r.Tick(ctx) }, "333333333333")); !slices.Equal(got, []string{"bare unchanged", "unmanaged unchanged"}) {
		t.Errorf("outcomes %q", got)
	}
	step("none", write("none"), "")
	if document, found, err := r.Policy(ctx, "bare"); err != nil || found {
		t.Errorf("bare still has the policy %s, %v", document, err)
	}
}

// The list of a namespace concerns its repositories alone, and falls back alone.
func TestNamespaces(t *testing.T) {
	r := start(t, nil)
	ctx := t.Context()
	r.list(accountList, "111111111111")
	for _, name := range []string{"team-a", "team-a/api", "team-ab", "team-b/web"} {
		r.repository(name, "")
	}
	const teamA = accountList + "/team-a"
	for _, step := range []struct {
		what, list, value string
		updated           string
		teamA, others     string // consumers
	}{
		{"the account list", accountList, "111111111111", "team-a team-a/api team-ab team-b/web", "111111111111", "111111111111"},
		{"a namespace", teamA, "222222222222", "team-a team-a/api", "111111111111 222222222222", "111111111111"},
		{"broken", teamA, "*", "", "111111111111 222222222222", "111111111111"},
		{"the account list, beside a broken one", accountList, "333333333333", "team-a team-a/api team-ab team-b/web", "333333333333 222222222222", "333333333333"},
		{"the account list is broken", accountList, "x", "", "333333333333 222222222222", "333333333333"},
		{"the namespace, beside a broken account list", teamA, "444444444444", "team-a team-a/api", "333333333333 444444444444", "333333333333"},
		{"deleted", teamA, "", "", "333333333333 444444444444", "333333333333"},
		{"none", teamA, "none", "team-a team-a/api", "333333333333", "333333333333"},
	} {
		if step.value == "" {
			r.must(r.DeleteList(ctx, step.list))
		} else {
			r.must(r.PutList(ctx, step.list, step.value))
		}
		var updated []string
		for _, outcome := range outcomes(r.settle()) {
			if name, ok := strings.CutSuffix(outcome, " updated"); ok {
				updated = append(updated, name)
			}
		}
		if got := strings.Join(updated, " "); got != step.updated {
			t.Errorf("%s: updated %q, want %q", step.what, got, step.updated)
		}
		for name, want := range map[string]string{"team-a": step.teamA, "team-a/api": step.teamA, "team-ab": step.others, "team-b/web": step.others} {
			if got := r.consumers(name); got != want {
				t.Errorf("%s: %s may be pulled by %q, want %q", step.what, name, got, want)
			}
		}
	}
}

func manyAccounts(n int) string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strings.Repeat("0", 8) + string([]byte{'1' + byte(i/1000%9), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)})
	}
	return strings.Join(ids, ",")
}

// logs reports whether a function wrote a line with the member.
// metric returns what a function counted or measured last; nil if it didn't.
func metric(activity localaws.Activity, function, name string) any {
	var value any
	for _, invocation := range activity.Of(function) {
		for _, line := range invocation.Logs {
			if v, ok := line.Fields[name]; ok {
				value = v
			}
		}
	}
	return value
}

func TestObserve(t *testing.T) {
	r := start(t, map[string]string{"Mode": "observe", "Exclude": "**/scratch-*", "GrantStyle": "condition", "LambdaStatement": "off",
		"ExtraActions": "ecr:DescribeImages,ecr:ListImages"})
	r.repository("api", unmanagedPolicy)
	r.repository("team/scratch-1", "")
	r.must(r.PutList(t.Context(), accountList, "111111111111"))
	if got := outcomes(r.settle()); !slices.Equal(got, []string{"api would-update"}) {
		t.Errorf("outcomes %q", got)
	}
	r.must(r.CreateRepository(t.Context(), "team/scratch-2", ""))
	activity := r.settle()
	if got := outcomes(activity); !slices.Equal(got, []string{"team/scratch-2 skipped"}) {
		t.Errorf("outcomes %q", got)
	}
	if metric(activity, localaws.OnRepo, "Skipped") == nil {
		t.Error("no metric Skipped in the log")
	}
	document, _, err := r.Policy(t.Context(), "api")
	r.must(err)
	if strings.Contains(document, policy.SidPrefix) {
		t.Errorf("the policy was written: %s", document)
	}
}

// A tool that removes the managed statements is named, and each of its writes leads to one of onrepo's at most.
func TestRestored(t *testing.T) {
	r := start(t, nil)
	r.list(accountList, "111111111111")
	r.must(r.CreateRepository(t.Context(), "api", ""))
	r.settle()
	const operator = "arn:aws:iam::" + localaws.Account + ":role/operator"
	for _, write := range []struct {
		what     string
		do       func() error
		restored any
	}{
		{"statements removed", func() error { return r.SetPolicy(t.Context(), "api", unmanagedPolicy) }, 1.0},
		{"policy deleted", func() error { return r.DeletePolicy(t.Context(), "api") }, 1.0},
		{"nothing changed", func() error {
			document, _, err := r.Policy(t.Context(), "api")
			r.must(err)
			return r.SetPolicy(t.Context(), "api", document)
		}, nil},
	} {
		r.must(write.do())
		activity := r.settle()
		if n := len(activity.Of(localaws.OnRepo)); n != 1 || r.consumers("api") != "111111111111" {
			t.Errorf("%s: %d invocations, and %q can pull", write.what, n, r.consumers("api"))
		}
		if got := metric(activity, localaws.OnRepo, telemetry.RestoredPolicies); got != write.restored {
			t.Errorf("%s: %v restored, want %v", write.what, got, write.restored)
		}
		if got := metric(activity, localaws.OnRepo, "changedBy"); got != operator {
			t.Errorf("%s: changed by %v, want %s", write.what, got, operator)
		}
	}
}

// What cannot be handled ends in the dead-letter queue of onrepo, and can be redriven from there.
func TestDeadLetters(t *testing.T) {
	r := start(t, nil)
	r.list(accountList, "111111111111")
	r.must(r.Publish(t.Context(), []byte(`{"source":"ecr-pull-policy","detail-type":"Repository Reconcile Requested","detail":{"repositories":["No Such Name"]}}`)))
	r.must(r.Publish(t.Context(), []byte(`{"source":"ecr-pull-policy","detail-type":"Repository Reconcile Requested","detail":{"repositories":["rejected..alone","no-such-repository"]}}`)))
	r.must(r.Publish(t.Context(), []byte(`{"source":"aws.ecr","detail-type":"ECR Image Action","detail":{"result":"SUCCESS","action-type":"PUSH","repository-name":""}}`)))
	activity := r.activity()
	attempts := map[string]int{}
	for _, invocation := range activity.Of(localaws.OnRepo) {
		attempts[invocation.Source]++
	}
	if attempts["OnRepoFunctionImagePushed"] != 3 || len(activity.Dead) != 1 {
		t.Errorf("attempts %v, %d dead: an event that fails is tried three times", attempts, len(activity.Dead))
	}
	bodies := r.deadLetters()
	if len(bodies) != 2 {
		t.Fatalf("dead letters %q, want two", bodies)
	}
	for _, body := range bodies {
		if !strings.Contains(body, "No Such Name") && !strings.Contains(body, `"requestPayload"`) {
			t.Errorf("dead letter %s", body)
		}
	}
}
