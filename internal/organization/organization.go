// Package organization finds the accounts of an organization in AWS Organizations by organizational unit (OU) and tag.
package organization

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"golang.org/x/sync/errgroup"
)

// API has the operations of AWS Organizations that are used. Only the management account and delegated administrators can
// call them: https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccountsForParent.html
type API interface {
	ListRoots(context.Context, *organizations.ListRootsInput, ...func(*organizations.Options)) (*organizations.ListRootsOutput, error)
	ListOrganizationalUnitsForParent(context.Context, *organizations.ListOrganizationalUnitsForParentInput, ...func(*organizations.Options)) (*organizations.ListOrganizationalUnitsForParentOutput, error)
	ListAccountsForParent(context.Context, *organizations.ListAccountsForParentInput, ...func(*organizations.Options)) (*organizations.ListAccountsForParentOutput, error)
	ListTagsForResource(context.Context, *organizations.ListTagsForResourceInput, ...func(*organizations.Options)) (*organizations.ListTagsForResourceOutput, error)
}

// Account is an account of an organization.
type Account struct {
	ID    string
	Name  string // as in AWS: any characters
	State string // such as ACTIVE
}

// Accounts are the accounts of a selection, in the order of their IDs.
type Accounts struct {
	Active   []Account // those with the tags
	Inactive []Account // those that can't be used, or soon can't; their tags aren't read
}

// concurrency is the number of accounts whose tags are read at the same time. AWS limits the rate of these calls for the
// whole organization.
const concurrency = 4

// Find returns the accounts of a selection. It fails if it can't read all of them.
func Find(ctx context.Context, api API, s Selection) (Accounts, error) {
	r := reader{api: api, selection: s, visited: map[string]bool{}, matched: map[string]bool{}, accounts: map[string]Account{}}
	parents := s.parents
	if len(parents) == 0 {
		var err error
		if parents, err = r.roots(ctx); err != nil {
			return Accounts{}, err
		}
	}
	for _, parent := range parents {
		if err := r.read(ctx, parent); err != nil {
			return Accounts{}, err
		}
	}
	for _, id := range s.excluded {
		if !r.matched[id] {
			return Accounts{}, fmt.Errorf("%s, which is to be excluded, isn't among the selected OUs and their accounts; check the ID", id)
		}
	}
	var found Accounts
	for _, id := range slices.Sorted(maps.Keys(r.accounts)) {
		if a := r.accounts[id]; a.State == string(types.AccountStateActive) {
			found.Active = append(found.Active, a)
		} else {
			found.Inactive = append(found.Inactive, a)
		}
	}
	var err error
	found.Active, err = r.tagged(ctx, found.Active)
	return found, err
}

// reader reads an organization. An account can be found in two OUs if it is moved meanwhile.
type reader struct {
	api       API
	selection Selection
	visited   map[string]bool // OUs and roots
	matched   map[string]bool // excluded IDs that exist
	accounts  map[string]Account
}

func (r *reader) roots(ctx context.Context) ([]string, error) {
	var ids []string
	pages := organizations.NewListRootsPaginator(r.api, &organizations.ListRootsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the roots of the organization: %w", err)
		}
		for _, root := range page.Roots {
			ids = append(ids, aws.ToString(root.Id))
		}
	}
	return ids, nil
}

// read reads the accounts of an OU or a root and, unless the selection is not recursive, of the OUs below it.
func (r *reader) read(ctx context.Context, parent string) error {
	if r.excludes(parent) || r.visited[parent] {
		return nil
	}
	r.visited[parent] = true
	accounts := organizations.NewListAccountsForParentPaginator(r.api, &organizations.ListAccountsForParentInput{ParentId: &parent})
	for accounts.HasMorePages() {
		page, err := accounts.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the accounts of %s: %w", parent, err)
		}
		for _, a := range page.Accounts {
			if err := r.add(a); err != nil {
				return fmt.Errorf("list the accounts of %s: %w", parent, err)
			}
		}
	}
	if !r.selection.recursive {
		return nil
	}
	units := organizations.NewListOrganizationalUnitsForParentPaginator(r.api, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent})
	for units.HasMorePages() {
		page, err := units.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the OUs of %s: %w", parent, err)
		}
		for _, unit := range page.OrganizationalUnits {
			if err := r.read(ctx, aws.ToString(unit.Id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds an account, unless it is excluded. The state replaces the status, which AWS retired in September 2026:
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html
func (r *reader) add(a types.Account) error {
	account := Account{ID: aws.ToString(a.Id), Name: aws.ToString(a.Name), State: string(a.State)}
	switch {
	case !isAccount(account.ID):
		return fmt.Errorf("the response has an account with the ID %q", account.ID)
	case account.State == "":
		return fmt.Errorf("the response doesn't have the state of account %s", account.ID)
	case !r.excludes(account.ID):
		r.accounts[account.ID] = account
	}
	return nil
}

func (r *reader) excludes(id string) bool {
	excluded := slices.Contains(r.selection.excluded, id)
	r.matched[id] = r.matched[id] || excluded
	return excluded
}

// tagged returns the accounts that have the tags of the selection.
func (r *reader) tagged(ctx context.Context, accounts []Account) ([]Account, error) {
	if len(r.selection.tags) == 0 {
		return accounts, nil
	}
	var mu sync.Mutex
	var tagged []Account
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for _, a := range accounts {
		group.Go(func() error {
			tags, err := r.tags(ctx, a.ID)
			if err != nil {
				return fmt.Errorf("list the tags of account %s: %w", a.ID, err)
			}
			if r.selection.matches(tags) {
				mu.Lock()
				defer mu.Unlock()
				tagged = append(tagged, a)
			}
			return nil
		})
	}
	err := group.Wait()
	slices.SortFunc(tagged, func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })
	return tagged, err
}

func (r *reader) tags(ctx context.Context, account string) (map[string]string, error) {
	tags := map[string]string{}
	pages := organizations.NewListTagsForResourcePaginator(r.api, &organizations.ListTagsForResourceInput{ResourceId: &account})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, tag := range page.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	}
	return tags, nil
}

func isAccount(id string) bool { return len(id) == 12 && strings.Trim(id, "0123456789") == "" }
