package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

const (
	repository = ".."
	version    = "v0.1.0"
	commit     = "0123456789abcdef0123456789abcdef01234567"
	builtAs    = "v0.1.0 (0123456789ab)"
)

// dist is the directory with the artifacts for this platform, which make dist-check builds twice: the second time in a
// copy of the repository, without Git and in another directory. It fails unless both builds give the same bytes. To take
// less time than by default, the second build doesn't compile anew. It links anew.
var dist = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "dist-")
	if err != nil {
		return "", err
	}
	r := release{root: repository}
	_, err = r.run(context.Background(), nil, "make", "dist-check", "VERSION="+version, "COMMIT="+commit, "SOURCE_DATE_EPOCH=1764000000",
		"DIST="+dir, "PLATFORMS="+hostPlatform, "SECOND_CACHE="+os.Getenv("GOCACHE"))
	return dir, err
})

const hostPlatform = runtime.GOOS + "/" + runtime.GOARCH

func host(t *testing.T) []platform {
	t.Helper()
	platforms, err := parsePlatforms(hostPlatform)
	if err != nil {
		t.Fatal(err)
	}
	return platforms
}

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, err := dist(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(status)
}

func artifacts(t *testing.T) string {
	t.Helper()
	dir, err := dist()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// names returns the names of the files in a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestArtifacts(t *testing.T) {
	dir := artifacts(t)
	want := []string{"SHA256SUMS", "copy-code.sh", "template.yaml"}
	p := host(t)[0]
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[p.processor]
	cli := "ecr-pull-policy_v0.1.0_" + p.os + "_" + p.processor
	want = append(want, cli+p.archive, cli+".cdx.json")
	for _, function := range []string{"onaccount", "onrepo"} {
		name := function + "_v0.1.0_" + architecture
		want = append(want, name+".cdx.json", name+".zip")
	}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, name := range want {
		if strings.HasSuffix(name, ".cdx.json") {
			checkBill(t, name, read(t, dir, name))
		}
	}
	for _, function := range []string{"onrepo", "onaccount"} {
		archive, err := zip.OpenReader(filepath.Join(dir, function+"_v0.1.0_"+architecture+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		defer archive.Close()
		if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" || archive.File[0].Mode() != 0o755 || archive.File[0].Modified.Unix() != 1764000000 {
			t.Errorf("%s: %+v", function, archive.File[0].FileHeader)
		}
	}
}

func checkBill(t *testing.T, name string, text []byte) {
	t.Helper()
	var bill struct {
		BomFormat string
		Metadata  struct {
			Component struct{ Name, Version string }
		}

		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	sdk := false
	for _, component := range bill.Components {
		sdk = sdk || component.Name == "github.com/aws/aws-sdk-go-v2" && component.Version != ""
	}
	if bill.BomFormat != "CycloneDX" || bill.Metadata.Component.Version != version || !sdk {
		t.Errorf("%s: %s of version %s with the SDK: %t", name, bill.BomFormat, bill.Metadata.Component.Version, sdk)
	}
}

// The archive of the command line has everything that a shell and man need, and says what it was built from.
func TestCommandLine(t *testing.T) {
	file, err := os.Open(filepath.Join(artifacts(t), "ecr-pull-policy_v0.1.0_"+runtime.GOOS+"_"+runtime.GOARCH+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	uncompressed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "ecr-pull-policy")
	found := map[string]bool{}
	archive := tar.NewReader(uncompressed)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = header.Size > 0
		if header.Name != "bin/ecr-pull-policy" {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, content, header.FileInfo().Mode()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"share/doc/ecr-pull-policy/LICENSE", "share/man/man1/ecr-pull-policy-plan.1", "share/bash-completion/completions/ecr-pull-policy",
		"share/zsh/site-functions/_ecr-pull-policy", "share/fish/vendor_completions.d/ecr-pull-policy.fish", "share/powershell/ecr-pull-policy.ps1"} {
		if !found[name] {
			t.Errorf("%s is missing or empty", name)
		}
	}
	output, err := exec.CommandContext(t.Context(), program, "version").Output()
	if err != nil || !strings.HasPrefix(string(output), "ecr-pull-policy version "+builtAs+" go") {
		t.Errorf("got %q, %v", output, err)
	}
}

// The template of a release is what SAM makes of template.yaml, except for the code.
func TestTemplate(t *testing.T) {
	text := read(t, artifacts(t), "template.yaml")
	if len(text) > maxTemplate || bytes.Contains(text, []byte("Transform:")) || bytes.Contains(text, []byte(": &")) || bytes.Contains(text, []byte(": *")) {
		t.Errorf("%d bytes, a transform, or an alias", len(text))
	}
	type template struct {
		Parameters, Mappings, Conditions, Outputs map[string]any
		Resources                                 map[string]map[string]any
	}
	var got, want template
	sam, err := localaws.Translate(t.Context(), repository)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := localaws.TranslateText(t.Context(), repository, text)
	if err != nil {
		t.Fatal(err)
	}
	for text, target := range map[string]*template{string(sam): &want, string(plain): &got} {
		if err := json.Unmarshal([]byte(text), target); err != nil {
			t.Fatal(err)
		}
	}
	if got.Outputs["Version"].(map[string]any)["Value"] != builtAs {
		t.Errorf("the output Version is %v", got.Outputs["Version"])
	}
	for id, function := range map[string]string{"OnRepoFunction": "onrepo", "OnAccountFunction": "onaccount"} {
		properties := got.Resources[id]["Properties"].(map[string]any)
		code, err := json.Marshal(properties["Code"])
		if want := `{"S3Bucket":{"Fn::Sub":"${CodeBucket}-${AWS::Region}"},"S3Key":{"Fn::Sub":"${CodePrefix}` + function + `_v0.1.0_${Architecture}.zip"}}`; err != nil || string(code) != want {
			t.Errorf("%s has the code %s, want %s", id, code, want)
		}
		delete(properties, "Code")
		delete(want.Resources[id]["Properties"].(map[string]any), "Code")
		delete(want.Resources[id]["Properties"].(map[string]any), "Tags")
	}
	for _, resource := range want.Resources {
		delete(resource, "Metadata")
	}
	delete(got.Outputs, "Version")
	delete(want.Outputs, "Version")
	delete(got.Parameters, "CodeBucket")
	delete(got.Parameters, "CodePrefix")
	delete(got.Parameters["Architecture"].(map[string]any), "Description")
	delete(want.Parameters["Architecture"].(map[string]any), "Description")
	for _, t := range []template{got, want} { // whose white space differs
		properties := t.Resources["Dashboard"]["Properties"].(map[string]any)
		properties["DashboardBody"] = strings.Join(strings.Fields(properties["DashboardBody"].(map[string]any)["Fn::Sub"].(string)), "")
	}
	for part, pair := range map[string][2]any{"Parameters": {got.Parameters, want.Parameters}, "Mappings": {got.Mappings, want.Mappings},
		"Conditions": {got.Conditions, want.Conditions}, "Outputs": {got.Outputs, want.Outputs}, "Resources": {got.Resources, want.Resources}} {
		gotText, _ := json.Marshal(pair[0])
		wantText, _ := json.Marshal(pair[1])
		if strings.ReplaceAll(string(gotText), " ", "") != strings.ReplaceAll(string(wantText), " ", "") {
			t.Errorf("%s are\n%s\nwant\n%s", part, gotText, wantText)
		}
	}
	python, err := venv.Tools(t.Context(), repository, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	lint := exec.CommandContext(t.Context(), python.Tool("cfn-lint"), filepath.Join(artifacts(t), "template.yaml"))
	if output, err := lint.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// What can't be identified, or can't be built again, isn't a release.
func TestCheck(t *testing.T) {
	for want, r := range map[string]release{
		"":                                   {version: "v0.1.0", commit: commit},
		"VERSION=v0.1.0":                     {version: "0.1.0", commit: commit},
		"the working tree has uncommitted":   {version: "v0.1.0-rc.1", commit: commit + "-dirty"},
		`"": invalid commit; build in a Git`: {version: "v1.0.0"},
	} {
		err := r.check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}

func TestParsePlatforms(t *testing.T) {
	if all, err := parsePlatforms(""); err != nil || len(all) != 6 {
		t.Errorf("got %v, %v", all, err)
	}
	if two, err := parsePlatforms("linux/arm64 windows/amd64"); err != nil || len(two) != 2 || two[0].String() != "linux/arm64" || two[1].archive != ".zip" {
		t.Errorf("got %v, %v", two, err)
	}
	if _, err := parsePlatforms("linux/amd64 plan9/arm"); err == nil || !strings.Contains(err.Error(), `"plan9/arm": unknown platform; PLATFORMS takes [linux/amd64 `) {
		t.Errorf("got %v", err)
	}
}
