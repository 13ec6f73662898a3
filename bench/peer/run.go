// Package peer compares the command line with Cloud Custodian on the same repositories in the same moto server: once
// when none has the policy, and once when all have it.
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
)

// list is who may pull.
const list = "111111111111,222222222222"

// Options say what to measure.
type Options struct {
	Repositories int
	Rounds       int       // of every tool
	Progress     io.Writer // told what takes time; may be nil
}

// bench is the AWS that the tools work on, and the way there.
type bench struct {
	*localaws.AWS
	counter *counter
	ours    tool
	names   []string
}

// Run measures, and writes a table to w.
func Run(ctx context.Context, w io.Writer, o Options) error {
	root, err := localaws.Root(".")
	if err != nil {
		return err
	}
	venv, err := localaws.SetupVenv(ctx, root, venvDir, requirements, o.Progress)
	if err != nil {
		return fmt.Errorf("set up %s: %w", venvDir, err)
	}
	local, err := localaws.Start(ctx, localaws.Options{Root: root, Progress: o.Progress})
	if err != nil {
		return err
	}
	defer local.Close()
	counter, err := newCounter(local.Endpoint)
	if err != nil {
		return err
	}
	defer counter.close()
	b := &bench{AWS: local, counter: counter}
	if b.ours, err = build(ctx, root, local.WorkDir); err != nil {
		return err
	}
	if err := b.fill(ctx, o.Repositories); err != nil {
		return err
	}
	tools, err := b.tools(ctx, venv)
	if err != nil {
		return err
	}
	results := make([]result, len(tools))
	for round := range o.Rounds {
		for i := range tools {
			at := (i + round) % len(tools) // none always comes after the same
			first, second, err := b.measure(ctx, tools[at])
			if err != nil {
				return fmt.Errorf("%s: %w", tools[at].name, err)
			}
			results[at].tool = tools[at]
			results[at].first.add(first)
			results[at].second.add(second)
		}
	}
	custodianVersion, err := version(ctx, venv)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d repositories, Cloud Custodian %s. Medians of %d runs each, alternating; the calls are those of the last.\n\n",
		o.Repositories, custodianVersion, o.Rounds)
	write(w, results)
	return nil
}

// fill makes the list and the repositories.
func (b *bench) fill(ctx context.Context, repositories int) error {
	_, err := b.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name:  aws.String(b.Stack.Functions[localaws.OnRepo].Environment["ACCOUNT_LIST_NAME"]),
		Value: aws.String(list),
		Type:  ssmtypes.ParameterTypeStringList,
	})
	if err != nil {
		return fmt.Errorf("write the account list: %w", err)
	}
	for i := range repositories {
		name := fmt.Sprintf("team-%02d/service-%04d", i%20, i)
		if err := b.AddRepository(ctx, name); err != nil {
			return err
		}
		b.names = append(b.names, name)
	}
	return nil
}

// tools are what is measured, the product last. What Custodian adds is what the product would.
func (b *bench) tools(ctx context.Context, venv localaws.Venv) ([]tool, error) {
	document, _, err := run(ctx, b.Environment(), []string{b.ours.command[0], "render", b.names[0]})
	if err != nil {
		return nil, err
	}
	var policy struct{ Statement json.RawMessage }
	if err := json.Unmarshal(document, &policy); err != nil {
		return nil, fmt.Errorf("read the policy that render prints: %w", err)
	}
	statements, err := json.Marshal(policy.Statement) // on one line
	if err != nil {
		return nil, err
	}
	plain, err := custodian(venv, b.WorkDir, "Custodian", string(statements), false)
	if err != nil {
		return nil, err
	}
	filtered, err := custodian(venv, b.WorkDir, "Custodian with a filter", string(statements), true)
	return []tool{plain, filtered, b.ours}, err
}

// measure runs a tool on repositories without policies, and then once more.
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
	environment := append(b.Environment(), "AWS_ENDPOINT_URL="+b.counter.endpoint) // the last of a name holds
	_, took, err := run(ctx, environment, t.command)
	return sample{took: took, calls: b.counter.take()}, err
}

// reset takes all policies away.
func (b *bench) reset(ctx context.Context) error {
	for _, name := range b.names {
		_, err := b.ECR.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: &name})
		if _, ok := errors.AsType[*ecrtypes.RepositoryPolicyNotFoundException](err); err != nil && !ok {
			return fmt.Errorf("delete the policy of %s: %w", name, err)
		}
	}
	return nil
}

// check looks whether every repository has the policy: plan, which compares by meaning, has nothing to do.
func (b *bench) check(ctx context.Context) error {
	output, _, err := run(ctx, b.Environment(), []string{b.ours.command[0], "plan"})
	if err != nil {
		return fmt.Errorf("not every repository has the policy: %w: %s", err, output)
	}
	return nil
}

// sample is one run of a tool.
type sample struct {
	took  time.Duration
	calls map[string]int
}

// samples are the runs of a tool under the same conditions.
type samples struct {
	took  []time.Duration
	calls map[string]int // of the last
}

func (s *samples) add(one sample) {
	s.took = append(s.took, one.took)
	s.calls = one.calls
}

func (s *samples) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s.took))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func (s *samples) total() int {
	total := 0
	for _, n := range s.calls {
		total += n
	}
	return total
}
