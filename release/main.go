// Command release builds all artifacts of a release into a directory. make dist runs it. The same source, version,
// commit, and time give the same bytes, wherever they are built.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := release{}
	var seconds, platforms string
	flag.StringVar(&r.version, "version", "", "version, such as v0.1.0")
	flag.StringVar(&r.commit, "commit", "", "commit that is built, 40 hexadecimal digits")
	flag.StringVar(&seconds, "time", "", "time of the files in archives, in seconds since 1970")
	flag.StringVar(&platforms, "platforms", "", "platforms to build for, such as 'linux/amd64 darwin/arm64'; all if empty")
	flag.StringVar(&r.out, "out", "dist", "directory to write to; its content is deleted first")
	flag.Parse()
	if err := run(ctx, r, seconds, platforms); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, r release, seconds, platforms string) (err error) {
	since1970, timeErr := strconv.ParseInt(seconds, 10, 64)
	if timeErr != nil {
		timeErr = fmt.Errorf("%q: invalid time; set SOURCE_DATE_EPOCH to the seconds since 1970", seconds)
	}
	var platformErr error
	r.platforms, platformErr = parsePlatforms(platforms)
	if err := errors.Join(r.check(), timeErr, platformErr); err != nil {
		return err
	}
	r.time = time.Unix(since1970, 0).UTC()
	if r.root, err = localaws.Root("."); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(r.out); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	return r.build(ctx)
}

// check returns an error if what is built could not be identified by its version and commit.
func (r *release) check() error {
	var errs []error
	if !regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`).MatchString(r.version) {
		errs = append(errs, fmt.Errorf("%q: invalid version; pass one such as VERSION=v0.1.0", r.version))
	}
	switch {
	case strings.HasSuffix(r.commit, "-dirty"):
		errs = append(errs, errors.New("the working tree has uncommitted changes; commit them first, because a release is built from a commit"))
	case !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(r.commit):
		errs = append(errs, fmt.Errorf("%q: invalid commit; build in a Git repository, or pass COMMIT with 40 hexadecimal digits", r.commit))
	}
	return errors.Join(errs...)
}
