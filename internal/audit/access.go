package audit

import (
	"slices"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// Access is a kind of access to a repository.
type Access string

// The kinds of access.
const (
	Pull       Access = "pull"       // read the content of images, or a part of it
	Push       Access = "push"       // upload layers, tag images
	Delete     Access = "delete"     // delete images or the repository
	Administer Access = "administer" // change or delete the repository policy
	Configure  Access = "configure"  // change any other setting
	Read       Access = "read"       // read metadata of images and the repository
)

// writes returns the kinds of access that change something.
func writes() []Access { return []Access{Push, Delete, Administer, Configure} }

// contents returns the kinds of access that require an entry in an account list: to read or change content.
func contents() []Access { return append([]Access{Pull}, writes()...) }

// Accesses returns all kinds of access in the order of the output.
func Accesses() []Access { return append(contents(), Read) }

// ActionsOf returns the ECR actions on a repository by the access that they give:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
//
// Patterns are matched against these actions. BatchCheckLayerAvailability is part of a pull but reads no content.
// StartImageScan and StartLifecyclePolicyPreview start jobs that change neither images nor settings.
func ActionsOf() map[Access][]string {
	return map[Access][]string{
		Pull:       iampolicy.PullActions(),
		Push:       ecr("CompleteLayerUpload", "InitiateLayerUpload", "PutImage", "ReplicateImage", "UploadLayerPart"),
		Delete:     ecr("BatchDeleteImage", "DeleteRepository"),
		Administer: ecr("DeleteRepositoryPolicy", "SetRepositoryPolicy"),
		Configure: ecr(
			"CreateRepository", "DeleteLifecyclePolicy", "PutImageScanningConfiguration", "PutImageTagMutability", "PutLifecyclePolicy",
			"TagResource", "UntagResource", "UpdateImageStorageClass",
		),
		Read: ecr(
			"BatchCheckLayerAvailability", "BatchGetRepositoryScanningConfiguration", "BatchImportUpstreamImage",
			"DescribeImageReplicationStatus", "DescribeImageScanFindings", "DescribeImages", "DescribeRepositories",
			"GetImageCopyStatus", "GetLifecyclePolicy", "GetLifecyclePolicyPreview", "GetRepositoryPolicy",
			"ListImageReferrers", "ListImages", "ListTagsForResource", "StartImageScan", "StartLifecyclePolicyPreview",
		),
	}
}

func ecr(names ...string) []string {
	for i, name := range names {
		names[i] = "ecr:" + name
	}
	return names
}

// actionsOf returns the actions that a statement covers, by the access that they give.
func actionsOf(s iampolicy.Statement) map[Access][]string {
	covered := map[Access][]string{}
	for kind, actions := range ActionsOf() {
		for _, action := range actions {
			if s.CoversAction(action) {
				covered[kind] = append(covered[kind], action)
			}
		}
	}
	if s.NotAction {
		return covered
	}
	for _, action := range s.Actions {
		if kind := accessOfUnknown(action); kind != "" {
			covered[kind] = append(covered[kind], action)
		}
	}
	return covered
}

// accessOfUnknown returns the access that an ECR action gives if it isn't in ActionsOf, judged by its verb. For known
// actions, patterns and actions of other services, it returns "".
func accessOfUnknown(action string) Access {
	name, ok := strings.CutPrefix(strings.ToLower(action), "ecr:")
	if !ok || strings.ContainsAny(name, "*?") {
		return ""
	}
	if _, known := KnownAction(action); known {
		return ""
	}
	for _, verb := range []string{"get", "list", "describe", "batchget", "batchcheck"} {
		if strings.HasPrefix(name, verb) {
			return Read
		}
	}
	return Configure
}

// KnownAction returns an action of ActionsOf as it is written there, regardless of case. It reports false for any other
// action.
func KnownAction(action string) (string, bool) {
	for _, known := range ActionsOf() {
		if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, action) }); i >= 0 {
			return known[i], true
		}
	}
	return "", false
}

// ordered returns the kinds of access that a set contains, in the order of the output.
func ordered[T any](set map[Access]T) []Access {
	return slices.DeleteFunc(Accesses(), func(a Access) bool {
		_, ok := set[a]
		return !ok
	})
}

// common returns the elements of a that are also in b.
func common[T comparable](a, b []T) []T {
	return slices.DeleteFunc(slices.Clone(a), func(element T) bool { return !slices.Contains(b, element) })
}
