// Command nothing is a Lambda function that does nothing. It is the baseline for the startup time of Go functions.
package main

import "github.com/aws/aws-lambda-go/lambda"

func main() {
	lambda.Start(func() error { return nil })
}
