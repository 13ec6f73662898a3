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
)

const (
	repository = ".."
	version    = "v0.1.0"
	commit     = "0123456789abcdef0123456789abcdef01234567"
	builtAs    = "v0.1.0 (0123456789ab)"
)

// dist is the directory with the artifacts that make dist builds.
var dist = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "dist-")
	if err != nil {
		return "", err
	}
	return dir, makeDist(context.Background(), repository, dir)
})

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, err := dist(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(status)
}

func makeDist(ctx context.Context, root, out string) error {
	r := release{root: root}
	_, err := r.run(ctx, nil, "make", "dist", "VERSION="+version, "COMMIT="+commit, "SOURCE_DATE_EPOCH=1764000000", "DIST="+out)
	return err
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

// A copy of the repository, without Git and in another directory, gives the same bytes.
func TestReproducible(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = repository
	files, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.SplitSeq(strings.TrimRight(string(files), "\x00"), "\x00") {
		info, err := os.Stat(filepath.Join(repository, path))
		if err != nil || info.IsDir() { // deleted, or a link to an environment
			continue
		}
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), read(t, repository, path), info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	venv, err := filepath.EvalSymlinks(filepath.Join(repository, ".venv"))
	if err != nil {
		t.Fatal(err)
	}
	if venv, err = filepath.Abs(venv); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(venv, filepath.Join(root, ".venv")); err != nil {
		t.Fatal(err)
	}
	if err := makeDist(t.Context(), root, out); err != nil {
		t.Fatal(err)
	}
	dir := artifacts(t)
	if got, want := names(t, out), names(t, dir); !slices.Equal(got, want) {
		t.Fatalf("the second build has %q, the first %q", got, want)
	}
	for _, name := range names(t, dir) {
		if !bytes.Equal(read(t, out, name), read(t, dir, name)) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestArtifacts(t *testing.T) {
	dir := artifacts(t)
	want := []string{"SHA256SUMS", "copy-code.sh", "template.yaml"}
	for _, function := range []string{"onaccount", "onrepo"} {
		for _, architecture := range []string{"arm64", "x86_64"} {
			name := function + "_v0.1.0_" + architecture
			want = append(want, name+".cdx.json", name+".zip")
		}
	}
	for _, platform := range []string{"darwin_amd64.tar.gz", "darwin_arm64.tar.gz", "linux_amd64.tar.gz", "linux_arm64.tar.gz", "windows_amd64.zip", "windows_arm64.zip"} {
		name, _, _ := strings.Cut(platform, ".")
		want = append(want, "ecr-pull-policy_v0.1.0_"+platform, "ecr-pull-policy_v0.1.0_"+name+".cdx.json")
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
		archive, err := zip.OpenReader(filepath.Join(dir, function+"_v0.1.0_arm64.zip"))
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
	if runtime.GOOS == "windows" {
		t.Skip("the archive for Windows isn't a tar archive")
	}
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
	venv, err := localaws.Setup(t.Context(), repository, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	lint := exec.CommandContext(t.Context(), venv.Tool("cfn-lint"), filepath.Join(artifacts(t), "template.yaml"))
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
