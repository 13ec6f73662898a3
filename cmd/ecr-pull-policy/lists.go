package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/accountlist/parameterstore"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/doctor"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/registry"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// The number of characters that a parameter of each tier can hold.
//
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
const (
	standardTier = 4096
	advancedTier = 8192
)

// accountsFlag is the flag for the entries of the account list.
const accountsFlag = "--accounts"

// listFlags are the flags for lists to use instead of those in SSM.
type listFlags struct {
	files    []string // FILE for the account list, NAMESPACE=FILE for a namespace list
	accounts []string
}

func (l *listFlags) register(command *cobra.Command) {
	command.Flags().StringArrayVar(&l.files, "list", nil,
		"file to read instead of the account list or, with a namespace, instead of its namespace list, as `[NAMESPACE=]FILE`; - reads standard input; can be repeated")
	command.Flags().StringSliceVar(&l.accounts, "accounts", nil, "list entries to use instead of the account list, separated by commas")
}

// connect connects to the registry, and returns the store of its account lists.
func (l *listFlags) connect(command *cobra.Command, f *flags, stackNeed need) (*session, *parameterstore.Store, error) {
	s, err := connect(command, f, stackNeed)
	if err != nil {
		return nil, nil, err
	}
	lists, err := l.read(command, s.ListName)
	if err != nil {
		return nil, nil, err
	}
	store, err := s.store(lists)
	return s, store, err
}

// listOverride is a list to use instead of the one in SSM, which need not exist.
type listOverride struct {
	name   string // of the parameter
	source string // the flag, for output
	text   string
}

// read reads the lists of the flags. root is the name of the account list.
func (l *listFlags) read(command *cobra.Command, root string) ([]listOverride, error) {
	var lists []listOverride
	if command.Flags().Changed("accounts") {
		lists = append(lists, listOverride{root, accountsFlag, strings.Join(l.accounts, "\n")})
	}
	stdin := false
	for _, value := range l.files {
		list := listOverride{name: root, source: "--list " + value}
		namespace, file, isNamespace := strings.Cut(value, "=")
		if !isNamespace {
			file = value
		} else if list.name += "/" + namespace; !isNamespaceList(root, namespace) {
			return nil, fmt.Errorf("%s: %q: invalid namespace; must be the first path segments of repository names, such as team-a", list.source, namespace)
		}
		if other := slices.IndexFunc(lists, func(other listOverride) bool { return other.name == list.name }); other >= 0 {
			return nil, fmt.Errorf("%s and %s replace the same list; pass one of them", lists[other].source, list.source)
		}
		if file == "-" && stdin {
			return nil, fmt.Errorf("%s: another list is read from standard input already; pass a file", list.source)
		}
		if file == "" {
			return nil, fmt.Errorf("%s: missing file; expected [NAMESPACE=]FILE", list.source)
		}
		stdin = stdin || file == "-"
		var err error
		if list.text, err = readList(command, file); err != nil {
			return nil, fmt.Errorf("%s: %w", list.source, err)
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// isNamespaceList reports whether repositories can have the namespace, and SSM a parameter for it.
func isNamespaceList(root, namespace string) bool {
	return registry.CheckName(namespace+"/xx") == nil && slices.Contains(accountlist.Path(root, namespace), root+"/"+namespace)
}

// store returns the store of the account lists, with the given lists instead of those in SSM.
func (s *session) store(lists []listOverride) (*parameterstore.Store, error) {
	values := map[string]string{}
	for _, list := range lists {
		parsed, err := policy.ParseList(list.text, s.Standard.Registry)
		if problems, ok := errors.AsType[*policy.ListError](err); ok && list.source == accountsFlag {
			err = withoutPlaces(problems)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", list.source, err)
		}
		if err := checkLength(list.text); err != nil {
			return nil, fmt.Errorf("%s: %w", list.source, err)
		}
		if err := s.Standard.Fits(accountlist.Namespace(s.ListName, list.name), parsed.Consumers); err != nil {
			return nil, fmt.Errorf("%s: %w", list.source, err)
		}
		values[list.name] = list.text
	}
	s.lists = lists
	return parameterstore.New(parameterstore.Override(ssm.NewFromConfig(s.config), values), s.ListName, s.Standard), nil
}

// withoutPlaces returns the error for a list that has no lines because it is the value of a flag.
func withoutPlaces(list *policy.ListError) error {
	problems := slices.Clone(list.Problems)
	for i, p := range problems {
		if p.Line > 0 {
			place := fmt.Sprintf("line %d, column %d: ", p.Line, p.Column)
			problems[i] = policy.Problem{Reason: strings.TrimPrefix(p.String(), place)}
		}
	}
	return &policy.ListError{Problems: problems}
}

// readList reads a list from a file, or from standard input if the name of the file is -.
func readList(command *cobra.Command, file string) (string, error) {
	var text []byte
	var err error
	if file == "-" {
		text, err = io.ReadAll(command.InOrStdin())
	} else {
		text, err = os.ReadFile(file) // #nosec G304 -- the operator names the file
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
func (s *session) readLists(command *cobra.Command, store *parameterstore.Store) (accountlist.Snapshot, error) {
	lists, err := store.ReadAll(command.Context())
	if err != nil {
		return accountlist.Snapshot{}, err
	}
	warnOfUnusable(command.ErrOrStderr(), lists)
	if lists.IsEmpty() {
		return accountlist.Snapshot{}, fmt.Errorf("no account list can be used; check the Region and the stack; to find out what to do, run: %s", s.doctorCommand())
	}
	return lists, nil
}

// doctorCommand returns the command that examines the same stack and registry.
func (s *session) doctorCommand() string {
	stack := ""
	if s.flags.given("stack") && s.flags.stack != "" { // doctor requires a stack
		stack = " --stack " + doctor.Quote(s.flags.stack)
	}
	return s.flags.program + " doctor" + stack + s.flags.connection()
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
