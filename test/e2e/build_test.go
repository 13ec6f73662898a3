package e2e_test

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What sam build calls ships one binary per function, small and the same wherever it was built.
func TestBuild(t *testing.T) {
	for function, architecture := range map[string]string{"OnRepoFunction": "x86_64", "OnAccountFunction": "arm64"} {
		artifacts := t.TempDir()
		build := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", "../..", "build-"+function,
			"ARTIFACTS_DIR="+artifacts, "ARCHITECTURE="+architecture)
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		entries, err := os.ReadDir(artifacts)
		if err != nil || len(entries) != 1 || entries[0].Name() != "bootstrap" {
			t.Fatalf("%s ships %v, %v, want bootstrap alone", function, entries, err)
		}
		path := filepath.Join(artifacts, "bootstrap")
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		settings := map[string]string{}
		for _, setting := range info.Settings {
			settings[setting.Key] = setting.Value
		}
		wantArch := map[string]string{"x86_64": "amd64", "arm64": "arm64"}[architecture]
		for key, want := range map[string]string{
			"-tags": "lambda.norpc", "-trimpath": "true", "GOOS": "linux", "GOARCH": wantArch, "CGO_ENABLED": "0",
		} {
			if settings[key] != want {
				t.Errorf("%s: %s is %q, want %q", function, key, settings[key], want)
			}
		}
		for _, module := range info.Deps {
			if strings.HasSuffix(module.Path, "/service/organizations") { // only the command line reads the organization
				t.Errorf("%s links %s", function, module.Path)
			}
		}
		file, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if file.Section(".symtab") != nil || file.Section(".debug_info") != nil {
			t.Errorf("%s is not stripped", function)
		}
	}
}

// The build and the deployment read the same section of samconfig.toml.
func TestTheBuildReadsTheSectionThatIsDeployed(t *testing.T) {
	const samconfig = `version = 0.1
[default.deploy.parameters]
parameter_overrides = [
  # "Architecture=x86_64",
  "Architecture=arm64", # not x86_64
]
[production.global.parameters]
stack_name = "ecr-pull-policy"
[production.deploy.parameters]
parameter_overrides = "Mode=\"observe\" Architecture=\"x86_64\" MaximumConcurrency=\"2\""
[productive.deploy.parameters]
parameter_overrides = ["Architecture=arm64"]
[undecided.deploy.parameters]
parameter_overrides = ["Mode=observe"]
[quarreling.build.parameters]
parameter_overrides = ["Architecture=arm64"]
[quarreling.deploy.parameters]
parameter_overrides = ["Architecture=x86_64"]
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "samconfig.toml"), []byte(samconfig), 0o644); err != nil {
		t.Fatal(err)
	}
	makefile, err := filepath.Abs("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ argument, want string }{
		{"CONFIG_ENV=default", "GOARCH=arm64 "},
		{"CONFIG_ENV=production", "GOARCH=amd64 "},
		{"CONFIG_ENV=undecided", "GOARCH= "},
		{"CONFIG_ENV=quarreling", "GOARCH= "},
		{"CONFIG_ENV=missing", "GOARCH= "},
		{"ARCHITECTURE=x86_64", "GOARCH=amd64 "},
		{"SEEDS=1", "GOARCH=arm64 "}, // the section default
	} {
		build := exec.CommandContext(t.Context(), "make", "--no-print-directory", "--dry-run", "-f", makefile, "-C", dir,
			"build-OnRepoFunction", "ARTIFACTS_DIR=bin", c.argument)
		output, err := build.CombinedOutput()
		if err != nil || !strings.Contains(string(output), c.want) {
			t.Errorf("%s: %v, want %s in\n%s", c.argument, err, c.want, output)
		}
	}
}
