package doctor

import "strings"

// here is a command with the Region, and the profile if one was named.
func (d *Doctor) here(command string) string {
	command += " --region " + d.Registry.Region
	if d.Profile != "" {
		command += " --profile " + quote(d.Profile)
	}
	return command
}

// deploy is the command that deploys the stack.
func (d *Doctor) deploy() string {
	return "sam build && " + d.here("sam deploy --stack-name "+quote(d.Stack))
}

// writeList are the commands that check a file with a list and write it. The file is to be written first: an example
// account in the command would be let pull by whoever pastes it without a look.
func (d *Doctor) writeList(option, name string) []string {
	const file = "accounts.txt"
	return []string{
		"ecr-pull-policy validate " + file + " --account-id " + d.Registry.AccountID + " --region " + d.Registry.Region,
		d.here("aws ssm put-parameter " + option + " --name " + quote(name) + " --value file://" + file),
	}
}

// quote writes a word for a shell.
func quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
