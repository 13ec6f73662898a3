package version

import (
	"runtime/debug"
	"testing"
)

func TestString(t *testing.T) {
	defer func() { version, commit = "", "" }()
	version, commit = "v0.1.0", "0123456789abcdef0123456789abcdef01234567"
	if got := String(); got != "v0.1.0 (0123456789ab)" {
		t.Errorf("linked: %q", got)
	}
	version = ""
	if got := String(); got == "" || got == "unknown" {
		t.Errorf("built by go test: %q", got)
	}
}

func TestFromBuildInfo(t *testing.T) {
	for want, settings := range map[string][]debug.BuildSetting{
		"v0.2.0":                {{Key: "GOOS", Value: "linux"}},
		"v0.2.0 (0123456789ab)": {{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0123456789abcdef"}},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: "v0.2.0"}, Settings: settings}
		if got := fromBuildInfo(info); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
