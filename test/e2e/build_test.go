package e2e_test

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
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
