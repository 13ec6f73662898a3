package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/audit"
)

func TestSampleHasEveryKindOfFinding(t *testing.T) {
	var out bytes.Buffer
	if err := write(&out, 20, 5, "json"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range audit.Kinds() {
		if !strings.Contains(out.String(), `"kind": "`+string(kind)+`"`) {
			t.Errorf("no finding %q", kind)
		}
	}
	if !strings.Contains(out.String(), "team-03/service-003") {
		t.Error("the additional repositories are missing")
	}
}
