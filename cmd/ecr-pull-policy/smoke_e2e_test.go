package main_test

import (
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
)

// smokes runs smoke, once until it passes, and once until its terminal is closed.
func (w world) smokes() {
	w.t.Helper()
	out, _ := w.run(0, "smoke", "--yes")
	contains(w.t, out, "ecr-pull-policy smoke: passed\n", "CreateRepository: updated; ", "SetRepositoryPolicy: updated; ",
		"rejected: InvalidParameterException:", "ok  deletion ")
	if name := w.smokeRepository(); name != "" {
		w.t.Errorf("%s still exists", name)
	}

	w.disable("OnRepoFunctionRepositoryCreated") // so that the test waits
	read, write, err := os.Pipe()
	w.must(err)
	c := w.command("smoke", "--yes")
	c.Stdout, c.Stderr = write, write
	w.must(c.Start())
	w.must(write.Close())
	for deadline := time.Now().Add(30 * time.Second); w.smokeRepository() == ""; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("no repository was created")
		}
	}
	w.must(read.Close())
	w.must(c.Process.Signal(syscall.SIGHUP))
	if err := c.Wait(); err == nil {
		w.t.Error("the interrupted test passed")
	}
	if name := w.smokeRepository(); name != "" {
		w.t.Errorf("%s still exists after the terminal was closed", name)
	}
}

// smokeRepository returns the name of the repository of smoke, or "" if it doesn't exist.
func (w world) smokeRepository() string {
	w.t.Helper()
	output, err := w.ECR.DescribeRepositories(w.t.Context(), &ecr.DescribeRepositoriesInput{MaxResults: aws.Int32(1000)})
	w.must(err)
	for _, repository := range output.Repositories {
		if name := aws.ToString(repository.RepositoryName); strings.Contains(name, "smoke") {
			return name
		}
	}
	return ""
}

// disable disables a rule, by its logical ID.
func (w world) disable(rule string) {
	w.t.Helper()
	rules, err := w.EventBridge.ListRules(w.t.Context(), &eventbridge.ListRulesInput{})
	w.must(err)
	for _, r := range rules.Rules {
		if strings.Contains(aws.ToString(r.Name), rule) {
			_, err := w.EventBridge.DisableRule(w.t.Context(), &eventbridge.DisableRuleInput{Name: r.Name})
			w.must(err)
		}
	}
}
