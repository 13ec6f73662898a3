package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

func TestLogged(t *testing.T) {
	for _, c := range []struct {
		fields map[string]any
		want   string
	}{
		{map[string]any{"level": "INFO", "Requested": 1}, "  onaccount: 1 repository requested\n"},
		{map[string]any{"level": "INFO", "Requested": 0}, "  onaccount: 0 repositories requested\n"},
		{map[string]any{"level": "ERROR", "msg": "account list cannot be used", "list": "/ecr-pull-policy/accounts/team-a", "error": "empty"},
			"  onaccount: account list cannot be used (/ecr-pull-policy/accounts/team-a): empty\n"},
		{map[string]any{"level": "INFO", "msg": "registry policy processed", "outcome": "updated"}, "  onaccount: registry policy updated\n"},
	} {
		var out bytes.Buffer
		(&follower{out: &out}).Logged("OnAccountFunction", localaws.LogLine{Fields: c.fields})
		if !strings.HasSuffix(out.String(), c.want) {
			t.Errorf("got %q, want %q", out.String(), c.want)
		}
	}
}
