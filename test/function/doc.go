// Package function runs the real binaries of the functions against a stubaws.AWS, without Lambda's emulator. The emulator
// isn't suitable, because it hides the process whose memory is measured, handles only one invocation at a time on the
// whole machine, and adds milliseconds to each invocation.
package function
