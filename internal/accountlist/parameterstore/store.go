// Package parameterstore reads the account lists from SSM Parameter Store: the account list and the namespace lists. If
// the newest version of a list can't be used, it reads the newest earlier version that can.
package parameterstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"golang.org/x/sync/errgroup"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// API is the part of the SSM API that the store uses.
type API interface {
	GetParameters(context.Context, *ssm.GetParametersInput, ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
	GetParametersByPath(context.Context, *ssm.GetParametersByPathInput, ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error)
	GetParameterHistory(context.Context, *ssm.GetParameterHistoryInput, ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error)
}

const (
	// The number of parameters that a call can read:
	// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html
	maxNames = 10

	// The number of attempts to read lists that keep changing.
	maxReads = 5
)

var (
	errChanged = errors.New("a list changed while the lists were read")
	errSecure  = errors.New("the parameter is a SecureString; delete it and create it as a String")
)

// Store is the account list and the namespace lists.
type Store struct {
	api      API
	root     string
	standard policy.Standard
}

// New returns the store of the account list with the name root, such as /ecr-pull-policy/accounts. The standard policy
// determines which lists are too large.
func New(api API, root string, standard policy.Standard) *Store {
	return &Store{api: api, root: root, standard: standard}
}

// Read reads every list on the paths of the repositories, or all lists if there are no repositories. It makes one call
// for up to ten lists, otherwise one for the account list and one for every ten namespace lists.
func (s *Store) Read(ctx context.Context, repositories []string) (accountlist.Snapshot, error) {
	if len(repositories) == 0 {
		return s.ReadAll(ctx)
	}
	return s.read(ctx, s.listNames(repositories))
}

// ReadAll reads all lists.
func (s *Store) ReadAll(ctx context.Context) (accountlist.Snapshot, error) {
	return s.read(ctx, nil)
}

// read reads the lists with the names, or all lists if there are no names. Histories are read after the lists. If a
// list changed in the meantime, its history doesn't match, and read starts over.
func (s *Store) read(ctx context.Context, names []string) (accountlist.Snapshot, error) {
	for range maxReads {
		parameters, err := s.fetch(ctx, names)
		if err != nil {
			return accountlist.Snapshot{}, err
		}
		snapshot, err := s.resolve(ctx, names, parameters)
		if !errors.Is(err, errChanged) {
			return snapshot, err
		}
	}
	return accountlist.Snapshot{}, fmt.Errorf("read account lists: %w, in each of %d attempts; try again", errChanged, maxReads)
}

// Has reports whether a parameter name is that of a list, which need not exist.
func (s *Store) Has(name string) bool { return name == s.root || strings.HasPrefix(name, s.root+"/") }

// Changed reports whether a list of a snapshot has changed since then: its version, its value, or whether it exists.
func (s *Store) Changed(ctx context.Context, since accountlist.Snapshot) (bool, error) {
	parameters, err := s.fetch(ctx, since.Names())
	if err != nil {
		return false, err
	}
	return !same(since, parameters), nil
}

// same reports whether parameters are those of a snapshot. Comparing versions is not enough, because a parameter that
// was deleted and created again starts at version 1.
func same(snapshot accountlist.Snapshot, parameters map[string]types.Parameter) bool {
	for _, list := range snapshot.All() {
		if _, exists := parameters[list.Name]; exists == accountlist.IsMissing(list.Problem) {
			return false
		}
	}
	for name, p := range parameters {
		list := snapshot.List(name)
		if list.Version != p.Version || list.Value != aws.ToString(p.Value) || !list.Modified.Equal(aws.ToTime(p.LastModifiedDate)) {
			return false
		}
	}
	return true
}

// listNames returns the names of all lists that can apply to the repositories.
func (s *Store) listNames(repositories []string) []string {
	names := []string{s.root}
	for _, repository := range repositories {
		names = append(names, accountlist.Path(s.root, repository)[1:]...)
	}
	slices.Sort(names[1:])
	return slices.Compact(names)
}

// fetch reads the current values of the parameters with the names, or of all lists, as far as they exist.
func (s *Store) fetch(ctx context.Context, names []string) (map[string]types.Parameter, error) {
	switch {
	case len(names) == 0:
		return s.fetchAll(ctx)
	case len(names) <= maxNames:
		return s.get(ctx, names)
	}
	parameters, err := s.fetchAll(ctx)
	// The lists of other namespaces are none of these repositories' business, whatever is in them.
	maps.DeleteFunc(parameters, func(name string, _ types.Parameter) bool {
		_, asked := slices.BinarySearch(names[1:], name)
		return name != s.root && !asked
	})
	return parameters, err
}

// fetchAll reads the account list and the namespace lists concurrently, because every request of a rollout waits for
// both.
func (s *Store) fetchAll(ctx context.Context) (map[string]types.Parameter, error) {
	var root, below map[string]types.Parameter
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		root, err = s.get(ctx, []string{s.root})
		return err
	})
	group.Go(func() (err error) {
		below, err = s.getBelow(ctx)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	maps.Copy(below, root)
	return below, nil
}

func (s *Store) getBelow(ctx context.Context) (map[string]types.Parameter, error) {
	parameters := map[string]types.Parameter{}
	pages := ssm.NewGetParametersByPathPaginator(s.api, &ssm.GetParametersByPathInput{
		Path:      aws.String(s.root),
		Recursive: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("read namespace lists of %s: %w", s.root, err)
		}
		for _, p := range page.Parameters {
			parameters[aws.ToString(p.Name)] = p
		}
	}
	return parameters, nil
}

func (s *Store) get(ctx context.Context, names []string) (map[string]types.Parameter, error) {
	output, err := s.api.GetParameters(ctx, &ssm.GetParametersInput{Names: names})
	if err != nil {
		return nil, fmt.Errorf("read list %s: %w", strings.Join(names, ", "), err)
	}
	parameters := make(map[string]types.Parameter, len(output.Parameters))
	for _, p := range output.Parameters {
		parameters[aws.ToString(p.Name)] = p
	}
	return parameters, nil
}

// resolve determines which version of each list is in use.
func (s *Store) resolve(ctx context.Context, names []string, parameters map[string]types.Parameter) (accountlist.Snapshot, error) {
	var lists []accountlist.List
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		p := parameters[name]
		list := accountlist.List{Name: name, Version: p.Version, Value: aws.ToString(p.Value), Modified: aws.ToTime(p.LastModifiedDate), InUse: p.Version}
		parsed, err := s.parse(name, p.Type, list.Value)
		if err != nil {
			list.Problem = err
			if _, ok := errors.AsType[*policy.SizeError](err); ok {
				oversized := parsed.Consumers
				list.Oversized = &oversized
			}
			if list.InUse, parsed, err = s.newestValid(ctx, p); err != nil {
				return accountlist.Snapshot{}, err
			}
		}
		if list.InUse != 0 {
			list.Consumers, list.Notices = &parsed.Consumers, parsed.Notices
		}
		lists = append(lists, list)
	}
	return accountlist.NewSnapshot(s.root, names, lists), nil
}

// newestValid returns the newest version in the history of a list that can be used, or 0 if none can. SSM keeps 100
// versions, and deletes them with the parameter. The error is errChanged if the list has changed since it was read.
//
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-versions.html
func (s *Store) newestValid(ctx context.Context, current types.Parameter) (version int64, list policy.List, err error) {
	var history []types.ParameterHistory
	pages := ssm.NewGetParameterHistoryPaginator(s.api, &ssm.GetParameterHistoryInput{Name: current.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if _, ok := errors.AsType[*types.ParameterNotFound](err); ok {
			return 0, policy.List{}, errChanged
		}
		if err != nil {
			return 0, policy.List{}, fmt.Errorf("read history of list %s: %w", aws.ToString(current.Name), err)
		}
		history = append(history, page.Parameters...)
	}
	slices.SortFunc(history, func(a, b types.ParameterHistory) int { return cmp.Compare(a.Version, b.Version) })
	i, ok := slices.BinarySearchFunc(history, current.Version, func(p types.ParameterHistory, version int64) int { return cmp.Compare(p.Version, version) })
	if !ok || aws.ToString(history[i].Value) != aws.ToString(current.Value) {
		return 0, policy.List{}, errChanged
	}
	for _, p := range slices.Backward(history[:i]) {
		if list, err := s.parse(aws.ToString(current.Name), p.Type, aws.ToString(p.Value)); err == nil {
			return p.Version, list, nil
		}
	}
	return 0, policy.List{}, nil
}

// parse parses a version of a list. If the error is a *policy.SizeError, it also returns the list.
func (s *Store) parse(name string, kind types.ParameterType, value string) (policy.List, error) {
	if kind == types.ParameterTypeSecureString {
		return policy.List{}, errSecure
	}
	list, err := policy.ParseList(value, s.standard.Registry)
	if err != nil {
		return policy.List{}, err
	}
	return list, s.standard.Fits(accountlist.Namespace(s.root, name), list.Consumers)
}
