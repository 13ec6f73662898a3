package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// parseOverrides is a Python program that reads TOML and prints the result of SAM's parser for each item of
// parameter_overrides.
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

// TestSettings checks that SAM parses the settings in the documentation and in samconfig.toml as intended. If a value
// isn't quoted correctly, SAM drops the text after a space.
func TestSettings(t *testing.T) {
	translated, err := localaws.Translate(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var template struct{ Parameters map[string]json.RawMessage }
	if err := json.Unmarshal(translated, &template); err != nil {
		t.Fatal(err)
	}
	python, err := venv.Tools(t.Context(), root, t.Output())
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
		parse := exec.CommandContext(t.Context(), python.Python(), "-c", parseOverrides)
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
			t.Errorf("found no settings in %s: %v", source, err)
		}
		for _, setting := range settings {
			name, value, _ := strings.Cut(setting.Line, "=")
			if got, ok := setting.Parsed[name]; !ok || got != strings.Trim(value, `"`) || template.Parameters[name] == nil {
				t.Errorf("SAM parses %s as %q", setting.Line, setting.Parsed)
			}
		}
	}
}
