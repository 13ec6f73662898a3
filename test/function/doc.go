// Package function runs the real binary of a function against a stubaws.AWS, and plays the Lambda runtime API for it.
// Lambda's emulator isn't suitable, because it hides the process whose memory is to be measured, handles one invocation
// at a time on the whole machine, and costs milliseconds.
//
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
package function
