// Package version identifies the version and the commit that a program was built from.
package version

import "runtime/debug"

// The linker sets these variables, because a variable is all that it can set (-ldflags -X). See the Makefile.
var version, commit string

// shortCommit is the number of characters that String keeps of a commit.
const shortCommit = 12

// String returns the version and the start of the commit, such as "v0.1.0 (0123456789ab)". A program that make didn't
// build has what the go command recorded: go install records the version of the module, but no commit.
func String() string {
	if version != "" {
		return format(version, commit)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return fromBuildInfo(info)
}

func fromBuildInfo(info *debug.BuildInfo) string {
	revision := ""
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			revision = setting.Value
		}
	}
	return format(info.Main.Version, revision)
}

func format(version, commit string) string {
	if commit == "" {
		return version
	}
	return version + " (" + commit[:min(len(commit), shortCommit)] + ")"
}
