// Package function runs the real binaries of the functions against a stubaws.AWS and serves the Lambda Runtime API for
// them. Lambda's emulator isn't suitable, because it hides the process whose memory is measured, handles only one
// invocation at a time on the whole machine, and adds milliseconds to each invocation.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package function
