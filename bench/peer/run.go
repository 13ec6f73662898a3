// Package peer compares the command line with Cloud Custodian. Each tool runs twice on the same repositories in the
// same moto server: first when no repository has the policy, and then when all have it.
package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/localaws"
	"github.com/ecr-pull-policy/ecr-pull-policy/test/venv"
)

// list is the account list.
const list = "111111111111,222222222222"

// Options are the options of Run.
type Options struct {
	Repositories int
	Rounds       int       // number of rounds; each tool runs twice in each
	Progress     io.Writer // receives progress messages; can be nil
}

// bench is the environment in which the tools run.
type bench struct {
	*localaws.AWS
	counter *counter
	product tool
	names   []string // names of the repositories
}

// Run measures the tools and writes the results to w as a table.
func Run(ctx context.Context, w io.Writer, o Options) error {
	root, err := localaws.Root(".")
	if err != nil {
		return err
	}
	python, err := venv.Setup(ctx, root, venvDir, requirements, o.Progress)
	if err != nil {
		return fmt.Errorf("set up %s: %w", venvDir, err)
	}
	local, err := localaws.Start(ctx, localaws.Options{Root: root, Progress: o.Progress})
	if err != nil {
		return err
	}
	defer local.Close()
	counter, err := newCounter(local.QuietEndpoint)
	if err != nil {
		return err
	}
	defer counter.close()
	b := &bench{AWS: local, counter: counter}
	if b.product, err = build(ctx, root, local.WorkDir); err != nil {
		return err
	}
	if err := b.fill(ctx, o.Repositories); err != nil {
		return err
	}
	tools, err := b.tools(ctx, python)
	if err != nil {
		return err
	}
	results := make([]result, len(tools))
	for round := range o.Rounds {
		for i := range tools {
			at := (i + round) % len(tools) // the order changes from round to round
			first, second, err := b.measure(ctx, tools[at])
			if err != nil {
				return fmt.Errorf("%s: %w", tools[at].name, err)
			}
			results[at].tool = tools[at]
			results[at].first.add(first)
			results[at].second.add(second)
		}
	}
	custodianVersion, err := version(ctx, python)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d repositories, Cloud Custodian %s. The times are medians of %d alternating runs, and the calls are those of the last run.\n\n",
		o.Repositories, custodianVersion, o.Rounds)
	write(w, results)
	return nil
}

// fill creates the account list and the repositories.
func (b *bench) fill(ctx context.Context, repositories int) error {
	_, err := b.Quiet.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name:  aws.String(b.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"]),
		Value: aws.String(list),
		Type:  ssmtypes.ParameterTypeStringList,
	})
	if err != nil {
		return fmt.Errorf("write the account list: %w", err)
	}
	for i := range repositories {
		name := fmt.Sprintf("team-%02d/service-%04d", i%20, i)
		if err := b.Quiet.CreateRepository(ctx, name, ""); err != nil {
			return err
		}
		b.names = append(b.names, name)
	}
	return nil
}

// tools returns the tools to measure, the product last. Custodian adds the statements that the product renders.
func (b *bench) tools(ctx context.Context, python venv.Venv) ([]tool, error) {
	document, _, err := run(ctx, b.Environment(), []string{b.product.command[0], "render", b.names[0]})
	if err != nil {
		return nil, err
	}
	var policy struct{ Statement json.RawMessage }
	if err := json.Unmarshal(document, &policy); err != nil {
		return nil, fmt.Errorf("parse the policy that render prints: %w", err)
	}
	statements, err := json.Marshal(policy.Statement) // without line breaks
	if err != nil {
		return nil, err
	}
	plain, err := custodian(python, b.WorkDir, "Custodian", string(statements), false)
	if err != nil {
		return nil, err
	}
	filtered, err := custodian(python, b.WorkDir, "Custodian with a filter", string(statements), true)
	return []tool{plain, filtered, b.product}, err
}

// measure runs a tool twice: first when the repositories have no policies, and then when they have them.
func (b *bench) measure(ctx context.Context, t tool) (first, second sample, err error) {
	if err := b.reset(ctx); err != nil {
		return sample{}, sample{}, err
	}
	if first, err = b.run(ctx, t); err != nil {
		return sample{}, sample{}, err
	}
	if err := b.check(ctx); err != nil {
		return sample{}, sample{}, err
	}
	second, err = b.run(ctx, t)
	return first, second, err
}

func (b *bench) run(ctx context.Context, t tool) (sample, error) {
	b.counter.take()
	environment := append(b.Environment(), "AWS_ENDPOINT_URL="+b.counter.endpoint) // the last value counts
	_, duration, err := run(ctx, environment, t.command)
	return sample{duration: duration, calls: b.counter.take()}, err
}

// reset deletes the policies of all repositories.
func (b *bench) reset(ctx context.Context) error {
	for _, name := range b.names {
		_, err := b.Quiet.ECR.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: &name})
		if _, ok := errors.AsType[*ecrtypes.RepositoryPolicyNotFoundException](err); err != nil && !ok {
			return fmt.Errorf("delete the policy of %s: %w", name, err)
		}
	}
	return nil
}

// check returns an error if a repository doesn't have the policy, which means that plan finds a change.
func (b *bench) check(ctx context.Context) error {
	output, _, err := run(ctx, b.Environment(), []string{b.product.command[0], "plan"})
	if err != nil {
		return fmt.Errorf("check that all repositories have the policy: %w: %s", err, output)
	}
	return nil
}

// sample is the measurement of one run of a tool.
type sample struct {
	duration time.Duration
	calls    map[string]int // by operation
}

// samples are the measurements of the first, or of the second, runs of a tool.
type samples struct {
	durations []time.Duration
	calls     map[string]int // calls of the last run, by operation
}

func (s *samples) add(one sample) {
	s.durations = append(s.durations, one.duration)
	s.calls = one.calls
}

func (s *samples) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s.durations))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// total returns the number of calls of the last run.
func (s *samples) total() int {
	total := 0
	for _, n := range s.calls {
		total += n
	}
	return total
}
