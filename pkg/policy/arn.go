package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// readARN reads an entry that starts with arn:. Only account roots, roles, and
// users can be consumers, and the ARN of a principal can't have wildcards:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func readARN(entry, partition string) (consumer, error) {
	if strings.ContainsAny(entry, "*?") {
		return consumer{}, errors.New("wildcards aren't allowed in ARNs; list each role or user, or the account")
	}
	parts := strings.SplitN(entry, ":", 6)
	if len(parts) < 6 {
		return consumer{}, errors.New("incomplete ARN; expected arn:PARTITION:iam::ACCOUNT:role/NAME")
	}
	service, region, account, resource := parts[2], parts[3], parts[4], parts[5]
	switch {
	case parts[1] != partition:
		return consumer{}, fmt.Errorf("invalid partition %s; expected %s, the registry's partition", quote(parts[1]), partition)
	case service == "organizations":
		return consumer{}, errors.New("ARNs of AWS Organizations aren't allowed; list the organization ID (o-…) or the path of the organizational unit (o-…/r-…/ou-…/*)")
	case service != "iam" && service != "sts":
		return consumer{}, fmt.Errorf("invalid service %s in the ARN; only IAM roles and users can be listed by ARN", quote(service))
	case region != "":
		return consumer{}, fmt.Errorf("invalid Region %s in the ARN; ARNs of IAM have no Region", quote(region))
	case !iampolicy.IsAccountID(account):
		return consumer{}, fmt.Errorf("invalid account ID %s in the ARN; expected 12 digits", quote(account))
	case service == "sts":
		return consumer{}, sessionError(partition, account, resource)
	}
	return readIAM(entry, account, resource)
}

// sessionError returns the error for an ARN of STS. Sessions are rejected
// because the grant would end with the session.
func sessionError(partition, account, resource string) error {
	kind, name, _ := strings.Cut(resource, "/")
	switch kind {
	case "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		return fmt.Errorf("session ARNs aren't allowed; use the role's ARN: %s (insert the role's path if it has one)",
			quote("arn:"+partition+":iam::"+account+":role/"+role))
	case "federated-user":
		return errors.New("sessions of federated users aren't allowed; list the IAM user that started the session, or the account")
	}
	return errors.New("ARNs of STS aren't allowed; list an IAM role or user")
}

func readIAM(entry, account, resource string) (consumer, error) {
	if resource == "root" {
		return consumer{anAccount, account}, nil
	}
	kind, pathAndName, _ := strings.Cut(resource, "/")
	switch kind {
	case "role", "user":
		if err := checkPathAndName(pathAndName); err != nil {
			return consumer{}, err
		}
		return consumer{aPrincipal, entry}, nil
	case "group":
		return consumer{}, errors.New("an IAM group can't be a principal; list its users, or the account")
	case "instance-profile":
		return consumer{}, errors.New("an instance profile can't be a principal; list its role")
	case "policy":
		return consumer{}, errors.New("a policy can't be a principal; list the roles and users that it is attached to")
	}
	return consumer{}, fmt.Errorf("IAM resource type %s can't be a principal; list a role, a user, or the account", quote(kind))
}

// checkPathAndName checks what follows role/ or user/ in an ARN against IAM's
// limits:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
//
// A path with ${ is rejected because the ARN would have a policy variable in a
// condition:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func checkPathAndName(s string) error {
	const maxName, maxPath = 64, 512 // characters
	slash := strings.LastIndexByte(s, '/')
	path, name := "/"+s[:slash+1], s[slash+1:]
	switch {
	case name == "":
		return errors.New("missing role or user name; expected arn:PARTITION:iam::ACCOUNT:role/NAME")
	case len(name) > maxName:
		return fmt.Errorf("role or user name too long; expected at most %d characters, found %d", maxName, len(name))
	case !consistsOf(name, isNameCharacter):
		return fmt.Errorf("invalid role or user name %s; expected letters, digits, and _+=.@-", quote(name))
	case len(path) > maxPath:
		return fmt.Errorf("path too long; expected at most %d characters, found %d", maxPath, len(path))
	case strings.Contains(path, "//"):
		return errors.New("empty path segment in the ARN; replace // with /")
	case strings.Contains(path, "${"):
		return errors.New("policy variable (${) in the path of the ARN; list the account instead")
	}
	return nil
}
