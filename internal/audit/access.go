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

// accesses returns all kinds of access in the order of the output.
func accesses() []Access { return append(contents(), Read) }

// actionsOf returns the ECR actions on a repository by the access that they give:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
//
// Patterns are matched against these actions. BatchCheckLayerAvailability is part of a pull but reads no content.
func actionsOf() map[Access][]string {
	return map[Access][]string{
		Pull:       {"BatchGetImage", "GetDownloadUrlForLayer"},
		Push:       {"CompleteLayerUpload", "InitiateLayerUpload", "PutImage", "ReplicateImage", "UploadLayerPart"},
		Delete:     {"BatchDeleteImage", "DeleteRepository"},
		Administer: {"DeleteRepositoryPolicy", "SetRepositoryPolicy"},
		Configure: {
			"DeleteLifecyclePolicy", "PutImageScanningConfiguration", "PutImageTagMutability", "PutLifecyclePolicy",
			"StartImageScan", "StartLifecyclePolicyPreview", "TagResource", "UntagResource", "UpdateImageStorageClass",
		},
		Read: {
			"BatchCheckLayerAvailability", "BatchGetRepositoryScanningConfiguration", "BatchImportUpstreamImage",
			"DescribeImageReplicationStatus", "DescribeImageScanFindings", "DescribeImages", "DescribeRepositories",
			"GetImageCopyStatus", "GetLifecyclePolicy", "GetLifecyclePolicyPreview", "GetRepositoryPolicy",
			"ListImageReferrers", "ListImages", "ListTagsForResource",
		},
	}
}

// accessOf returns the access that the actions of a statement give.
func accessOf(s iampolicy.Statement) []Access {
	access := []Access{}
	for _, kind := range accesses() {
		known := slices.ContainsFunc(actionsOf()[kind], func(name string) bool { return s.CoversAction("ecr:" + name) })
		if known || !s.NotAction && slices.ContainsFunc(s.Actions, func(a string) bool { return accessOfUnknown(a) == kind }) {
			access = append(access, kind)
		}
	}
	return access
}

// accessOfUnknown returns the access that an ECR action gives if it isn't in actionsOf, judged by its verb. For known
// actions, patterns and actions of other services, it returns "".
func accessOfUnknown(action string) Access {
	name, ok := strings.CutPrefix(strings.ToLower(action), "ecr:")
	if !ok || strings.ContainsAny(name, "*?") {
		return ""
	}
	for _, known := range actionsOf() {
		if slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, name) }) {
			return ""
		}
	}
	for _, verb := range []string{"get", "list", "describe", "batchget", "batchcheck"} {
		if strings.HasPrefix(name, verb) {
			return Read
		}
	}
	return Configure
}

// common returns the elements of a that are also in b.
func common[T comparable](a, b []T) []T {
	return slices.DeleteFunc(slices.Clone(a), func(element T) bool { return !slices.Contains(b, element) })
}
