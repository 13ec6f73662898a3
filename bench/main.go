// Command bench measures ecr-pull-policy, compares it with other tools, and prints Markdown tables. All figures that it
// prints are measured in the same run.
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
	case ctx.Err() != nil: // the section has already stopped its processes
		fmt.Fprintln(os.Stderr, "interrupted")
		os.Exit(130)
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// section is a measurement that prints its results under a heading of its own.
type section struct {
	name, title string
	run         func(context.Context, io.Writer) error
}

func run(ctx context.Context, w io.Writer, args []string) error {
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := set.String("only", "", "run only this `section`: start, steps, calls, cost, rollout, level, micro, or peer")
	starts := set.Int("starts", 30, "`number` of starts of each function in the sections start and steps")
	repositories := set.Int("peer-repositories", 500, "`number` of repositories in the section peer")
	rolloutSizes := sizes{1_000, 10_000, 100_000}
	set.Var(&rolloutSizes, "rollouts", "`numbers` of repositories in the rollouts of the sections rollout and level, separated by commas")
	rounds := set.Int("peer-rounds", 3, "`number` of runs of each tool in the section peer")
	others := builds{}
	set.Var(others, "also", "`NAME=PATH` of another build of onrepo to measure in the section start; can be repeated")
	if err := set.Parse(args); err != nil {
		return err
	}
	sections := []section{
		{"start", "Start", func(ctx context.Context, w io.Writer) error {
			return start.Run(ctx, w, start.Options{Starts: *starts, WithPython: true, Others: others, Progress: os.Stderr})
		}},
		{"steps", "Start, compared with earlier commits", func(ctx context.Context, w io.Writer) error {
			return start.Steps(ctx, w, start.Options{Starts: *starts, Progress: os.Stderr})
		}},
		{"calls", "Calls", calls.Run},
		{"cost", "Monthly cost", cost.Run},
		{"rollout", "Rollout", func(ctx context.Context, w io.Writer) error {
			return rollout.Run(ctx, w, rollout.Options{Repositories: rolloutSizes, Progress: os.Stderr})
		}},
		{"level", "List change at both policy levels", func(ctx context.Context, w io.Writer) error {
			return rollout.RunLevels(ctx, w, rollout.Options{Repositories: rolloutSizes, Progress: os.Stderr})
		}},
		{"micro", "pkg/policy", micro.Run},
		{"peer", "Comparison with Cloud Custodian", func(ctx context.Context, w io.Writer) error {
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
		return fmt.Errorf("unknown section %q; run bench -h to list the sections", *only)
	}
	return nil
}

// sizes is a flag value: numbers of repositories, separated by commas.
type sizes []int

func (s *sizes) String() string { return strings.Trim(fmt.Sprint([]int(*s)), "[]") }

func (s *sizes) Set(text string) error {
	*s = nil
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return fmt.Errorf("%q isn't a positive number", word)
		}
		*s = append(*s, n)
	}
	return nil
}

// builds is a flag value that maps names to the paths of binaries.
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
