package smoke_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/smoke"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

const repository = "ecr-pull-policy-smoke-abc"

var (
	own      = policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"}
	standard = policy.Standard{Registry: own, Style: policy.GrantPrincipal, Lambda: true}
)

// cloud is a stub of AWS with a stack. It is for one repository, and only that.
type cloud struct {
	mu     sync.Mutex
	t      *testing.T
	exists bool
	policy string
	lines  []smoke.Line
	calls  []string
	errors map[string]error // by call
	trail  bool             // events about calls reach the stack
	silent bool             // the log has no lines
	repair func(document string) string

	unknownFor time.Duration // after the creation
	knownFrom  time.Time
}

func newCloud(t *testing.T) *cloud {
	return &cloud{t: t, trail: true, errors: map[string]error{}, repair: repair}
}

// listed returns the lists that apply to the repository.
func listed(t *testing.T) []policy.Listed {
	list, err := policy.ParseList("111111111111 o-a1b2c3d4e5", own)
	if err != nil {
		t.Fatal(err)
	}
	return []policy.Listed{{Consumers: &list.Consumers}}
}

// repair adds the standard policy to a document.
func repair(document string) string {
	list, _ := policy.ParseList("111111111111 o-a1b2c3d4e5", own)
	parsed, _ := policy.ParseDocument(document, own)
	change, _ := standard.Merge(parsed, []policy.Listed{{Consumers: &list.Consumers}})
	return change.Document
}

func (c *cloud) call(name, called string) error {
	c.t.Helper()
	if called != repository {
		c.t.Errorf("%s of %s", name, called)
	}
	if n := len(c.calls); n == 0 || c.calls[n-1] != name {
		c.calls = append(c.calls, name)
	}
	if err := c.errors[name]; err != nil {
		return err
	}
	if !c.exists || time.Now().Before(c.knownFrom) {
		return registry.ErrNotFound
	}
	return nil
}

// triggers lets the stack repair the policy a few seconds later.
func (c *cloud) triggers(event string) {
	if !c.trail {
		return
	}
	time.AfterFunc(3200*time.Millisecond, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.exists {
			return
		}
		if c.policy = c.repair(c.policy); c.policy != "" {
			c.lines = append(c.lines, smoke.Line{Time: time.Now(), Trigger: event, Outcome: reconcile.Updated, Added: []string{"EcrPullPolicyAccounts"}})
		}
	})
}

func (c *cloud) Create(_ context.Context, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.call("create", name); !errors.Is(err, registry.ErrNotFound) {
		return err
	}
	c.exists, c.knownFrom = true, time.Now().Add(c.unknownFor)
	c.triggers("CreateRepository")
	return nil
}

func (c *cloud) Policy(_ context.Context, name string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.policy, c.call("get", name)
}

func (c *cloud) SetPolicy(_ context.Context, name, document string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Contains(document, "/gone") {
		return fmt.Errorf("set policy: %w: %w", registry.ErrRejected, &smithy.GenericAPIError{Code: "InvalidParameterException", Message: "Principal not found"})
	}
	if err := c.call("set", name); err != nil {
		return err
	}
	c.policy = strings.Replace(document, `{"AWS":["arn:aws:iam::123456789012:root"]}`, `{"AWS": "arn:aws:iam::123456789012:root"}`, 1)
	c.triggers("SetRepositoryPolicy")
	return nil
}

func (c *cloud) Delete(ctx context.Context, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		c.t.Error("the deletion is canceled")
	}
	if err := c.call("delete", name); err != nil {
		return err
	}
	c.exists = false
	return nil
}

func (c *cloud) Lines(_ context.Context, name string, _ time.Time) ([]smoke.Line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.call("log", name); !errors.Is(err, registry.ErrNotFound) {
		return nil, err
	}
	if c.silent {
		return nil, nil
	}
	return c.lines, nil
}

// run runs the test, and returns its rows.
func (c *cloud) run(ctx context.Context) (*smoke.Report, string) {
	c.t.Helper()
	test := &smoke.Test{
		Registry: c, Log: c, Repository: repository, Standard: standard, Lists: listed(c.t),
		Timeout: time.Minute, LogTimeout: 30 * time.Second, Progress: func(string) {},
	}
	report := test.Run(ctx)
	test.ReadLog(ctx, report)
	var rows []string
	for _, row := range slices.Concat(report.Rows(), report.AnswerRows(), report.LogRows()) {
		rows = append(rows, string(row.Status)+"|"+row.Subject+"|"+row.Text)
	}
	return report, strings.Join(rows, "\n")
}

func TestPassed(t *testing.T) {
	const want = `ok|repository|created ecr-pull-policy-smoke-abc
ok|policy|written 3.5 s after the repository was created, because of CreateRepository
ok|repair|restored 3.5 s after it was replaced, because of SetRepositoryPolicy
ok|unmanaged statements|unchanged by the repair
ok|deletion|the repository is deleted
note|white space|none (331 characters) → some (330 characters)
note|statement 1, Principal|{"AWS":["arn:aws:iam::123456789012:root"]} → {"AWS":"arn:aws:iam::123456789012:root"}
note|principal that doesn't exist|rejected: InvalidParameterException: Principal not found
note|aws:SourceOrgID for Lambda|accepted: ECR stores the condition; whether a pull by Lambda meets it isn't tested
skipped|aws:SourceOrgPaths for Lambda|no organizational unit is in the lists
note|+3.2 s|CreateRepository: updated; EcrPullPolicyAccounts
note|+6.7 s|SetRepositoryPolicy: updated; EcrPullPolicyAccounts`
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		report, rows := c.run(t.Context())
		if !report.Passed() || rows != want {
			t.Errorf("passed: %t, rows:\n%s", report.Passed(), rows)
		}
		if got := strings.Join(c.calls, " "); got != "create get set get set delete log" {
			t.Errorf("calls: %s", got)
		}
	})
}

// coded is an error that AWS returns.
func coded(code string) error { return &smithy.GenericAPIError{Code: code, Message: "said AWS"} }

func TestFailed(t *testing.T) {
	log := func(c *cloud, line smoke.Line) { c.lines = append(c.lines, line) }
	for name, c := range map[string]struct {
		set      func(*cloud)
		rows     []string
		leftover bool
	}{
		"no trail": {func(c *cloud) { c.trail = false }, []string{
			"failed|policy|wasn't written within 1m0s: onrepo logged nothing, so no event reached it, as without a CloudTrail trail\n",
			"skipped|repair|there was no policy", "note|principal that doesn't exist|rejected", "note|log|no line about the repository", "ok|deletion|"}, false},
		"no trail and no log": {func(c *cloud) { c.trail, c.errors["log"] = false, coded("AccessDeniedException") }, []string{
			"failed|policy|wasn't written within 1m0s: no event reached onrepo, or onrepo failed\n", "skipped|log|api error AccessDeniedException: said AWS"}, false},
		"onrepo fails": {func(c *cloud) {
			c.trail = false
			log(c, smoke.Line{Trigger: "CreateRepository", Outcome: reconcile.Failed, Error: "throttled"})
		}, []string{"failed|policy|wasn't written within 1m0s: onrepo failed: throttled\n"}, false},
		"onrepo finds no list": {func(c *cloud) {
			c.trail = false
			log(c, smoke.Line{Trigger: "CreateRepository", Outcome: reconcile.Skipped, Reason: "no list"})
		}, []string{"failed|policy|wasn't written within 1m0s: the outcome is skipped: no list\n"}, false},
		"another policy": {func(c *cloud) {
			c.repair = func(string) string { return `{"Statement":[{"Sid":"EcrPullPolicyAccounts"}]}` }
		}, []string{"failed|policy|wasn't written within 1m0s: the outcome is updated\n"}, false},
		"no repair": {func(c *cloud) {
			c.repair = func(document string) string { c.trail = false; return repair(document) }
		}, []string{"ok|policy|written", "failed|repair|wasn't restored within 1m0s: onrepo logged nothing, so no event"}, false},
		"the repair removes the unmanaged statements": {func(c *cloud) { c.repair = func(string) string { return repair("") } }, []string{
			"failed|repair|the managed statements were restored, but the unmanaged statements were lost"}, false},
		"the repair changes an unmanaged statement": {func(c *cloud) {
			c.repair = func(document string) string { return repair(strings.Replace(document, "true", "false", 1)) }
		}, []string{"ok|repair|", "failed|unmanaged statements|the repair changed them"}, false},
		"policies can't be written": {func(c *cloud) { c.errors["set"] = coded("AccessDeniedException") }, []string{
			"ok|policy|", "skipped|repair|the test ended earlier", "failed|test|api error AccessDeniedException: said AWS", "ok|deletion|"}, false},
		"policies can't be read": {func(c *cloud) { c.errors["get"] = coded("AccessDeniedException") }, []string{
			"skipped|policy|the test ended earlier", "failed|test|api error AccessDeniedException"}, false},
		"the repository can't be created": {func(c *cloud) { c.errors["create"] = coded("AccessDeniedException") }, []string{
			"failed|test|api error AccessDeniedException: said AWS\nskipped|deletion|no repository was created"}, false},
		"the repository can't be deleted": {func(c *cloud) { c.errors["delete"] = coded("AccessDeniedException") }, []string{
			"failed|deletion|the repository still exists: api error AccessDeniedException"}, true},
		"somebody else deletes the repository": {func(c *cloud) {
			c.repair = func(document string) string { c.exists = false; return repair(document) }
		}, []string{"failed|policy|wasn't written within 1m0s: ", "failed|test|repository not found", "ok|deletion|"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := newCloud(t)
				c.set(cloud)
				report, rows := cloud.run(t.Context())
				if report.Passed() || (report.Leftover != nil) != c.leftover || cloud.exists != c.leftover {
					t.Errorf("passed: %t, leftover: %v, exists: %t", report.Passed(), report.Leftover, cloud.exists)
				}
				for _, row := range c.rows {
					if !strings.Contains(rows, row) {
						t.Errorf("no row %q in\n%s", row, rows)
					}
				}
			})
		})
	}
}

// Whatever happens to the call that creates the repository, the test deletes only what it created, and nothing stays
// behind unnoticed.
func TestCreation(t *testing.T) {
	lost := &smithyhttp.RequestSendError{Err: errors.New("connection reset")}
	for name, c := range map[string]struct {
		err         error
		exists      bool // before the call, or because of it
		errDelete   error
		wantCalls   string
		wantDeleted bool
		row         string
	}{
		"exists":                 {registry.ErrExists, true, nil, "create", false, "failed|test|repository already exists\nskipped|deletion|no repository was created"},
		"lost, created":          {lost, true, nil, "create delete", true, "skipped|deletion|no repository"},
		"lost, not created":      {lost, false, nil, "create delete", true, "skipped|deletion|no repository"},
		"lost, can't be deleted": {lost, true, coded("AccessDeniedException"), "create delete", false, "failed|deletion|the repository may exist: "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cloud := newCloud(t)
				cloud.exists, cloud.errors["create"], cloud.errors["delete"] = c.exists, c.err, c.errDelete
				_, rows := cloud.run(t.Context())
				if got := strings.Join(cloud.calls, " "); got != c.wantCalls || cloud.exists == c.wantDeleted || !strings.Contains(rows, c.row) {
					t.Errorf("calls: %s, exists: %t, rows:\n%s", got, cloud.exists, rows)
				}
			})
		})
	}
}

// If reading the log is interrupted, the repository is deleted already.
func TestInterruptedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		c.silent = true
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		report, rows := c.run(ctx)
		if !report.Interrupted || c.exists || !strings.Contains(rows, "ok|repair|restored 3.5 s after it was replaced\n") || strings.Contains(rows, "note|log") {
			t.Errorf("interrupted: %t, exists: %t, rows:\n%s", report.Interrupted, c.exists, rows)
		}
	})
}

// Whenever the test is interrupted, it deletes the repository, even if ECR doesn't know it yet, and makes no other
// calls.
func TestInterrupted(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := newCloud(t)
			c.unknownFor = time.Second
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			report, rows := c.run(ctx)
			if !report.Interrupted || report.Passed() || c.exists || !strings.HasSuffix(rows, "failed|test|interrupted\nok|deletion|the repository is deleted") {
				t.Errorf("after %s: interrupted: %t, exists: %t, rows:\n%s", after, report.Interrupted, c.exists, rows)
			}
			if last := c.calls[len(c.calls)-1]; last != "delete" {
				t.Errorf("after %s: the last call is %s", after, last)
			}
		})
	}
}

func TestMask(t *testing.T) {
	got := smoke.Mask("arn:aws:iam::111111111111:root, 222222222222, 1234567890123, smoke-abc234")
	if want := "arn:aws:iam::XXXXXXXXXXXX:root, XXXXXXXXXXXX, 1234567890123, smoke-abc234"; got != want {
		t.Errorf("got %s", got)
	}
}
