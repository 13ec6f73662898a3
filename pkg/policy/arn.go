package policy

import (
	"errors"
	"fmt"
	"strings"
)

// readARN reads an entry that starts with arn:. Only account roots, roles and
// users can be consumers, and no principal may have a wildcard in its ARN:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func readARN(entry, partition string) (consumer, error) {
	if strings.ContainsAny(entry, "*?") {
		return consumer{}, errors.New("an ARN with a wildcard can't be a principal; name each role or user, or the account")
	}
	parts := strings.SplitN(entry, ":", 6)
	if len(parts) < 6 {
		return consumer{}, errors.New("is no complete ARN: arn:PARTITION:iam::ACCOUNT:role/NAME is the form")
	}
	service, region, account, resource := parts[2], parts[3], parts[4], parts[5]
	switch {
	case parts[1] != partition:
		return consumer{}, fmt.Errorf("is in partition %s, and the registry is in partition %s, which it can't reach", quote(parts[1]), partition)
	case service == "organizations":
		return consumer{}, errors.New("an organization is named by its ID, o-…, and an organizational unit by its path, o-…/r-…/ou-…/*")
	case service != "iam" && service != "sts":
		return consumer{}, fmt.Errorf("is an ARN of the service %s; only IAM roles and users can be named by ARN", quote(service))
	case region != "":
		return consumer{}, fmt.Errorf("an ARN of IAM has no Region, this has %s", quote(region))
	case !isAccountID(account):
		return consumer{}, fmt.Errorf("the account ID in the ARN is not 12 digits: %s", quote(account))
	case service == "sts":
		return consumer{}, refuseSession(partition, account, resource)
	}
	return readIAM(entry, account, resource)
}

// refuseSession explains why an ARN of STS is refused: a session ends, and the
// grant would end with it.
func refuseSession(partition, account, resource string) error {
	kind, name, _ := strings.Cut(resource, "/")
	switch kind {
	case "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		return fmt.Errorf("is a session of a role; the role is meant: %s (with the role's path, if it has one)",
			quote("arn:"+partition+":iam::"+account+":role/"+role))
	case "federated-user":
		return errors.New("is the session of a federated user; name the IAM user that began it, or the account")
	}
	return errors.New("is an ARN of STS; only IAM roles and users can be named by ARN")
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
		return consumer{}, errors.New("an IAM group can't be a principal; name its users, or the account")
	case "instance-profile":
		return consumer{}, errors.New("an instance profile can't be a principal; name the role in it")
	case "policy":
		return consumer{}, errors.New("a policy can't be a principal; name the roles and users that have it")
	}
	return consumer{}, fmt.Errorf("%s of IAM can't be a consumer; name a role, a user or the account", quote(kind))
}

// checkPathAndName checks what follows role/ or user/ in an ARN against IAM's
// limits: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func checkPathAndName(s string) error {
	const maxName, maxPath = 64, 512 // characters
	slash := strings.LastIndexByte(s, '/')
	path, name := "/"+s[:slash+1], s[slash+1:]
	switch {
	case name == "":
		return errors.New("the ARN has no role or user name at its end")
	case len(name) > maxName:
		return fmt.Errorf("a role or user name has at most %d characters, this has %d", maxName, len(name))
	case !consistsOf(name, isNameCharacter):
		return fmt.Errorf("%s is no role or user name: IAM allows letters, digits and _+=.@-", quote(name))
	case len(path) > maxPath:
		return fmt.Errorf("a path has at most %d characters, this has %d", maxPath, len(path))
	case strings.Contains(path, "//"):
		return errors.New("the path in the ARN has an empty part, //")
	case strings.Contains(path, "${"):
		return errors.New("the path in the ARN has ${, which starts a policy variable; name the account instead")
	}
	return nil
}
