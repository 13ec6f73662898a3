// Package policy is the standard cross-account pull policy of an ECR
// repository: it reads the account list, builds the statements, merges them
// into the policy document that the repository has, and says whether the
// document's meaning changed.
//
// The package is pure. It does no I/O, has no clock and no state, and knows no
// AWS SDK: it turns texts into texts. A caller does this:
//
//	list, err := policy.ParseList(value, registry)        // *ListError: change nothing
//	change, err := standard.Merge(existing, []*policy.Consumers{&list.Consumers})
//	switch {
//	case err != nil:            // the policy stays as it is
//	case !change.Changed:       // nothing to write
//	case change.Document == "": // DeleteRepositoryPolicy
//	default:                    // SetRepositoryPolicy
//	}
//
// What it guarantees:
//
//   - A statement whose Sid doesn't start with [SidPrefix] comes back byte for
//     byte as compact JSON, whatever is in it.
//   - A statement of ours grants actions of the pull-side allow-list only, to
//     consumers of the list only. [Standard.Merge] checks each one that it
//     builds or keeps.
//   - A list that could not be read changes nothing; only a list that says none
//     revokes everybody.
//   - A document that means the same is not to be written again.
//   - A document to be written has at most [MaxDocumentCharacters] characters.
//
// The API that stores the document is described at
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html.
package policy
