package audit

import (
	"slices"
	"strings"
)

// Access is what actions let one do with a repository.
type Access string

// The kinds of access.
const (
	Pull       Access = "pull"       // read the content of images, or a part of it
	Push       Access = "push"       // upload layers, tag images
	Delete     Access = "delete"     // images, or the repository
	Administer Access = "administer" // rewrite or delete the repository policy
	Configure  Access = "configure"  // change any other setting
	Read       Access = "read"       // read what is known about images and the repository
)

// writes are the kinds of access that change something.
func writes() []Access { return []Access{Push, Delete, Administer, Configure} }

// contents are the kinds of access that an account list bears on: images that go out, and all that comes in.
func contents() []Access { return append([]Access{Pull}, writes()...) }

// kindOfAccess are the actions of ECR on a repository:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
//
// Wildcards are matched against them. BatchCheckLayerAvailability is pull-side but tells no content.
func kindOfAccess() map[Access][]string {
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

// accesses returns all kinds of access in the order in which they are shown.
func accesses() []Access { return append(contents(), Read) }

// accessOf returns what the actions of a statement let one do; all but those actions if it names them inverted.
func accessOf(actions []string, inverted bool) []Access {
	access := []Access{}
	for _, kind := range accesses() {
		some := slices.ContainsFunc(kindOfAccess()[kind], func(name string) bool {
			return matchesAny(actions, "ecr:"+name) != inverted
		})
		if some || !inverted && slices.ContainsFunc(actions, func(a string) bool { return kindOfUnknown(a) == kind }) {
			access = append(access, kind)
		}
	}
	return access
}

// kindOfUnknown judges an action without wildcards that ECR has and kindOfAccess doesn't, by its verb. The kind is
// "" for all others.
func kindOfUnknown(action string) Access {
	name, ok := strings.CutPrefix(strings.ToLower(action), "ecr:")
	if !ok || strings.ContainsAny(name, "*?") {
		return ""
	}
	for _, known := range kindOfAccess() {
		if spelled(name, known) != "" {
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

// matchesAny tells whether a pattern matches the name of an action, as IAM compares them: * is any characters, ? is
// one, and case doesn't matter.
func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return matches(strings.ToLower(pattern), strings.ToLower(name))
	})
}

// matches goes back to the last star only, so that no pattern takes more than quadratic time.
func matches(pattern, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// common returns the elements of a that are in b.
func common[T comparable](a, b []T) []T {
	var both []T
	for _, element := range a {
		if slices.Contains(b, element) {
			both = append(both, element)
		}
	}
	return both
}
