// Package policy makes the standard cross-account pull policy for the
// repositories of an Amazon ECR private registry. It parses an account list,
// builds statements, merges them into the policy that a repository has, and
// reports whether the meaning of the policy changes.
//
// The package makes no calls and has no state, no clock, and no third-party
// dependencies. All its functions can be called concurrently.
// The normal flow is that of the package example:
//
//  1. [ParseList] parses an account list. After an error, change nothing.
//  2. [ParseDocument] parses the policy of a repository.
//  3. [Standard.Merge] merges the two. After an error, leave the policy as it
//     is.
//  4. If Changed is true in the [Change], write its document with SetRepositoryPolicy,
//     or call DeleteRepositoryPolicy if the document is "".
//
// The policy of the registry is merged like that of a repository, with
// [ParseRegistryDocument]. Which of the two grants to consumers is the Level of
// the [Standard].
//
// A statement is managed if its Sid starts with [SidPrefix]. All other
// statements are unmanaged. The package guarantees the following:
//
//   - Unmanaged statements don't change: their JSON stays byte for byte, except
//     for insignificant white space.
//   - Managed statements grant only pull actions and the ExtraActions of the
//     [Standard], only to consumers of the lists.
//   - A list that can't be used changes no grants. Only a list with the single
//     entry none revokes them.
//   - A document that already grants what the standard policy grants isn't
//     changed.
//   - A changed document has at most [MaxDocumentCharacters] characters.
//
// The APIs are described at
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html
// and
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepositoryPolicy.html.
package policy
