package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// parseOverrides prints what SAM makes of each of the parameter_overrides in TOML.
const parseOverrides = `
import json, sys, tomllib
from samcli.cli.types import CfnParameterOverridesType

def overrides(table):
    for key, value in table.items():
        if key == "parameter_overrides":
            yield from value
        elif isinstance(value, dict):
            yield from overrides(value)

parse = CfnParameterOverridesType()
print(json.dumps([{"Line": line, "Parsed": parse.convert((line,), None, None)} for line in overrides(tomllib.load(sys.stdin.buffer))]))
`

// SAM understands the settings that the pages and samconfig.toml show: it drops what comes after a space.
func TestSettings(t *testing.T) {
	translated, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct{ Parameters map[string]json.RawMessage }
	if err := json.Unmarshal(translated, &template); err != nil {
		t.Fatal(err)
	}
	venv, err := localaws.Setup(t.Context(), root, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	samconfig, err := os.ReadFile(filepath.Join(root, "samconfig.toml"))
	if err != nil {
		t.Fatal(err)
	}
	sources := []string{string(samconfig)}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language == "toml" {
				sources = append(sources, b.text)
			}
		}
	}
	for _, source := range sources {
		parse := exec.CommandContext(t.Context(), venv.Python(), "-c", parseOverrides)
		parse.Stdin = strings.NewReader(source)
		output, err := parse.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s\n%s", err, source, output)
			continue
		}
		var settings []struct {
			Line   string
			Parsed map[string]string
		}
		if err := json.Unmarshal(output, &settings); err != nil || len(settings) == 0 {
			t.Errorf("no settings in %s: %v", source, err)
		}
		for _, setting := range settings {
			name, value, _ := strings.Cut(setting.Line, "=")
			if got, ok := setting.Parsed[name]; !ok || got != strings.Trim(value, `"`) || template.Parameters[name] == nil {
				t.Errorf("SAM makes %q of %s", setting.Parsed, setting.Line)
			}
		}
	}
}
