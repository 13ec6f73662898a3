package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// release is what is built, and where.
type release struct {
	version, commit string
	platforms       []platform
	time            time.Time // of the files in archives
	root            string    // of the repository
	out             string
	work            string // a temporary directory
}

// The logical IDs of the functions in template.yaml, and the names of their artifacts.
var functions = map[string]string{"OnRepoFunction": "onrepo", "OnAccountFunction": "onaccount"}

// architectures are the values of the parameter Architecture, and their Go names.
var architectures = map[string]string{"arm64": "arm64", "x86_64": "amd64"}

// allPlatforms are those that the command line is for.
var allPlatforms = []platform{
	{"linux", "amd64", "", ".tar.gz"}, {"linux", "arm64", "", ".tar.gz"},
	{"darwin", "amd64", "", ".tar.gz"}, {"darwin", "arm64", "", ".tar.gz"},
	{"windows", "amd64", ".exe", ".zip"}, {"windows", "arm64", ".exe", ".zip"},
}

// platform is an operating system and a processor, by their Go names.
type platform struct {
	os, processor       string
	executable, archive string // the endings of files
}

func (p platform) String() string { return p.os + "/" + p.processor }

// parsePlatforms returns the platforms that a list such as "linux/amd64 darwin/arm64" names, or all for an empty list.
func parsePlatforms(list string) ([]platform, error) {
	if list == "" {
		return allPlatforms, nil
	}
	var parsed []platform
	for _, name := range strings.Fields(list) {
		i := slices.IndexFunc(allPlatforms, func(p platform) bool { return p.String() == name })
		if i < 0 {
			return nil, fmt.Errorf("%q: unknown platform; PLATFORMS takes %v", name, allPlatforms)
		}
		parsed = append(parsed, allPlatforms[i])
	}
	return parsed, nil
}

const program = "ecr-pull-policy"

// build builds everything. Checksums come last, because they are those of all other artifacts.
func (r *release) build(ctx context.Context) error {
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.template, r.functions, r.commandLine, r.script, r.checksums} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// functions builds the code of both functions, for the processors of the platforms: archives that Lambda takes.
func (r *release) functions(ctx context.Context) error {
	for id, name := range functions {
		for architecture, processor := range architectures {
			if !slices.ContainsFunc(r.platforms, func(p platform) bool { return p.processor == processor }) {
				continue
			}
			dir := filepath.Join(r.work, name, architecture)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if err := r.make(ctx, nil, "build-"+id, "ARCHITECTURE="+architecture, "ARTIFACTS_DIR="+dir); err != nil {
				return err
			}
			binary := filepath.Join(dir, "bootstrap")
			content, err := os.ReadFile(binary)
			if err != nil {
				return err
			}
			artifact := fmt.Sprintf("%s_%s_%s", name, r.version, architecture)
			if err := r.pack(artifact+".zip", []file{{"bootstrap", content, 0o755}}); err != nil {
				return err
			}
			if err := r.bill(ctx, artifact, binary); err != nil {
				return err
			}
		}
	}
	return nil
}

// commandLine builds the archives of the command line. What is in them can be unpacked into /usr/local.
func (r *release) commandLine(ctx context.Context) error {
	shared, err := r.documentation(ctx)
	if err != nil {
		return err
	}
	for _, p := range r.platforms {
		binary, err := r.compile(ctx, p)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(binary)
		if err != nil {
			return err
		}
		files := append([]file{{"bin/" + filepath.Base(binary), content, 0o755}}, shared...)
		artifact := strings.Join([]string{program, r.version, p.os, p.processor}, "_")
		if err := r.pack(artifact+p.archive, files); err != nil {
			return err
		}
		if err := r.bill(ctx, artifact, binary); err != nil {
			return err
		}
	}
	return nil
}

// compile builds the command line for a platform, and returns the path of the program.
func (r *release) compile(ctx context.Context, p platform) (string, error) {
	binary := filepath.Join(r.work, p.os, p.processor, program+p.executable)
	return binary, r.make(ctx, []string{"GOOS=" + p.os, "GOARCH=" + p.processor, "CGO_ENABLED=0"}, "cli", "CLI="+binary)
}

// documentation returns the man pages, the completions, and the license, which all platforms share.
func (r *release) documentation(ctx context.Context) ([]file, error) {
	cli, err := r.compile(ctx, platform{os: runtime.GOOS, processor: runtime.GOARCH})
	if err != nil {
		return nil, err
	}
	man := filepath.Join(r.work, "man")
	if err := os.Mkdir(man, 0o755); err != nil {
		return nil, err
	}
	if _, err := r.run(ctx, nil, cli, "man", man); err != nil {
		return nil, err
	}
	pages, err := os.ReadDir(man)
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	files := []file{{"share/doc/" + program + "/LICENSE", license, 0o644}}
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(man, page.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, file{"share/man/man1/" + page.Name(), text, 0o644})
	}
	for _, completion := range []struct{ shell, path string }{
		{"bash", "share/bash-completion/completions/" + program},
		{"fish", "share/fish/vendor_completions.d/" + program + ".fish"},
		{"powershell", "share/powershell/" + program + ".ps1"},
		{"zsh", "share/zsh/site-functions/_" + program},
	} {
		text, err := r.run(ctx, nil, cli, "completion", completion.shell)
		if err != nil {
			return nil, err
		}
		files = append(files, file{completion.path, text, 0o644})
	}
	return files, nil
}

// bill writes the bill of materials of a binary, in CycloneDX. It has neither a serial number nor a time, which would
// differ from build to build.
func (r *release) bill(ctx context.Context, artifact, binary string) error {
	_, err := r.run(ctx, nil, "go", "tool", "-modfile=tools/go.mod", "cyclonedx-gomod", "bin", "-json", "-std", "-noserial", "-notimestamp",
		"-version", r.version, "-output", filepath.Join(r.out, artifact+".cdx.json"), binary)
	return err
}

// script copies the script that brings the code of the functions to buckets.
func (r *release) script(context.Context) error {
	text, err := os.ReadFile(filepath.Join(r.root, "release", "copy-code.sh"))
	if err != nil {
		return err
	}
	return r.write("copy-code.sh", bytes.Replace(text, []byte("version=development"), []byte("version="+r.version), 1))
}

// checksums writes the checksums of all artifacts, as sha256sum does.
func (r *release) checksums(context.Context) error {
	artifacts, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, artifact := range artifacts {
		content, err := os.ReadFile(filepath.Join(r.out, artifact.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), artifact.Name())
	}
	return r.write("SHA256SUMS", sums.Bytes())
}

// write writes an artifact.
func (r *release) write(name string, content []byte) error {
	if err := os.WriteFile(filepath.Join(r.out, name), content, 0o644); err != nil {
		return err
	}
	fmt.Println(name)
	return nil
}

// make makes a target of the Makefile, which knows how to build each program.
func (r *release) make(ctx context.Context, environment []string, target string, variables ...string) error {
	arguments := append([]string{"--no-print-directory", "--silent", target, "VERSION=" + r.version, "COMMIT=" + r.commit}, variables...)
	_, err := r.run(ctx, environment, "make", arguments...)
	return err
}

// run runs a program at the root of the repository, and returns its output.
func (r *release) run(ctx context.Context, environment []string, name string, arguments ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, arguments...)
	cmd.Dir = r.root
	cmd.Env = append(append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix())), environment...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(arguments, " "), err, errOut.Bytes())
	}
	return output, nil
}
