// Command bench measures ecr-pull-policy, compares it with other tools, and prints Markdown tables. It prints only
// figures that it measured in the same run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/ecr-pull-policy/ecr-pull-policy/bench/calls"
	"github.com/ecr-pull-policy/ecr-pull-policy/bench/cost"
	"github.com/ecr-pull-policy/ecr-pull-policy/bench/micro"
	"github.com/ecr-pull-policy/ecr-pull-policy/bench/peer"
	"github.com/ecr-pull-policy/ecr-pull-policy/bench/rollout"
	"github.com/ecr-pull-policy/ecr-pull-policy/bench/start"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Stdout, os.Args[1:]); {
	case ctx.Err() != nil: // every section has ended its processes
		fmt.Fprintln(os.Stderr, "interrupted")
		os.Exit(130)
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// section is one measurement.
type section struct {
	name, title string
	run         func(context.Context, io.Writer) error
}

func run(ctx context.Context, w io.Writer, args []string) error {
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := set.String("only", "", "run this section alone")
	starts := set.Int("starts", 30, "starts of each function")
	repositories := set.Int("peer-repositories", 500, "repositories of the peer section")
	rolloutSizes := sizes{1_000, 10_000, 100_000}
	set.Var(&rolloutSizes, "rollouts", "repositories of each rollout, separated by commas")
	rounds := set.Int("peer-rounds", 3, "runs of each tool in the peer section")
	others := builds{}
	set.Var(others, "also", "NAME=PATH of another build of onrepo to start beside it; may be given again")
	if err := set.Parse(args); err != nil {
		return err
	}
	sections := []section{
		{"start", "Cold start and warm run", func(ctx context.Context, w io.Writer) error {
			return start.Run(ctx, w, start.Options{Starts: *starts, WithPython: true, Others: others, Progress: os.Stderr})
		}},
		{"steps", "What each step of the start gained", func(ctx context.Context, w io.Writer) error {
			return start.Steps(ctx, w, start.Options{Starts: *starts, Progress: os.Stderr})
		}},
		{"calls", "Calls", calls.Run},
		{"cost", "Cost of a month", cost.Run},
		{"rollout", "Rollout", func(ctx context.Context, w io.Writer) error {
			return rollout.Run(ctx, w, rollout.Options{Repositories: rolloutSizes, Progress: os.Stderr})
		}},
		{"micro", "pkg/policy", micro.Run},
		{"peer", "Beside Cloud Custodian", func(ctx context.Context, w io.Writer) error {
			return peer.Run(ctx, w, peer.Options{Repositories: *repositories, Rounds: *rounds, Progress: os.Stderr})
		}},
	}
	fmt.Fprintln(w, machine())
	ran := false
	for _, s := range sections {
		if *only != "" && s.name != *only {
			continue
		}
		ran = true
		fmt.Fprintf(w, "\n## %s\n\n", s.title)
		if err := s.run(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if !ran {
		return fmt.Errorf("there is no section %q", *only)
	}
	return nil
}

// sizes are numbers of repositories.
type sizes []int

func (s *sizes) String() string { return strings.Trim(fmt.Sprint([]int(*s)), "[]") }

func (s *sizes) Set(text string) error {
	*s = nil
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number of repositories", word)
		}
		*s = append(*s, n)
	}
	return nil
}

// builds are binaries by name.
type builds map[string]string

func (b builds) String() string { return "" }

func (b builds) Set(text string) error {
	name, path, found := strings.Cut(text, "=")
	if !found {
		return fmt.Errorf("%q is not NAME=PATH", text)
	}
	b[name] = path
	return nil
}
