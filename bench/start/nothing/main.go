// Command nothing is a Lambda function that does nothing: the baseline for the start of a Go function.
package main

import "github.com/aws/aws-lambda-go/lambda"

func main() {
	lambda.Start(func() error { return nil })
}
