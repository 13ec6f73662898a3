package onaccount_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/onaccount"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/telemetry"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/trigger"
)

// rollouts records what it is asked for, and answers what a test says.
type rollouts struct {
	asked      []string
	unusable   bool
	unreadable bool // the lists, because of err
	err        error
}

func (r *rollouts) ListChanged(ctx context.Context, t trigger.ListChanged, report rollout.Reporter) (int, error) {
	r.asked = append(r.asked, t.Name)
	if r.unreadable {
		return 0, r.err
	}
	list := accountlist.List{Name: t.Name}
	if r.unusable {
		list.Problem = errors.New("broken")
	}
	report.List(ctx, list)
	return 7, r.err
}

func (r *rollouts) Scheduled(context.Context, rollout.Reporter) (int, error) {
	r.asked = append(r.asked, "everything")
	return 9, r.err
}

func handle(t *testing.T, r *rollouts, sample string) (onaccount.Response, string, error) {
	t.Helper()
	event, err := os.ReadFile("../../events/" + sample + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	handler := &onaccount.Handler{Stack: "stack", Account: "123456789012", Rollout: r, Log: telemetry.NewLogger(&log)}
	response, err := handler.Handle(t.Context(), json.RawMessage(event))
	return response, log.String(), err
}

func TestHandle(t *testing.T) {
	for sample, c := range map[string]struct {
		asked     string
		requested int
	}{
		"list-updated":              {"/ecr-pull-policy/accounts", 7},
		"list-of-namespace-updated": {"/ecr-pull-policy/accounts/team-a", 7},
		"schedule":                  {"everything", 9},
	} {
		r := &rollouts{}
		response, log, err := handle(t, r, sample)
		if err != nil || response.Requested != c.requested || strings.Join(r.asked, " ") != c.asked {
			t.Errorf("%s: asked for %q, got %+v, %v", sample, r.asked, response, err)
		}
		if !strings.Contains(log, `"Requested":`) || !strings.Contains(log, `"_aws"`) {
			t.Errorf("%s: no metric in %s", sample, log)
		}
	}
}

func TestAListThatCannotBeUsedIsNoError(t *testing.T) {
	response, log, err := handle(t, &rollouts{unusable: true}, "list-updated")
	if err != nil || response.UnusableLists != 1 || !strings.Contains(log, "broken") {
		t.Errorf("got %+v, %v, %s", response, err, log)
	}
}

// Alarms end with a zero: it has to be there where it was found, and nowhere else.
func TestMetrics(t *testing.T) {
	failure := errors.New("throttled")
	for name, c := range map[string]struct {
		rollouts rollouts
		want     map[string]any
	}{
		"all lists can be used": {rollouts{}, map[string]any{telemetry.UnusableLists: 0.0, telemetry.Requested: 7.0}},
		"one can't":             {rollouts{unusable: true}, map[string]any{telemetry.UnusableLists: 1.0, telemetry.Requested: 7.0}},
		"can't be requested":    {rollouts{err: failure}, map[string]any{telemetry.UnusableLists: 0.0}},
		"can't be read":         {rollouts{unreadable: true, err: failure}, map[string]any{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, log, _ := handle(t, &c.rollouts, "list-updated")
			lines := strings.Split(strings.TrimSpace(log), "\n")
			var last map[string]any
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
				t.Fatal(err)
			}
			for _, metric := range []string{telemetry.UnusableLists, telemetry.Requested} {
				declared := strings.Contains(lines[len(lines)-1], `"Name":"`+metric+`"`)
				if _, wanted := c.want[metric]; last[metric] != c.want[metric] || declared != wanted {
					t.Errorf("%s is %v, declared: %t, want %v", metric, last[metric], declared, c.want[metric])
				}
			}
		})
	}
}

func TestIgnored(t *testing.T) {
	r := &rollouts{}
	_, log, err := handle(t, r, "ignored/list-labelled")
	if err != nil || len(r.asked) != 0 || strings.Count(log, "\n") != 1 || !strings.Contains(log, "event ignored") {
		t.Errorf("asked for %q, %v, %s", r.asked, err, log)
	}
}

func TestErrorsAreRetriedAndLogged(t *testing.T) {
	if _, log, err := handle(t, &rollouts{err: errors.New("throttled")}, "list-updated"); err == nil || !strings.Contains(log, `"error":"throttled"`) {
		t.Errorf("got %v, %s", err, log)
	}
}
