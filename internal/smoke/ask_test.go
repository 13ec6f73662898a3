package smoke

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

func TestForms(t *testing.T) {
	written := formsDocument(policy.Registry{Partition: "aws", Region: "eu-central-1", AccountID: "123456789012"})
	for name, c := range map[string]struct {
		returned string
		want     []Form
	}{
		"the same": {written, nil},
		"strings instead of lists, and the other way round": {strings.NewReplacer(`["arn:aws:iam::123456789012:root"]`, `"arn:aws:iam::123456789012:root"`, `true`, `["true"]`).Replace(written), []Form{
			{"statement 1, Principal", `{"AWS":["arn:aws:iam::123456789012:root"]}`, `{"AWS":"arn:aws:iam::123456789012:root"}`},
			{"statement 1, Condition", `{"Bool":{"aws:SecureTransport":true}}`, `{"Bool":{"aws:SecureTransport":["true"]}}`},
		}},
		"another order": {strings.NewReplacer(`"Effect":"Allow","Principal":{"AWS":"123456789012"}`, `"Principal":{"AWS":"123456789012"},"Effect":"Allow"`).Replace(written), []Form{
			{"statement 2, order", "Sid, Effect, Principal, Action", "Sid, Principal, Effect, Action"},
		}},
		"an Id":               {strings.Replace(written, `{"Version"`, `{"Id":"x","Version"`, 1), []Form{{"document, order", "Version, Statement", "Id, Version, Statement"}}},
		"white space":         {written + "\n", []Form{{"white space", fmt.Sprintf("none (%d characters)", len(written)), fmt.Sprintf("some (%d characters)", len(written)+1)}}},
		"another version":     {strings.Replace(written, "2012-10-17", "2008-10-17", 1), []Form{{"document, Version", `"2012-10-17"`, `"2008-10-17"`}}},
		"a statement is lost": {written[:strings.Index(written, `,{"Sid":"SmokeStrings"`)] + "]}", []Form{{"statements", "2", "1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := compareForms(written, c.returned); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// logGroup is a stub of CloudWatch Logs, which returns one message on each page.
type logGroup struct {
	messages []string
	pattern  string
	err      error
}

func (g *logGroup) FilterLogEvents(_ context.Context, input *cloudwatchlogs.FilterLogEventsInput, _ ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	g.pattern = aws.ToString(input.FilterPattern)
	message := g.messages[0]
	g.messages = g.messages[1:]
	output := &cloudwatchlogs.FilterLogEventsOutput{Events: []types.FilteredLogEvent{{Message: &message}}}
	if len(g.messages) > 0 {
		output.NextToken = aws.String("next")
	}
	return output, g.err
}

func TestLines(t *testing.T) {
	group := &logGroup{messages: []string{
		`{"time":"2026-11-25T12:00:05.5Z","level":"INFO","msg":"repository processed","repository":"api","outcome":"gone","trigger":"SetRepositoryPolicy","added":[],"reason":"the repository doesn't exist"}`,
		"REPORT RequestId: …",
		`{"time":"2026-11-25T12:00:02Z","repository":"web","outcome":"updated"}`,
		`{"time":"2026-11-25T12:00:01Z","repository":"api","outcome":"updated","trigger":"CreateRepository","added":["EcrPullPolicyAccounts"]}`,
	}}
	lines, err := LogGroup{group, "/onrepo"}.Lines(t.Context(), "api", time.Now())
	const want = "[{api 2026-11-25 12:00:01 +0000 UTC CreateRepository updated [EcrPullPolicyAccounts]  } " +
		"{api 2026-11-25 12:00:05.5 +0000 UTC SetRepositoryPolicy gone [] the repository doesn't exist }]"
	if got := fmt.Sprint(lines); err != nil || got != want || group.pattern != `{ $.repository = "api" }` {
		t.Errorf("got %s, %v, with the pattern %s", got, err, group.pattern)
	}
	group = &logGroup{messages: []string{""}, err: errors.New("denied")}
	if _, err := (LogGroup{group, "/onrepo"}).Lines(t.Context(), "api", time.Now()); err == nil || err.Error() != "read log group /onrepo: denied" {
		t.Errorf("got %v", err)
	}
}
