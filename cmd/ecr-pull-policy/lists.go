package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// The number of characters that a parameter of each tier can hold.
//
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
const (
	standardTier = 4096
	advancedTier = 8192
)

// listFlags are the flags for a list to use instead of the account list in SSM.
type listFlags struct {
	file     string
	accounts []string
}

func (l *listFlags) register(command *cobra.Command) {
	command.Flags().StringVar(&l.file, "list", "", "file with a list to use instead of the SSM parameter, or - for standard input")
	command.Flags().StringSliceVar(&l.accounts, "accounts", nil, "list entries to use instead of the SSM parameter, separated by commas")
	command.MarkFlagsMutuallyExclusive("list", "accounts")
}

// given reports whether one of the flags was passed.
func (l *listFlags) given(command *cobra.Command) bool {
	return command.Flags().Changed("list") || command.Flags().Changed("accounts")
}

// connect connects to the registry, and returns the store of its account lists.
func (l *listFlags) connect(command *cobra.Command, f *flags, stackNeed need) (*session, *parameterstore.Store, error) {
	s, err := connect(command, f, stackNeed)
	if err != nil {
		return nil, nil, err
	}
	store, err := l.store(command, s)
	return s, store, err
}

// store returns the store of the account lists, with the list of the flags instead of the account list. Namespace lists
// are always those in SSM.
func (l *listFlags) store(command *cobra.Command, s *session) (*parameterstore.Store, error) {
	var api parameterstore.API = ssm.NewFromConfig(s.config)
	if l.given(command) {
		text, source := strings.Join(l.accounts, "\n"), "--accounts"
		if command.Flags().Changed("list") {
			var err error
			if text, err = readList(command, l.file); err != nil {
				return nil, err
			}
			source = "--list " + l.file
		}
		list, err := policy.ParseList(text, s.Standard.Registry)
		if err != nil {
			return nil, err
		}
		if err := checkLength(text); err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		if err := s.Standard.Fits(list.Consumers); err != nil {
			return nil, fmt.Errorf("account list: %w", err)
		}
		api = parameterstore.Override(api, s.ListName, text)
		s.listSource = source
	}
	return parameterstore.New(api, s.ListName, s.Standard), nil
}

// readList reads a list from a file, or from standard input if the name of the file is -.
func readList(command *cobra.Command, file string) (string, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(command.InOrStdin())
	} else {
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return "", fmt.Errorf("read account list: %w", err)
	}
	return string(text), nil
}

// checkLength returns an error for a list that doesn't fit into a parameter.
func checkLength(list string) error {
	if n := utf8.RuneCountInString(list); n > advancedTier {
		return fmt.Errorf("the list has %d characters, but a parameter can hold only %d; shorten the comments, or list an organization", n, advancedTier)
	}
	return nil
}

// readLists reads all lists, and writes a warning for each that can't be used. It is an error if none can be used.
func readLists(command *cobra.Command, store *parameterstore.Store) (accountlist.Snapshot, error) {
	lists, err := store.ReadAll(command.Context())
	if err != nil {
		return accountlist.Snapshot{}, err
	}
	warnOfUnusable(command.ErrOrStderr(), lists)
	if lists.IsEmpty() {
		return accountlist.Snapshot{}, errors.New("no account list can be used, so there is nothing to apply")
	}
	return lists, nil
}

// warnOfUnusable writes a warning for each list whose newest version can't be used.
func warnOfUnusable(errOut io.Writer, lists accountlist.Snapshot) {
	for _, list := range lists.Unusable() {
		if list.InUse == 0 {
			fmt.Fprintf(errOut, "warning: account list %s can't be used: %v\n", list.Name, list.Problem)
			continue
		}
		fmt.Fprintf(errOut, "warning: version %d of account list %s can't be used, so version %d is used instead: %v\n",
			list.Version, list.Name, list.InUse, list.Problem)
	}
}
