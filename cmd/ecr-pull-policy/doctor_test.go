package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The commands that doctor suggests have the profile and the Region of its own flags.
func TestDoctorCommands(t *testing.T) {
	newCloud(t)
	configuration := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(configuration, []byte("[profile ci]\naws_access_key_id = stub\naws_secret_access_key = stub\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", configuration)
	status, out := call(t.Context(), "doctor", "--profile", "ci", "--region", "eu-west-1")
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	contains(t, out, "registry 123456789012 in eu-west-1, stack ecr-pull-policy, list "+accountList,
		"  sam build && sam deploy --stack-name ecr-pull-policy --region eu-west-1 --profile ci\n",
		"  ecr-pull-policy validate accounts.txt --account-id 123456789012 --region eu-west-1\n",
		"  aws ssm put-parameter --type String --name "+accountList+" --value file://accounts.txt --region eu-west-1 --profile ci\n")
}
