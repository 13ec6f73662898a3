package reconcile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// How long a principal that ECR rejected is left out before it is tried again: it may be a role that IAM had not
// made known yet. Within that time the finding of one repository serves all others.
const rejectedFor = 15 * time.Minute

// rejections are the principals that ECR was found to reject because they don't exist.
type rejections struct {
	mu    sync.Mutex
	until map[string]time.Time
	turn  chan struct{} // holds a value while somebody searches: the others wait for what is found
}

// now returns the ARNs of the rejected principals, sorted.
func (r *rejections) now() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var arns []string
	for arn, until := range r.until {
		if time.Now().Before(until) {
			arns = append(arns, arn)
		}
	}
	slices.Sort(arns)
	return arns
}

func (r *rejections) add(arns []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil {
		r.until = map[string]time.Time{}
	}
	for _, arn := range arns {
		r.until[arn] = time.Now().Add(rejectedFor)
	}
}

// search waits until nobody else searches. The caller has to call done if there is no error.
func (r *rejections) search(ctx context.Context) (done func(), err error) {
	r.mu.Lock()
	if r.turn == nil {
		r.turn = make(chan struct{}, 1)
	}
	r.mu.Unlock()
	select {
	case r.turn <- struct{}{}:
		return func() { <-r.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// without returns the lists less the rejected principals, and those of them that the lists name.
func (r *Reconciler) without(rejected []string, lists []*policy.Consumers) (less []*policy.Consumers, named []string) {
	for _, arn := range r.Standard.Principals(lists) {
		if slices.Contains(rejected, arn) {
			named = append(named, arn)
		}
	}
	if len(named) == 0 {
		return lists, nil
	}
	less = slices.Clone(lists)
	for i, list := range lists {
		if list != nil {
			fewer := list.Without(named)
			less[i] = &fewer
		}
	}
	return less, named
}

// subtract returns those of the values that aren't among others.
func subtract(values, others []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return slices.Contains(others, v) })
}

func overlaps(values, others []string) bool { return len(subtract(values, others)) < len(values) }

// errForeign is the error of a document that ECR refuses whomever we grant: what it refuses is another's statement.
type errForeign struct{ statements []string }

func (e *errForeign) Error() string {
	if len(e.statements) == 0 {
		return "ECR refuses the policy, and not because of a consumer: compare it with what ECR takes today"
	}
	return "ECR refuses the policy because of a statement that is not ours: " + strings.Join(e.statements, "; ") +
		"; mend or remove it, and the repository follows at the next look"
}

// findRejected finds the principals for which ECR refuses the policy of a repository, unless another search has
// found more than the caller knows. No consumer loses its pull meanwhile: see policy.Standard's Trial.
func (r *Reconciler) findRejected(ctx context.Context, repository, original string, lists []*policy.Consumers, known []string) error {
	done, err := r.rejected.search(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !slices.Equal(r.rejected.now(), known) {
		return nil
	}
	search := &search{Reconciler: r, repository: repository, original: original, lists: lists}
	found, err := search.run(ctx)
	if err != nil {
		return errors.Join(err, search.giveUp(ctx))
	}
	r.rejected.add(found)
	return nil
}
