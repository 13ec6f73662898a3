package doctor

import "strings"

// command returns a command with the flags for the Region and, if one was specified, the profile.
func (d *Doctor) command(base string) string {
	command := base + " --region " + d.Standard.Registry.Region
	if d.Profile != "" {
		command += " --profile " + Quote(d.Profile)
	}
	return command
}

// deployCommand returns the command that deploys the stack.
func (d *Doctor) deployCommand() string {
	return "sam build && " + d.command("sam deploy --stack-name "+Quote(d.Stack))
}

// listCommands returns the commands that check a file with a list and write the list. The operator writes the file
// first: an example account in a command would get access if an operator pasted the command without changing it.
func (d *Doctor) listCommands(option, name string) []string {
	const file = "accounts.txt"
	return []string{
		d.Program + " validate " + file + " --account-id " + d.Standard.Registry.AccountID + " --region " + d.Standard.Registry.Region,
		d.command("aws ssm put-parameter " + option + " --name " + Quote(name) + " --value file://" + file),
	}
}

// Quote quotes a word for a shell, if necessary.
func Quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
