package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/event"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onaccount"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onrepo"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// A dashboard as far as its widgets name things.
type dashboard struct {
	Widgets []struct {
		X, Y, Width, Height int
		Properties          struct {
			Metrics [][]any
			Query   string
			Alarms  []string
		}
	}
}

// substitution is the value of Fn::Sub.
type substitution struct {
	Text string `json:"Fn::Sub"`
}

// resolve puts examples in the place of the references in Fn::Sub, and fails for those to nothing.
func (s substitution) resolve(t *testing.T, tmpl template) string {
	t.Helper()
	return regexp.MustCompile(`\$\{([^}]+)\}`).ReplaceAllStringFunc(s.Text, func(reference string) string {
		name, attribute, _ := strings.Cut(strings.Trim(reference, "${}"), ".")
		switch _, ok := tmpl.Resources[name]; {
		case reference == "${AWS::Region}":
			return "eu-central-1"
		case reference == "${AWS::StackName}":
			return "stack"
		case !ok:
			t.Errorf("%s refers to nothing", reference)
		case strings.HasSuffix(name, "Alarm") && attribute == "Arn":
			return "arn:aws:cloudwatch:eu-central-1:111111111111:alarm:" + name
		}
		return name
	})
}

func readDashboard(t *testing.T, tmpl template) (body string, decoded dashboard) {
	t.Helper()
	each(t, tmpl, "AWS::CloudWatch::Dashboard", 1, func(_ string, properties struct{ DashboardBody substitution }) {
		body = properties.DashboardBody.resolve(t, tmpl)
	})
	if err := json.Unmarshal([]byte(body), &decoded); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return body, decoded
}

func TestCloudWatchAcceptsTheDashboard(t *testing.T) {
	body, decoded := readDashboard(t, translated(t))
	schema, err := jsonschema.NewCompiler().Compile("testdata/dashboard.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(instance); err != nil {
		t.Error(err)
	}
	taken := map[[2]int]bool{}
	for i, widget := range decoded.Widgets {
		for x := widget.X; x < widget.X+widget.Width; x++ {
			for y := widget.Y; y < widget.Y+widget.Height; y++ {
				if x > 23 || taken[[2]int{x, y}] {
					t.Fatalf("widget %d does not fit at %d, %d", i, x, y)
				}
				taken[[2]int{x, y}] = true
			}
		}
	}
}

// The dashboard shows every alarm. Its other metrics are those of AWS services, because CloudWatch charges for those of
// the functions.
func TestTheDashboardShowsWhatThereIs(t *testing.T) {
	tmpl := translated(t)
	_, decoded := readDashboard(t, tmpl)
	alarms := map[string]bool{}
	for _, widget := range decoded.Widgets {
		for _, arn := range widget.Properties.Alarms {
			alarms[arn[strings.LastIndex(arn, ":")+1:]] = true
		}
		for _, metric := range widget.Properties.Metrics {
			if namespace := metric[0].(string); namespace != "." && !strings.HasPrefix(namespace, "AWS/") {
				t.Errorf("the dashboard shows the metric %q", metric)
			}
		}
	}
	for name, resource := range tmpl.Resources {
		if resource.Type == "AWS::CloudWatch::Alarm" && !alarms[name] {
			t.Errorf("the dashboard doesn't show %s", name)
		}
	}
}

// Queries find nothing, silently, where they name a member that no line has.
func TestQueriesNameWhatTheLogHas(t *testing.T) {
	tmpl := translated(t)
	members := logMembers(t)
	var queries []string
	each(t, tmpl, "AWS::Logs::QueryDefinition", 9, func(_ string, query struct{ QueryString string }) {
		queries = append(queries, query.QueryString)
	})
	_, decoded := readDashboard(t, tmpl)
	for _, widget := range decoded.Widgets {
		if query := widget.Properties.Query; query != "" {
			queries = append(queries, query)
		}
	}
	comment := regexp.MustCompile(`(?m)^#.*$`)
	quoted := regexp.MustCompile(`'[^']*'`)
	alias := regexp.MustCompile(`\bas (\w+)`)
	call := regexp.MustCompile(`\w+\(`)
	word := regexp.MustCompile(`@?[A-Za-z]\w*`)
	language := strings.Fields("SOURCE filter stats sort display limit by as asc desc in and or h m @timestamp")
	for _, query := range queries {
		known := slices.Clone(language)
		for _, match := range alias.FindAllStringSubmatch(query, -1) {
			known = append(known, match[1])
		}
		bare := call.ReplaceAllString(quoted.ReplaceAllString(comment.ReplaceAllString(query, ""), ""), "(")
		for _, name := range word.FindAllString(bare, -1) {
			if !slices.Contains(known, name) && !members[name] {
				t.Errorf("no line has %q: %s", name, query)
			}
		}
	}
}

// logMembers returns the members of the lines that the functions write, if all happens that can.
func logMembers(t *testing.T) map[string]bool {
	t.Helper()
	var log bytes.Buffer
	handler := &onrepo.Handler{Account: localaws.Account, Reconciler: eventful{}, Log: telemetry.NewLogger(&log)}
	request := bytes.Replace(sample(t, "reconcile-request"), []byte(`"detail": {`), []byte(`"detail": {"trigger": "ListChanged",`), 1)
	for _, message := range []json.RawMessage{sample(t, "set-repository-policy"), request} {
		if _, err := handler.Handle(t.Context(), message); err != nil {
			t.Fatal(err)
		}
	}
	rollouts := &onaccount.Handler{Account: localaws.Account, Rollout: eventful{}, Log: telemetry.NewLogger(&log)}
	if _, err := rollouts.Handle(t.Context(), sample(t, "schedule")); err != nil {
		t.Fatal(err)
	}
	members := map[string]bool{}
	for line := range strings.Lines(log.String()) {
		var decoded map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &decoded); err != nil {
			t.Fatal(err)
		}
		for name := range maps.Keys(decoded) {
			members[name] = true
		}
	}
	return members
}

type eventful struct{}

func (eventful) Run(ctx context.Context, _ event.Repositories, report reconcile.Reporter) error {
	report.Unusable(ctx, accountlist.List{Problem: errors.New("broken"), Notices: []string{"own account"}})
	for _, outcome := range reconcile.Outcomes() {
		report.Repository(ctx, reconcile.Result{Repository: "api", Outcome: outcome, Err: errors.New("throttled"), Reason: "none", ListChanged: time.Now()})
	}
	return nil
}

func (eventful) ListChanged(context.Context, event.ListChanged, rollout.Reporter) (int, error) {
	return 0, nil
}

func (eventful) RegistryPolicyChanged(context.Context, rollout.Reporter) error { return nil }

func (eventful) Scheduled(ctx context.Context, report rollout.Reporter) (int, error) {
	report.Lists(ctx, []accountlist.List{{Problem: errors.New("broken")}})
	report.Missing(ctx, []string{"arn"}, nil)
	return 0, nil
}
