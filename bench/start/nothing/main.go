// Command nothing is a Lambda function that does nothing: the least that a Go function takes.
package main

import "github.com/aws/aws-lambda-go/lambda"

func main() {
	lambda.Start(func() error { return nil })
}
