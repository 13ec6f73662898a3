package stubaws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxPolicyCharacters is the maximum length of a policy.
//
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
const maxPolicyCharacters = 10240

type repositories struct {
	names    []string          // sorted
	policies map[string]string // policies by repository; "" if a repository has no policy
	replaced map[string]string // policies before the last write, by repository
	missing  map[string]bool   // principals that don't exist
	registry string            // the registry policy, "" for none
	previous string            // the registry policy before the last write
}

func newRepositories() repositories {
	return repositories{policies: map[string]string{}, replaced: map[string]string{}, missing: map[string]bool{}}
}

// store sets the policy of a repository. An empty document deletes the policy.
func (r *repositories) store(name, document string) {
	r.replaced[name] = r.policies[name]
	r.policies[name] = document
}

// CreateRepository creates repositories without a policy.
func (a *AWS) CreateRepository(names ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.repositories.add(names...)
}

func (r *repositories) add(names ...string) {
	for _, name := range names {
		if _, ok := r.policies[name]; !ok {
			r.policies[name] = ""
			r.names = append(r.names, name)
		}
	}
	slices.Sort(r.names)
}

// DeleteRepository deletes a repository if it exists.
func (a *AWS) DeleteRepository(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.repositories.remove(name)
}

func (r *repositories) remove(name string) {
	if _, ok := r.policies[name]; ok {
		delete(r.policies, name)
		delete(r.replaced, name)
		r.names = slices.DeleteFunc(r.names, func(n string) bool { return n == name })
	}
}

func (a *AWS) createRepository(input repositoryInput) (map[string]repositoryOutput, error) {
	output := repositoryOutput{RegistryID: a.Account, RepositoryName: input.RepositoryName}
	if _, ok := a.repositories.policies[input.RepositoryName]; ok {
		return nil, reject("RepositoryAlreadyExistsException", "The repository with name '%s' already exists in the registry with id '%s'", input.RepositoryName, a.Account)
	}
	a.repositories.add(input.RepositoryName)
	return map[string]repositoryOutput{"repository": output}, nil
}

func (a *AWS) deleteRepository(input repositoryInput) (map[string]repositoryOutput, error) {
	if _, ok := a.repositories.policies[input.RepositoryName]; !ok {
		_, err := a.policyOf(input.RepositoryName)
		return nil, err
	}
	a.repositories.remove(input.RepositoryName)
	return map[string]repositoryOutput{"repository": {RegistryID: a.Account, RepositoryName: input.RepositoryName}}, nil
}

// Policy returns the policy of a repository, or "" if it has none. ok is false if the repository doesn't exist.
func (a *AWS) Policy(repository string) (document string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	document, ok = a.repositories.policies[repository]
	return document, ok
}

// SetPolicy sets the policy of a repository as another tool would, without checks.
func (a *AWS) SetPolicy(repository, document string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.repositories.store(repository, document)
}

// ClosePrincipal makes ECR reject all policies that name a principal, until OpenPrincipal is called. The principal is
// an account ID or the ARN of a role or user.
func (a *AWS) ClosePrincipal(principal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.repositories.missing[principal] = true
}

// OpenPrincipal undoes ClosePrincipal.
func (a *AWS) OpenPrincipal(principal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.repositories.missing, principal)
}

type repositoryInput struct {
	RepositoryName string `json:"repositoryName"`
	PolicyText     string `json:"policyText,omitempty"`
	Force          bool   `json:"force,omitempty"`
}

type repositoryOutput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
	PolicyText     string `json:"policyText,omitempty"`
}

type registryInput struct {
	PolicyText string `json:"policyText"`
}

type registryOutput struct {
	RegistryID string `json:"registryId"`
	PolicyText string `json:"policyText"`
}

type describeRepositoriesInput struct {
	MaxResults int    `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

type describeRepositoriesOutput struct {
	Repositories []repositoryOutput `json:"repositories"`
	NextToken    string             `json:"nextToken,omitempty"`
}

func (a *AWS) describeRepositories(input describeRepositoriesInput) (describeRepositoriesOutput, error) {
	size := input.MaxResults
	switch {
	case size == 0:
		size = 100
	case size < 1 || size > 1000:
		return describeRepositoriesOutput{}, reject("InvalidParameterException", "maxResults %d is not 1 to 1000", size)
	}
	// The token is the name of the next repository, so that pages are consistent while repositories are created and
	// deleted.
	start, _ := slices.BinarySearch(a.repositories.names, input.NextToken)
	end := min(start+size, len(a.repositories.names))
	output := describeRepositoriesOutput{Repositories: []repositoryOutput{}}
	for _, name := range a.repositories.names[start:end] {
		output.Repositories = append(output.Repositories, repositoryOutput{RegistryID: a.Account, RepositoryName: name})
	}
	if end < len(a.repositories.names) {
		output.NextToken = a.repositories.names[end]
	}
	return output, nil
}

// policyOf returns the policy of a repository, or the error that ECR returns.
func (a *AWS) policyOf(name string) (string, error) {
	document, ok := a.repositories.policies[name]
	if !ok {
		return "", reject("RepositoryNotFoundException", "The repository with name '%s' does not exist in the registry with id '%s'", name, a.Account)
	}
	if document == "" {
		return "", a.noPolicy(name)
	}
	return document, nil
}

func (a *AWS) noPolicy(name string) error {
	return reject("RepositoryPolicyNotFoundException", "Repository policy does not exist for the repository with name '%s' in the registry with id '%s'", name, a.Account)
}

func (a *AWS) getRepositoryPolicy(input repositoryInput) (repositoryOutput, error) {
	document, err := a.policyOf(input.RepositoryName)
	return repositoryOutput{RegistryID: a.Account, RepositoryName: input.RepositoryName, PolicyText: document}, err
}

// getStalePolicy returns the output that GetRepositoryPolicy had before the last write.
func (a *AWS) getStalePolicy(input repositoryInput) (repositoryOutput, error) {
	if _, exists := a.repositories.policies[input.RepositoryName]; !exists {
		return a.getRepositoryPolicy(input)
	}
	document := a.repositories.replaced[input.RepositoryName]
	if document == "" {
		return repositoryOutput{}, a.noPolicy(input.RepositoryName)
	}
	return repositoryOutput{RegistryID: a.Account, RepositoryName: input.RepositoryName, PolicyText: document}, nil
}

func (a *AWS) deleteRepositoryPolicy(input repositoryInput) (repositoryOutput, error) {
	document, err := a.policyOf(input.RepositoryName)
	if err != nil {
		return repositoryOutput{}, err
	}
	a.repositories.store(input.RepositoryName, "")
	return repositoryOutput{RegistryID: a.Account, RepositoryName: input.RepositoryName, PolicyText: document}, nil
}

func (a *AWS) setRepositoryPolicy(input repositoryInput) (repositoryOutput, error) {
	if _, ok := a.repositories.policies[input.RepositoryName]; !ok {
		_, err := a.policyOf(input.RepositoryName)
		return repositoryOutput{}, err
	}
	if input.Force {
		return repositoryOutput{}, reject("InvalidParameterException", "stubaws: force must not be set")
	}
	if err := a.checkPolicy(input.PolicyText, "repository"); err != nil {
		return repositoryOutput{}, err
	}
	stored := reserialise(input.PolicyText)
	a.repositories.store(input.RepositoryName, stored)
	return repositoryOutput{RegistryID: a.Account, RepositoryName: input.RepositoryName, PolicyText: stored}, nil
}

// checkPolicy returns the error with which ECR rejects a policy. kind is repository or registry.
func (a *AWS) checkPolicy(document, kind string) error {
	var constraint string
	switch {
	case utf8.RuneCountInString(document) > maxPolicyCharacters:
		constraint = fmt.Sprintf("Member must have length less than or equal to %d", maxPolicyCharacters)
	case !isPolicy(document):
		constraint = fmt.Sprintf("Invalid %s policy provided", kind)
	case a.namesMissingPrincipal(document):
		constraint = "Principal not found"
	default:
		return nil
	}
	return reject("InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: '%s'", constraint)
}

// RegistryPolicy returns the policy of the registry, "" for none.
func (a *AWS) RegistryPolicy() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.repositories.registry
}

// SetRegistryPolicy sets the policy of the registry as another tool would, without checks. An empty document deletes it.
func (a *AWS) SetRegistryPolicy(document string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.repositories.storeRegistry(document)
}

func (r *repositories) storeRegistry(document string) {
	r.previous, r.registry = r.registry, document
}

func (a *AWS) getRegistryPolicy(struct{}) (registryOutput, error) {
	return a.registryOutput(a.repositories.registry)
}

// getStaleRegistryPolicy returns the output that GetRegistryPolicy had before the last write.
func (a *AWS) getStaleRegistryPolicy(struct{}) (registryOutput, error) {
	return a.registryOutput(a.repositories.previous)
}

func (a *AWS) registryOutput(document string) (registryOutput, error) {
	if document == "" {
		return registryOutput{}, reject("RegistryPolicyNotFoundException", "Registry policy does not exist in the registry with id '%s'", a.Account)
	}
	return registryOutput{RegistryID: a.Account, PolicyText: document}, nil
}

func (a *AWS) putRegistryPolicy(input registryInput) (registryOutput, error) {
	if err := a.checkPolicy(input.PolicyText, "registry"); err != nil {
		return registryOutput{}, err
	}
	a.repositories.storeRegistry(reserialise(input.PolicyText))
	return a.getRegistryPolicy(struct{}{})
}

func (a *AWS) deleteRegistryPolicy(struct{}) (registryOutput, error) {
	output, err := a.getRegistryPolicy(struct{}{})
	if err == nil {
		a.repositories.storeRegistry("")
	}
	return output, err
}

func isPolicy(document string) bool {
	var policy struct{ Statement []json.RawMessage }
	return json.Unmarshal([]byte(document), &policy) == nil && len(policy.Statement) > 0
}

var root = regexp.MustCompile(`^arn:aws[a-z-]*:iam::(\d{12}):root$`)

// namesMissingPrincipal reports whether a statement has a principal that doesn't exist, or the unique ID of a deleted
// one.
func (a *AWS) namesMissingPrincipal(document string) bool {
	var policy struct {
		Statement []struct{ Principal json.RawMessage }
	}
	if json.Unmarshal([]byte(document), &policy) != nil {
		return false
	}
	for _, statement := range policy.Statement {
		for _, principal := range awsPrincipals(statement.Principal) {
			if strings.HasPrefix(principal, "AROA") || strings.HasPrefix(principal, "AIDA") ||
				a.repositories.missing[principal] || a.repositories.missing[root.ReplaceAllString(principal, "$1")] {
				return true
			}
		}
	}
	return false
}

func awsPrincipals(raw json.RawMessage) []string {
	var principal struct{ AWS json.RawMessage }
	if json.Unmarshal(raw, &principal) != nil || principal.AWS == nil {
		return nil
	}
	var one string
	if json.Unmarshal(principal.AWS, &one) == nil {
		return []string{one}
	}
	var many []string
	_ = json.Unmarshal(principal.AWS, &many)
	return many
}

// reserialise returns an equivalent document with other white space. ECR also returns policies in another format than
// they were written in.
func reserialise(document string) string {
	var text bytes.Buffer
	if json.Indent(&text, []byte(document), "", "  ") != nil {
		return document
	}
	return text.String()
}
