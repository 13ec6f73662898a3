package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/awsclient"
	"github.com/ecr-pull-policy/ecr-pull-policy/internal/reconcile"
	"github.com/ecr-pull-policy/ecr-pull-policy/pkg/policy"
)

// originals are repository policies that are kept in a file before deleted principals are removed from their unmanaged
// statements. The file has a line for each policy, in JSON, and is created for the first one.
type originals struct {
	reconcile.Policies
	registry policy.Registry
	name     string // of the file

	mu      sync.Mutex
	read    map[string]string // the policies with deleted principals, as they were read
	file    *os.File          // nil until a policy is kept
	changed bool              // a kept policy may have been changed
}

// original is a line of the file, with the names of ECR's API.
type original struct {
	RepositoryName string `json:"repositoryName"`
	PolicyText     string `json:"policyText"`
}

func keepOriginals(policies reconcile.Policies, registry policy.Registry, at time.Time) *originals {
	return &originals{
		Policies: policies,
		registry: registry,
		name:     fmt.Sprintf("ecr-pull-policy-originals-%s-%s-%s.jsonl", registry.AccountID, registry.Region, at.UTC().Format("20060102T150405Z")),
		read:     map[string]string{},
	}
}

func (o *originals) Policy(ctx context.Context, repository string) (string, error) {
	text, err := o.Policies.Policy(ctx, repository)
	if document, parseErr := policy.ParseDocument(text, o.registry); err == nil && parseErr == nil && len(document.WithoutDeletedPrincipals().Removed()) > 0 {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.read[repository] = text
	}
	return text, err
}

func (o *originals) SetPolicy(ctx context.Context, repository, document string) error {
	return o.change(repository, func() error { return o.Policies.SetPolicy(ctx, repository, document) })
}

func (o *originals) DeletePolicy(ctx context.Context, repository string) error {
	return o.change(repository, func() error { return o.Policies.DeletePolicy(ctx, repository) })
}

// change keeps the policy of a repository, and writes it.
func (o *originals) change(repository string, write func() error) error {
	kept, err := o.keep(repository)
	if err != nil {
		return err
	}
	err = write()
	if kept && (err == nil || awsclient.Unanswered(err)) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.changed = true
	}
	return err
}

// keep appends the policy of a repository to the file, and reports whether it has deleted principals. An existing file
// isn't overwritten.
func (o *originals) keep(repository string) (kept bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text, ok := o.read[repository]
	if !ok {
		return false, nil
	}
	if text == "" { // kept before an earlier attempt
		return true, nil
	}
	if o.file == nil {
		file, err := os.OpenFile(o.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return false, fmt.Errorf("keep the original policy of %s: %w; run the command in a directory that you can write to", repository, err)
		}
		o.file = file
	}
	if err := json.NewEncoder(o.file).Encode(original{repository, text}); err != nil {
		return false, fmt.Errorf("keep the original policy of %s: %w", repository, err)
	}
	o.read[repository] = ""
	return true, nil
}

// close closes the file, and returns its name. If none of the policies in it was changed, it removes the file, and
// returns "".
func (o *originals) close() (name string, err error) {
	if o.file == nil {
		return "", nil
	}
	if err := o.file.Close(); err != nil {
		return "", fmt.Errorf("keep the original policies: %w", err)
	}
	if o.changed {
		return o.name, nil
	}
	if err := os.Remove(o.name); err != nil {
		return "", fmt.Errorf("remove the file of original policies, none of which was changed: %w", err)
	}
	return "", nil
}
