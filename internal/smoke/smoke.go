// Package smoke tests a deployed stack on a repository of its own. It creates an empty repository in scope, waits for
// the standard policy, changes it, waits for the repair, and asks ECR what AWS doesn't document. It touches no other
// repository, and deletes its own in any case.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// Registry is the registry of the stack. Errors are registry.ErrNotFound and registry.ErrRejected where these apply.
type Registry interface {
	// Create creates a repository, and fails if it exists.
	Create(ctx context.Context, repository string) error
	Policy(ctx context.Context, repository string) (string, error)
	SetPolicy(ctx context.Context, repository, document string) error
	// Delete deletes a repository that contains no images.
	Delete(ctx context.Context, repository string) error
}

// Log is the log of onrepo.
type Log interface {
	Lines(ctx context.Context, repository string, since time.Time) ([]Line, error)
}

// Test is a test of a stack.
type Test struct {
	Registry   Registry
	Log        Log
	Repository string // a name of NewName
	Standard   policy.Standard
	Lists      []policy.Listed // the lists on the path of the repository

	Timeout    time.Duration // how long to wait for the policy, and again for its repair
	LogTimeout time.Duration // how long to wait for the log lines
	Progress   func(string)  // receives what the test waits for
}

const (
	pollInterval = 500 * time.Millisecond
	// readTimeout is how long a read can return the policy before the last write.
	readTimeout = 10 * time.Second
	// unknownTimeout is how long ECR may not know a new repository.
	unknownTimeout = 15 * time.Second
)

var errTimeout = errors.New("timeout")

// Run runs the test. It deletes the repository before it returns, even if the context ends.
func (t *Test) Run(ctx context.Context) *Report {
	r := &Report{test: t}
	if t.create(ctx, r) {
		t.use(ctx, r)
	}
	r.Interrupted = ctx.Err() != nil
	return r
}

// create creates the repository, and reports whether the test can use it. The call isn't interrupted, so that its
// result is known.
func (t *Test) create(ctx context.Context, r *Report) bool {
	t.Progress("creating repository " + t.Repository)
	err := t.Registry.Create(context.WithoutCancel(ctx), t.Repository)
	if err == nil {
		r.Created = time.Now()
		return true
	}
	r.Err = err
	if awsclient.Undecided(err) {
		t.delete(ctx, r)
	}
	return false
}

// use runs the test on the repository that exists now, and deletes it.
func (t *Test) use(ctx context.Context, r *Report) {
	defer t.delete(ctx, r)
	for _, part := range []func(context.Context, *Report) error{t.waitForPolicy, t.changeByHand, t.ask} {
		if r.Err = part(ctx, r); r.Err != nil {
			return
		}
	}
}

// delete deletes the repository, and tries again while ECR may not know it yet. It isn't interrupted.
func (t *Test) delete(ctx context.Context, r *Report) {
	ctx = context.WithoutCancel(ctx)
	end := time.Now().Add(unknownTimeout)
	err := t.Registry.Delete(ctx, t.Repository)
	for errors.Is(err, registry.ErrNotFound) && time.Now().Before(end) {
		time.Sleep(pollInterval)
		err = t.Registry.Delete(ctx, t.Repository)
	}
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		r.Leftover = err
	}
}

// waitForPolicy waits until the repository has the standard policy.
func (t *Test) waitForPolicy(ctx context.Context, r *Report) error {
	t.Progress(fmt.Sprintf("waiting up to %s for the policy", t.Timeout))
	r.Written = Wait{From: r.Created}
	return t.wait(ctx, &r.Written, t.isStandard)
}

// changeByHand replaces the managed statements by others, reads them back, and waits until the managed statements are
// back beside them. It waits only if the policy was written in the first place.
func (t *Test) changeByHand(ctx context.Context, r *Report) error {
	written := formsDocument(t.Standard.Registry)
	t.Progress("replacing the policy")
	if err := t.Registry.SetPolicy(ctx, t.Repository, written); err != nil {
		return err
	}
	changed := time.Now()
	returned, err := t.await(ctx, readTimeout, hasUnmanaged)
	if err != nil {
		return fmt.Errorf("read the policy that was written to %s: %w", t.Repository, err)
	}
	r.Forms = compareForms(written, returned)
	if r.Written.At.IsZero() {
		return nil
	}
	t.Progress(fmt.Sprintf("waiting up to %s for the repair", t.Timeout))
	before := unmanaged(returned)
	r.Restored = Wait{From: changed}
	err = t.wait(ctx, &r.Restored, func(document string) bool { return t.isStandard(document) && hasUnmanaged(document) })
	r.Kept = slices.Equal(before, unmanaged(r.Restored.Last))
	return err
}

// wait waits for a policy, and completes w. It is no error if the policy doesn't come.
func (t *Test) wait(ctx context.Context, w *Wait, met func(document string) bool) error {
	last, err := t.await(ctx, t.Timeout, met)
	w.Last = last
	switch {
	case err == nil:
		w.At = time.Now()
	case errors.Is(err, errTimeout):
		w.TimedOut = true
		return nil
	}
	return err
}

// await reads the policy until it meets the condition, and returns the last one that it read. The error is errTimeout
// if the time is over.
func (t *Test) await(ctx context.Context, timeout time.Duration, met func(document string) bool) (last string, err error) {
	for end := time.Now().Add(timeout); ; {
		document, err := t.Registry.Policy(ctx, t.Repository)
		switch {
		case errors.Is(err, registry.ErrNotFound): // ECR may not know a new repository yet
		case err != nil:
			return last, err
		case met(document):
			return document, nil
		default:
			last = document
		}
		if time.Now().After(end) {
			return last, errTimeout
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return last, ctx.Err()
		}
	}
}

// isStandard reports whether a policy has exactly the managed statements that the lists require, in either grant style.
func (t *Test) isStandard(document string) bool {
	parsed, err := policy.ParseDocument(document, t.Standard.Registry)
	if err != nil {
		return false
	}
	change, err := t.Standard.Merge(parsed, t.Lists)
	return err == nil && !change.Changed
}

// ReadLog adds the log of onrepo to the report of a run, unless the run was interrupted. It reads until it has a line
// for each write that was seen, because CloudWatch Logs returns lines with a delay.
func (t *Test) ReadLog(ctx context.Context, r *Report) {
	if r.Interrupted || r.Created.IsZero() {
		return
	}
	t.Progress(fmt.Sprintf("waiting up to %s for the log of onrepo", t.LogTimeout))
	const clockDifference = time.Minute // between this computer and AWS
	for end := time.Now().Add(t.LogTimeout); ; {
		r.Lines, r.LogErr = t.Log.Lines(ctx, t.Repository, r.Created.Add(-clockDifference))
		if r.LogErr != nil || r.writes() >= r.seen() || time.Now().After(end) {
			return
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			r.Interrupted = true
			return
		}
	}
}
