package plan

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/atomicfile"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// fileFormat identifies files with saved plans. It changes if an earlier version of the program can't read the file, or
// would apply it in another way.
const fileFormat = "ecr-pull-policy plan 2"

// Saved is a plan in a file, to be applied later. The file has digests instead of policies. To apply it, the plan is
// made again from the lists and the policies, and must be the same. Therefore a file can't grant anything that its
// settings and its own lists don't.
type Saved struct {
	Registry     policy.Registry
	Flags        map[string]string // of the command line that made the plan, by name
	Settings     map[string]string // all settings that affect policies, by the name of the parameter
	Lists        []SavedList
	Repositories []SavedRepository

	RegistryPolicy []SavedRepository // the change of the registry policy, or none
	All            bool              // all repositories were selected, so that the level that doesn't grant is left
}

// SavedList is a list that was used instead of the one in SSM.
type SavedList struct{ Name, Source, Text string }

// SavedRepository is a change of one repository.
type SavedRepository struct {
	Name        string
	ListVersion string
	Before      string // the digest of the policy before the change
	After       string // the digest of the policy after the change
}

type file struct {
	Format   string
	Checksum string // of Plan
	Plan     json.RawMessage
}

// SaveRepositories returns the changes of a plan.
func SaveRepositories(planned []Repository) []SavedRepository {
	saved := []SavedRepository{}
	for _, one := range planned {
		if one.Outcome == Change {
			saved = append(saved, SavedRepository{one.Name, one.ListVersion, Digest(one.Before), Digest(one.After)})
		}
	}
	return saved
}

// Digest returns the digest of a policy.
func Digest(document string) string { return checksum([]byte(document)) }

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Write writes the plan to a file that only its owner can read. It replaces an existing file as a whole.
func (s Saved) Write(name string) error {
	content, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	content, err = json.Marshal(file{fileFormat, checksum(content), content})
	if err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	if err := atomicfile.Write(name, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	return nil
}

// Load reads a saved plan. The error is fs.ErrNotExist if there is no regular file with the name.
func Load(name string) (Saved, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return Saved{}, fs.ErrNotExist
	}
	content, err := os.ReadFile(name) // #nosec G304 -- the operator names the file
	if err != nil {
		return Saved{}, err
	}
	var f file
	err = decodeStrictly(content, &f)
	switch {
	case err != nil || f.Format == "":
		return Saved{}, fmt.Errorf("%s isn't a plan that plan --out saved", name)
	case f.Format != fileFormat:
		return Saved{}, fmt.Errorf("%s was saved by another version of ecr-pull-policy (format %.40q, expected %q); run plan again", name, f.Format, fileFormat)
	case checksum(f.Plan) != f.Checksum:
		return Saved{}, fmt.Errorf("%s is damaged or was edited: its checksum doesn't match; run plan again", name)
	}
	var s Saved
	if err := decodeStrictly(f.Plan, &s); err != nil {
		return Saved{}, fmt.Errorf("%s is damaged or was edited: %w; run plan again", name, err)
	}
	return s, nil
}

func decodeStrictly(data []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("data after the plan")
	}
	return nil
}

// Names returns the names of the repositories that the plan changes.
func (s Saved) Names() []string {
	names := make([]string, len(s.Repositories))
	for i, one := range s.Repositories {
		names[i] = one.Name
	}
	return names
}

// Check returns why a repository can't be changed as the saved plan says, given how it would be changed now. The error
// is nil if the change is still the same, and if the repository has been changed already.
func (s SavedRepository) Check(now Repository) error {
	switch {
	case now.Outcome == Gone:
		return errors.New("the repository was deleted")
	case now.Outcome == Failed:
		return now.Err
	case now.Outcome == Blocked:
		return errors.New("ECR rejects any change of the policy, because an unmanaged statement names a deleted role or user")
	case now.ListVersion != s.ListVersion:
		return fmt.Errorf("the account lists changed: planned with version %s, now %s", s.ListVersion, cmp.Or(now.ListVersion, "none"))
	case now.Outcome == Unchanged, now.Outcome == NoList: // nothing is left to change, with and without a usable list
		return nil
	case Digest(now.Before) != s.Before:
		return errors.New("the policy was changed")
	case Digest(now.After) != s.After:
		return errors.New("the policy would differ from the planned one, because the account lists or this program changed")
	}
	return nil
}
