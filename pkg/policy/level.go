package policy

import "fmt"

// Level is the policy that grants to the consumers of the lists. The Lambda
// service is granted on the repositories at either level.
type Level string

const (
	// LevelRepository grants in the policy of each repository. It is the level of
	// a [Standard] with an empty one.
	LevelRepository Level = "repository"

	// LevelRegistry grants in the registry policy, which one document has for all
	// repositories:
	// https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
	LevelRegistry Level = "registry"
)

func (l Level) validate() error {
	if l != "" && l != LevelRepository && l != LevelRegistry {
		return fmt.Errorf("unknown policy level %s; use %s or %s", quote(string(l)), LevelRepository, LevelRegistry)
	}
	return nil
}

func (l Level) isRegistry() bool { return l == LevelRegistry }
