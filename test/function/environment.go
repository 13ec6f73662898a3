package function

import (
	"fmt"
	"net"
	"net/http"

	"github.com/ecr-pull-policy/ecr-pull-policy/test/stubaws"
)

// List is the name of the account list that Environment sets.
const List = "/ecr-pull-policy/accounts"

// Serve serves the cloud over HTTP on the loopback interface, until stop is called.
func Serve(cloud *stubaws.AWS) (url string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen for calls to AWS: %w", err)
	}
	server := &http.Server{Handler: cloud}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}

// Environment returns the environment variables that template.yaml sets for both functions. The functions use the cloud
// at the URL instead of AWS.
func Environment(cloud *stubaws.AWS, url string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL":      url,
		"AWS_REGION":            cloud.Region,
		"AWS_ACCESS_KEY_ID":     "AKIAEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret",
		"STACK_NAME":            "ecr-pull-policy",
		"REGISTRY_PARTITION":    "aws",
		"REGISTRY_ACCOUNT_ID":   cloud.Account,
		"ACCOUNT_LIST_NAME":     List,
		"POLICY_LEVEL":          "repository",
		"GRANT_STYLE":           "principal",
		"LAMBDA_STATEMENT":      "on",
		"INCLUDE":               "**",
		"MODE":                  "enforce",

		"PRINCIPAL_CHECK_REPOSITORY": "ecr-pull-policy-principalcheckrepository-abc123",
	}
}
