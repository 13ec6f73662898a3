// Package start measures how fast the function onrepo starts, and compares it with a Go function that does nothing and
// with a typical Python function. The functions run in AWS's Lambda Runtime Interface Emulator, with moto instead of
// AWS.
package start

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
)

// consumer is an account in the list. A policy that was built from the list names it.
const consumer = "111111111111"

// Options are the options of Run.
type Options struct {
	Starts     int               // number of starts of each program
	WithPython bool              // whether to measure the Python function
	Others     map[string]string // paths of other builds of onrepo to measure, by name
	Progress   io.Writer         // receives progress messages; can be nil
}

// Run measures the programs and writes the results to w as a table.
func Run(ctx context.Context, w io.Writer, o Options) error {
	root, err := localaws.Root(".")
	if err != nil {
		return err
	}
	local, err := localaws.Start(ctx, localaws.Options{Root: root, Progress: o.Progress})
	if err != nil {
		return err
	}
	defer local.Close()
	programs, err := o.programs(ctx, root, local.WorkDir)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, local, root)
	if err != nil {
		return err
	}
	results := make([]result, len(programs))
	for round := range o.Starts {
		for i := range programs {
			at := (i + round) % len(programs) // the order changes from round to round
			s, err := b.start(ctx, programs[at])
			if err != nil {
				return err
			}
			results[at].program = programs[at]
			results[at].samples = append(results[at].samples, s)
		}
	}
	fmt.Fprintf(w, "Medians of %d alternating starts, with the interquartile range in brackets.\n\n", o.Starts)
	write(w, results)
	return nil
}

// programs returns the programs to measure, the product first.
func (o Options) programs(ctx context.Context, root, dir string) ([]program, error) {
	onrepo, err := compile(ctx, root, dir, "onrepo", "./functions/onrepo", true)
	if err != nil {
		return nil, err
	}
	nothing, err := compile(ctx, filepath.Join(root, "bench"), dir, "a Go function that does nothing", "./start/nothing", false)
	if err != nil {
		return nil, err
	}
	programs := []program{onrepo, nothing}
	if o.WithPython {
		python := filepath.Join(dir, "blog")
		if err := os.Mkdir(python, 0o755); err != nil {
			return nil, err
		}
		p, err := blog(ctx, root, python, o.Progress)
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Others)) {
		p, err := binary(name, o.Others[name], true)
		if err != nil {
			return nil, err
		}
		programs = append(programs, p)
	}
	return programs, nil
}

func newBench(ctx context.Context, local *localaws.AWS, root string) (*bench, error) {
	event, err := os.ReadFile(filepath.Join(root, "events", "create-repository.json"))
	if err != nil {
		return nil, err
	}
	_, err = local.Quiet.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name:  aws.String(local.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"]),
		Value: aws.String(consumer + ",222222222222"),
		Type:  ssmtypes.ParameterTypeStringList,
	})
	if err != nil {
		return nil, fmt.Errorf("write the account list: %w", err)
	}
	return &bench{AWS: local, event: string(event)}, nil
}
